"""The pages: each reads its form, asks one service, and shows what came. No rule lives here."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import Form as Field
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from backend_sync.ledger.place import Place
from backend_sync.office import today
from backend_sync.office.gate import Gate, Visit
from backend_sync.office.selling import (
    Form,
    SalesPoint,
    choices,
    euros,
    last_shift,
    last_slips,
    load_limits,
    slip_of,
)
from backend_sync.office.tills import NUMBER_MOST, Tills
from backend_sync.office.words import TEXTS
from backend_sync.ports import Clock
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import User
from backend_sync.sales.counter import SaleRefused

HERE = Path(__file__).parent
KEY_BYTES = 16
SEE_OTHER = 303


class Pages:
    """All pages of one ledger; `random_bytes` gives the keys of forms."""

    def __init__(
        self,
        place: Place,
        gate: Gate,
        tills: Tills,
        clock: Clock,
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.place = place
        self.gate = gate
        self.tills = tills
        self.clock = clock
        self.random_bytes = random_bytes
        self.sales_point = SalesPoint(place, clock)
        self.templates = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self.templates.filters["euros"] = euros
        self.style = (HERE / "static" / "office.css").read_text(encoding="utf-8")

    def css(self) -> Response:
        return Response(self.style, media_type="text/css")

    def home(self, request: Request) -> Response:
        """Lead to the first page that this user may see."""
        user = _visit(request).user
        for right, path in (("usage.see", "/today"), ("sales.make", "/sell")):
            if right in user.rights:
                return RedirectResponse(path, SEE_OTHER)
        return self.shown(request, "message.html", said="nothing_here")

    def sign_in_form(self, request: Request) -> Response:
        if request.state.visit is not None:
            return RedirectResponse("/", SEE_OTHER)
        return self.shown(request, "sign_in.html", wrong=False, name="")

    def sign_in(
        self,
        request: Request,
        name: str = Field(max_length=64),
        secret: str = Field(max_length=200),
    ) -> Response:
        """Begin a session. All refusals read alike: nobody learns which names there are."""
        try:
            token = self.gate.sign_in(name, secret)
        except Refused:
            return self.shown(request, "sign_in.html", 403, wrong=True, name=name)
        if request.state.visit is not None:
            self.gate.sessions.end(request.state.visit.token)
        answer = RedirectResponse("/", SEE_OTHER)
        answer.set_cookie(self.gate.cookie, token, path="/", httponly=True,
                          secure=self.gate.secure, samesite="strict")  # fmt: skip
        return answer

    def sign_out(self, request: Request) -> Response:
        self.gate.sessions.end(_visit(request).token)
        answer = RedirectResponse("/sign-in", SEE_OTHER)
        answer.delete_cookie(self.gate.cookie, path="/", httponly=True,
                             secure=self.gate.secure, samesite="strict")  # fmt: skip
        return answer

    def today(self, request: Request) -> Response:
        """Show today's picture; what counters sold is the authority's, no operator's."""
        user, now = _visit(request).user, self.clock.utc_seconds()
        sees_sales = "sales.see" in user.rights and not user.scope.operator
        with self.place.books() as database:
            found = today.picture(database, user.scope, now)
            sold = []
            if sees_sales:
                since = now - today.DAY_S
                sold = today.slips_since(database, user.scope.authority, since)
        return self.shown(request, "today.html", found=found, sold=sold, sees_sales=sees_sales)

    def sell_form(self, request: Request) -> Response:
        return self._sell_form(request, "", None)

    def sell(
        self,
        request: Request,
        key: str = Field(max_length=64),
        card: str = Field(max_length=64),
        what: str = Field(max_length=64),
        euros: str = Field("", max_length=16),
        paid: str = Field(max_length=8),
        shift: str = Field(max_length=9),
    ) -> Response:
        """Sell, then lead to the slip: a page that can be loaded again and sells nothing."""
        user = _visit(request).user
        till = self.tills.of(user)
        if till is None:
            return self._sell_form(request, "", None)
        name, _, seen = what.partition(":")
        form = Form(key, card, name, euros, seen, paid, shift)
        try:
            slip = self.sales_point.sell(user, till, form)
        except (SaleRefused, Refused) as error:
            return self._sell_form(request, str(error), form)
        return RedirectResponse(f"/slips/{slip.device}/{slip.place}", SEE_OTHER)

    def slip(self, request: Request, device: int, place: int) -> Response:
        """Show a slip of the user's own point; others are no other than missing ones."""
        till = self.tills.of(_visit(request).user)
        with self.place.books() as database:
            own = till is not None and till.device == device and 0 < place <= NUMBER_MOST
            slip = slip_of(database, device, place) if own else None
        if slip is None:
            return self.shown(request, "message.html", 404, said="no_page")
        return self.shown(request, "slip.html", slip=slip)

    def _sell_form(self, request: Request, refused: str, form: Form | None) -> Response:
        """Show the form, after a refusal with what was written and the same key."""
        user = _visit(request).user
        till, offer = self.tills.of(user), self.sales_point.offer(user.scope.authority)
        with self.place.books() as database:
            slips = last_slips(database, till.device) if till else []
        if form is None:
            shift = str(last_shift(slips, till.clerk)) if till else "1"
            form = Form(self.random_bytes(KEY_BYTES).hex(), "", "load", "", "", "cash", shift)
        elif "begin a new sale" in refused or "the first stands" in refused:
            form = form._replace(key=self.random_bytes(KEY_BYTES).hex())
        return self.shown(
            request, "sell.html", 409 if refused else 200, till=till, form=form, slips=slips,
            refused=refused, offer=offer is not None, choices=choices(offer) if offer else [],
            loads=load_limits(offer) if offer else [],
        )  # fmt: skip

    def shown(
        self, request: Request, template: str, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """Return a page; what a template names and nobody gave is an error, not a blank."""
        visit: Visit | None = getattr(request.state, "visit", None)
        user: User | None = visit.user if visit else None
        text = self.templates.get_template(template).render(
            t=TEXTS["en"], lang="en", user=user, path=request.url.path, **values
        )
        return HTMLResponse(text, status)


def _visit(request: Request) -> Visit:
    visit: Visit = request.state.visit
    return visit
