"""What people call a number: operators, devices and authorities by name, each from a day on.

A name is said by an authority, for itself and those it works with; what was said is never changed.
The newest word for the latest day that has come holds, so what is settled keeps the name of its
time. It must not know what a number did. Source: W-5, W-122, W-128, W-151; decision D1.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import Scope, User
from backend_sync.registers.tables import names
from backend_sync.registers.trail import Trail
from backend_sync.registers.users import AUTHORITY_MOST, OPERATOR_MOST, demand
from backend_sync.storage.database import Database

RIGHT = "names.change"
AUTHORITY, OPERATOR, DEVICE = "authority", "operator", "device"
MOST = {AUTHORITY: AUTHORITY_MOST, OPERATOR: OPERATOR_MOST, DEVICE: (1 << 20) - 1}
COLUMNS = "id, authority, kind, number, name, from_day, by_user, made"
NAME_MOST = 60
DAY_MOST = 20_000  # in the year 2074


class Name(NamedTuple):
    """One name from a day on: days since 2020; `made`: s since 2020."""

    id: int
    authority: int
    kind: str
    number: int
    name: str
    from_day: int
    by: str
    made: int


def name_it(
    trail: Trail, by: User, authority: int, kind: str, number: int, name: str, from_day: int
) -> Name:
    """Say what a number is called from a day on; the same again changes nothing. Raises: Refused.

    A name of another day stays beside it; a name of the same day is replaced by this one.
    """
    database, name = trail.database, " ".join(name.split())
    if kind not in MOST:
        raise Refused(
            "kind {kind!r} is not known; wanted {kinds}", kind=kind, kinds=", ".join(MOST)
        )
    if not 1 <= number <= MOST[kind]:
        raise Refused(
            "{kind} {number}: wanted a number of 1 to {most}",
            kind=kind,
            number=number,
            most=MOST[kind],
        )
    # A name of digits alone could not be told from a number.
    if not (any(map(str.isalpha, name)) and name.isprintable() and len(name) <= NAME_MOST):
        raise Refused(
            "name {name!r}: wanted 1 to {most} characters in one line, with a letter among them",
            name=name[:NAME_MOST],
            most=NAME_MOST,
        )
    if not 0 <= from_day <= DAY_MOST:
        raise Refused("day {day}: wanted one from 2020 to 2074", day=from_day)
    demand(by, RIGHT, Scope(authority))
    with database.transaction():
        if not database.rows("SELECT 1 FROM places WHERE authority = ?", (authority,)):
            raise Refused(f"authority {authority} is not in this register")
        before = [row for row in said(database, authority, kind, [number])
                  if row.from_day == from_day][-1:]  # fmt: skip
        if before and before[0].name == name:
            return before[0]
        made = Name(database.next_id(names), authority, kind, number, name, from_day, by.name,
                    trail.clock.utc_seconds())  # fmt: skip
        database.insert(names, [made])
        trail.write(by.name, "name", subject_of(made.id), None, content_of(made))
    return made


def said(database: Database, authority: int, kind: str, numbers: Iterable[int]) -> list[Name]:
    """Return what an authority ever called these numbers, in the order in which it holds."""
    rows = database.rows_in(
        f"SELECT {COLUMNS} FROM names WHERE authority = {int(authority)} AND kind = '{_kind(kind)}'"
        " AND number IN {}",
        sorted(set(numbers)),
    )
    return sorted((Name(*row) for row in rows), key=_order)


def every_name(database: Database, authority: int) -> list[Name]:
    """Return every name that an authority gave, by kind, number and day; replaced ones left out."""
    rows = database.rows(f"SELECT {COLUMNS} FROM names WHERE authority = ?", (authority,))
    found = {row[2:4] + row[5:6]: row for row in sorted((Name(*row) for row in rows), key=_order)}
    return sorted(found.values(), key=lambda row: (row.kind, row.number, row.from_day))


def holding(found: Iterable[Name], day: int) -> dict[int, str]:
    """Return {number: name} of a day out of what `said` returned."""
    return {row.number: row.name for row in found if row.from_day <= day}


def subject_of(number: int) -> str:
    return f"name:{number}"


def content_of(name: Name) -> dict[str, Any]:
    return name._asdict()


def _order(row: Name) -> tuple[int, int]:
    return (row.from_day, row.id)


def _kind(kind: str) -> str:
    assert kind in MOST, kind
    return kind
