"""Stock: cards where they are, deliveries and moves by range, reorder limits, documents and undo.

Each form makes documents of the register and leads to them. Printed numbers are typed, and stand in
no address and on no page (D11): a document shows how many cards it moved. Source: W-97, W-104,
W-125, W-126, R-12; X-7.
"""

from collections.abc import Callable, Sequence

from fastapi import Form as Field
from fastapi import Query, Request
from fastapi.responses import Response

from backend_sync.office.pages.forms import NOTHING, Told, WrongField, read
from backend_sync.office.pages.frame import Frame, Subject, lead_to, user_of
from backend_sync.registers import card_states, card_views, points
from backend_sync.registers.cards import DELIVERY_MOST, Document
from backend_sync.registers.deliveries import read_span
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import User

AT_ONCE = 50
NUMBER_MOST = 10**15
CHANGES = "cards.move|cards.deliver|cards.serve|cards.report|cards.block|cards.kill"


class Stock(Subject):
    ROUTES = (
        ("GET", "/stock", "cards.see", "show"),
        ("POST", "/stock/deliver", "cards.deliver", "deliver"),
        ("POST", "/stock/move", "cards.move", "move"),
        ("POST", "/stock/place", "places.change", "set_place"),
        ("GET", "/stock/documents", "cards.see", "documents"),
        ("POST", "/stock/documents/{number}/undo", CHANGES, "undo"),
    )
    MENU = (("cards.see", "/stock", "stock"),)

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.registers = frame.parts.registers

    def show(self, request: Request) -> Response:
        return self._show(request, NOTHING)

    def deliver(
        self,
        request: Request,
        range: str = Field(max_length=80),
        delivery: str = Field(max_length=12),
        reason: str = Field("", max_length=200),
    ) -> Response:
        """Register a delivery of the supplier: ordered, and still at his place."""

        def act(by: User) -> Sequence[Document]:
            span = read("range", lambda: read_span(range))
            number = read("delivery", lambda: _number(delivery, DELIVERY_MOST))
            return self.registers.cards.deliver(by, span, number, reason=reason)

        return self._change(request, "deliver", act,
                            {"range": range, "delivery": delivery, "reason": reason})  # fmt: skip

    def move(
        self,
        request: Request,
        range: str = Field(max_length=80),
        source: str = Field("", max_length=40),
        to: str = Field(max_length=40),
        reason: str = Field("", max_length=200),
    ) -> Response:
        """Move a range of cards from where it has to be to another place."""

        def act(by: User) -> Sequence[Document]:
            span = read("range", lambda: read_span(range))
            read("to", lambda: self.registers.cards.check_place(span.authority, to))
            return self.registers.cards.move(by, [span], to, source, reason)

        return self._change(
            request, "move", act,
            {"range": range, "source": source, "to": to, "reason": reason},
        )  # fmt: skip

    def set_place(
        self,
        request: Request,
        name: str = Field(max_length=40),
        alarm_below: str = Field(max_length=12),
    ) -> Response:
        """Open a point, or set from how few cards on a place is to be ordered for."""
        user, typed = user_of(request), {"name": name, "alarm_below": alarm_below}
        point = name.strip().lower()
        place = point if point == card_states.STOCK else f"{card_states.POINT}:{point}"
        try:
            limit = read("alarm_below", lambda: _number(alarm_below, 10**7))
            read("name", lambda: card_views.set_place(
                self.registers.trail, user, user.scope.authority, place, limit))  # fmt: skip
        except WrongField as error:
            said = self.frame.refusal(request, error.why)
            return self._show(request, Told("place", error.field, said, typed))
        return lead_to("/stock")

    def documents(
        self,
        request: Request,
        before: int = Query(0, ge=0, le=NUMBER_MOST),
        made: int = Query(0, ge=0, le=NUMBER_MOST),
    ) -> Response:
        return self._documents(request, before, made, "")

    def undo(
        self, request: Request, number: int, reason: str = Field("", max_length=200)
    ) -> Response:
        """Make the opposite document of one that is the newest for all its cards."""
        user = user_of(request)
        if not 0 < number <= NUMBER_MOST or not card_views.is_seen(
            self.registers.database, user, number
        ):
            return self.frame.message(request, "no_page", 404)
        try:
            made = self.registers.cards.undo(user, number, reason)
        except Refused as error:
            return self._documents(request, 0, 0, self.frame.refusal(request, error))
        return lead_to(f"/stock/documents?made={made.number}")

    def _change(
        self,
        request: Request,
        form: str,
        act: Callable[[User], Sequence[Document]],
        typed: dict[str, str],
    ) -> Response:
        """Do what a form says; lead to the document, or show the form with what was wrong."""
        try:
            made = act(user_of(request))
        except WrongField as error:
            said = self.frame.refusal(request, error.why)
            return self._show(request, Told(form, error.field, said, typed))
        except Refused as error:
            return self._show(request, Told(form, "", self.frame.refusal(request, error), typed))
        return lead_to(f"/stock/documents?made={made[0].number}")

    def _show(self, request: Request, told: Told) -> Response:
        user, database = user_of(request), self.registers.database
        found = points.points(database, user)
        places = [card_states.SUPPLIER, card_states.STOCK, *sorted({one.place for one in found})]
        return self.frame.shown(
            request, "stock.html", 409 if told.said else 200, told=told, places=places,
            counts=card_views.stock(database, user), alarms=card_views.alarms(database, user),
            points=found, may={right for right in user.rights if user.scope.authority
                               or right != "places.change"},
        )  # fmt: skip

    def _documents(self, request: Request, before: int, made: int, refused: str) -> Response:
        user, database = user_of(request), self.registers.database
        found, older = card_views.documents(database, user, before, AT_ONCE)
        return self.frame.shown(
            request, "documents.html", 409 if refused else 200, found=found, older=older,
            made=made, refused=refused, undone=card_views.undone(database, found),
            may_undo=any(right in user.rights for right in CHANGES.split("|")),
        )  # fmt: skip


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and int(text[:12]) <= most):
        raise Refused("{text!r}: wanted a number of at most {most}", text=text[:20], most=most)
    return int(text)
