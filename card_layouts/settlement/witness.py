"""What the edges carried: sealed slots by device, and what a batch must say of them.

H runs over sealed bytes without any key (D13), and the header's type stands in clear: so who holds
no key still knows that nothing is missing and which slots could earn.
Left out of the board's image. Source: SPEC_SETTLEMENT.md section 4; decisions D13, D25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from card_layouts.records.chain import chain_next, chain_start
from card_layouts.records.slot import check_crc
from card_layouts.settlement.ciphertext import Run, slot_names
from card_layouts.settlement.forged import Forgeries
from card_layouts.settlement.lines import EARNING, Slot

Device = tuple[int, int]  # device, epoch
Row = list[Any]  # of a batch's devices: device, epoch, seq, H, held


class Witness:
    """The slots of all edges."""

    def __init__(self) -> None:
        self.forgeries = Forgeries()
        self._slots: dict[Device, dict[int, bytes]] = {}
        self._before: dict[Device, dict[int, bytes]] = {}  # H before a run, by its first seq
        self._more: dict[Device, dict[int, list[bytes]]] = {}  # of a seq: all that were carried

    def add(self, run: Run) -> None:
        """Take a run that an edge carried; runs may come twice and overlap."""
        device, epoch, first, h_before, slots = run
        name = (device, epoch)
        known = self._slots.setdefault(name, {})
        self._before.setdefault(name, {})[first] = h_before
        for seq, slot in enumerate(slots, first):
            if known.setdefault(seq, slot) != slot:
                several = self._more.setdefault(name, {}).setdefault(seq, [known[seq]])
                if slot not in several:
                    several.append(slot)

    def devices(self) -> set[Device]:
        return set(self._slots)

    def slot(self, device: int, epoch: int, seq: int, batch: int | None = None) -> bytes | None:
        """Return the slot that counted when `batch` was closed, None when it is not here.

        `batch` None: when the last one was.
        """
        found = self._carried(device, epoch, seq)
        return self.forgeries.counting((device, epoch, seq), found, batch)

    def forged(self, device: int, epoch: int, seq: int) -> list[bytes]:
        """Return the carried slots of a number that a batch calls forged."""
        found = self._carried(device, epoch, seq)
        return self.forgeries.called((device, epoch, seq), found)

    def _carried(self, device: int, epoch: int, seq: int) -> list[bytes]:
        several = self._more.get((device, epoch), {}).get(seq)
        one = self._slots.get((device, epoch), {}).get(seq)
        return several or ([one] if one is not None else [])

    def names(self) -> list[tuple[int, int, int]]:
        """Return (device, epoch, seq) of every slot that could earn, in order."""
        return sorted(
            (*name, seq)
            for name, slots in self._slots.items()
            for seq in slots
            if (slot := self.slot(*name, seq)) and slot_names(slot)[0] in EARNING
        )

    def check_chain(
        self, row: Row, rows_before: Sequence[Row], since: int, batch: int
    ) -> Iterator[str]:
        """Yield what does not fit between the carried slots and H in a batch's row of a device.

        `rows_before` are those of the batches that it goes on from, oldest first; `since` is the
        number after the newest of them.
        """
        device, epoch, seq, chain, _ = row
        name = "device %d epoch %d" % (device, epoch)
        for twice, several in sorted(self._more.get((device, epoch), {}).items()):
            if len(self.forgeries.left((device, epoch, twice), several)) > 1:
                yield "%s seq %d: edges carried two different slots" % (name, twice)
        slots = self._slots.get((device, epoch), {})
        if rows_before and rows_before[-1][2] > seq:
            stood = rows_before[-1][2]
            yield "%s: stood at seq %d in the batch before, at %d now" % (name, stood, seq)
            return
        # From where a slot was replaced on H is another one.
        changed = self.forgeries.first_held((device, epoch), since, batch)
        whole = [old for old in rows_before if changed is None or old[2] < changed]
        at, found = self._start(row, whole[-1] if whole else None)
        if found is None:
            yield "%s seq 1-%d: no edge's slots are here" % (name, at)
            return
        while at < seq:
            slot = self.slot(device, epoch, at + 1, batch)
            if slot is None:
                held = [other for other in slots if other > at + 1]
                last = min([seq, *(other - 1 for other in held)])
                yield "%s seq %d-%d: no edge's slots are here" % (name, at + 1, last)
                return
            at += 1
            found = chain_next(found, slot)
        if found != chain:
            yield "%s seq ..%d: H of the edges' slots is %s, the batch says %s" % (
                name, seq, found.hex()[:16], bytes(chain).hex()[:16],
            )  # fmt: skip

    def earning(
        self, row: Row, before: Row | None, batch: int, replaced: set[int], kinds: Sequence[int]
    ) -> set[int]:
        """Return the seqs that a batch must have lines of: new or `replaced`, of these types."""
        now = _Covered(row)
        then = _Covered(before) if before is not None else None
        found = set()
        for seq in self._slots.get((row[0], row[1]), {}):
            is_new = not (then and then.has(seq)) or seq in replaced
            if is_new and now.has(seq):
                slot = self.slot(row[0], row[1], seq, batch)
                if slot and slot_names(slot)[0] in kinds and check_crc(slot):
                    found.add(seq)
        return found

    def absent(self, row: Row, batch: int, replaced: set[int]) -> list[int]:
        """Return the seqs whose slot was called forged and that no other carried one has now."""
        now = _Covered(row)
        return [seq for seq in sorted(replaced)
                if not now.has(seq) or self.slot(row[0], row[1], seq, batch) is None]  # fmt: skip

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


class Held:
    """The slots that a batch's rows of devices say are held."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._devices = {(row[0], row[1]): _Covered(row) for row in rows}

    def has(self, slot: Slot) -> bool:
        device = self._devices.get(slot[:2])
        return device is not None and device.has(slot[2])


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
