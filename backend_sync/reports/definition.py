"""What a report is, how its filters are read, and whose figures it shows.

A definition names the right that it needs and binds every query to a Scope; nobody gets a table
but through `run`. Pure of pages and commands. Source: W-10, W-122, W-151, W-155.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from backend_sync.refusal import Refusal
from backend_sync.registers.rights import Scope, User, may
from backend_sync.reports.days import Days
from backend_sync.reports.table import FIRST_DAY, Table, date_of
from backend_sync.storage.database import Database
from card_layouts.settlement.pricing import Tariffs

NUMBER_MOST = 1_000_000
FROM, TO, EACH, OPERATOR, PRODUCT = "from", "to", "each", "operator", "product"
EACH_DAY, EACH_MONTH = "day", "month"
Values = dict[str, int | str]


class ReportRefused(Refusal):
    """What was asked for cannot be shown; the message says what was found and what is wanted."""


class Filter(NamedTuple):
    """`kind`: day, number, or the choices of a word; `default` "" = whatever there is."""

    name: str
    kind: str | tuple[str, ...]
    words: str
    default: str = ""


class Asked(NamedTuple):
    """One request: the books to read, whose figures, which; `scope.authority` is above 0."""

    database: Database
    days: Days
    scope: Scope
    values: Values
    now: int  # s since 2020
    currency: str

    @property
    def first(self) -> int:
        return int(self.values[FROM])

    @property
    def last(self) -> int:
        return int(self.values[TO])

    def own(self, alias: str) -> tuple[str, list[int]]:
        """Return the condition that keeps rows of `alias` within scope and filters, its values."""
        text, values = f"{alias}.authority = ?", [self.scope.authority]
        operator = self.scope.operator or int(self.values.get(OPERATOR, 0))
        if operator:
            text, values = f"{text} AND {alias}.operator = ?", [*values, operator]
        return text, values

    def about(self) -> tuple[tuple[str, str], ...]:
        """Return how it was asked, for people: (word, text)."""
        found = [("authority", str(self.scope.authority))]
        if self.scope.operator:
            found.append((OPERATOR, str(self.scope.operator)))
        for name, value in self.values.items():
            if name in (FROM, TO):
                found.append((name, date_of(int(value))))
            elif value and (name != OPERATOR or not self.scope.operator):
                found.append((name, str(value)))
        return tuple(found)


class Report(NamedTuple):
    """`whole`: its figures belong to nobody's operator, so who is bound to one cannot see it."""

    name: str
    right: str
    filters: tuple[Filter, ...]
    most_days: int  # a longer period is refused; 0 = it has none
    make: Callable[[Asked], Table]
    whole: bool = False


PERIOD = (
    Filter(FROM, "day", "first service day, 2026-06-01", "this month"),
    Filter(TO, "day", "last service day", "today"),
)
BY = Filter(EACH, (EACH_DAY, EACH_MONTH), "a row a day or a month", EACH_DAY)
OF_OPERATOR = Filter(OPERATOR, "number", "one operator only (all)")
OF_PRODUCT = Filter(PRODUCT, "number", "one product only (all)")


def run(
    report: Report, database: Database, tariffs: Tariffs, scope: Scope, now: int,
    texts: Mapping[str, str],
) -> Table:  # fmt: skip
    """Return the table of a report for what `scope` covers; `texts` are its filters as typed.

    Raises: ReportRefused naming the filter. The caller has asked `allowed` before.
    """
    _check_scope(report, scope)
    days = Days(tariffs, scope.authority)
    values = read_values(report, texts, days.day(now))
    rows = database.rows("SELECT currency FROM accounts ORDER BY id LIMIT 1")
    asked = Asked(database, days, scope, values, now, rows[0][0] if rows else "EUR")
    return report.make(asked)._replace(made_at=now)


def allowed(user: User, right: str, authority: int = 0, operator: int = 0) -> Scope:
    """Return the scope in which a user has a right: his own, narrowed to what he names.

    Raises: ReportRefused.
    """
    own = user.scope
    if own.point or own.person:
        raise ReportRefused(f"{user.name} is bound to a point or person; reports are of neither")
    scope = Scope(authority or own.authority, operator or own.operator)
    if not may(user, right, scope):
        raise ReportRefused(
            f"{user.name} has no right {right!r} over authority {scope.authority}"
            + (f", operator {scope.operator}" if scope.operator else "")
        )
    return scope


def demand_whole(user: User, right: str, authority: int) -> None:
    """Raise ReportRefused unless a user has a right over a whole authority, no operator's part."""
    if not may(user, right, Scope(authority)):
        raise ReportRefused(f"{user.name} has no right {right!r} over the whole of {authority}")


def _check_scope(report: Report, scope: Scope) -> None:
    if not scope.authority:
        raise ReportRefused(f"report {report.name}: of which authority? wanted its number")
    if scope.operator and report.whole:
        raise ReportRefused(
            f"report {report.name}: of a whole authority; who is bound to operator"
            f" {scope.operator} cannot see it"
        )


def read_values(report: Report, texts: Mapping[str, str], today: int) -> Values:
    """Return the values of a report's filters. Raises: ReportRefused naming filter and text."""
    unknown = sorted(texts.keys() - {found.name for found in report.filters})
    if unknown:
        wanted = ", ".join(found.name for found in report.filters) or "none"
        raise ReportRefused(f"report {report.name} has no filter {unknown[0]!r}; it has: {wanted}")
    values = {
        found.name: _read(report, found, texts.get(found.name) or found.default, today)
        for found in report.filters
    }
    if report.most_days:
        _check_period(report, int(values[FROM]), int(values[TO]))
    return values


def _read(report: Report, found: Filter, text: str, today: int) -> int | str:
    where = f"report {report.name}: {found.name}"
    if found.kind == "day":
        return _day(where, text, today)
    if found.kind == "number":
        if not text:
            return 0
        if not (text.isascii() and text.isdecimal()) or not 0 < int(text[:9]) <= NUMBER_MOST:
            raise ReportRefused(
                "{where}: {text!r}, wanted a number of 1 to {most:,}",
                where=where,
                text=text[:40],
                most=NUMBER_MOST,
            )
        return int(text)
    if text not in found.kind:
        raise ReportRefused(f"{where}: {text[:40]!r}, wanted {' or '.join(found.kind)}")
    return text


def _day(where: str, text: str, today: int) -> int:
    if text == "today":
        return today
    if text == "this month":
        return today - (FIRST_DAY + timedelta(days=today)).day + 1
    try:
        day = (date.fromisoformat(text) - FIRST_DAY).days
    except ValueError:
        raise ReportRefused(
            "{where}: {text!r} is no date, wanted 2026-06-05", where=where, text=text[:40]
        ) from None
    if not 0 <= day < 20_000:
        raise ReportRefused(
            "{where}: {text}, wanted a date from 2020 to 2074", where=where, text=text
        )
    return day


def _check_period(report: Report, first: int, last: int) -> None:
    said = f"report {report.name}: {date_of(first)} to {date_of(last)}"
    if last < first:
        raise ReportRefused("{said}: ends before it begins", said=said)
    if last - first >= report.most_days:
        raise ReportRefused(
            "{said}: {count} days, wanted at most {most}",
            said=said,
            count=last - first + 1,
            most=report.most_days,
        )
