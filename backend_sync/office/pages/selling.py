"""Selling at a point: the form, the sale, its slip."""

from fastapi import Form as Field
from fastapi import Request
from fastapi.responses import Response

from backend_sync.office.pages.frame import Frame, Subject, lead_to, user_of
from backend_sync.office.selling import (
    Form,
    SalesPoint,
    last_shift,
    last_slips,
    slip_of,
    undone,
)
from backend_sync.office.sold import loaded_at
from backend_sync.office.tills import NUMBER_MOST, Till
from backend_sync.registers.refusals import Refused
from backend_sync.sales.choices import choices, load_limits
from backend_sync.sales.counter import FEE, LOAD, PRODUCT, SaleRefused
from backend_sync.sales.fiscal import Slip
from backend_sync.sales.till import closed_at, till_name
from backend_sync.storage.database import Database


class Selling(Subject):
    ROUTES = (
        ("GET", "/sell", "sales.make", "form"),
        ("POST", "/sell", "sales.make", "sell"),
        ("GET", "/slips/{device}/{place}", "sales.make", "slip"),
    )
    MENU = (("sales.make", "/sell", "sell"),)

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.tills = frame.tills
        self.sales_point = SalesPoint(frame.place, frame.clock)

    def form(self, request: Request) -> Response:
        return self._form(request, None, None)

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
        user = user_of(request)
        till = self.tills.of(user)
        if till is None:
            return self._form(request, None, None)
        name, _, seen = what.partition(":")
        form = Form(key, card, name, euros, seen, paid, shift)
        try:
            slip = self.sales_point.sell(user, till, form)
        except (SaleRefused, Refused) as error:
            return self._form(request, error, form)
        return lead_to(f"/slips/{slip.device}/{slip.place}")

    def slip(self, request: Request, device: int, place: int) -> Response:
        """Show a slip of the user's own point; others are no other than missing ones."""
        till = self.tills.of(user_of(request))
        with self.place.books() as database:
            own = till is not None and till.device == device and 0 < place <= NUMBER_MOST
            slip = slip_of(database, device, place) if own else None
            is_undone = own and undone(database, device, place)
            loaded = loaded_at(database, slip.card, slip.action) if slip else None
        if slip is None:
            return self.frame.message(request, "no_page", 404)
        own_sale = slip.kind in (LOAD, PRODUCT, FEE) and till and till.clerk == slip.clerk
        return self.frame.shown(
            request, "slip.html", slip=slip, refused="", loaded=loaded,
            may_void=own_sale and not is_undone,
        )  # fmt: skip

    def _form(self, request: Request, error: Exception | None, form: Form | None) -> Response:
        """Show the form, after a refusal with what was written and the same key."""
        user = user_of(request)
        till, offer = self.tills.of(user), self.sales_point.offer(user.scope.authority)
        with self.place.books() as database:
            slips = last_slips(database, till.device) if till else []
            shift = _shift(database, till, slips) if till else 1
        refused = self.frame.refusal(request, error) if error else ""
        if form is None:
            form = Form(self.frame.form_key(), "", "load", "", "", "cash", str(shift))
        elif "begin a new sale" in str(error) or "the first stands" in str(error):
            form = form._replace(key=self.frame.form_key())
        return self.frame.shown(
            request, "sell.html", 409 if refused else 200, till=till, form=form, slips=slips,
            refused=refused, offer=offer is not None, choices=choices(offer) if offer else [],
            loads=load_limits(offer) if offer else [],
        )  # fmt: skip


def _shift(database: Database, till: Till, slips: list[Slip]) -> int:
    """Return the shift that a seller is in: the one after his last when that one is closed."""
    last = last_shift(slips, till.clerk)
    return last + 1 if closed_at(database, till_name(till.device, last), till.clerk) else last
