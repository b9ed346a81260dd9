"""Today's picture: what came in during the last 24 hours, of one's own authority or operator.

Reads the books from their newest end: an entry's number grows with the second at which it came, so
where the day begins is found by halving, and nothing older is read. Source: W-5, W-10, W-24.
"""

from typing import Any, NamedTuple

from backend_sync.ledger.suspense import AGES, age_of
from backend_sync.office.devices import LOOK_BACK as LOOK_BACK
from backend_sync.office.devices import last_ride, newest_entry, own
from backend_sync.registers.rights import Scope
from backend_sync.storage.database import Database

DAY_S = 86_400
SHOWN_MOST = 50


class Silent(NamedTuple):
    """A device that sent nothing for a day; `seconds` since its newest entry came."""

    device: int
    operator: int
    seconds: int


def picture(database: Database, scope: Scope, now: int) -> dict[str, Any]:
    """Return {rides, operators, waiting, ages, silent, silent_count} of what `scope` covers.

    Units: cents; seconds. Shape: `operators` has one row an operator: (operator, rides, charged,
    billed); `ages` maps a class of age to [count, cents].
    """
    first = first_since(database, "entries", now - DAY_S)
    operators = _rides(database, scope, first)
    ages = _ages(database, scope, now)
    silent = _silent(database, scope, now)
    return {
        "rides": sum(row[1] for row in operators),
        "charged": sum(row[2] for row in operators),
        "billed": sum(row[3] for row in operators),
        "operators": operators,
        "waiting": sum(count for count, _ in ages.values()),
        "waiting_cents": sum(cents for _, cents in ages.values()),
        "ages": ages,
        "silent": silent[:SHOWN_MOST],
        "silent_count": len(silent),
    }


def slips_since(database: Database, authority: int, since: int) -> list[tuple[str, int, int]]:
    """Return (kind, slips, cents) of what counters sold to cards of an authority."""
    rows = database.rows(
        "SELECT s.kind, count(*), sum(s.cents + s.rounding) FROM slips s"
        " JOIN cards c ON c.id = s.card WHERE s.id >= ? AND s.received >= ? AND c.issuer = ?"
        " GROUP BY s.kind ORDER BY s.kind",
        (first_since(database, "slips", since), since, authority),
    )
    return [(row[0], int(row[1]), int(row[2])) for row in rows]


def first_since(database: Database, table: str, since: int) -> int:
    """Return the number of the first row of a book that came at `since` or later."""
    low, high = 1, int(database.value(f"SELECT coalesce(max(id), 0) FROM {table}")) + 1
    while low < high:
        middle = (low + high) // 2
        received = database.value(
            f"SELECT received FROM {table} WHERE id >= ? ORDER BY id LIMIT 1", (middle,)
        )
        if received < since:
            low = middle + 1
        else:
            high = middle
    return low


def _rides(database: Database, scope: Scope, first: int) -> list[tuple[int, int, int, int]]:
    """Return the rides that came and count, by operator; what is open or void does not count."""
    where, values = own(scope, "r")
    rows = database.rows(
        "SELECT r.operator, count(*), sum(r.charged_cents), sum(r.billed_cents) FROM rides r"
        " WHERE r.id >= ? AND (SELECT coalesce(sum(p.sign), 0) FROM ride_postings p"
        f" WHERE p.ride = r.id) > 0 AND {where} GROUP BY r.operator ORDER BY r.operator",
        (first, *values),
    )
    return [(int(row[0]), int(row[1]), int(row[2]), int(row[3])) for row in rows]


def _ages(database: Database, scope: Scope, now: int) -> dict[str, list[int]]:
    """Return {class of age: [count, cents]} of open intents; an operator's are his rides'."""
    # CROSS JOIN keeps the few open intents outside: SQLite would walk all rides to find them.
    table = "rides" if scope.operator else "pendings"
    where, values = own(scope, "r") if scope.operator else ("r.authority = ?", (scope.authority,))
    sql = (
        "SELECT p.cents, o.since FROM open_intents o CROSS JOIN pendings p"
        f" CROSS JOIN {table} r WHERE o.bits = 0 AND p.id = o.pending AND r.id = o.pending"
        f" AND {where}"
    )
    ages: dict[str, list[int]] = {name: [0, 0] for _, name in AGES}
    for cents, since in database.rows(sql, values):
        row = ages[age_of(now - since)]
        row[0] += 1
        row[1] += cents
    return {name: row for name, row in ages.items() if row[0]}


def _silent(database: Database, scope: Scope, now: int) -> list[Silent]:
    """Return the silent devices, the longest silent first; whose one is, its last ride says."""
    found: dict[int, Silent] = {}
    for device, epoch in database.rows("SELECT device, epoch FROM devices ORDER BY device, epoch"):
        received = newest_entry(database, device, epoch)
        seconds = now - received if received is not None else 0
        found.pop(device, None)  # a later epoch says how it is now
        ride = last_ride(database, scope, device, epoch) if seconds >= DAY_S else None
        if ride:
            found[device] = Silent(int(device), ride[0], int(seconds))
    return sorted(found.values(), key=lambda silent: (-silent.seconds, silent.device))
