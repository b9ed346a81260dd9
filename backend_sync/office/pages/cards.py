"""Cards: an account with its charges and why, and what the register of cards says of a card.

The two know different names of a card and are never brought together here (D11): an account number
shows money and no place, a printed number a place and no money. A printed number stands in no
address and on no page.
"""

from typing import Any

from fastapi import Form as Field
from fastapi import Query, Request
from fastapi.responses import Response

from backend_sync.ledger import listing
from backend_sync.ledger.listing import Agreement, ListingError, Policy
from backend_sync.office import accounts
from backend_sync.office.pages.frame import Frame, Subject, lead_to, user_of
from backend_sync.registers import card_states, card_views
from backend_sync.registers.approvals import RegisterApprovals
from backend_sync.registers.cards import Span, scope_at
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import User, may
from card_layouts.cards.card_number import parse_card_number
from card_layouts.errors import LayoutError

REPORTS, BLOCKS = ("lose", "find", "damage"), ("block", "unblock")
NUMBER_MOST = 10**15


class Cards(Subject):
    ROUTES = (
        ("GET", "/cards", "cards.see", "find"),
        ("GET", "/cards/accounts/{card}", "cards.see", "account"),
        ("POST", "/cards/accounts/{card}/code", "cards.serve", "code"),
        ("POST", "/cards/accounts/{card}/refuse", "hotlist.propose", "refuse"),
        ("POST", "/cards/accounts/{card}/allow", "hotlist.propose", "allow"),
        ("POST", "/cards/register", "cards.see", "look_up"),
        ("POST", "/cards/register/report", "cards.report", "report"),
        ("POST", "/cards/register/block", "cards.block", "block"),
    )
    MENU = (("cards.see", "/cards", "cards"),)

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.registers = frame.parts.registers
        self.names = accounts.Names(frame.place.tariffs)

    def find(self, request: Request, account: str = Query("", max_length=32)) -> Response:
        """Show the two forms; an account number leads to its account."""
        if not account:
            return self._find(request)
        with self.place.books() as database:
            card = accounts.own_card(database, user_of(request), "cards.see", account)
        if card is None:
            return self._find(request, "card_not_there", 404)
        return lead_to(f"/cards/accounts/{card}")

    def account(
        self, request: Request, card: str, before: int = Query(0, ge=0, le=NUMBER_MOST)
    ) -> Response:
        return self._account(request, card, before, "")

    def code(self, request: Request, card: str) -> Response:
        """Show a code for the passenger whose card lies on the reader, for the web shop."""
        user, codes = user_of(request), self.frame.parts.codes
        with self.place.books() as database:
            own = accounts.own_card(database, user, "cards.serve", card)
        if own is None or codes is None:
            return self.frame.message(request, "no_page", 404)
        return self.frame.shown(request, "code.html", code=codes.give(own, user.name), card=own)

    def refuse(self, request: Request, card: str) -> Response:
        """Put a card on the hotlist: validators refuse it and write the block on it."""
        return self._decide(request, card, listing.LISTED)

    def allow(self, request: Request, card: str) -> Response:
        """Take a card off the hotlist."""
        return self._decide(request, card, listing.UNLISTED)

    def look_up(self, request: Request, number: str = Field(max_length=32)) -> Response:
        return self._card(request, number, "")

    def report(
        self,
        request: Request,
        number: str = Field(max_length=32),
        act: str = Field(max_length=16),
        reason: str = Field("", max_length=200),
    ) -> Response:
        """Say that a card is lost, found or damaged."""
        return self._act(request, number, act if act in REPORTS else "", reason)

    def block(
        self,
        request: Request,
        number: str = Field(max_length=32),
        act: str = Field(max_length=16),
        reason: str = Field("", max_length=200),
    ) -> Response:
        """Say in the register that a card is blocked, or no longer."""
        return self._act(request, number, act if act in BLOCKS else "", reason)

    def _find(self, request: Request, said: str = "", status: int = 200) -> Response:
        return self.frame.shown(request, "cards.html", status, said=said)

    def _account(self, request: Request, wanted: str, before: int, refused: str) -> Response:
        """Show an account; its rides and why they cost what they cost to who may see usage."""
        user = user_of(request)
        sees_usage = may(user, "usage.see", user.scope)
        with self.place.books() as database:
            card = accounts.own_card(database, user, "cards.see", wanted)
            if card is None:
                return self.frame.message(request, "no_page", 404)
            found = accounts.account(database, card)
            actions = accounts.actions_of(database, card)
            start = (before or found.newest) if sees_usage else None
            rides, older = accounts.rides_of(database, user.scope, card, start)
        told = [(ride, self.names.of(ride) if ride.rule is not None else None) for ride in rides]
        return self.frame.shown(
            request, "account.html", 409 if refused else 200, found=found, actions=actions,
            rides=told, older=older, sees_usage=sees_usage, refused=refused,
            may_list="hotlist.propose" in user.rights,
            may_serve="cards.serve" in user.rights and self.frame.parts.codes is not None,
        )  # fmt: skip

    def _decide(self, request: Request, wanted: str, decision: str) -> Response:
        """Keep a decision about one card and publish the hotlist, as `ledger hotlist` does."""
        user = user_of(request)
        with self.place.books() as database:
            card = accounts.own_card(database, user, "hotlist.propose", wanted)
        if card is None:
            return self.frame.message(request, "no_page", 404)
        agreement = Agreement(
            RegisterApprovals(self.registers.proposals, user, user.scope.authority)
        )
        try:
            with self.place.ledger(self.clock, user.scope.authority) as ledger:
                with ledger.books() as books:
                    listed = accounts.account(books.database, card).listed
                    if bool(listed) == (decision == listing.LISTED):
                        return lead_to(f"/cards/accounts/{card}")  # the same form sent twice
                    chosen = [listing.by_person(books.database, card, listing.BLOCK)]
                    listing.decide(books, Policy(), chosen, decision, user.name, agreement)
                listing.publish(ledger.database, self.place.tariffs)
        except (ListingError, Refused) as error:
            return self._account(request, wanted, 0, self.frame.refusal(request, error))
        return lead_to(f"/cards/accounts/{card}")

    def _act(self, request: Request, number: str, act: str, reason: str) -> Response:
        """Let the register's card become what the act says; the register says what it takes."""
        user, span = user_of(request), _span(number)
        if span is None:
            return self._card(request, number, "")
        try:
            state, place = self._where(user, span)
            acts = card_states.acts_from(state, card_states.kind_of(place))
            after = [one.state_after for one in acts if one.name == act]
            if not after:
                raise Refused(
                    "{act}: not possible for a card that is {state}", act=act or "this", state=state
                )
            self.registers.cards.become(user, [span], after[0], reason=reason)
        except Refused as error:
            said, typed = self.frame.refusal(request, error), span.number(span.first)
            said = said.replace(f"card {typed}", "the card").replace(f" {typed}", "")  # on no page
            return self._card(request, number, said)
        return self._card(request, number, "", done=True)

    def _card(self, request: Request, number: str, refused: str, done: bool = False) -> Response:
        user, span = user_of(request), _span(number)
        try:
            if span is None:
                raise Refused("no number")
            state, place = self._where(user, span)
            authority, serial = span.authority, span.first
            history = card_views.history(self.registers.database, user, authority, serial)
        except Refused:
            return self._find(request, "card_not_there", 404)
        acts = {act.name for act in card_states.acts_from(state, card_states.kind_of(place))
                if may(user, act.right, scope_at(user, span.authority, place))}  # fmt: skip
        forms = [(path, [act for act in names if act in acts])
                 for path, names in (("report", REPORTS), ("block", BLOCKS))]  # fmt: skip
        values: dict[str, Any] = {"state": state, "place": place, "history": history[::-1]}
        return self.frame.shown(
            request, "card.html", 409 if refused else 200, number=number, refused=refused,
            done=done, forms=[(path, names) for path, names in forms if names], **values,
        )  # fmt: skip

    def _where(self, user: User, span: Span) -> tuple[str, str]:
        database = self.registers.database
        return card_views.where(database, user, span.authority, span.first)


def _span(number: str) -> Span | None:
    """Return the card of a printed number, None when it is no number of ours."""
    try:
        authority, serial = parse_card_number(number.strip())
    except LayoutError:
        return None
    return Span(authority, serial, serial)
