"""What the register of cards says: one card, its history, stock at each place, alarms.

Source: W-123, W-126, W-149.
"""

from typing import Any, NamedTuple

from backend_sync.registers import card_states as states
from backend_sync.registers.cards import COLUMNS, Document, Span, sees
from backend_sync.registers.ranges import Range, put
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import Scope, User
from backend_sync.registers.tables import places
from backend_sync.registers.trail import Trail
from backend_sync.registers.users import demand
from backend_sync.storage.database import Database
from card_layouts.cards.card_number import card_number

LOOKED_AT = 500  # documents at a time


class Count(NamedTuple):
    """How many cards of an authority are in a state at a place."""

    authority: int
    place: str
    state: str
    cards: int


class Alarm(NamedTuple):
    """A place that has fewer cards to hand out than its limit."""

    authority: int
    place: str
    ready: int
    alarm_below: int


def where(database: Database, by: User, authority: int, serial: int) -> tuple[str, str]:
    """Return (state, place) of a card. Raises: Refused when it is in no delivery, or not his."""
    demand(by, "cards.see", Scope(authority, point=by.scope.point))
    rows = database.rows(
        "SELECT state, place, last FROM card_ranges WHERE authority = ? AND first <= ?"
        " ORDER BY first DESC LIMIT 1",
        (authority, serial),
    )
    if not rows or rows[0][2] < serial:
        raise Refused("card {card} is in no delivery", card=card_number(authority, serial))
    if not sees(by, authority, rows[0][1]):
        raise Refused(
            "card {card} is not where {user} sees cards",
            card=card_number(authority, serial),
            user=by.name,
        )
    return (rows[0][0], rows[0][1])


def history(database: Database, by: User, authority: int, serial: int) -> list[Document]:
    """Return every document about a card, in order. Raises: Refused as `where` does."""
    where(database, by, authority, serial)
    rows = database.rows(
        f"SELECT {COLUMNS} FROM card_documents WHERE authority = ? AND first <= ? AND last >= ?"
        " ORDER BY id",
        (authority, serial, serial),
    )
    return [Document(*row) for row in rows]


def documents(database: Database, by: User, before: int, count: int) -> tuple[list[Document], int]:
    """Return (the newest documents numbered below `before`, where to go on or 0), his own ones.

    `before` 0: from the newest on. Of cards that came or went where he sees cards.
    """
    found: list[Document] = []
    below = before or 1 << 53
    while rows := database.rows(
        f"SELECT {COLUMNS} FROM card_documents WHERE id < ? ORDER BY id DESC LIMIT ?",
        (below, LOOKED_AT),
    ):
        for row in rows:
            document = Document(*row)
            if len(found) == count:
                return found, below
            below = document.number
            if _sees_document(by, document):
                found.append(document)
    return found, 0


def is_seen(database: Database, by: User, number: int) -> bool:
    """Say whether there is such a document, and whether `by` may see it."""
    rows = database.rows(f"SELECT {COLUMNS} FROM card_documents WHERE id = ?", (number,))
    return bool(rows) and _sees_document(by, Document(*rows[0]))


def undone(database: Database, found: list[Document]) -> set[int]:
    """Return the numbers of those documents that an undo stands against: one of the same cards."""
    return {
        document.number
        for document in found
        if database.rows(
            "SELECT 1 FROM card_documents WHERE authority = ? AND first = ? AND last = ?"
            " AND undoes = ? LIMIT 1",
            (*document.span, document.number),
        )
    }


def _sees_document(by: User, document: Document) -> bool:
    places = {place for _, place in (document.before, document.after) if place}
    return any(sees(by, document.authority, place) for place in places)


def stock(database: Database, by: User) -> list[Count]:
    """Return how many cards are where, as far as `by` may see it."""
    rows = database.rows(
        "SELECT authority, place, state, sum(last - first + 1) FROM card_ranges"
        " GROUP BY authority, place, state ORDER BY authority, place, state"
    )
    found = [Count(row[0], row[1], row[2], int(row[3])) for row in rows]
    return [row for row in found if sees(by, row.authority, row.place)]


def alarms(database: Database, by: User) -> list[Alarm]:
    """Return the places below their limit, as far as `by` may see them."""
    ready: dict[tuple[int, str], int] = {}
    for row in stock(database, by):
        if row.state in states.READY:
            ready[row.authority, row.place] = ready.get((row.authority, row.place), 0) + row.cards
    rows = database.rows(
        "SELECT authority, name, alarm_below FROM places WHERE alarm_below > 0 ORDER BY 1, 2"
    )
    found = [Alarm(a, name, ready.get((a, name), 0), limit) for a, name, limit in rows]
    return [
        row for row in found if row.ready < row.alarm_below and sees(by, row.authority, row.place)
    ]


def set_place(trail: Trail, by: User, authority: int, name: str, alarm_below: int) -> None:
    """Open a point, or change its reorder limit; 0 = no alarm. Raises: Refused."""
    database = trail.database
    kind, _, point = name.partition(":")
    if name != states.STOCK and (kind != states.POINT or not _is_name(point)):
        raise Refused(
            "place {name!r}: wanted stock, or point:NAME of a-z 0-9 - (at most 34)", name=name
        )
    if alarm_below < 0:
        raise Refused(f"place {name}: limit {alarm_below}, wanted 0 or more cards")
    demand(by, "places.change", Scope(authority, point=point))
    with database.transaction():
        keep_place(trail, by.name, authority, name, alarm_below)


def keep_place(trail: Trail, by: str, authority: int, name: str, alarm_below: int) -> None:
    """Write a place and its trail, inside a transaction."""
    database = trail.database
    rows = database.rows(
        "SELECT alarm_below FROM places WHERE authority = ? AND name = ?", (authority, name)
    )
    before = place_content(authority, name, rows[0][0]) if rows else None
    if rows:
        change = "UPDATE places SET alarm_below = ? WHERE authority = ? AND name = ?"
        database.run(change, [(alarm_below, authority, name)])
    else:
        database.insert(places, [(authority, name, alarm_below)])
    after = place_content(authority, name, alarm_below)
    trail.write(by, "place", place_subject(authority, name), before, after)


def replayed(database: Database, authority: int) -> list[Range]:
    """Return the ranges that the documents of an authority come to, from nothing."""
    found: list[Range] = []
    for row in database.rows(
        f"SELECT {COLUMNS} FROM card_documents WHERE authority = ? ORDER BY id", (authority,)
    ):
        document = Document(*row)
        value = document.after if document.state_after else None
        put(found, document.first, document.last, value)
    return found


def place_subject(authority: int, name: str) -> str:
    return f"place:{authority}:{name}"


def place_content(authority: int, name: str, alarm_below: int) -> dict[str, Any]:
    return {"authority": authority, "name": name, "alarm_below": alarm_below}


def span_of(authority: int, row: Range) -> Span:
    return Span(authority, row[0], row[1])


def _is_name(text: str) -> bool:
    return 0 < len(text) <= 34 and all(c in "abcdefghijklmnopqrstuvwxyz0123456789-" for c in text)
