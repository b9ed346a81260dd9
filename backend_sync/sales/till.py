"""A counter's own till: a clerk's shift read from the slips that his customers got.

A till has no journal of ours; its slips are numbered without gaps and marked one after the other.
It is named as a shift of epoch TILL, which no journal has. What the till says of itself, the number
of the last slip that it printed, closes the shift. Source: trust.md T18; W-21, X-15, R-13.
"""

from typing import Any

from backend_sync.sales.complete_evidence import Doubt
from backend_sync.sales.counter import CASH
from backend_sync.sales.fiscal import COLUMNS, FiscalChain, Slip, check_slips
from backend_sync.sales.shift_journal import EPOCHS, Sale, Shift, ShiftName
from backend_sync.storage.database import Database

TILL = EPOCHS  # a journal's epoch is below
COUNTER = "counter"


def till_name(device: int, shift: int) -> ShiftName:
    return ShiftName(device, TILL, shift)


def is_till(name: ShiftName) -> bool:
    return name.epoch == TILL


def read_till(database: Database, name: ShiftName) -> Shift:
    """Return a till's shift; it has no slots, and its entries are rows of `slips`."""
    rows = slips_of(database, name)
    sales = [
        Sale(slip.place, number, slip.place, slip.of, slip.clerk, slip.cents + slip.rounding,
             slip.paid == CASH, 0, received)
        for number, received, slip in rows
    ]  # fmt: skip
    places = [slip.place for _, _, slip in rows]
    first, last = (places[0], places[-1]) if places else (0, -1)
    return Shift(name, first, last, None, None, None, sales, [], [])


def slips_of(database: Database, name: ShiftName) -> list[tuple[int, int, Slip]]:
    """Return (row, received, slip) of a till's shift, by the slips' numbers."""
    rows: list[Any] = database.rows(
        f"SELECT id, received, {COLUMNS} FROM slips WHERE device = ? AND shift = ? ORDER BY place",
        (name.device, name.shift),
    )
    return [(int(row[0]), int(row[1]), Slip(*row[2:])) for row in rows]


def last_slip(database: Database, name: ShiftName, clerk: int) -> int:
    """Return the number of the last slip of a clerk's shift, 0 when it has none: from the end."""
    rows = database.rows(
        "SELECT place FROM slips WHERE device = ? AND shift = ? AND clerk = ?"
        " ORDER BY place DESC LIMIT 1",
        (name.device, name.shift, clerk),
    )
    return int(rows[0][0]) if rows else 0


def slips_before(database: Database, name: ShiftName, clerk: int, last: int, most: int) -> int:
    """Return how many slips a clerk's shift has among the last `most` up to one of its device."""
    return int(database.value(
        "SELECT count(*) FROM slips WHERE device = ? AND place > ? AND place <= ? AND shift = ?"
        " AND clerk = ?", (name.device, last - most, last, name.shift, clerk),
    ))  # fmt: skip


def closed_at(database: Database, name: ShiftName, clerk: int) -> int:
    """Return when a clerk's shift was closed (s since 2020), 0 when it is not."""
    return int(database.value(
        "SELECT coalesce(max(received), 0) FROM till_closings WHERE device = ? AND shift = ?"
        " AND clerk = ?", (name.device, name.shift, clerk),
    ))  # fmt: skip


def cash_account(database: Database, name: ShiftName, clerk: int) -> str:
    """Return the account of a clerk's cash in a shift, on a vehicle or at a counter."""
    if not is_till(name):
        return f"CASH:vehicle:{clerk}"
    channels = _channels(database, name, clerk)
    return f"CASH:{channels[0] if channels else COUNTER}:{clerk}"


def till_doubts(database: Database, name: ShiftName, clerk: int) -> list[Doubt]:
    """Return every reason why a clerk's cash at a till cannot be judged now."""
    rows = database.rows(
        "SELECT last_slip, received FROM till_closings WHERE device = ? AND shift = ?"
        " AND clerk = ?",
        (name.device, name.shift, clerk),
    )
    if not rows:
        return [Doubt(True, f"waiting for the closing of {name}: its last slip's number")]
    last_slip, closed = int(rows[0][0]), int(rows[0][1])
    sql = "SELECT coalesce(max(place), 0) FROM slips WHERE device = ?"
    held = int(database.value(sql, (name.device,)))
    if held < last_slip:
        return [Doubt(True, f"waiting for slips {held + 1}..{last_slip} of device {name.device}")]
    own = [(at, slip) for _, at, slip in slips_of(database, name) if slip.clerk == clerk]
    found = [Doubt(False, words) for words in check_slips(database, FiscalChain(), [name.device])]
    late = [str(slip.place) for at, slip in own if slip.place > last_slip and at >= closed]
    if late:
        words = f"slips {', '.join(late)} of {name} came after its closing"
        found.append(Doubt(False, words))
    if len(channels := _channels(database, name, clerk)) > 1:
        found.append(Doubt(False, f"{name} sold as {', '.join(channels)}: one till, one"
                                  " channel"))  # fmt: skip
    return found + _booked(database, name, clerk)


def _booked(database: Database, name: ShiftName, clerk: int) -> list[Doubt]:
    """Compare the slips with what the ledger booked to the clerk's cash for these very slips."""
    account = cash_account(database, name, clerk)
    found = []
    for _, _, slip in slips_of(database, name):
        if slip.clerk != clerk or slip.paid != CASH:
            continue
        booked = -int(database.value(
            "SELECT coalesce(sum(p.cents), 0) FROM bookings b JOIN postings p"
            " ON p.id >= b.first AND p.id < b.first + b.lines JOIN accounts a ON a.id = p.account"
            " WHERE b.key = ? AND a.name = ?",
            (f"sales:slip:{slip.device}:{slip.place}", account),
        ))  # fmt: skip
        cents = slip.cents + slip.rounding
        if booked != cents:
            words = f"the books have {booked} cents of slip {slip.place} in {account}, it {cents}"
            found.append(Doubt(False, words))
    return found


def _channels(database: Database, name: ShiftName, clerk: int) -> list[str]:
    rows = slips_of(database, name)
    return sorted({slip.channel for _, _, slip in rows if slip.clerk == clerk})
