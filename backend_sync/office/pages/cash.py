"""Cash: a sale voided, a seller's shift closed, its cash counted blind by another, and paid in.

The rules are `sales/counter.py`'s and `sales/cash_up.py`'s. What a shift's cash should be is shown
here to nobody before it is counted and its evidence is complete.
Source: W-17, W-21, X-15, R-13; T18.
"""

from contextlib import closing

from fastapi import Form as Field
from fastapi import Query, Request
from fastapi.responses import Response

from backend_sync.office import sold
from backend_sync.office.money import cents_of
from backend_sync.office.pages.forms import NOTHING, Told, WrongField, read
from backend_sync.office.pages.frame import Frame, Subject, lead_to, user_of
from backend_sync.office.selling import last_shift, last_slips, slip_of
from backend_sync.office.tills import NUMBER_MOST
from backend_sync.registers.refusals import Refused
from backend_sync.sales.cash_up import CashUp, CashUpRefused
from backend_sync.sales.counter import FEE, LOAD, PRODUCT, Counter, SaleRefused
from backend_sync.sales.finding import judge
from backend_sync.sales.shift_journal import EPOCHS, ShiftName
from backend_sync.sales.till import TILL, closed_at, last_slip, slips_before, till_name

SHIFT_MOST = 4_095
SLIPS_MOST = 5_000  # that one shift is looked for in
CASH_DIGITS = 6  # of euros on a table
TAKE = "cash.take"
SHIFT_PATH = "/sales/shifts/{device}/{epoch}/{shift}/{clerk}"


class Cash(Subject):
    ROUTES = (
        ("POST", "/slips/{device}/{place}/void", "sales.make", "void"),
        ("GET", "/sell/shift", "sales.settle", "own_shift"),
        ("POST", "/sell/shift", "sales.settle", "close"),
        ("GET", "/sales/count", TAKE, "form"),
        ("POST", "/sales/count", TAKE, "count"),
        ("GET", SHIFT_PATH, TAKE, "judged"),
        ("POST", SHIFT_PATH + "/pay-in", TAKE, "pay_in"),
    )
    MENU = (("sales.settle", "/sell/shift", "own_shift"), (TAKE, "/sales/count", "count_cash"))

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.tills = frame.tills

    def void(self, request: Request, device: int, place: int) -> Response:
        """Undo one's own sale within its minutes; the same form sent twice is one void."""
        user = user_of(request)
        till = self.tills.of(user)
        with self.place.books() as database:
            own = till is not None and till.device == device and 0 < place <= NUMBER_MOST
            slip = slip_of(database, device, place) if own else None
        if till is None or slip is None or slip.kind not in (LOAD, PRODUCT, FEE):
            return self.frame.message(request, "no_page", 404)
        try:
            with self.place.ledger(self.clock, till.authority) as ledger:
                key = f"office:void:{device}:{place}"
                made, _ = Counter(ledger).void(key, device, place, till.clerk)
        except SaleRefused as error:
            said = self.frame.refusal(request, error)
            with self.place.books() as database:
                loaded = sold.loaded_at(database, slip.card, slip.action)
            return self.frame.shown(request, "slip.html", 409, slip=slip, refused=said,
                                    loaded=loaded, may_void=False)  # fmt: skip
        return lead_to(f"/slips/{device}/{made.place}")

    def own_shift(self, request: Request, shift: int = Query(0, ge=0, le=SHIFT_MOST)) -> Response:
        return self._own_shift(request, shift, "")

    def close(self, request: Request, shift: int = Field(ge=0, le=SHIFT_MOST)) -> Response:
        """Say which slip was the last of one's shift: nothing is sold in it any more."""
        user = user_of(request)
        till = self.tills.of(user)
        if till is None:
            return self._own_shift(request, shift, "")
        try:
            with self.place.ledger(self.clock, till.authority) as ledger:
                name = till_name(till.device, shift)
                last = last_slip(ledger.database, name, till.clerk)
                CashUp(ledger).close_till(name, till.clerk, last, user.name)
        except CashUpRefused as error:
            return self._own_shift(request, shift, self.frame.refusal(request, error))
        return lead_to(f"/sell/shift?shift={shift}")

    def form(self, request: Request) -> Response:
        return self._form(request, NOTHING)

    def count(
        self,
        request: Request,
        device: str = Field(max_length=8),
        journal: str = Field("", max_length=8),
        shift: str = Field(max_length=8),
        clerk: str = Field(max_length=8),
        euros: str = Field(max_length=10),
    ) -> Response:
        """Enter what lies on the table, before anybody sees what it should be."""
        user = user_of(request)
        typed = {"device": device, "journal": journal, "shift": shift, "clerk": clerk,
                 "euros": euros}  # fmt: skip
        try:
            name = ShiftName(
                read("device", lambda: _number(device, NUMBER_MOST)),
                read("journal", lambda: _number(journal, EPOCHS - 1)) if journal else TILL,
                read("shift", lambda: _number(shift, SHIFT_MOST)),
            )
            seller = read("clerk", lambda: _number(clerk, NUMBER_MOST))
            cents = read("euros", lambda: cents_of(euros, CASH_DIGITS))
            read("device", lambda: self._own(request, name))
            with self.place.ledger(self.clock, user.scope.authority) as ledger:
                CashUp(ledger).count(name, seller, cents, user.name)
        except WrongField as error:
            said = self.frame.refusal(request, error.why)
            return self._form(request, Told("count", error.field, said, typed))
        except CashUpRefused as error:
            return self._form(request, Told("count", "", self.frame.refusal(request, error), typed))
        return lead_to(_path(name, seller))

    def judged(self, request: Request, device: int, epoch: int, shift: int, clerk: int) -> Response:
        return self._judged(request, ShiftName(device, epoch, shift), clerk, "")

    def pay_in(self, request: Request, device: int, epoch: int, shift: int, clerk: int) -> Response:
        """Book what was counted from the seller's cash to the office's, once."""
        user, name = user_of(request), ShiftName(device, epoch, shift)
        if not self._is_own(request, name, clerk):
            return self.frame.message(request, "no_page", 404)
        try:
            with self.place.ledger(self.clock, user.scope.authority) as ledger:
                CashUp(ledger).pay_in(name, clerk, user.name)
        except CashUpRefused as error:
            return self._judged(request, name, clerk, self.frame.refusal(request, error))
        return lead_to(_path(name, clerk))

    def _own_shift(self, request: Request, shift: int, refused: str) -> Response:
        till = self.tills.of(user_of(request))
        closed, slips, last = 0, 0, 0
        if till is not None:
            with self.place.books() as database:
                shift = shift or last_shift(last_slips(database, till.device), till.clerk)
                closed = closed_at(database, till_name(till.device, shift), till.clerk)
                name = till_name(till.device, shift)
                last = last_slip(database, name, till.clerk)
                slips = slips_before(database, name, till.clerk, last, SLIPS_MOST)
        return self.frame.shown(
            request, "own_shift.html", 409 if refused else 200, till=till, shift=shift,
            closed=closed, slips=slips, last=last, refused=refused,
        )  # fmt: skip

    def _form(self, request: Request, told: Told) -> Response:
        return self.frame.shown(request, "count.html", 409 if told.said else 200, told=told)

    def _judged(self, request: Request, name: ShiftName, clerk: int, refused: str) -> Response:
        if not self._is_own(request, name, clerk):
            return self.frame.message(request, "no_page", 404)
        with self.place.books() as database, closing(self.place.keyring()) as keyring:
            finding = judge(database, keyring, name, clerk)
            state = sold.newest_state(database, name, clerk)
        return self.frame.shown(
            request, "judged.html", 409 if refused else 200, name=name, clerk=clerk,
            finding=finding, state=state, refused=refused, is_till=name.epoch == TILL,
            own_path=_path(name, clerk),
        )  # fmt: skip

    def _own(self, request: Request, name: ShiftName) -> None:
        if not self._is_own(request, name, 0):
            raise Refused("device {device}: none of yours sold or carried anybody",
                          device=name.device)  # fmt: skip

    def _is_own(self, request: Request, name: ShiftName, clerk: int) -> bool:
        """Say whether a device's shift is of one's own area; another's is as if it were not."""
        fits = 0 < name.device <= NUMBER_MOST and 0 <= name.epoch <= TILL
        if not fits or not 0 <= name.shift <= SHIFT_MOST or not 0 <= clerk <= NUMBER_MOST:
            return False
        tills = sold.TillDevices(self.frame.parts.database)
        with self.place.books() as database:
            return sold.is_own(database, tills, user_of(request).scope, name.device, name.epoch)


def _path(name: ShiftName, clerk: int) -> str:
    return f"/sales/shifts/{name.device}/{name.epoch}/{name.shift}/{clerk}"


def _number(text: str, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) <= most):
        raise Refused("{text!r}: wanted a number of at most {most}", text=text, most=most)
    return int(text)
