"""What the edges carried: sealed slots by device, and what a batch must say of them.

H runs over sealed bytes without any key (D13), and the header's type stands in clear: so who holds
no key still knows that nothing is missing and which slots could earn.
Left out of the board's image. Source: SPEC_SETTLEMENT.md section 4; decisions D13, D25.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from card_layouts.records.chain import chain_next, chain_start
from card_layouts.records.entries import CASH_SALE, INTENT
from card_layouts.records.slot import check_crc
from card_layouts.settlement.ciphertext import Run, slot_names

EARNING = (INTENT, CASH_SALE)
Device = tuple[int, int]  # device, epoch
Row = list[Any]  # of a batch's devices: device, epoch, seq, H, held


class Witness:
    """The slots of all edges."""

    def __init__(self) -> None:
        self._slots: dict[Device, dict[int, bytes]] = {}
        self._before: dict[Device, dict[int, bytes]] = {}  # H before a run, by its first seq
        self._twice: dict[Device, list[int]] = {}

    def add(self, run: Run) -> None:
        """Take a run that an edge carried; runs may come twice and overlap."""
        device, epoch, first, h_before, slots = run
        name = (device, epoch)
        known = self._slots.setdefault(name, {})
        self._before.setdefault(name, {})[first] = h_before
        for seq, slot in enumerate(slots, first):
            if known.setdefault(seq, slot) != slot:
                self._twice.setdefault(name, []).append(seq)

    def devices(self) -> set[Device]:
        return set(self._slots)

    def carried(self, device: int, epoch: int, seq: int) -> bool:
        """Return whether an edge carried this slot."""
        return seq in self._slots.get((device, epoch), {})

    def slot(self, device: int, epoch: int, seq: int) -> bytes | None:
        """Return a slot as it was carried, None when it is not here."""
        return self._slots.get((device, epoch), {}).get(seq)

    def names(self) -> list[tuple[int, int, int]]:
        """Return (device, epoch, seq) of every slot that could earn, in order."""
        return sorted(
            (*name, seq)
            for name, slots in self._slots.items()
            for seq, slot in slots.items()
            if slot_names(slot)[0] in EARNING
        )

    def check_chain(self, row: Row, before: Row | None) -> Iterator[str]:
        """Yield what does not fit between the carried slots and H in a batch's row of a device."""
        device, epoch, seq, chain, _ = row
        name = "device %d epoch %d" % (device, epoch)
        for twice in self._twice.get((device, epoch), []):
            yield "%s seq %d: edges carried two different slots" % (name, twice)
        slots = self._slots.get((device, epoch), {})
        if before is not None and before[2] > seq:
            yield "%s: stood at seq %d in the batch before, at %d now" % (name, before[2], seq)
            return
        at, found = self._start(row, before)
        if found is None:
            yield "%s seq 1-%d: no edge's slots are here" % (name, at)
            return
        while at < seq:
            slot = slots.get(at + 1)
            if slot is None:
                held = [other for other in slots if other > at]
                last = min([seq, *(other - 1 for other in held)])
                yield "%s seq %d-%d: no edge's slots are here" % (name, at + 1, last)
                return
            at += 1
            found = chain_next(found, slot)
        if found != chain:
            yield "%s seq ..%d: H of the edges' slots is %s, the batch says %s" % (
                name, seq, found.hex()[:16], bytes(chain).hex()[:16],
            )  # fmt: skip

    def earning(self, row: Row, before: Row | None) -> dict[int, int]:
        """Return {seq: type} of the slots that a batch must have lines of: new, and could earn."""
        now = _Covered(row)
        then = _Covered(before) if before is not None else None
        found = {}
        for seq, slot in self._slots.get((row[0], row[1]), {}).items():
            kind = slot_names(slot)[0]
            if kind in EARNING and now.has(seq) and not (then and then.has(seq)):
                if check_crc(slot):
                    found[seq] = kind
        return found

    def _start(self, row: Row, before: Row | None) -> tuple[int, bytes | None]:
        """Return (seq, H) to begin from: where the batch before ended, or the journal began.

        H is None when the slots up to that seq are not here.
        """
        if before is not None:
            return before[2], before[3]
        name = (row[0], row[1])
        if row[2] == 0:
            return row[2], row[3]  # nothing of it is held without a hole yet
        first = min(self._slots.get(name, {}), default=row[2] + 1)
        start = chain_start(*name)
        if first > row[2] or self._before[name].get(first, start) != start:
            return min(first - 1, row[2]), None
        return first - 1, start


class _Covered:
    """The seqs that a batch's row of a device says are held."""

    def __init__(self, row: Row) -> None:
        self.seq = row[2]
        self.spans = []
        for part in row[4].split(",") if row[4] else ():
            low, _, high = part.partition("-")
            self.spans.append((int(low), int(high or low)))

    def has(self, seq: int) -> bool:
        return seq <= self.seq or any(low <= seq <= high for low, high in self.spans)
