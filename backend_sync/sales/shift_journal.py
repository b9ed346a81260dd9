"""One shift as its device journalled it: opened from the sealed slots that the ledger holds.

Nothing here is taken from the books: a shift's cash is reckoned from the slots themselves, so that
it can be set against what the books say. Source: trust.md T18; CASH_SALE and SHIFT of
card_layouts/SPEC.md.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from backend_sync.ports import OK, Keyring, Opened
from backend_sync.storage.database import Database
from card_layouts.records.entries import CASH_SALE, SHIFT
from card_layouts.records.entries_device import (
    COUNTED_NONE,
    SHIFT_BLIND_COUNT,
    SHIFT_END,
    SHIFT_START,
)
from card_layouts.records.entries_device import SHIFT as SHIFT_LAYOUT
from card_layouts.records.entries_service import CASH_SALE as SALE_LAYOUT
from card_layouts.records.entries_service import PAID_CASH

EVENTS_AT_ONCE = 16  # SHIFT entries read back at a time, newest first
Values = dict[str, int]


class ShiftName(NamedTuple):
    """Which shift: numbers as the device's journal has them."""

    device: int
    epoch: int
    shift: int

    def __str__(self) -> str:
        return f"shift {self.shift} of device {self.device}"


class Sale(NamedTuple):
    """One CASH_SALE; `cents` is what the clerk took (above 0) or gave back (below 0)."""

    seq: int
    entry: int  # its row in the ledger
    ticket: int
    void_of: int  # 0 = a sale
    clerk: int
    cents: int
    in_cash: bool
    order: int
    at: int


class Shift(NamedTuple):
    """What the journal says of one shift; `end` is None while the end has not come."""

    name: ShiftName
    first_seq: int
    last_seq: int  # of its end; the newest entry held while there is none
    start: Values | None
    end: Values | None
    counted: int | None  # the blind count that the device journalled, cents
    sales: list[Sale]
    refused: list[int]  # numbers of slots that do not open any more

    def clerks(self) -> set[int]:
        found = {sale.clerk for sale in self.sales}
        return found | {values["driver"] for values in (self.start, self.end) if values}

    def sales_of(self, clerk: int) -> list[Sale]:
        return [sale for sale in self.sales if sale.clerk == clerk and sale.in_cash]


def read_shift(database: Database, keyring: Keyring, name: ShiftName) -> Shift | None:
    """Return the newest shift of this number in the device's journal; None if no entry names it."""
    start: tuple[int, Values] | None = None
    end: tuple[int, Values] | None = None
    counted: int | None = None
    for seq, values in _events(database, keyring, name):
        border = values["event"] in (SHIFT_START, SHIFT_END)
        if end and border and (values["shift"] != name.shift or values["event"] == SHIFT_END):
            break  # behind it lies the shift before: this one's start has not come
        if values["shift"] != name.shift:
            continue
        if values["event"] == SHIFT_END:
            end = (seq, values)
        if values["event"] in (SHIFT_END, SHIFT_BLIND_COUNT) and counted is None:
            counted = values["counted"] if values["counted"] != COUNTED_NONE else None
        if values["event"] == SHIFT_START:
            start = (seq, values)
            break
    if start is None and end is None:
        return None
    first = start[0] if start else end[1]["first_seq"] if end else 0
    last = end[0] if end else _head(database, name)
    sales, refused = _sales(database, keyring, name, first, last)
    return Shift(name, first, last, start[1] if start else None, end[1] if end else None,
                 counted, sales, refused)  # fmt: skip


def slots_of(database: Database, name: ShiftName, first: int, last: int) -> list[Any]:
    """Return (seq, id, type, slot) of the entries held from `first` to `last`."""
    return [
        (seq, number, kind, bytes(slot))
        for seq, number, kind, slot in database.rows(
            "SELECT seq, id, type, slot FROM held_entries WHERE device = ? AND epoch = ?"
            " AND seq BETWEEN ? AND ? ORDER BY seq",
            (name.device, name.epoch, first, last),
        )
    ]


def open_slots(
    keyring: Keyring, name: ShiftName, slots: Sequence[tuple[int, bytes]]
) -> list[Opened]:
    """Open single slots of one device, given with their numbers."""
    return keyring.unseal([(*name[:2], seq, bytes(32), [slot]) for seq, slot in slots])


def _events(database: Database, keyring: Keyring, name: ShiftName) -> Iterator[tuple[int, Values]]:
    """Yield (seq, fields) of the device's SHIFT entries, newest first."""
    below = 1 << 31
    while True:
        rows = database.rows(
            "SELECT seq, slot FROM held_entries WHERE device = ? AND epoch = ? AND seq < ?"
            f" AND type = {SHIFT} ORDER BY seq DESC LIMIT {EVENTS_AT_ONCE}",
            (name.device, name.epoch, below),
        )
        for opened in open_slots(keyring, name, [(seq, bytes(slot)) for seq, slot in rows]):
            if opened.status == OK and opened.type == SHIFT:
                yield opened.seq, SHIFT_LAYOUT.unpack(opened.payload)
        if len(rows) < EVENTS_AT_ONCE:
            return
        below = rows[-1][0]


def _sales(
    database: Database, keyring: Keyring, name: ShiftName, first: int, last: int
) -> tuple[list[Sale], list[int]]:
    rows = [row for row in slots_of(database, name, first, last) if row[2] == CASH_SALE]
    entries = {seq: number for seq, number, _, _ in rows}
    sales, refused = [], []
    for opened in open_slots(keyring, name, [(seq, slot) for seq, _, _, slot in rows]):
        if opened.status != OK or opened.type != CASH_SALE:
            refused.append(opened.seq)
            continue
        values = SALE_LAYOUT.unpack(opened.payload)
        if values["shift"] == name.shift:
            sales.append(_sale(opened.seq, entries[opened.seq], values))
    return sales, refused


def _sale(seq: int, entry: int, values: Values) -> Sale:
    sign = -1 if values["void_of"] else 1
    return Sale(seq, entry, values["ticket"], values["void_of"], values["clerk"],
                sign * values["total"], values["paid"] == PAID_CASH, values["order"],
                values["time"])  # fmt: skip


def _head(database: Database, name: ShiftName) -> int:
    rows = database.rows("SELECT head_seq FROM devices WHERE device = ? AND epoch = ?", name[:2])
    return int(rows[0][0]) if rows else 0
