"""NOR flash: erase blocks of 4 KiB to ones, program ones to zeros, and lose power doing it.

Programming a 0 back to 1 is refused (real flash would silently keep the 0): it is a fault of
our own code, so it is an assertion with the place. A cut leaves part of an operation done:
a fraction of the bytes, a random choice of bits, or bits that read back otherwise each time.
A fault leaves an operation undone and says nothing: lost, a worn block, a dead one. A part that
works on several operations at once may have done a later one and not an earlier one when it is cut.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple

from simulator.prng import Prng

BLOCK_BYTES = 4096
PAGE_BYTES = 256  # one program operation stays inside a page; a real part would wrap round
RANDOM_BITS = -1  # torn mode: every bit to be cleared (or set) took, or did not
UNSTABLE_BITS = -2  # as RANDOM_BITS, and each of those bits reads as 0 or 1 until written again
FAINT_BITS = -3  # nothing took, but a few of those bits read now and then as if they had
NEARLY_BITS = -4  # all of it took, but a few of those bits read now and then as if they had not
TORN_QUARTERS = (0, 1, 2, 3, RANDOM_BITS)
FEW = 2  # bits

LOST = "lost"  # the operation reports done and nothing took; the next one works again
WORN = (
    "worn"  # a few cells of what it writes are stuck for good: at 1 for a program, 0 for an erase
)
DEAD = "dead"  # from here on nothing takes in this block; what it holds can be read
NO_PROGRAM = "no program"  # from here on no program takes in this block
NO_ERASE = "no erase"  # from here on no erase takes in this block
FAULTS = (LOST, WORN, DEAD, NO_PROGRAM, NO_ERASE)
STUCK = 3  # cells


class FlashPowerLost(Exception):
    """The device lost power during flash operation `operation` (counted from 0)."""

    def __init__(self, operation: int) -> None:
        super().__init__(f"power lost in flash operation {operation}")
        self.operation = operation


@dataclass(frozen=True)
class FlashCut:
    """Cut at the operation with this number; `quarters` 0..4 of its bytes are done, or bits.

    The operations in `late` were begun before it and did not take; see `Flash.reorders`.
    """

    operation: int
    quarters: int = 0
    seed: int = 0
    late: tuple[int, ...] = ()


class _Pending(NamedTuple):
    """An operation that a part may still be busy with, and what was in its place."""

    number: int
    offset: int
    before: bytes


@dataclass(frozen=True)
class FlashFault:
    """The operation with this number goes wrong, by one of FAULTS, and reports that it is done."""

    operation: int
    kind: str
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
        self.faults: dict[int, FlashFault] = {}
        self.injected = 0  # faults that came to pass
        self._unsure: dict[int, int] = {}  # byte -> bits that read as 0 or 1
        self._stuck: dict[int, tuple[int, int]] = {}  # byte -> (bits, what they hold)
        self._dead: dict[int, str] = {}  # block -> DEAD, NO_PROGRAM or NO_ERASE
        # True: nothing is sure to have taken until it is read, or written over.
        self.reorders = False
        self.overtaken: dict[int, list[int]] = {}  # operation -> those it may overtake
        self._pending: list[_Pending] = []
        self._unsound: set[int] = set()  # blocks where a 0 may stand that nobody wrote
        self._noise_seed = 0
        self._noise = Prng(0)
        self._observe = observe
        self._file = None if path is None else self._open(Path(path))

    def cut_at(self, *cuts: FlashCut) -> None:
        """Plan power cuts, by operation number since the last `restart_count`."""
        self.plan = {cut.operation: cut for cut in cuts}

    def fault_at(self, *faults: FlashFault) -> None:
        """Plan silent faults, numbered as cuts are."""
        self.faults = {fault.operation: fault for fault in faults}

    def restart_count(self) -> None:
        """Number the operations from 0 again."""
        self.operation = 0

    def read(self, offset: int, buf: bytearray | memoryview) -> None:
        """Fill `buf` from `offset`."""
        self._check(offset, len(buf))
        self.reads += 1
        if self._pending:
            self._wait_for(offset, len(buf))
        buf[:] = self.image[offset : offset + len(buf)]
        if self._unsure:
            for at in range(offset, offset + len(buf)):
                if at in self._unsure:
                    buf[at - offset] ^= self._unsure[at] & self._noise.below(256)

    def program(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Clear bits; bits already 0 stay so. Raises: FlashPowerLost where planned."""
        data = bytes(data)
        self._check(offset, len(data))
        end = offset + len(data)
        assert end - 1 <= offset | PAGE_BYTES - 1, f"flash program {offset}+{len(data)}: two pages"
        if offset // BLOCK_BYTES in self._unsound:
            data = bytes(a & b for a, b in zip(data, self.image[offset:end], strict=True))
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

    def clone(self) -> "Flash":
        """Return a part with the same cells, sound or not, counted from 0; nothing is planned.

        What went wrong with its cells stays counted in `injected`.
        """
        other = Flash(self.size)
        other.image[:] = self.image
        other.wear, other.injected = list(self.wear), self.injected
        other._unsure, other._stuck = dict(self._unsure), dict(self._stuck)
        other._dead, other._unsound = dict(self._dead), set(self._unsound)
        other._noise_seed = self._noise_seed
        other._noise = Prng(self._noise_seed)
        return other

    def image_hash(self) -> bytes:
        """Return 16 bytes that tell two contents apart, bits that are not sure included."""
        unsure = repr(sorted(self._unsure.items())).encode()
        return sha256(bytes(self.image) + unsure).digest()[:16]

    def snapshot(self) -> bytes:
        """Return the content, to be given to `restore`."""
        return bytes(self.image)

    def restore(self, content: bytes) -> None:
        """Put a content back, every cell sound; counters stay."""
        assert len(content) == self.size, f"{len(content)} bytes for a flash of {self.size}"
        self._unsure, self._stuck, self._dead, self._unsound = {}, {}, {}, set()
        self._pending = []
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
        if self.reorders:
            self._wait_for(offset, len(after))
            self.overtaken[number] = [one.number for one in self._pending]
        cut, fault = self.plan.get(number), self.faults.get(number)
        if fault is not None:
            after = self._at_fault(offset, after, fault)
        if cut is None:
            if self.reorders:
                before = bytes(self.image[offset : offset + len(after)])
                self._pending.append(_Pending(number, offset, before))
            self._settle(offset, after)
            self._store(offset, after)
            return
        before = bytes(self.image[offset : offset + len(after)])
        self._store(offset, _torn(before, after, cut))
        self._unsettle(offset, before, after, cut)
        for late in [one for one in self._pending if one.number in cut.late]:
            self._store(late.offset, late.before)
        self._pending = []
        raise FlashPowerLost(number)

    def _wait_for(self, offset: int, length: int) -> None:
        """Let what overlaps these bytes be done: one reads, or writes over it."""
        self._pending = [
            one
            for one in self._pending
            if one.offset >= offset + length or one.offset + len(one.before) <= offset
        ]

    def _at_fault(self, offset: int, after: bytes, fault: FlashFault) -> bytes:
        """Mark what is broken from now on; return what this operation comes to."""
        self.injected += 1
        block = offset // BLOCK_BYTES
        self._unsound.add(block)
        before = bytes(self.image[offset : offset + len(after)])
        if fault.kind in (DEAD, NO_PROGRAM, NO_ERASE):
            self._dead[block] = fault.kind
        elif fault.kind == WORN:
            for at, bit in _some_bits(before, after, fault.seed, STUCK):
                bits, values = self._stuck.get(offset + at, (0, 0))
                self._stuck[offset + at] = bits | bit, values | before[at] & bit
        return before if fault.kind == LOST else after

    def _settle(self, offset: int, after: bytes) -> None:
        """Make the bits sure that an operation drives: a program those it clears, an erase all."""
        for at in [at for at in self._unsure if offset <= at < offset + len(after)]:
            left = self._unsure[at] & after[at - offset] if len(after) < BLOCK_BYTES else 0
            if left:
                self._unsure[at] = left
            else:
                del self._unsure[at]

    def _unsettle(self, offset: int, before: bytes, after: bytes, cut: FlashCut) -> None:
        if cut.quarters == UNSTABLE_BITS:
            rows = [(at, b ^ a) for at, (b, a) in enumerate(zip(before, after, strict=True))]
        elif cut.quarters in (FAINT_BITS, NEARLY_BITS):
            rows = _some_bits(before, after, cut.seed, FEW)
        else:
            return
        self._unsound.add(offset // BLOCK_BYTES)
        self._noise_seed = cut.seed
        self._noise = Prng(cut.seed)
        for at, bits in rows:
            if bits:
                self._unsure[offset + at] = self._unsure.get(offset + at, 0) | bits

    def _store(self, offset: int, content: bytes) -> None:
        dead = self._dead.get(offset // BLOCK_BYTES)
        if dead == DEAD or (dead and dead == (NO_ERASE if _erases(content) else NO_PROGRAM)):
            return
        if self._stuck:
            cells = bytearray(content)
            for at, (bits, values) in self._stuck.items():
                if offset <= at < offset + len(cells):
                    cells[at - offset] = cells[at - offset] & ~bits | values
            content = bytes(cells)
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


def _erases(content: bytes) -> bool:
    """Say whether an operation of these bytes is an erase: a program stays inside a page."""
    return len(content) == BLOCK_BYTES


def _torn(before: bytes | bytearray, after: bytes, cut: FlashCut) -> bytes:
    """Return what is in the cells when the operation was cut."""
    if cut.quarters == FAINT_BITS:
        return bytes(before)
    if cut.quarters == NEARLY_BITS:
        return after
    if cut.quarters in (RANDOM_BITS, UNSTABLE_BITS):
        chosen = Prng(cut.seed, cut.operation).bytes(len(after))
        rows = zip(before, after, chosen, strict=True)
        return bytes(b & ~mask & 0xFF | a & mask for b, a, mask in rows)
    done = len(after) * cut.quarters // 4
    return after[:done] + bytes(before[done:])


def _some_bits(before: bytes, after: bytes, seed: int, count: int) -> list[tuple[int, int]]:
    """Return up to `count` bits that an operation changes, as (byte, bit)."""
    rows = enumerate(zip(before, after, strict=True))
    found = [(at, 1 << bit) for at, (b, a) in rows for bit in range(8) if (b ^ a) >> bit & 1]
    prng = Prng(seed)
    return [prng.choice(found) for _ in range(min(count, len(found)))]
