"""One shift as its device journalled it: opened from the sealed slots that the ledger holds.

Nothing here is taken from the books: a shift's cash is reckoned from the slots themselves, so that
it can be set against what the books say. Source: trust.md T18; CASH_SALE and SHIFT of
card_layouts/SPEC.md.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from backend_sync.ledger.decoding import body_of
from backend_sync.ledger.results import BITS, POSTED, state_of
from backend_sync.ports import OK, Keyring, Opened
from backend_sync.storage.database import Database
from card_layouts.cards.card_layout import CHANNEL_VEHICLE
from card_layouts.records.entries import ACTION, CASH_SALE, SHIFT
from card_layouts.records.entries_device import (
    COUNTED_NONE,
    SHIFT_BLIND_COUNT,
    SHIFT_END,
    SHIFT_START,
)
from card_layouts.records.entries_device import SHIFT as SHIFT_LAYOUT
from card_layouts.records.entries_service import ACT_LOAD, PAID_CASH
from card_layouts.records.entries_service import ACTION as ACTION_LAYOUT
from card_layouts.records.entries_service import CASH_SALE as SALE_LAYOUT

EVENTS_AT_ONCE = 16  # SHIFT entries read back at a time, newest first
Values = dict[str, int]
EPOCHS = 64  # of journals; `till.py` names what has none


class ShiftName(NamedTuple):
    """Which shift: numbers as the device's journal has them."""

    device: int
    epoch: int
    shift: int

    def __str__(self) -> str:
        what = "device" if self.epoch < EPOCHS else "till"
        return f"shift {self.shift} of {what} {self.device}"


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


class Load(NamedTuple):
    """One load that a driver sold in the vehicle: an ACTION of its own, not from a list."""

    seq: int
    entry: int
    action: int
    cents: int
    state: int  # of results.py: POSTED is on the card


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
    loads: list[Load]

    def clerks(self) -> set[int]:
        found = {sale.clerk for sale in self.sales}
        return found | {values["driver"] for values in (self.start, self.end) if values}

    def sales_of(self, clerk: int) -> list[Sale]:
        return [sale for sale in self.sales if sale.clerk == clerk and sale.in_cash]

    def loads_of(self, clerk: int) -> list[Load]:
        """Return what was loaded onto cards for cash; an ACTION names no clerk but its shift."""
        said = self.start or self.end
        is_his = said is not None and said["driver"] == clerk
        return [load for load in self.loads if load.state == POSTED] if is_his else []

    def cents_of(self, clerk: int) -> int:
        """Return the cash that a clerk took, less what he gave back."""
        taken = sum(sale.cents for sale in self.sales_of(clerk))
        return taken + sum(load.cents for load in self.loads_of(clerk))


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
    loads = _loads(database, keyring, name, first, last)
    return Shift(name, first, last, start[1] if start else None, end[1] if end else None,
                 counted, sales, refused, loads)  # fmt: skip


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


def _loads(
    database: Database, keyring: Keyring, name: ShiftName, first: int, last: int
) -> list[Load]:
    rows = [row for row in slots_of(database, name, first, last) if row[2] == ACTION]
    entries = {seq: number for seq, number, _, _ in rows}
    bits = dict.fromkeys(entries.values(), 0)
    for pending, rule in database.rows_in(
        "SELECT pending, rule FROM evidence WHERE pending IN {}", sorted(bits)
    ):
        bits[pending] |= BITS[rule]
    found = []
    for opened in open_slots(keyring, name, [(seq, slot) for seq, _, _, slot in rows]):
        if opened.status == OK and opened.type == ACTION:
            values, entry = ACTION_LAYOUT.unpack(opened.payload), entries[opened.seq]
            if is_sold_load(values) and values["shift"] == name.shift:
                cents = body_of(opened.payload).amount
                found.append(
                    Load(opened.seq, entry, values["action"], cents, state_of(bits[entry]))
                )
    return found


def is_sold_load(values: dict[str, Any]) -> bool:
    """Say whether an ACTION's fields are of a load that a driver took cash for."""
    return (values["kind"], values["channel"], values["list"]) == (ACT_LOAD, CHANNEL_VEHICLE, 0)


def _sale(seq: int, entry: int, values: Values) -> Sale:
    sign = -1 if values["void_of"] else 1
    return Sale(seq, entry, values["ticket"], values["void_of"], values["clerk"],
                sign * values["total"], values["paid"] == PAID_CASH, values["order"],
                values["time"])  # fmt: skip


def _head(database: Database, name: ShiftName) -> int:
    rows = database.rows("SELECT head_seq FROM devices WHERE device = ? AND epoch = ?", name[:2])
    return int(rows[0][0]) if rows else 0
