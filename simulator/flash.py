"""NOR flash: erase blocks of 4 KiB to ones, program ones to zeros, and lose power doing it.

Programming a 0 back to 1 is refused (real flash would silently keep the 0): it is a fault of
our own code, so it is an assertion with the place. A cut leaves part of an operation done:
a fraction of the bytes, or a random choice of bits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from simulator.prng import Prng

BLOCK_BYTES = 4096
PAGE_BYTES = 256  # one program operation stays inside a page; a real part would wrap round
RANDOM_BITS = -1  # torn mode: every bit to be cleared (or set) took, or did not
TORN_QUARTERS = (0, 1, 2, 3, RANDOM_BITS)


class FlashPowerLost(Exception):
    """The device lost power during flash operation `operation` (counted from 0)."""

    def __init__(self, operation: int) -> None:
        super().__init__(f"power lost in flash operation {operation}")
        self.operation = operation


@dataclass(frozen=True)
class FlashCut:
    """Cut at the operation with this number; `quarters` 0..3 of its bytes are done, or bits."""

    operation: int
    quarters: int = 0
    seed: int = 0


class Flash:
    """A flash part of `size` bytes, in memory or written through to a file.

    Counters: programs, erases, bytes_programmed, reads; wear[block] = erases of a block.
    `observe(name, offset, length)` is told of every program and erase that was completed.
    """

    block_bytes = BLOCK_BYTES

    def __init__(
        self,
        size: int,
        path: str | Path | None = None,
        observe: Callable[[str, int, int], None] | None = None,
    ) -> None:
        if size <= 0 or size % BLOCK_BYTES:
            raise ValueError(f"flash of {size} bytes: wanted a multiple of {BLOCK_BYTES}")
        self.size = size
        self.image = bytearray(b"\xff") * size
        self.wear = [0] * (size // BLOCK_BYTES)
        self.programs = self.erases = self.bytes_programmed = self.reads = 0
        self.operation = 0
        self.plan: dict[int, FlashCut] = {}
        self._observe = observe
        self._file = None if path is None else self._open(Path(path))

    def cut_at(self, *cuts: FlashCut) -> None:
        """Plan power cuts, by operation number since the last `restart_count`."""
        self.plan = {cut.operation: cut for cut in cuts}

    def restart_count(self) -> None:
        """Number the operations from 0 again."""
        self.operation = 0

    def read(self, offset: int, buf: bytearray | memoryview) -> None:
        """Fill `buf` from `offset`."""
        self._check(offset, len(buf))
        self.reads += 1
        buf[:] = self.image[offset : offset + len(buf)]

    def program(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Clear bits; bits already 0 stay so. Raises: FlashPowerLost where planned."""
        data = bytes(data)
        self._check(offset, len(data))
        end = offset + len(data)
        assert end - 1 <= offset | PAGE_BYTES - 1, f"flash program {offset}+{len(data)}: two pages"
        before = int.from_bytes(self.image[offset:end], "big")
        wanted = int.from_bytes(data, "big")
        raised = wanted & ~before
        if raised:
            byte = offset + len(data) - 1 - (raised.bit_length() - 1) // 8
            raise AssertionError(
                f"flash program at {byte}: holds {self.image[byte]:02x}, "
                f"{data[byte - offset]:02x} would set a bit (erase first)"
            )
        self._operate(offset, data)
        self.programs += 1
        self.bytes_programmed += len(data)
        self._tell("program", offset, len(data))

    def erase(self, offset: int) -> None:
        """Set one block to ones. Raises: FlashPowerLost where planned."""
        assert offset % BLOCK_BYTES == 0, f"flash erase at {offset}: not a block"
        self._check(offset, BLOCK_BYTES)
        self.wear[offset // BLOCK_BYTES] += 1
        self._operate(offset, b"\xff" * BLOCK_BYTES)
        self.erases += 1
        self._tell("erase", offset, BLOCK_BYTES)

    def snapshot(self) -> bytes:
        """Return the content, to be given to `restore`."""
        return bytes(self.image)

    def restore(self, content: bytes) -> None:
        """Put a content back; counters stay."""
        assert len(content) == self.size, f"{len(content)} bytes for a flash of {self.size}"
        self._store(0, content)

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _check(self, offset: int, length: int) -> None:
        if offset < 0 or length < 0 or offset + length > self.size:
            raise AssertionError(f"flash {offset}+{length}: the part has {self.size} bytes")

    def _operate(self, offset: int, after: bytes) -> None:
        number, self.operation = self.operation, self.operation + 1
        cut = self.plan.get(number)
        if cut is None:
            self._store(offset, after)
            return
        self._store(offset, _torn(self.image[offset : offset + len(after)], after, cut))
        raise FlashPowerLost(number)

    def _store(self, offset: int, content: bytes) -> None:
        self.image[offset : offset + len(content)] = content
        if self._file is not None:
            self._file.seek(offset)
            self._file.write(content)

    def _tell(self, name: str, offset: int, length: int) -> None:
        if self._observe is not None:
            self._observe(name, offset, length)

    def _open(self, path: Path) -> BinaryIO:
        if path.exists():
            content = path.read_bytes()
            if len(content) != self.size:
                raise ValueError(f"{path}: {len(content)} bytes, wanted {self.size}")
            self.image[:] = content
        else:
            path.write_bytes(self.image)
        return path.open("r+b", buffering=0)


def _torn(before: bytes | bytearray, after: bytes, cut: FlashCut) -> bytes:
    """Return what is in the cells when the operation was cut."""
    if cut.quarters == RANDOM_BITS:
        chosen = Prng(cut.seed, cut.operation).bytes(len(after))
        rows = zip(before, after, chosen, strict=True)
        return bytes(b & ~mask & 0xFF | a & mask for b, a, mask in rows)
    done = len(after) * cut.quarters // 4
    return after[:done] + bytes(before[done:])
