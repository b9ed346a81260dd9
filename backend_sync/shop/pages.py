"""The pages of the shop, with the mark of each: who may open it.

PUBLIC: everybody. CARD: who has proved that he has a card. SIGNED: the words carry the payment
provider's signature. A page without a mark cannot be added (`app.py`). No address names a card.
"""

import json
import re
from typing import Any

from fastapi import Form as Field
from fastapi import Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from backend_sync.actions.desk import ActionRefused
from backend_sync.actions.states import WAITING
from backend_sync.catalogue import every_tariff
from backend_sync.office import accounts
from backend_sync.office.money import cents_of
from backend_sync.office.pages.frame import LANGUAGE_COOKIE
from backend_sync.office.words import LANGUAGES
from backend_sync.sales.web_orders import LOAD, Wanted
from backend_sync.shop import my_card
from backend_sync.shop.faults import FAULTS, words_of
from backend_sync.shop.frame import HERE, Frame
from backend_sync.shop.goods import KEY, NotSold, Shelf, judge, shelf_of, wanted_of
from backend_sync.shop.orders import BACK, READY, UNPAID, Ordered
from backend_sync.shop.payment import NOTIFY, RETURN, Forged, Told
from backend_sync.shop.visits import TooOften
from backend_sync.storage.database import Database

PUBLIC, CARD, SIGNED = "public", "card", "signed"
HOME = "/shop/card"
YEAR_S = 365 * 86_400
COMMIT_MOST = 10**15
OWN_PATH = re.compile(r"/shop(?:/[A-Za-z0-9_-]+)*")
SEE_OTHER, BODY_MOST = 303, 4096


class Pages:
    """Reads forms, asks one service, shows what came."""

    ROUTES = (
        ("GET", "/shop", PUBLIC, "home"),
        ("GET", "/shop/shop.css", PUBLIC, "css"),
        ("GET", "/shop/card", PUBLIC, "card"),
        ("POST", "/shop/card", PUBLIC, "prove"),
        ("POST", "/shop/language", PUBLIC, "language"),
        ("POST", "/shop/done", PUBLIC, "done"),
        ("GET", "/shop/taps/{commit}", CARD, "tap"),
        ("GET", "/shop/buy", CARD, "buy"),
        ("POST", "/shop/orders", CARD, "order"),
        ("GET", "/shop/orders/{ref}", CARD, "show"),
        ("POST", "/shop/orders/{ref}/cancel", CARD, "cancel"),
        ("GET", "/shop/orders/{ref}/slip", CARD, "slip"),
        ("GET", RETURN, SIGNED, "returned"),
        ("POST", NOTIFY, SIGNED, "told"),
    )

    def __init__(self, frame: Frame) -> None:
        self.frame = frame
        self.place, self.clock, self.orders = frame.place, frame.clock, frame.orders
        office = HERE.parent / "office" / "static" / "office.css"
        own = HERE / "static" / "shop.css"
        self.style = office.read_text(encoding="utf-8") + own.read_text(encoding="utf-8")

    # --- the door ---

    def home(self) -> Response:
        return lead_to(HOME)

    def css(self) -> Response:
        return Response(self.style, media_type="text/css")

    def prove(self, request: Request, code: str = Field(max_length=64)) -> Response:
        """Begin a visit with a code. All refusals read alike."""
        try:
            token = self.frame.visits.begin(code, where(request))
        except TooOften:
            return self._door(request, "shop_too_often", 429)
        if token is None:
            return self._door(request, "shop_wrong_code", 403)
        self.frame.visits.end(self.frame.token(request))
        answer = lead_to(HOME)
        # Lax: who comes back from the payment page still has his card.
        answer.set_cookie(self.frame.cookie, token, path="/", httponly=True,
                          secure=self.frame.parts.secure, samesite="lax")  # fmt: skip
        return answer

    def done(self, request: Request) -> Response:
        self.frame.visits.end(self.frame.token(request))
        answer = lead_to(HOME)
        answer.delete_cookie(self.frame.cookie, path="/", httponly=True,
                             secure=self.frame.parts.secure, samesite="lax")  # fmt: skip
        return answer

    def language(
        self, language: str = Field(max_length=8), back: str = Field(HOME, max_length=200)
    ) -> Response:
        """Remember a language in this browser; one that is not there changes nothing."""
        answer = lead_to(back if OWN_PATH.fullmatch(back) else HOME)
        if language in LANGUAGES:
            answer.set_cookie(LANGUAGE_COOKIE, language, max_age=YEAR_S, path="/", httponly=True,
                              secure=self.frame.parts.secure, samesite="lax")  # fmt: skip
        return answer

    def _door(self, request: Request, said: str = "", status: int = 200) -> Response:
        return self.frame.shown(request, "shop_door.html", status, said=said)

    # --- my card ---

    def card(self, request: Request, before: int = Query(0, ge=0, lt=COMMIT_MOST)) -> Response:
        """Show the card of this visit; without one, ask for a code."""
        card = request.state.card
        if card is None:
            return self._door(request)
        self._finish(request)
        with self.place.books() as database:
            found = my_card.known(database, card)
            rides, older = my_card.taps(database, card, before)
        bought = self.orders.by_action(card)
        own = [one for one in self.orders.of(card) if one.state in (UNPAID, READY, BACK)]
        return self.frame.shown(
            request, "shop_card.html", area=found.account.issuer, found=found, older=older,
            rides=[(ride, self._names(ride)) for ride in rides], bought=bought,
            own=[(one, self._state(one)) for one in own],
            rights=[(one, self._names_of_right(one)) for one in found.rights],
        )  # fmt: skip

    def tap(self, request: Request, commit: int) -> Response:
        """Show one tap by itself, to be printed."""
        if not 0 < commit < COMMIT_MOST:
            return self.frame.message(request, "no_page", 404)
        with self.place.books() as database:
            issuer = accounts.account(database, request.state.card).issuer
            rides, _ = my_card.taps(database, request.state.card, commit)
        if not rides:
            return self.frame.message(request, "no_page", 404)
        return self.frame.shown(request, "shop_tap.html", area=issuer, ride=rides[0],
                                names=self._names(rides[0]))  # fmt: skip

    # --- buying ---

    def buy(self, request: Request) -> Response:
        return self._form(request, "", self.frame.form_key())

    def order(
        self,
        request: Request,
        key: str = Field(max_length=64),
        what: str = Field(max_length=64),
        euros: str = Field("", max_length=16),
    ) -> Response:
        """Keep an order, unpaid, and lead to it: a page that can be loaded again."""
        card, payments = request.state.card, self.frame.payments
        try:
            if payments is None:
                raise NotSold("payment")
            with self.place.books() as database:
                area, asked, good = self._asked(database, card, what, euros)
            made = self.orders.place_order(area, asked, good, key, payments.minutes)
        except NotSold as error:
            return self._form(request, error.why, self.frame.form_key(), euros)
        return lead_to(f"/shop/orders/{made.ref}")

    def show(self, request: Request, ref: str) -> Response:
        """Show an order of this card; others are no other than missing ones."""
        order = self.orders.find(ref, request.state.card)
        if order is None:
            return self.frame.message(request, "no_page", 404)
        return self._order(request, order)

    def cancel(self, request: Request, ref: str) -> Response:
        order = self.orders.find(ref, request.state.card)
        if order is None:
            return self.frame.message(request, "no_page", 404)
        try:
            self.orders.cancel(order)
        except ActionRefused:
            return self._order(request, order, "shop_too_late", 409)
        return lead_to(f"/shop/orders/{ref}")

    def slip(self, request: Request, ref: str) -> Response:
        """Show what was paid, to be printed; there is none before."""
        order = self.orders.find(ref, request.state.card)
        if order is None or not order.number:
            return self.frame.message(request, "no_page", 404)
        return self.frame.shown(request, "shop_slip.html", area=order.area, order=order,
                                authority=self.frame.authority(order.area))  # fmt: skip

    # --- payments ---

    def returned(self, request: Request) -> Response:
        """Take the word that a browser brings back from the payment page."""
        fields = dict(request.query_params.multi_items())
        said = self._read(request, fields) if len(request.query_params.multi_items()) < 20 else None
        if said is None:
            return self.frame.message(request, "shop_forged", 400)
        self.orders.told(said)
        self._finish(request)
        order = self.orders.find(said.ref)
        if order is None:
            return self.frame.message(request, "no_page", 404)
        if request.state.card == order.card:
            return lead_to(f"/shop/orders/{order.ref}")
        return self.frame.shown(request, "shop_returned.html", area=order.area, order=order,
                                state=self._state(order), owed=self._owed(order))  # fmt: skip

    async def told(self, request: Request) -> Response:
        """Take the provider's own word; he repeats it until he gets 200."""
        body = await request.body()
        try:
            fields = json.loads(body) if len(body) <= BODY_MOST else None
        except (ValueError, RecursionError):  # the last: brackets in brackets in brackets
            fields = None
        return await run_in_threadpool(self._told, request, fields)

    def _told(self, request: Request, fields: Any) -> Response:
        said = self._read(request, fields) if isinstance(fields, dict) else None
        if said is None:
            return JSONResponse({"taken": False}, 400)
        self.orders.told(said)
        self._finish(request)  # what was told is kept: if books are busy, the next page orders
        return JSONResponse({"taken": True})

    def _read(self, request: Request, fields: dict[str, Any]) -> Told | None:
        if self.frame.payments is None:
            return None
        try:
            return self.frame.payments.read(fields)
        except Forged as error:
            request.state.fault = f"payment refused: {error}"
            return None

    # --- what several of them need ---

    def _form(self, request: Request, why: str, key: str, euros: str = "") -> Response:
        """Show what is for sale, after a refusal why not."""
        card, shelf = request.state.card, None
        with self.place.books() as database:
            issuer = accounts.account(database, card).issuer
            try:
                shelf = self._shelf(database, card)
            except NotSold as error:
                why = why or error.why
        if self.frame.payments is None:
            why = "payment"
        return self.frame.shown(
            request, "shop_buy.html", 409 if why else 200, area=issuer, why=why, key=key,
            shelf=shelf, euros=euros,
        )  # fmt: skip

    def _shelf(self, database: Database, card: int) -> Shelf:
        """Return what is for sale for a card that may be sold anything at all."""
        tariffs, now = every_tariff(self.place.tariffs), self.clock.utc_seconds()
        shelf = shelf_of(database, tariffs, card, now)
        if shelf.loads is not None:
            try:
                judge(database, tariffs, Wanted(KEY, card, LOAD, shelf.loads.least, 1), now)
            except NotSold as error:
                if error.why not in ("balance", "amount"):
                    raise
        return shelf

    def _asked(
        self, database: Database, card: int, what: str, euros: str
    ) -> tuple[int, Wanted, Any]:
        """Return (issuer, what goes into the order, the product or None). Raises: NotSold."""
        tariffs, now = every_tariff(self.place.tariffs), self.clock.utc_seconds()
        issuer = accounts.account(database, card).issuer
        name, _, seen = what.partition(":")
        try:
            cents = cents_of(euros) if name == LOAD else int(seen[:9] or "0")
        except ValueError:
            raise NotSold("amount") from None
        asked, good = wanted_of(shelf_of(database, tariffs, card, now), card, name, cents)
        judge(database, tariffs, asked, now)
        return issuer, asked, good

    def _order(
        self, request: Request, order: Ordered, said: str = "", status: int = 200
    ) -> Response:
        is_ordered = self._finish(request) or order.state != READY
        order = self.orders.find(order.ref) or order
        way, link = None, ""
        if order.action:
            with self.place.books() as database:
                way = my_card.one_order(database, order.card, order.action)
        state = self._state(order)
        if state == UNPAID and self.frame.payments is not None:
            link = self.frame.payments.link(order.ref, order.cents, order.ends,
                                            self.frame.language(request))  # fmt: skip
        return self.frame.shown(
            request, "shop_order.html", status, area=order.area, order=order, way=way, link=link,
            state=state, said=said, is_busy=not is_ordered, owed=self._owed(order),
            may_cancel=state == UNPAID or (way is not None and way.state in WAITING),
        )  # fmt: skip

    def _state(self, order: Ordered) -> str:
        return "over" if self.orders.is_over(order) else order.state

    def _owed(self, order: Ordered) -> int:
        """Return the cents that go back beside what the page says of an order's own payment."""
        return 0 if order.state == BACK else self.orders.owed(order.ref)

    def _finish(self, request: Request) -> bool:
        """Order what is paid, here too: what a process left undone is done by the next page."""
        try:
            self.orders.finish()
        except FAULTS as error:
            request.state.fault = f"paid orders wait: {words_of(error)}"
            return False
        return True

    def _names(self, ride: Any) -> Any:
        return self.frame.names.of(ride) if ride.rule is not None else None

    def _names_of_right(self, right: my_card.Right) -> tuple[str, str]:
        """Return (product, zones) by their names in the tariff of now."""
        tariff = self.frame.tariff(right.authority)
        as_ride = accounts.Ride(
            *(0,) * 4, right.authority, 0, right.product, 0, 0, right.zones, 0, 0, "", 0, 0, 0,
            tariff.version if tariff else 0, None,
        )  # fmt: skip
        name, _, zones = self.frame.names.of(as_ride)
        return name, zones


def lead_to(path: str) -> RedirectResponse:
    """Return an answer that leads to a page which can be loaded again and does nothing."""
    return RedirectResponse(path, SEE_OTHER)


def where(request: Request) -> str:
    """Return where a request comes from, as far as this process can see."""
    return request.client.host if request.client else "nowhere"
