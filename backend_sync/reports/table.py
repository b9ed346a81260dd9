"""A report's answer: typed columns, rows and totals. Every form of it is written from this value.

Units: CENTS is an int of cents of `currency`; DAY and MONTH are days since 2020-01-01 (a month is
its first day); TIME is UTC seconds since 2020; AGE is seconds. None = nothing to say there.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

TEXT, WORD = "text", "word"  # a WORD is a key of words.py, of a closed list
NUMBER, COUNT, CENTS = "number", "count", "cents"  # a NUMBER names, the others are added up
DAY, MONTH, TIME, AGE, PERMILLE = "day", "month", "time", "age", "permille"
TYPES = (TEXT, WORD, NUMBER, COUNT, CENTS, DAY, MONTH, TIME, AGE, PERMILLE)
ADDED = (COUNT, CENTS)
FIRST_DAY = date(2020, 1, 1)
FIRST_SECOND = datetime(2020, 1, 1, tzinfo=UTC)

Cell = int | str | None
Row = tuple[Cell, ...]
# {column: {(number, the row's day or month, None for the last): name, "" = it has none}}
Names = Mapping[str, Mapping[tuple[int, Cell], str]]


class Column(NamedTuple):
    """`name` is a key of words.py, and what programs read in CSV and JSON."""

    name: str
    type: str


class Chart(NamedTuple):
    """Bars: a value column added up over the labels of another."""

    label: str
    value: str


class Table(NamedTuple):
    """`about` says how it was asked: (word, text) pairs; `notes` are keys of words.py.

    `names` says what numbers are called (`naming.py`); a figure is never read from there.
    """

    report: str
    about: tuple[tuple[str, str], ...]
    currency: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    chart: Chart | None = None
    made_at: int = 0  # s since 2020
    names: Names = MappingProxyType({})

    @property
    def totals(self) -> Row:
        """Return one cell a column: the sum where figures are added, else None."""
        return tuple(
            sum(row[place] or 0 for row in self.rows) if column.type in ADDED else None  # type: ignore[misc]
            for place, column in enumerate(self.columns)
        )

    def day_of(self, row: Row) -> Cell:
        """Return the day or month that a row is of, None without one."""
        of_days = (at for at, column in enumerate(self.columns) if column.type in (DAY, MONTH))
        at = next(of_days, None)
        return None if at is None else row[at]

    def name_of(self, column: str, number: Cell, day: Cell = None) -> str | None:
        """Return what a number is called, "" when it has no name, None when it needs none."""
        if not isinstance(number, int):
            return None
        return self.names.get(column, {}).get((number, day))

    def place(self, name: str) -> int:
        return next(i for i, column in enumerate(self.columns) if column.name == name)

    def bars(self) -> list[tuple[Cell, int]]:
        """Return (label, value) of its chart, in the order in which the labels came."""
        if self.chart is None:
            return []
        label, value = self.place(self.chart.label), self.place(self.chart.value)
        sums: dict[Cell, int] = {}
        for row in self.rows:
            cell = row[value]
            assert cell is None or isinstance(cell, int), row
            sums[row[label]] = sums.get(row[label], 0) + (cell or 0)
        return list(sums.items())


def columns(*pairs: str) -> tuple[Column, ...]:
    """Return columns of "name type" words: `columns("day day", "operator number")`."""
    found = tuple(Column(*pair.split()) for pair in pairs)
    assert all(column.type in TYPES for column in found), pairs
    return found


def grouped(rows: Iterable[Sequence[Cell]], keys: int) -> tuple[Row, ...]:
    """Add rows up that have the same first `keys` cells; in the order of those cells."""
    sums: dict[Row, list[int]] = {}
    for row in rows:
        figures = [int(cell or 0) for cell in row[keys:]]
        found = sums.setdefault(tuple(row[:keys]), [0] * len(figures))
        for place, figure in enumerate(figures):
            found[place] += figure
    return tuple((*key, *sums[key]) for key in sorted(sums, key=order))


def order(row: Iterable[Cell]) -> tuple[tuple[bool, bool, Cell], ...]:
    """Return what sorts cells of any type: numbers before texts, what is missing last."""
    return tuple((cell is None, isinstance(cell, str), 0 if cell is None else cell) for cell in row)


# How a cell reads. Figures have one form in every language, so that a page, a PDF and a statement
# of the settlement can be laid side by side. -------------------------------------------------


def shown(column: Column, cell: Cell) -> str:
    """Return a cell for people; texts are returned as they are."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if column.type == CENTS:
        return money(cell)
    if column.type == COUNT:
        return f"{cell:,}"
    if column.type in (DAY, MONTH):
        text = date_of(cell)
        return text if column.type == DAY else text[:7]
    if column.type == TIME:
        return when(cell)
    if column.type == AGE:
        return age(cell)
    if column.type == PERMILLE:
        return f"{cell // 10}.{cell % 10} %"
    return str(cell)


def money(cents: int) -> str:
    """Return cents as 1,234.56: with whole numbers only, so exact at any size."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02}"


def date_of(day: int) -> str:
    return (FIRST_DAY + timedelta(days=day)).isoformat()


def month_of(day: int) -> int:
    """Return the first day of a day's month."""
    return day - (FIRST_DAY + timedelta(days=day)).day + 1


def last_of_month(day: int) -> int:
    """Return the last day of a day's month."""
    return month_of(month_of(day) + 31) - 1


def when(seconds: int) -> str:
    return (FIRST_SECOND + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M UTC")


def age(seconds: int) -> str:
    """Return an age as 3 d 04 h, or 04 h 05 min below a day."""
    minutes = max(seconds, 0) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    return f"{days} d {hours:02} h" if days else f"{hours:02} h {minutes % 60:02} min"
