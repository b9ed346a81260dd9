"""Reports of money over closed days: read from the signed batches, whatever the length of a period.

A batch holds a service day's totals, so a year is 365 rows and no posting is read. What came since
the last batch stands beside it as `open`, read from the books by the numbers of its rows. Together
they are the trial balance to the cent. Source: W-23, W-59, W-77, W-122, W-151; decision D25.
"""

from collections.abc import Iterator
from typing import Any

from backend_sync.reports.definition import (
    BY,
    EACH,
    EACH_MONTH,
    OF_OPERATOR,
    OF_PRODUCT,
    OPERATOR,
    PERIOD,
    PRODUCT,
    Asked,
    Report,
)
from backend_sync.reports.open_lines import CLOSED, OPEN, OpenLines, window
from backend_sync.reports.table import (
    DAY,
    MONTH,
    Cell,
    Chart,
    Column,
    Row,
    Table,
    columns,
    grouped,
    month_of,
    order,
)
from card_layouts.settlement.batch import decode_body

MOST_DAYS = 400
OPEN_NOTE = "note_open"


def settlement(asked: Asked) -> Table:
    """What each operator earned: charged, billed, moved by shared journeys and passes, tax, net."""
    rows: list[list[Cell]] = [[*when, *row[1:]] for when, row in _of(asked, "operators", 1)]
    found, later = _open(asked), list[Row]()
    if found is not None:
        # Bills, shares and tax are booked when the day is closed: until then all is charged.
        sums = grouped(([line.operator, line.lines, line.charged] for line in found.lines()), 1)
        later = [(None, OPEN, operator, lines, charged, None, None, charged, None, charged)
                 for operator, lines, charged in sums]  # fmt: skip
    return _table(
        asked, "settlement",
        columns("operator number", "lines count", "charged cents", "billed cents", "moved cents",
                "gross cents", "tax cents", "net cents"),
        (*grouped(rows, 3), *later), Chart("operator", "net"),
    )  # fmt: skip


def usage(asked: Asked) -> Table:
    """What each product was used for and brought, by operator."""
    product = int(asked.values[PRODUCT])
    rows: list[list[Cell]] = [
        [*when, row[1], *row[3:]] for when, row in _of(asked, "products", 1)
        if product in (0, row[3])
    ]  # fmt: skip
    found = _open(asked)
    if found is not None:
        rows += [
            [None, OPEN, line.operator, line.product, line.lines, line.charged, line.billed,
             line.full - line.charged - line.billed]
            for line in found.lines() if product in (0, line.product)
        ]  # fmt: skip
    return _table(
        asked, "usage",
        columns("operator number", "product number", "lines count", "charged cents",
                "billed cents", "unborne cents"),
        grouped(rows, 4), Chart("product", "lines"),
    )  # fmt: skip


def concessions(asked: Asked) -> Table:
    """What payers owe for rides that cost the rider less."""
    rows: list[list[Cell]] = [
        [*when, row[1], row[2], row[3], row[4], row[5], row[6], row[7]]
        for when, row in _of(asked, "payers", 2)
    ]
    found = _open(asked)
    if found is not None:
        rows += [
            [None, OPEN, line.payer, line.operator, line.product, line.concession, line.rider,
             line.lines, line.billed] for line in found.lines() if line.payer
        ]  # fmt: skip
    return _table(
        asked, "concessions",
        columns("payer text", "operator number", "product number", "concession number",
                "rider number", "lines count", "billed cents"),
        grouped(rows, 7), Chart("payer", "billed"),
    )  # fmt: skip


def sales(asked: Asked) -> Table:
    """What came in by sales channel, money for cards included."""
    rows: list[list[Cell]] = [[*when, *row[1:]] for when, row in _of(asked, "takings")]
    found = _open(asked)
    if found is not None:
        rows += [[None, OPEN, channel, cents] for channel, cents in found.takings()]
    return _table(asked, "sales", columns("channel text", "taken cents"), grouped(rows, 3),
                  Chart("channel", "taken"))  # fmt: skip


def tax(asked: Asked) -> Table:
    """The tax inside what was earned, by code and rate: of closed days, it is taken out then."""
    rows: list[list[Cell]] = [[*when, *row[1:]] for when, row in _of(asked, "tax")]
    return _table(
        asked, "tax", columns("code text", "permille permille", "gross cents", "tax cents"),
        grouped(rows, 4), Chart("code", "tax"),
    )  # fmt: skip


def clearing(asked: Asked) -> Table:
    """What authorities owe each other for rides and loads of closed days; below 0: it is owed."""
    own = asked.scope.authority
    rows: list[list[Cell]] = []
    for name in ("clearing", "loads"):
        for when, row in _batch_rows(asked, name):
            if own in row[:2]:
                other, sign = (row[1], 1) if row[0] == own else (row[0], -1)
                rows.append([*when, other, sign * row[2]])
    return _table(asked, "clearing", columns("other number", "owed cents"), grouped(rows, 3),
                  Chart("other", "owed"))  # fmt: skip


REPORTS = (
    Report("settlement", "sales.see", (*PERIOD, BY, OF_OPERATOR), MOST_DAYS, settlement),
    Report("usage", "usage.see", (*PERIOD, BY, OF_OPERATOR, OF_PRODUCT), MOST_DAYS, usage),
    Report("concessions", "sales.see", (*PERIOD, BY, OF_OPERATOR), MOST_DAYS, concessions),
    Report("sales", "sales.see", (*PERIOD, BY), MOST_DAYS, sales, whole=True),
    Report("tax", "sales.see", (*PERIOD, BY), MOST_DAYS, tax, whole=True),
    Report("clearing", "sales.see", (*PERIOD, BY), MOST_DAYS, clearing, whole=True),
)


def _table(
    asked: Asked, name: str, more: tuple[Column, ...], rows: tuple[Row, ...], chart: Chart
) -> Table:
    day = Column("day", MONTH if asked.values[EACH] == EACH_MONTH else DAY)
    notes = (OPEN_NOTE,) if any(row[1] == OPEN for row in rows) else ()
    rows = tuple(sorted(rows, key=order))
    head = (day, *columns("state word"))
    return Table(name, asked.about(), asked.currency, (*head, *more), rows, notes, chart)


def _open(asked: Asked) -> OpenLines | None:
    """Return what came since the last batch; None when the period ends before that."""
    now = window(asked.database)
    return OpenLines(asked, now) if asked.last > now.day else None


def _of(asked: Asked, name: str, operator_at: int = 0) -> Iterator[tuple[list[Cell], list[Any]]]:
    """Yield the authority's rows of a batch's table; `operator_at` is where one names it."""
    operator = asked.scope.operator or int(asked.values.get(OPERATOR, 0))
    assert operator_at or not asked.scope.operator, name
    for when, row in _batch_rows(asked, name):
        if row[0] == asked.scope.authority:
            if not operator or not operator_at or row[operator_at] == operator:
                yield when, row


def _batch_rows(asked: Asked, name: str) -> Iterator[tuple[list[Cell], list[Any]]]:
    """Yield ([day or month, "closed"], row) of every batch that closed a day of the period."""
    by_month = asked.values[EACH] == EACH_MONTH
    for day, body in asked.database.rows(
        "SELECT day, body FROM settlement_batches WHERE day BETWEEN ? AND ? ORDER BY day",
        (asked.first, asked.last),
    ):
        for row in decode_body(bytes(body))[name]:
            yield [month_of(day) if by_month else day, CLOSED], row
