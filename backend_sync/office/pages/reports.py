"""Reports and saved queries on a page, and as PDF, Excel, CSV and JSON with the same figures."""

from collections.abc import Callable

from fastapi import Form as Field
from fastapi import Query as Asking
from fastapi import Request
from fastapi.responses import Response

from backend_sync.catalogue import every_tariff
from backend_sync.office.pages.frame import Frame, Subject, lead_to, user_of
from backend_sync.registers.rights import User
from backend_sync.reports.asking_books import Reader, answer
from backend_sync.reports.catalogue import REPORTS, find
from backend_sync.reports.definition import Report, ReportRefused, allowed, run
from backend_sync.reports.forms import FORMS
from backend_sync.reports.naming import named
from backend_sync.reports.opening import open_database
from backend_sync.reports.page import as_values
from backend_sync.reports.query import BYTES_MOST, parse
from backend_sync.reports.saved import APPROVE, EVERY, MAKE, SavedQueries
from backend_sync.reports.sources import SOURCES
from backend_sync.reports.table import Table
from backend_sync.reports.words import word

SEE = "usage.see|sales.see"
TEXT_MOST = 40
EXAMPLE = (
    '{"source": "rides", "columns": ["day", "operator"],\n'
    ' "measures": ["rides", "charged"], "period": {"last_days": 7}}'
)


class Reports(Subject):
    ROUTES = (
        ("GET", "/reports", SEE, "every"),
        ("GET", "/reports/{name}", SEE, "report"),
        ("GET", "/reports/{name}/file.{form}", SEE, "file"),
        ("GET", "/queries", SEE, "queries"),
        ("POST", "/queries", MAKE, "save"),
        ("GET", "/queries/{name}", SEE, "query"),
        ("GET", "/queries/{name}/file.{form}", SEE, "query_file"),
        ("POST", "/queries/{name}/produce", APPROVE, "produce"),
        ("POST", "/queries/{name}/withdraw", APPROVE, "withdraw"),
        ("POST", "/queries/{name}/schedule", MAKE, "schedule"),
    )
    MENU = ((SEE, "/reports", "reports"), (SEE, "/queries", "queries"))

    def __init__(self, frame: Frame) -> None:
        super().__init__(frame)
        self.tariffs = frame.place.tariffs

    def every(self, request: Request) -> Response:
        user, language = user_of(request), self.frame.language(request)
        rows = [(name, word(f"report_{name}", language)) for name, report in REPORTS.items()
                if _sees(user, report)]  # fmt: skip
        return self.frame.shown(request, "reports.html", rows=rows)

    def report(self, request: Request, name: str) -> Response:
        """Show a report with its form; what cannot be shown is said above the form."""
        user, language = user_of(request), self.frame.language(request)
        report = _report(user, name)
        if report is None:
            return self.frame.message(request, "no_page", 404)
        texts = _texts(request, report)
        found, refused = None, ""
        try:
            found = as_values(self._made(report, user, texts), language)
        except ReportRefused as error:
            refused = self.frame.refusal(request, error)
        return self.frame.shown(
            request, "report.html", 409 if refused else 200, report=report, found=found,
            refused=refused, texts=texts, title=word(f"report_{name}", language),
            files=f"/reports/{name}/file", forms=tuple(FORMS), said=str(request.url.query),
            labels={one.name: word(one.name, language) for one in report.filters},
        )  # fmt: skip

    def file(self, request: Request, name: str, form: str) -> Response:
        user = user_of(request)
        report = _report(user, name)
        if report is None or form not in FORMS:
            return self.frame.message(request, "no_page", 404)
        try:
            table = self._made(report, user, _texts(request, report))
        except ReportRefused as error:
            return self.frame.message(request, "not_done", 409, self.frame.refusal(request, error))
        return self._sent(request, table, name, form)

    def queries(self, request: Request) -> Response:
        return self._queries(request, "", EXAMPLE)

    def save(
        self,
        request: Request,
        name: str = Field(max_length=64),
        body: str = Field(max_length=BYTES_MOST),
    ) -> Response:
        """Keep a query as the next version of its name."""
        user = user_of(request)
        try:
            with open_database(self.place.folder) as database:
                saved = SavedQueries(database, self.clock)
                saved.save(user, user.scope.authority, name, parse(body))
        except ReportRefused as error:
            return self._queries(request, self.frame.refusal(request, error), body)
        return lead_to(f"/queries/{name}?version=0")

    def query(
        self, request: Request, name: str, version: int | None = Asking(None, ge=0, le=1000)
    ) -> Response:
        return self._query(request, name, version, "")

    def query_file(
        self, request: Request, name: str, form: str,
        version: int | None = Asking(None, ge=0, le=1000),
    ) -> Response:  # fmt: skip
        if form not in FORMS:
            return self.frame.message(request, "no_page", 404)
        try:
            table = self._answered(user_of(request), name, version)
        except ReportRefused as error:
            return self.frame.message(request, "not_done", 409, self.frame.refusal(request, error))
        return self._sent(request, table, name, form)

    def produce(self, request: Request, name: str, version: int = Field(ge=1, le=1000)) -> Response:
        """Put another person's version in production."""
        return self._step(request, name, lambda saved, by, own: saved.produce(
            by, own, name, version))  # fmt: skip

    def withdraw(self, request: Request, name: str) -> Response:
        return self._step(request, name, lambda saved, by, own: saved.withdraw(by, own, name))

    def schedule(
        self, request: Request, name: str, every: str = Field("", max_length=8)
    ) -> Response:
        return self._step(
            request, name, lambda saved, by, own: saved.schedule(by, own, name, every)
        )

    def _made(self, report: Report, user: User, texts: dict[str, str]) -> Table:
        scope = allowed(user, report.right)
        with self.place.books() as database:
            tariffs = every_tariff(self.tariffs)
            table = run(report, database, tariffs, scope, self.clock.utc_seconds(), texts)
        return named(table, self.frame.names_of(scope.authority, tariffs))

    def _answered(self, user: User, name: str, version: int | None) -> Table:
        """Return the table of a saved query: the version in production, 0: the newest."""
        own = user.scope.authority
        with open_database(self.place.folder) as database:
            saved = SavedQueries(database, self.clock)
            found = saved.in_production(own, name)
            if version is not None and (MAKE in user.rights or APPROVE in user.rights):
                found = saved.version(own, name, version)
        if found is None:
            raise ReportRefused("{name!r}: not in production", name=name[:70])
        scope = allowed(user, found.query.of.right)
        tariffs = every_tariff(self.tariffs)
        with Reader(self.place.url(), self.clock) as reader:
            table = answer(found.query, reader, tariffs, scope, name)
        return named(table, self.frame.names_of(scope.authority, tariffs))

    def _sent(self, request: Request, table: Table, name: str, form: str) -> Response:
        body = FORMS[form].write(table, self.frame.language(request))
        shown = f'attachment; filename="{name}.{form}"'
        return Response(body, media_type=FORMS[form].media_type,
                        headers={"Content-Disposition": shown})  # fmt: skip

    def _queries(self, request: Request, refused: str, body: str) -> Response:
        user = user_of(request)
        own, rows = user.scope.authority, []
        makes = MAKE in user.rights or APPROVE in user.rights
        with open_database(self.place.folder) as database:
            saved = SavedQueries(database, self.clock)
            for name in saved.names(own):
                produced = saved.in_production(own, name)
                if produced or makes:
                    newest = saved.version(own, name)
                    rows.append((name, newest.version, produced.version if produced else None,
                                 saved.scheduled(own, name)[0], newest.made_by))  # fmt: skip
        return self.frame.shown(
            request, "queries.html", 409 if refused else 200, rows=rows, refused=refused,
            body=body, makes=makes, may_save=MAKE in user.rights, sources=SOURCES,
        )  # fmt: skip

    def _query(self, request: Request, name: str, version: int | None, refused: str) -> Response:
        user, language = user_of(request), self.frame.language(request)
        own = user.scope.authority
        makes = MAKE in user.rights or APPROVE in user.rights
        with open_database(self.place.folder) as database:
            saved = SavedQueries(database, self.clock)
            versions = saved.versions(own, name)
            produced = saved.in_production(own, name)
            every = saved.scheduled(own, name)[0] if produced else ""
        if not versions or not (produced or makes):
            return self.frame.message(request, "no_page", 404)
        if version is None and not produced:
            version = 0
        found = None
        try:
            found = as_values(self._answered(user, name, version), language)
        except ReportRefused as error:
            refused = refused or self.frame.refusal(request, error)
        return self.frame.shown(
            request, "query.html", 409 if refused else 200, name=name, found=found,
            refused=refused, versions=versions[::-1], produced=produced, every=every,
            choices=EVERY, makes=makes, may_make=MAKE in user.rights,
            may_approve=APPROVE in user.rights, user_name=user.name, forms=tuple(FORMS),
            files=f"/queries/{name}/file", said="" if version is None else f"version={version}",
        )  # fmt: skip

    def _step(
        self, request: Request, name: str, act: Callable[[SavedQueries, User, int], object]
    ) -> Response:
        user = user_of(request)
        own = user.scope.authority
        with open_database(self.place.folder) as database:
            saved = SavedQueries(database, self.clock)
            if not saved.versions(own, name):
                return self.frame.message(request, "no_page", 404)
            try:
                act(saved, user, own)
            except ReportRefused as error:
                return self._query(request, name, None, self.frame.refusal(request, error))
        return lead_to(f"/queries/{name}")


def _sees(user: User, report: Report) -> bool:
    return report.right in user.rights and not (report.whole and user.scope.operator)


def _report(user: User, name: str) -> Report | None:
    """Return a report that a user may see, None as if it were not there."""
    try:
        report = find(name)
    except ReportRefused:
        return None
    return report if _sees(user, report) else None


def _texts(request: Request, report: Report) -> dict[str, str]:
    """Return the filters as they stand in the address; what is no filter is left out."""
    found = {one.name: request.query_params.get(one.name, "") for one in report.filters}
    return {name: text[:TEXT_MOST] for name, text in found.items() if text}
