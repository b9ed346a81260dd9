"""The register of cards: deliveries, moves and states by serial range; each change is a document.

Documents are never changed: what was wrong is put right by the opposite document (`undo`). A range
of a million cards is a row or a few. What is refused changes nothing, of no range of the call.
It must not know to whom a card was handed out. Source: W-96, W-97, W-104, W-123..W-125, W-149,
R-1..R-3, R-12; X-7, X-14; decision D1.
"""

from collections.abc import Sequence
from typing import NamedTuple

from backend_sync.registers import card_states as states
from backend_sync.registers.ranges import Range, first_hole, put, within
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import Scope, User, may
from backend_sync.registers.tables import card_documents, card_ranges
from backend_sync.registers.trail import Trail
from backend_sync.registers.users import demand
from backend_sync.storage.database import Database
from card_layouts.cards.card_number import SERIAL_MAX, card_number

COLUMNS = ", ".join(card_documents.columns.keys())
NO_CARD = ("", "")
_CANNOT_BECOME = "card {card} is {state} at {place}: it cannot become {becomes}"
_CANNOT_GO = "card {card} is {state} at {place}: it cannot go to {to}"
# Documents that stand: neither an undo nor undone.
IN_FORCE = "d.undoes = 0 AND NOT EXISTS (SELECT 1 FROM card_documents u WHERE u.undoes = d.id)"
REASON_MOST = 200
DELIVERY_MOST = (1 << 32) - 1


class Span(NamedTuple):
    """Cards of one authority with serials first..last, both included."""

    authority: int
    first: int
    last: int

    @property
    def card_count(self) -> int:
        return self.last - self.first + 1

    def __str__(self) -> str:
        return f"{card_number(self.authority, self.first)} .. {self.number(self.last)}"

    def number(self, serial: int) -> str:
        """Return the number printed on one of its cards."""
        return str(card_number(self.authority, serial))


class Document(NamedTuple):
    """One change of a range of cards; `made`: s since 2020."""

    number: int
    authority: int
    first: int
    last: int
    act: str
    state_before: str
    place_before: str
    state_after: str
    place_after: str
    delivery: int
    undoes: int
    reason: str
    by: str
    made: int

    @property
    def span(self) -> Span:
        return Span(self.authority, self.first, self.last)

    @property
    def before(self) -> tuple[str, str]:
        return (self.state_before, self.place_before)

    @property
    def after(self) -> tuple[str, str]:
        return (self.state_after, self.place_after)


class Cards:
    """Every public method is one transaction: documents, ranges and trail, or nothing."""

    def __init__(self, database: Database, trail: Trail) -> None:
        self.database = database
        self.trail = trail

    def deliver(
        self, by: User, span: Span, delivery: int, spoilt: Sequence[Span] = (), reason: str = ""
    ) -> list[Document]:
        """Register a delivery as ordered, at the supplier; its `spoilt` cards as damaged.

        Raises: Refused, naming the card, when one of them is in a delivery already.
        """
        demand(by, "cards.deliver", Scope(span.authority))
        with self.database.transaction():
            self._check_span(span)
            if not 1 <= delivery <= DELIVERY_MOST:
                raise Refused(
                    "delivery {delivery}: wanted the supplier's number, 1 to {most}",
                    delivery=delivery,
                    most=DELIVERY_MOST,
                )
            taken = within(self._around(span), span.first, span.last)
            if taken:
                raise Refused("card {card} is in a delivery already", card=span.number(taken[0][0]))
            after = (states.ORDERED, states.SUPPLIER)
            made = [
                self._enter(by, span, states.DELIVER, NO_CARD, after, reason, delivery=delivery)
            ]
            for part in spoilt:
                if not span.first <= part.first <= part.last <= span.last:
                    raise Refused(f"card {part.number(part.last)} is not in delivery {delivery}")
                damaged = (states.DAMAGED, states.SUPPLIER)
                made.append(self._enter(by, part, "damage", after, damaged, "spoilt in the making"))
        return made

    def move(
        self, by: User, spans: Sequence[Span], to: str, source: str = "", reason: str = ""
    ) -> list[Document]:
        """Move ranges of cards to a place, all or none; `source`: where they have to be now.

        Raises: Refused naming the first card that is elsewhere, missing or not movable.
        """
        return self._change(by, spans, "", to, source, reason)

    def become(
        self, by: User, spans: Sequence[Span], state: str, at: str = "", reason: str = ""
    ) -> list[Document]:
        """Let ranges of cards become `state`, all or none; `at`: where, if the place changes.

        Raises: Refused naming the first card that cannot, and what it can become.
        """
        if state not in states.STATES:
            raise Refused(f"state {state!r} is not known; wanted {', '.join(states.STATES)}")
        return self._change(by, spans, state, at, "", reason)

    def undo(self, by: User, number: int, reason: str = "") -> Document:
        """Make the opposite document of one that is the newest for all its cards.

        Raises: Refused when a later document stands for one of them, or it is an undo or undone.
        """
        with self.database.transaction():
            rows = self.database.rows(
                f"SELECT {COLUMNS} FROM card_documents WHERE id = ?", (number,)
            )
            if not rows:
                raise Refused("document {document}: there is none", document=number)
            wrong = Document(*rows[0])
            _demand_at(by, _right_of(wrong), wrong.authority, wrong.place_before, wrong.place_after)
            self._check_standing(wrong)
            return self._enter(
                by, wrong.span, states.UNDO, wrong.after, wrong.before, reason, undoes=number
            )

    def _change(
        self, by: User, spans: Sequence[Span], state: str, to: str, source: str, reason: str
    ) -> list[Document]:
        made = []
        with self.database.transaction():
            for span in spans:
                self._check_span(span)
                if to:
                    self.check_place(span.authority, to)
                before = self._alike(by, span, source)
                act = self._act(span, before, state, to)
                place = _place_after(by, before[1], act, to)
                self.check_place(span.authority, place)
                _demand_at(by, act.right, span.authority, before[1], place)
                after = (act.state_after, place)
                made.append(self._enter(by, span, act.name, before, after, reason))
        return made

    def _alike(self, by: User, span: Span, source: str) -> tuple[str, str]:
        """Return (state, place) that all cards of the span have. Raises: Refused naming one."""
        rows = within(self._around(span), span.first, span.last)
        demand(by, "cards.see", Scope(span.authority, point=by.scope.point))
        hole = first_hole(rows, span.first, span.last)
        if hole is not None:
            raise Refused("card {card} is in no delivery", card=span.number(hole))
        for first, _, (state, place) in rows:
            if not sees(by, span.authority, place):
                raise Refused(
                    "card {card} is not where user {user} sees cards",
                    card=span.number(first),
                    user=by.name,
                )
            if source and place != source:
                raise Refused(
                    "card {card} is {state} at {place}, not at {source}",
                    card=span.number(first),
                    state=state,
                    place=place,
                    source=source,
                )
            if (state, place) != rows[0][2]:
                raise Refused(
                    "card {card} is {state} at {place}, but {other} is {others}; one range is of "
                    "cards that are alike: name the parts",
                    card=span.number(first),
                    state=state,
                    place=place,
                    other=span.number(span.first),
                    others=" at ".join(rows[0][2]),
                )
        state, place = rows[0][2]
        return (state, place)

    def _act(self, span: Span, before: tuple[str, str], state: str, to: str) -> states.Act:
        kind = states.kind_of(before[1])
        act = (
            states.becoming(before[0], kind, state)
            if state
            else states.moving(before[0], kind, states.kind_of(to))
        )
        if act is None or (not state and to == before[1]):
            known = [a for a in states.acts_from(before[0], kind) if a.is_move != bool(state)]
            wanted = ", ".join(a.state_after if state else f"to {a.kind_after}" for a in known)
            found = {"card": span.number(span.first), "state": before[0], "place": before[1]}
            raise Refused(
                f"card {found['card']} is {before[0]} at {before[1]}: it cannot"
                f" {'become ' + state if state else 'go to ' + to}; from there: {wanted or 'none'}"
            ).told_as(_CANNOT_BECOME if state else _CANNOT_GO, **found, becomes=state, to=to)
        return act

    def _enter(
        self,
        by: User,
        span: Span,
        act: str,
        before: tuple[str, str],
        after: tuple[str, str],
        reason: str,
        delivery: int = 0,
        undoes: int = 0,
    ) -> Document:
        if len(reason) > REASON_MOST:
            raise Refused(f"reason: {len(reason)} characters, at most {REASON_MOST}")
        made = Document(
            self.database.next_id(card_documents), *span, act, *before, *after, delivery, undoes,
            reason, by.name, self.trail.clock.utc_seconds(),
        )  # fmt: skip
        self.database.insert(card_documents, [made])
        self._put(span, after)
        self.trail.write(by.name, act, subject_of(made.number), None, made._asdict())
        return made

    def _put(self, span: Span, value: tuple[str, str]) -> None:
        """Let the ranges say that the span is `value`; cards of NO_CARD are in no range."""
        old = self._around(span)
        new = list(old)
        put(new, span.first, span.last, None if value == NO_CARD else value)
        gone = [(span.authority, first) for first, _, _ in old]
        self.database.run("DELETE FROM card_ranges WHERE authority = ? AND first = ?", gone)
        rows = [(span.authority, first, last, *value) for first, last, value in new]
        self.database.insert(card_ranges, rows)

    def _around(self, span: Span) -> list[Range]:
        """Return the ranges that touch the span, its neighbours among them, in order."""
        rows = self.database.rows(
            "SELECT first, last, state, place FROM card_ranges WHERE authority = ? AND first <= ?"
            " AND first >= (SELECT coalesce(max(first), 0) FROM card_ranges"
            " WHERE authority = ? AND first < ?) ORDER BY first",
            (span.authority, span.last + 1, span.authority, span.first),
        )
        return [(f, t, (state, place)) for f, t, state, place in rows if t >= span.first - 1]

    def _check_span(self, span: Span) -> None:
        if not 0 <= span.first <= span.last <= SERIAL_MAX:
            raise Refused(f"cards {span.first} .. {span.last}: the last is before the first")
        self.check_place(span.authority, states.STOCK)

    def check_place(self, authority: int, place: str) -> None:
        """Raise Refused unless this register knows the place and its authority."""
        if place in (states.SUPPLIER, states.CUSTOMER):
            return
        rows = self.database.rows(
            "SELECT name FROM places WHERE authority = ? ORDER BY name", (authority,)
        )
        if not rows:
            raise Refused(
                "authority {authority} has no cards in this register", authority=authority
            )
        names = [row[0] for row in rows]
        if place not in names:
            raise Refused(
                "place {name!r}: authority {authority} has none of that name; it has "
                "{supplier}, {names}",
                name=place,
                authority=authority,
                supplier=states.SUPPLIER,
                names=", ".join(names),
            )

    def _check_standing(self, wrong: Document) -> None:
        if wrong.undoes:
            raise Refused(
                "document {document} is an undo itself; make the change anew", document=wrong.number
            )
        if self.database.rows("SELECT 1 FROM card_documents WHERE undoes = ?", (wrong.number,)):
            raise Refused("document {document} was undone already", document=wrong.number)
        newest = self.database.value(
            f"SELECT max(d.id) FROM card_documents d WHERE d.authority = ?"
            f" AND d.first <= ? AND d.last >= ? AND d.id >= ? AND {IN_FORCE}",
            (wrong.authority, wrong.last, wrong.first, wrong.number),
        )
        if newest != wrong.number:
            raise Refused(
                "document {document}: document {newest} came after it for some of its cards; "
                "undo that one first",
                document=wrong.number,
                newest=newest,
            )


def _place_after(by: User, place: str, act: states.Act, to: str) -> str:
    """Return where cards are after the act. Raises: Refused when nobody said at which point."""
    if act.kind_after != states.kind_of(place) or act.is_move:
        point = f"{states.POINT}:{by.scope.point}" if by.scope.point else ""
        found = to or (point if act.kind_after == states.POINT else act.kind_after)
        if not found:
            raise Refused(f"{act.name}: at which point? name it, point:NAME")
        if states.kind_of(found) != act.kind_after:
            raise Refused(f"{act.name}: it ends at a {act.kind_after}, not at {found}")
        return found
    if to not in ("", place):
        raise Refused(f"{act.name}: the cards stay at {place}; {to} is another place")
    return place


def _demand_at(by: User, right: str, authority: int, *places: str) -> None:
    """Demand a right over cards at places; cards with customers are everybody's of the area."""
    for place in places:
        demand(by, right, scope_at(by, authority, place))


def sees(by: User, authority: int, place: str) -> bool:
    """Say whether a user sees the cards of an authority at a place (W-10)."""
    return may(by, "cards.see", scope_at(by, authority, place))


def scope_at(by: User, authority: int, place: str) -> Scope:
    """Return to whom cards at a place belong; with customers, to whichever point they come to."""
    kind, _, name = place.partition(":")
    return Scope(authority, point=by.scope.point if kind == states.CUSTOMER else name)


def _right_of(document: Document) -> str:
    """Return the right that a document took, and therefore its undo."""
    if document.act == states.DELIVER:
        return "cards.deliver"
    return next((act.right for act in states.ACTS if act.name == document.act), "cards.move")


def subject_of(number: int) -> str:
    return f"document:{number}"
