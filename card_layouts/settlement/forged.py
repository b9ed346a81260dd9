"""Which of several slots with one number counted when a batch was closed.

A stolen device seals any number with the key of its current block. What the ledger took for it
before the genuine slot came is named by a FORGED line of the batch that takes it back; so is what
came behind the genuine one. Every batch's lines must be known before the first is checked: only a
later one says what an earlier one took. Left out of the board's image.
Source: SPEC_SETTLEMENT.md section 1; trust.md T6, I9; decision 46.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from card_layouts.errors import LayoutError
from card_layouts.records.slot import SEALED_BYTES
from card_layouts.settlement import lines as ln
from card_layouts.settlement.lines import LINE_BYTES, Line, Slot, digest_of

FIRST_BYTE = ln.LINE_LAYOUT << 4 | ln.FORGED


class Called(NamedTuple):
    """One slot that a batch calls forged."""

    batch: int  # 1, 2, 3 ...
    digest: bytes
    held: bool  # its number was its own in the batches before


class Forgeries:
    """All slots that any batch calls forged."""

    def __init__(self) -> None:
        self._called: dict[Slot, list[Called]] = {}

    def foresee(self, batches: Iterable[bytes]) -> None:
        """Read the FORGED lines of all batches, oldest first."""
        for batch, data in enumerate(batches, 1):
            for line in _forged(data):
                self._called.setdefault(line.slot, []).append(
                    Called(batch, line.digest, line.state == ln.FORK)
                )

    def counting(self, slot: Slot, carried: Sequence[bytes], batch: int | None) -> bytes | None:
        """Return which of the `carried` slots counted when `batch` was closed; None = none of them.

        `batch` None: when the last one was.
        """
        called = self._called.get(slot)
        if not called:
            return carried[0] if carried else None
        by_digest = {digest(one): one for one in carried}
        later = [one for one in called if one.held and batch is not None and one.batch > batch]
        if later:
            return by_digest.get(min(later).digest)
        left = self.left(slot, carried)
        return left[0] if left else None

    def left(self, slot: Slot, carried: Sequence[bytes]) -> list[bytes]:
        """Return those of the `carried` slots that no batch calls forged."""
        gone = {one.digest for one in self._called.get(slot, ())}
        return [one for one in carried if digest(one) not in gone] if gone else list(carried)

    def called(self, slot: Slot, carried: Sequence[bytes]) -> list[bytes]:
        """Return those of the `carried` slots that a batch calls forged."""
        left = self.left(slot, carried)
        return [one for one in carried if one not in left]

    def first_held(self, device: tuple[int, int], since: int, batch: int) -> int | None:
        """Return the lowest seq of a device that `since`..`batch` take from a slot that had it."""
        return min(
            (slot[2] for slot, called in self._called.items()
             if slot[:2] == device and any(since <= c.batch <= batch and c.held for c in called)),
            default=None,
        )  # fmt: skip


def digest(slot: bytes) -> bytes:
    """Return what a FORGED line would say of a sealed slot."""
    return digest_of(sha256(slot[:SEALED_BYTES]).digest())


def _forged(data: bytes) -> Iterable[Line]:
    heads = data[::LINE_BYTES]
    place = heads.find(FIRST_BYTE)
    while place >= 0:
        try:
            yield ln.decode_line(data[place * LINE_BYTES : (place + 1) * LINE_BYTES])
        except LayoutError:
            pass  # whoever checks that batch says so
        place = heads.find(FIRST_BYTE, place + 1)
