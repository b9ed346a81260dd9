"""Settlement: closed days, statements, what an outsider checks; closing a day, asked for twice."""

from datetime import date, timedelta

from fastapi import Form as Field
from fastapi import Query, Request
from fastapi.responses import Response

from backend_sync.actions.limits import tariff_at
from backend_sync.catalogue import every_tariff
from backend_sync.office import settled
from backend_sync.office.pages.frame import Subject, lead_to, user_of
from backend_sync.ports import KeyringRefused
from backend_sync.registers.rights import User
from backend_sync.settlement.close import (
    FIRST_DAY,
    Closed,
    SettlementError,
    close_day,
    closed_numbered,
    refuse_future,
)
from backend_sync.settlement.export import hashes_of, read_packages
from backend_sync.settlement.statements import CENTS
from backend_sync.settlement.words import dated, equality
from card_layouts.fares.clock import service_day
from card_layouts.settlement.batch import COLUMNS

DAY_S = 86_400
NUMBER_MOST = 10**9
FORMS = {"txt": "text/plain; charset=utf-8", "json": "application/json"}


class Settlement(Subject):
    ROUTES = (
        ("GET", "/settlement", "sales.see", "every"),
        ("GET", "/settlement/close", "settlement.close", "ask"),
        ("POST", "/settlement/close", "settlement.close", "close"),
        ("GET", "/settlement/verify.zip", "settlement.close", "verify"),
        ("GET", "/settlement/{number}", "sales.see", "one"),
        ("GET", "/settlement/{number}/{party}.{form}", "sales.see", "statement"),
    )
    MENU = (("sales.see", "/settlement", "settlement"),)

    def every(self, request: Request, before: int = Query(0, ge=0, le=NUMBER_MOST)) -> Response:
        return self._every(request, before)

    def ask(self, request: Request, day: str = Query("", max_length=10)) -> Response:
        """Show what closing a day would close, before it does: it cannot be taken back."""
        try:
            number = self._day(day, user_of(request))
        except SettlementError as error:
            return self._every(request, 0, self.frame.refusal(request, error), day)
        with self.place.books() as database:
            if found := settled.closed_before(database, number):
                return lead_to(f"/settlement/{found}")
            waiting = settled.waiting(database)
        return self.frame.shown(request, "close_day.html", day=number, iso=day, waiting=waiting)

    def close(self, request: Request, day: str = Field(max_length=10)) -> Response:
        """Close a service day and all before it; closed twice is closed once."""
        try:
            number = self._day(day, user_of(request))
            with self.place.ledger(self.clock, user_of(request).scope.authority) as ledger:
                closed = close_day(ledger, number, hashes_of(read_packages(self.place.tariffs)))
        except (SettlementError, KeyringRefused) as error:
            return self._every(request, 0, self.frame.refusal(request, error), day)
        return lead_to(f"/settlement/{closed.number}")

    def verify(self, request: Request) -> Response:
        name = 'attachment; filename="verify-settlement.zip"'
        try:
            found = settled.verify_folder(self.place)
        except (SettlementError, KeyringRefused) as error:
            return self._every(request, 0, self.frame.refusal(request, error))
        return Response(found, media_type="application/zip",
                        headers={"Content-Disposition": name})  # fmt: skip

    def one(self, request: Request, number: int) -> Response:
        """Show a batch: its sentence to an authority's people, to everybody his statements."""
        scope = user_of(request).scope
        closed = self._closed(number)
        if closed is None:
            return self.frame.message(request, "no_page", 404)
        said = equality(closed.values) if settled.sees_whole(scope) else ""
        return self.frame.shown(
            request, "settled_day.html", closed=closed, values=closed.values, said=said,
            statements=settled.own_statements(closed, scope), columns=COLUMNS, cents=CENTS,
            dated=dated,
        )  # fmt: skip

    def statement(self, request: Request, number: int, party: str, form: str) -> Response:
        """Send one's own statement as a file; others are as if they were not there."""
        closed = self._closed(number)
        scope = user_of(request).scope
        found = settled.statement_of(closed, scope, party) if closed else None
        if found is None or form not in FORMS:
            return self.frame.message(request, "no_page", 404)
        body = found.as_text() if form == "txt" else found.as_json()
        name = f'attachment; filename="statement-{number}.{form}"'
        return Response(body, media_type=FORMS[form], headers={"Content-Disposition": name})

    def _now(self, user: User) -> int:
        """Return the first second of the service day that has begun, by the user's tariff.

        After midnight people still ride on the day before; without a tariff a day is UTC's.
        """
        now = self.clock.utc_seconds()
        tariff = tariff_at(every_tariff(self.place.tariffs), user.scope.authority, now)
        return service_day(tariff, now) * DAY_S if tariff else now

    def _day(self, day: str, user: User) -> int:
        """Return a day as days since 2020. Raises: SettlementError for one that cannot be."""
        try:
            number = (date.fromisoformat(day) - FIRST_DAY).days
        except ValueError:
            raise SettlementError(f"day {day!r}: wanted a date such as 2026-06-05") from None
        if number < 1:
            raise SettlementError(f"day {day}: wanted one after {FIRST_DAY}")
        # A closed day is closed for all who share these books: a stranger's is not theirs to close.
        own = user.scope.authority
        if all(area != own for area, _ in every_tariff(self.place.tariffs)):
            raise SettlementError(
                f"authority {own} has no tariff in these books: nothing of it can be closed here"
            )
        refuse_future(number, self._now(user))
        return number

    def _closed(self, number: int) -> Closed | None:
        if not 0 < number <= NUMBER_MOST:
            return None
        with self.place.books() as database:
            return closed_numbered(database, number)

    def _every(self, request: Request, before: int, refused: str = "", day: str = "") -> Response:
        user = user_of(request)
        with self.place.books() as database:
            found, older = settled.days(database, user.scope, before)
        rows = [(day.closed.number, day.closed.values, day.due) for day in found]
        today = FIRST_DAY + timedelta(days=self._now(user) // DAY_S)
        return self.frame.shown(
            request, "settlement.html", 409 if refused else 200, rows=rows, older=older,
            refused=refused, may_close="settlement.close" in user.rights,
            whole=settled.sees_whole(user.scope), today=today.isoformat(), day=day,
        )  # fmt: skip
