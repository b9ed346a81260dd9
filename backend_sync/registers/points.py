"""Sales and service points: who serves there, and which authority has nobody who does.

A point is a place of cards at which people with a point's role work, the authority's own or a
company's that it pays for it. Every area has a service point (W-100).
Source: W-26, W-100, W-105.
"""

from typing import NamedTuple

from backend_sync.registers import card_states as states
from backend_sync.registers.card_views import stock
from backend_sync.registers.cards import sees
from backend_sync.registers.rights import User
from backend_sync.storage.database import Database

SERVICE, SALES = "service point", "sales point"


class Point(NamedTuple):
    """A point: how many people can sign in there, and how many cards they can hand out."""

    authority: int
    place: str
    service: int
    sales: int
    ready: int


def points(database: Database, by: User) -> list[Point]:
    """Return the points that `by` may see, by authority and name."""
    ready: dict[tuple[int, str], int] = {}
    for row in stock(database, by):
        if row.state in states.READY:
            ready[row.authority, row.place] = ready.get((row.authority, row.place), 0) + row.cards
    staff = {
        (row[0], row[1], f"{states.POINT}:{row[2]}"): int(row[3])
        for row in database.rows(
            "SELECT role, authority, point, count(*) FROM users WHERE disabled = 0"
            " GROUP BY role, authority, point"
        )
    }
    return [
        Point(
            authority,
            name,
            staff.get((SERVICE, authority, name), 0),
            staff.get((SALES, authority, name), 0),
            ready.get((authority, name), 0),
        )
        for authority, name in database.rows("SELECT authority, name FROM places ORDER BY 1, 2")
        if states.kind_of(name) == states.POINT and sees(by, authority, name)
    ]


def unserved(database: Database, by: User) -> list[int]:
    """Return the authorities, as far as `by` sees all of theirs, without a service point."""
    every = [row[0] for row in database.rows("SELECT DISTINCT authority FROM places ORDER BY 1")]
    served = {row.authority for row in points(database, by) if row.service}
    return [number for number in every if number not in served and sees(by, number, states.STOCK)]
