"""Runs a query of one's own on a connection that cannot write, for a limited time and rows.

SQLite: the file opened `mode=ro` with `query_only`, given up by its progress handler. PostgreSQL: a
read-only session with `statement_timeout`. Source: W-153; decision D20.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from sqlalchemy.exc import DBAPIError

from backend_sync.ports import Clock
from backend_sync.registers.rights import Scope
from backend_sync.reports.days import Days
from backend_sync.reports.definition import FROM, TO, Asked, ReportRefused
from backend_sync.reports.query import COMPARED, Query
from backend_sync.reports.sources import Bound
from backend_sync.reports.table import (
    ADDED,
    TEXT,
    WORD,
    Cell,
    Chart,
    Column,
    Row,
    Table,
    date_of,
)
from backend_sync.storage.database import Database
from card_layouts.settlement.pricing import Tariffs

SQLITE = "sqlite:///"
LIMIT_MS = 10_000
STEPS = 10_000  # of SQLite's machine between two looks at the clock


class Reader:
    """The books of `url`, to read only; `close` it. `limit_ms` is what one statement may take."""

    def __init__(self, url: str, clock: Clock, limit_ms: int = LIMIT_MS) -> None:
        self.clock = clock
        self.limit_ms = limit_ms
        if url.startswith(SQLITE):
            url = f"{SQLITE}file:{quote(url.removeprefix(SQLITE))}?mode=ro&uri=true"
        self.database = Database(url)

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self.database.close()

    def rows(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        """Return the rows of a statement. Raises: ReportRefused when it takes too long."""
        limited = self._sqlite_limited if self.database.sqlite else self._postgresql_limited
        try:
            with limited():
                return self.database.rows(sql, values)
        except DBAPIError as error:
            if "interrupted" in str(error.orig) or "statement timeout" in str(error.orig):
                raise ReportRefused(
                    f"query: took longer than {self.limit_ms / 1000:g} s and was given up: ask"
                    " for a shorter period, or fewer columns"
                ) from None
            raise

    @contextmanager
    def _sqlite_limited(self) -> Iterator[None]:
        raw: Any = self.database.connection.connection.dbapi_connection
        until = self.clock.monotonic_ms() + self.limit_ms
        raw.set_progress_handler(lambda: self.clock.monotonic_ms() > until, STEPS)
        try:
            yield
        finally:
            raw.set_progress_handler(None, 0)

    @contextmanager
    def _postgresql_limited(self) -> Iterator[None]:
        with self.database.turn, self.database.connection.begin():
            self.database.execute(f"SET LOCAL statement_timeout = {int(self.limit_ms)}")
            yield


def answer(
    query: Query, reader: Reader, tariffs: Tariffs, scope: Scope, name: str = "query"
) -> Table:
    """Return the table of a query for what `scope` covers. Raises: ReportRefused.

    The caller has asked for the source's right before (`definition.allowed`).
    """
    source, days, now = query.of, Days(tariffs, scope.authority), reader.clock.utc_seconds()
    if not scope.authority:
        raise ReportRefused("query: of which authority? wanted its number")
    if scope.operator and source.whole:
        raise ReportRefused(f"query: source {query.source} is of a whole authority")
    database = reader.database
    first, last = query.days(days.day(now))
    found = database.rows("SELECT currency FROM accounts ORDER BY id LIMIT 1")
    asked = Asked(database, days, scope, {FROM: first, TO: last}, now,
                  found[0][0] if found else "EUR")  # fmt: skip
    rows = _rows(query, reader, source.bind(asked))
    about = [("name", name), ("authority", str(scope.authority))]
    if source.most_days:
        about += [(FROM, date_of(first)), (TO, date_of(last))]
    columns = tuple(Column(n, query.piece(n).type) for n in (*query.columns, *query.measures))
    notes = ("note_cut",) if len(rows) > query.limit else ()
    chart = Chart(query.columns[0], query.measures[0]) if query.columns else None
    return Table("query", tuple(about), asked.currency, columns, tuple(rows[: query.limit]), notes,
                 chart, now)  # fmt: skip


def _rows(query: Query, reader: Reader, bound: Bound) -> list[Row]:
    """Build the one statement out of `sources.py`'s pieces, with every value bound; run it."""
    pieces = {name: query.piece(name).sql.replace("{day}", bound.day)
              for name in (*query.columns, *query.measures)}  # fmt: skip
    text, values = [bound.sql], [*bound.values]
    for condition in query.where:
        sql = query.piece(condition.column).sql.replace("{day}", bound.day)
        marks = ", ".join("?" * len(condition.values))
        marks = f"({marks})" if condition.how == "one of" else marks
        text.append(f"AND {sql} {COMPARED[condition.how]} {marks}")
        values += condition.values  # type: ignore[arg-type]
    places = ", ".join(str(at + 1) for at in range(len(query.columns)))
    if places:
        text.append(f"GROUP BY {places}")
    text.append(_order(query, places))
    text.append(f"LIMIT {query.limit + 1}")
    sql = f"SELECT {', '.join(pieces.values())} {' '.join(text)}"
    kinds = [query.piece(name).type for name in pieces]
    rows = reader.rows(sql, tuple(values))
    return [tuple(_cell(kind, cell) for kind, cell in zip(kinds, row, strict=True)) for row in rows]


def _order(query: Query, places: str) -> str:
    names = (*query.columns, *query.measures)
    wanted = [f"{names.index(query.sort.lstrip('-')) + 1}{' DESC' * query.sort.startswith('-')}"
              ] if query.sort else []  # fmt: skip
    return f"ORDER BY {', '.join([*wanted, *([places] if places else ['1'])])}"


def _cell(kind: str, cell: Any) -> Cell:
    if cell is None:
        return 0 if kind in ADDED else None
    return str(cell) if kind in (TEXT, WORD) else int(cell)
