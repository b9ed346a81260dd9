"""W-141: what finance programs book: closed days, statements, bills, the journal of postings.

The journal is the postings themselves, in their order, each in exactly one closed day (or in day 0:
not closed yet), so its sums are the trial balance's. A card stands in it as its issuer's liability,
and nowhere which card. Source: W-23, W-59, W-141, W-148; D21, D25.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from backend_sync.api.documents import document
from backend_sync.api.models import DIGITS, NUMBER_MOST, Model, Paging
from backend_sync.api.paging import cursor, number_of
from backend_sync.api.part import Part, caller_of
from backend_sync.api.problems import no_such
from backend_sync.api.routes import OWN, WHOLE, Route
from backend_sync.ledger.accounts import LIAB, PLEDGE
from backend_sync.registers.rights import Scope
from backend_sync.settlement.bills import bills
from backend_sync.settlement.close import Closed
from backend_sync.settlement.statements import as_csv, statements
from backend_sync.settlement.words import date_of
from backend_sync.storage.database import Database
from card_layouts.settlement.batch import COLUMNS

DAYS, JOURNAL = "days", "jrnl"
WINDOW = 20_000  # rows that one page looks at: another authority's may lie between
CSV_HEAD = ("posting", "transfer", "account", "kind", "cents", "currency", "rule", "sale")
Day = Annotated[
    int, Path(ge=0, le=NUMBER_MOST, description="number of a closed day; 0: since"), DIGITS
]
Closing = Annotated[int, Path(ge=1, le=NUMBER_MOST, description="number of a closed day"), DIGITS]
NEWEST = "SELECT id, postings_last FROM settlement_batches WHERE id <= ? ORDER BY id DESC LIMIT 2"
LINES = (
    "SELECT p.id, p.transfer, a.name, a.kind, p.cents, p.currency, p.rule, p.sale FROM postings p"
    " JOIN accounts a ON a.id = p.account WHERE p.id > ? AND p.id <= ? AND p.authority = ?"
    " ORDER BY p.id LIMIT ?"
)
SUMS = (
    "SELECT a.kind, p.currency, sum(p.cents), count(*) FROM postings p JOIN accounts a"
    " ON a.id = p.account WHERE p.id > ? AND p.id <= ? AND p.authority = ?"
    " GROUP BY a.kind, p.currency ORDER BY a.kind, p.currency"
)
BATCHES = (
    "SELECT id, day, closed_at, postings_last FROM settlement_batches WHERE id > ?"
    " ORDER BY id LIMIT ?"
)


class ClosedDay(Model):
    """One closed day; `closed_at` in seconds since 2020 (UTC)."""

    number: int
    day: str
    closed_at: int


class ClosedDays(Model):
    items: list[ClosedDay]
    next: str | None


class Statement(Model):
    """One party's part of a day; `due_cents` above 0: it is paid, below 0: it pays."""

    party: str
    day: str
    currency: str
    due_cents: int
    tables: dict[str, list[dict[str, Any]]]


class Statements(Model):
    number: int
    statements: list[Statement]


class Bill(Model):
    """What the holder of one card owes; who he is, only the link service can tell."""

    account: int
    product: int
    rides: int
    cents: int


class Bills(Model):
    number: int
    bills: list[Bill]


class Posting(Model):
    """One line of a transfer; above 0 owed or earned, below 0 held."""

    posting: int
    transfer: int
    account: str
    kind: str
    cents: int
    currency: str
    rule: str
    sale: int | None


class Journal(Model):
    """A page of postings; one without rows may have a next one: other authorities' lie between."""

    items: list[Posting]
    next: str | None


class Sum(Model):
    """The movement of all accounts of a kind."""

    kind: str
    currency: str
    cents: int
    postings: int


class Sums(Model):
    number: int
    sums: list[Sum]


class Finance(Part):
    """Reads the books; whoever is bound to an operator sees his own statements only."""

    ROUTES = (
        Route("GET", "/finance/days", "sales.see", OWN, "W-141", "closed_days", ClosedDays,
              "Service days that were closed, oldest first"),
        Route("GET", "/finance/days/{number}/statements", "sales.see", OWN, "W-141", "statements",
              Statements, "The statements of a closed day that are one's own"),
        Route("GET", "/finance/days/{number}/bills", "sales.see", WHOLE, "W-141", "bills", Bills,
              "Who is invoiced for rides, by account"),
        Route("GET", "/finance/days/{number}/journal", "sales.see", WHOLE, "W-141", "journal",
              Journal, "The postings of a day, page by page"),
        Route("GET", "/finance/days/{number}/journal.csv", "sales.see", WHOLE, "W-141",
              "journal_csv", None, "The postings of a day as one file", media=("text/csv",)),
        Route("GET", "/finance/days/{number}/sums", "sales.see", WHOLE, "W-141", "sums", Sums,
              "What a day moved on each kind of account"),
    )  # fmt: skip

    def closed_days(self, request: Request, page: Annotated[Paging, Query()]) -> Response:
        with self.place.books() as database:
            rows = database.rows(BATCHES, (number_of(DAYS, page.after), page.limit))
        items = [ClosedDay(number=row[0], day=date_of(row[1]), closed_at=row[2]) for row in rows]
        more = cursor(DAYS, items[-1].number) if len(items) == page.limit else None
        return document(request, ClosedDays(items=items, next=more))

    def statements(self, request: Request, number: Closing) -> Response:
        scope = caller_of(request).scope
        with self.place.books() as database:
            closed = _closed(database, number)
        found = [
            Statement(party=one.party, day=one.day, currency=one.currency, due_cents=one.due,
                      tables={name: [dict(zip(COLUMNS[name], row, strict=True)) for row in rows]
                              for name, rows in one.tables.items()})
            for one in statements(closed) if _is_own(one.party, scope)
        ]  # fmt: skip
        return document(request, Statements(number=number, statements=found))

    def bills(self, request: Request, number: Closing) -> Response:
        area = caller_of(request).scope.authority
        with self.place.books() as database:
            found = [Bill(account=bill.account, product=bill.product, rides=bill.rides,
                          cents=bill.cents)
                     for bill in bills(database, _closed(database, number))
                     if bill.authority == area]  # fmt: skip
        return document(request, Bills(number=number, bills=found))

    def journal(self, request: Request, number: Day, page: Annotated[Paging, Query()]) -> Response:
        area = caller_of(request).scope.authority
        with self.place.books() as database:
            first, last = _range(database, number)
            at = max(first, number_of(JOURNAL, page.after))
            end = min(last, at + WINDOW)
            items = _postings(database, at, end, area, page.limit)
        behind = items[-1].posting if len(items) == page.limit else end
        more = cursor(JOURNAL, behind) if behind < last else None
        return document(request, Journal(items=items, next=more))

    def journal_csv(self, request: Request, number: Day) -> Response:
        area = caller_of(request).scope.authority
        with self.place.books() as database:
            first, last = _range(database, number)
        name = f'attachment; filename="journal-{area}-{number}.csv"'
        return StreamingResponse(self._csv(first, last, area), media_type="text/csv",
                                 headers={"Content-Disposition": name})  # fmt: skip

    def _csv(self, first: int, last: int, area: int) -> Iterator[bytes]:
        yield as_csv(CSV_HEAD, ())
        with self.place.books() as database:
            for at in range(first, last, WINDOW):
                rows = _postings(database, at, min(last, at + WINDOW), area, WINDOW)
                said = [[*row.model_dump().values()] for row in rows]
                yield as_csv(CSV_HEAD, said).partition(b"\r\n")[2]

    def sums(self, request: Request, number: Day) -> Response:
        area = caller_of(request).scope.authority
        with self.place.books() as database:
            rows = database.rows(SUMS, (*_range(database, number), area))
        found = [Sum(kind=row[0], currency=row[1], cents=int(row[2]), postings=row[3])
                 for row in rows]  # fmt: skip
        return document(request, Sums(number=number, sums=found))


def _range(database: Database, number: int) -> tuple[int, int]:
    """Return (row before the first, last row) of the postings of a day. Raises: ApiError 404."""
    rows = database.rows(NEWEST, (number or NUMBER_MOST,))
    before = rows[0][1] if rows else 0
    if not number:
        return before, int(database.value("SELECT coalesce(max(id), 0) FROM postings"))
    if not rows or rows[0][0] != number:
        raise no_such("closed day")
    return (rows[1][1] if len(rows) > 1 else 0), before


def _closed(database: Database, number: int) -> Closed:
    rows = database.rows(
        "SELECT id, body, signature FROM settlement_batches WHERE id = ?", (number,)
    )
    if not rows:
        raise no_such("closed day")
    return Closed(rows[0][0], False, bytes(rows[0][1]), bytes(rows[0][2]))


def _postings(database: Database, first: int, last: int, area: int, limit: int) -> list[Posting]:
    names = Posting.model_fields
    return [
        Posting(**dict(zip(names, (*row[:2], _account(row[2]), *row[3:]), strict=True)))
        for row in database.rows(LINES, (first, last, area, limit))
    ]


def _account(name: str) -> str:
    """Return an account's name without the card that it is of (W-148)."""
    kind, _, rest = name.partition(":")
    if kind in (LIAB, PLEDGE) or rest.startswith("card:"):
        return f"{kind}:{rest.partition(':')[0]}"
    return name


def _is_own(party: str, scope: Scope) -> bool:
    kind, area, who = (*party.split("-", 2), "")[:3]
    if int(area) != scope.authority:
        return False
    return not scope.operator or (kind, who) == ("operator", str(scope.operator))
