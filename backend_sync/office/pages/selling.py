"""Selling at a point: the form, the sale, its slip."""

from fastapi import Form as Field
from fastapi import Request
from fastapi.responses import Response

from backend_sync.office.pages.frame import Frame, Subject, lead_to, user_of
from backend_sync.office.selling import Form, SalesPoint, last_shift, last_slips, slip_of
from backend_sync.office.tills import NUMBER_MOST
from backend_sync.registers.refusals import Refused
from backend_sync.sales.choices import choices, load_limits
from backend_sync.sales.counter import SaleRefused


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
        return self._form(request, "", None)

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
            return self._form(request, "", None)
        name, _, seen = what.partition(":")
        form = Form(key, card, name, euros, seen, paid, shift)
        try:
            slip = self.sales_point.sell(user, till, form)
        except (SaleRefused, Refused) as error:
            return self._form(request, str(error), form)
        return lead_to(f"/slips/{slip.device}/{slip.place}")

    def slip(self, request: Request, device: int, place: int) -> Response:
        """Show a slip of the user's own point; others are no other than missing ones."""
        till = self.tills.of(user_of(request))
        with self.place.books() as database:
            own = till is not None and till.device == device and 0 < place <= NUMBER_MOST
            slip = slip_of(database, device, place) if own else None
        if slip is None:
            return self.frame.message(request, "no_page", 404)
        return self.frame.shown(request, "slip.html", slip=slip)

    def _form(self, request: Request, refused: str, form: Form | None) -> Response:
        """Show the form, after a refusal with what was written and the same key."""
        user = user_of(request)
        till, offer = self.tills.of(user), self.sales_point.offer(user.scope.authority)
        with self.place.books() as database:
            slips = last_slips(database, till.device) if till else []
        if form is None:
            shift = str(last_shift(slips, till.clerk)) if till else "1"
            form = Form(self.frame.form_key(), "", "load", "", "", "cash", shift)
        elif "begin a new sale" in refused or "the first stands" in refused:
            form = form._replace(key=self.frame.form_key())
        return self.frame.shown(
            request, "sell.html", 409 if refused else 200, till=till, form=form, slips=slips,
            refused=refused, offer=offer is not None, choices=choices(offer) if offer else [],
            loads=load_limits(offer) if offer else [],
        )  # fmt: skip
