"""What counters sold of late by point and product, and how the cash of shifts came out.

Slips are an authority's by their cards; a shift is its whose till it is, or whose rides its device
made. Both are read from the newest end. Source: W-5, W-10, W-17, W-108, W-154; T18.
"""

from typing import NamedTuple

from backend_sync.ledger.results import BITS, POSTED, state_of
from backend_sync.office.devices import last_ride
from backend_sync.office.today import DAY_S, first_since
from backend_sync.registers.rights import Scope
from backend_sync.sales.shift_journal import ShiftName
from backend_sync.sales.till import TILL
from backend_sync.storage.database import Database

AT_ONCE = 50
LOOKED_AT_MOST = 1_000
SLIPS = "device, place, kind, product, cents, rounding, paid, clerk, shift, received"


class Sold(NamedTuple):
    """Slips of one kind and product at one device; cents with rounding."""

    point: str  # "" = a device without a till here
    device: int
    kind: str
    product: int
    slips: int
    cents: int


class Loaded(NamedTuple):
    """Where and when what was sold went onto its card: device time, s since 2020."""

    device: int
    at: int


class Shift(NamedTuple):
    """One counting of a clerk's cash and what was decided; cents. `difference` None: not yet."""

    id: int
    device: int
    epoch: int
    shift: int
    clerk: int
    counted: int
    by: str
    state: str
    difference: int | None

    @property
    def is_till(self) -> bool:
        return self.epoch == TILL


class TillDevices:
    """Which point a counter's device is at, by the office's tills."""

    def __init__(self, database: Database) -> None:
        rows = database.rows("SELECT DISTINCT device, authority, point FROM tills")
        self.places = {row[0]: (int(row[1]), str(row[2])) for row in rows}

    def point(self, device: int) -> str:
        return self.places.get(device, (0, ""))[1]

    def is_of(self, device: int, authority: int) -> bool:
        return self.places.get(device, (0, ""))[0] == authority


def sold(database: Database, tills: TillDevices, authority: int, now: int, days: int) -> list[Sold]:
    """Return what counters sold to an authority's cards in the last days, by point."""
    since = now - days * DAY_S
    # The plus keeps SQLite from reading all slips there are in order of their devices.
    rows = database.rows(
        "SELECT +s.device, s.kind, s.product, count(*), sum(s.cents + s.rounding) FROM slips s"
        " JOIN cards c ON c.id = s.card WHERE s.id >= ? AND s.received >= ? AND c.issuer = ?"
        " GROUP BY +s.device, s.kind, s.product",
        (first_since(database, "slips", since), since, authority),
    )
    found = [Sold(tills.point(row[0]), int(row[0]), row[1], int(row[2]), int(row[3]), int(row[4]))
             for row in rows]  # fmt: skip
    return sorted(found)


def slips(database: Database, authority: int, before: int) -> tuple[list[tuple[int, ...]], int]:
    """Return (newest slips to an authority's cards below row `before`, where to go on or 0).

    Shape: (row, device, place, kind, product, cents, rounding, paid, clerk, shift, received).
    """
    names = ", ".join(f"s.{name}" for name in SLIPS.split(", "))
    rows = database.rows(
        f"SELECT s.id, {names} FROM slips s JOIN cards c ON c.id = s.card"
        " WHERE s.id < ? AND c.issuer = ? ORDER BY s.id DESC LIMIT ?",
        (before or 1 << 53, authority, AT_ONCE + 1),
    )
    found = [tuple(row) for row in rows[:AT_ONCE]]
    return found, found[-1][0] if len(rows) > AT_ONCE else 0


def shifts(
    database: Database, tills: TillDevices, scope: Scope, before: int
) -> tuple[list[Shift], int]:
    """Return (newest counted shifts of one's own, where to go on or 0)."""
    rows = database.rows(
        'SELECT id, device, epoch, shift, clerk, cents, "by" FROM cash_counts WHERE id < ?'
        " ORDER BY id DESC LIMIT ?",
        (before or 1 << 53, LOOKED_AT_MOST),
    )
    found: list[Shift] = []
    own: dict[tuple[int, int], bool] = {}
    for row in rows:
        device = (int(row[1]), int(row[2]))
        if device not in own:
            own[device] = is_own(database, tills, scope, *device)
        if not own[device]:
            continue
        if len(found) == AT_ONCE:
            return found, found[-1].id
        state, difference = _decided(database, int(row[0]))
        found.append(Shift._make([*row, state, difference]))
    return found, int(rows[-1][0]) if len(rows) == LOOKED_AT_MOST else 0


def _decided(database: Database, count: int) -> tuple[str, int | None]:
    """Return (newest decision or "counted", the difference that was decided)."""
    rows = database.rows(
        "SELECT decision, cents FROM cash_decisions WHERE count = ? ORDER BY id DESC", (count,)
    )
    state = rows[0][0] if rows else "counted"
    cents = [int(row[1]) for row in rows if row[0] != "paid_in"]
    return state, cents[0] if cents else None


def newest_state(database: Database, name: ShiftName, clerk: int) -> str:
    """Return "" for a clerk's shift that was not counted, "counted", or the newest decision."""
    rows = database.rows(
        "SELECT id FROM cash_counts WHERE device = ? AND epoch = ? AND shift = ? AND clerk = ?"
        " ORDER BY turn DESC LIMIT 1",
        (*name, clerk),
    )
    return _decided(database, int(rows[0][0]))[0] if rows else ""


def is_own(database: Database, tills: TillDevices, scope: Scope, device: int, epoch: int) -> bool:
    """Say whether a device sells for one's area, or carries one's passengers."""
    if epoch == TILL:
        return not scope.operator and tills.is_of(device, scope.authority)
    return last_ride(database, scope, device, epoch) is not None


def loaded_at(database: Database, card: int | None, action: int) -> Loaded | None:
    """Return where an action went onto its card, once its entry counts; None: not yet known."""
    for entry, device, at in database.rows(
        "SELECT a.id, e.device, a.at FROM action_entries a JOIN entries e ON e.id = a.id"
        " WHERE a.action = ? AND a.card = ? ORDER BY a.id", (action, card),
    ):  # fmt: skip
        rows = database.rows("SELECT rule FROM evidence WHERE pending = ?", (entry,))
        if state_of(sum({BITS[rule] for (rule,) in rows})) == POSTED:
            return Loaded(int(device), int(at))
    return None
