"""A query of one's own: source, columns, measures, conditions; read from JSON by a closed grammar.

No SQL comes from a user: names are looked up in `sources.py`, values are bound. A query always adds
up (it has a measure), so it shows no single ride. Pure. Source: W-153.

    {"source": "rides", "columns": ["day", "operator"], "measures": ["rides", "charged"],
     "where": [{"column": "product", "is": "one of", "values": [1, 2]}],
     "period": {"from": "2026-06-01", "to": "2026-06-30"}   or   {"last_days": 7},
     "sort": "-rides", "limit": 100}
"""

import json
from datetime import date
from typing import Any, NamedTuple

from backend_sync.reports.definition import ReportRefused
from backend_sync.reports.sources import SOURCES, Piece, Source
from backend_sync.reports.table import DAY, FIRST_DAY, TEXT, WORD, date_of

NAMES = ("source", "columns", "measures", "where", "period", "sort", "limit")
COMPARED = {"is": "=", "is not": "<>", "at least": ">=", "at most": "<=", "one of": "IN"}
COLUMNS_MOST, WHERE_MOST, VALUES_MOST, TEXT_MOST = 6, 12, 100, 64
ROWS_MOST = 10_000
BYTES_MOST = 20_000
NUMBER_MOST = 10**12


class Condition(NamedTuple):
    """`how` of COMPARED; several values only with "one of"."""

    column: str
    how: str
    values: tuple[int | str, ...]


class Query(NamedTuple):
    """`first`, `last`: days since 2020, or 0 with `last_days` whole days before it is run."""

    source: str
    columns: tuple[str, ...]
    measures: tuple[str, ...]
    where: tuple[Condition, ...]
    first: int
    last: int
    last_days: int
    sort: str
    limit: int

    @property
    def of(self) -> Source:
        return SOURCES[self.source]

    def piece(self, name: str) -> Piece:
        return self.of.columns.get(name) or self.of.measures[name]

    def days(self, today: int) -> tuple[int, int]:
        """Return the first and last service day when it is run on `today`."""
        if self.last_days:
            return today - self.last_days, today - 1
        return self.first, self.last

    def as_json(self) -> str:
        """Return the one text that says it; `read` of it is this query."""
        found: dict[str, Any] = {"source": self.source, "columns": self.columns,
                                 "measures": self.measures, "limit": self.limit}  # fmt: skip
        if self.where:
            found["where"] = [
                {"column": c.column, "is": c.how, "values": [_said(self, c, v) for v in c.values]}
                for c in self.where
            ]
        if self.last_days:
            found["period"] = {"last_days": self.last_days}
        elif self.of.most_days:
            found["period"] = {"from": date_of(self.first), "to": date_of(self.last)}
        if self.sort:
            found["sort"] = self.sort
        return json.dumps(found, ensure_ascii=False, sort_keys=True)


def parse(text: str) -> Query:
    """Return the query of a JSON text. Raises: ReportRefused naming the part."""
    if len(text) > BYTES_MOST:
        raise ReportRefused(f"query: {len(text):,} letters, wanted at most {BYTES_MOST:,}")
    try:
        return read(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise ReportRefused(f"query: no JSON: {str(error)[:120]}") from None


def read(found: Any) -> Query:
    """Return the query of JSON's plain values. Raises: ReportRefused naming the part."""
    found = _object("query", found, NAMES)
    name = found.get("source")
    source = SOURCES.get(name) if isinstance(name, str) else None
    if source is None:
        raise _wrong("source", name, f"one of {', '.join(SOURCES)}")
    columns = _names("columns", found.get("columns", []), source.columns, 0)
    measures = _names("measures", found.get("measures"), source.measures, 1)
    where = found.get("where", [])
    if not isinstance(where, list) or len(where) > WHERE_MOST:
        raise _wrong("where", where, f"a list of at most {WHERE_MOST} conditions")
    conditions = tuple(_condition(f"where[{at}]", row, source) for at, row in enumerate(where))
    first, last, last_days = _period(source, found.get("period"))
    sort = found.get("sort", "")
    if sort and (not isinstance(sort, str) or sort.lstrip("-") not in (*columns, *measures)
                 or sort.startswith("--")):  # fmt: skip
        raise _wrong("sort", sort, "a column or measure of the query, - before it: largest first")
    limit = _whole("limit", found.get("limit", ROWS_MOST), 1, ROWS_MOST)
    return Query(str(name), columns, measures, conditions, first, last, last_days, sort, limit)


def _names(part: str, found: Any, known: dict[str, Piece], least: int) -> tuple[str, ...]:
    fits = isinstance(found, list) and least <= len(found) <= COLUMNS_MOST
    if not fits or not all(isinstance(name, str) for name in found):
        raise _wrong(part, found, f"a list of {least} to {COLUMNS_MOST} names")
    for name in found:
        if name not in known:
            raise _wrong(part, name, f"of {', '.join(known)}")
    if len(set(found)) != len(found):
        raise _wrong(part, found, "each name once")
    return tuple(found)


def _condition(part: str, found: Any, source: Source) -> Condition:
    found = _object(part, found, ("column", "is", "values"))
    column, how, values = found.get("column"), found.get("is"), found.get("values")
    piece = source.columns.get(column) if isinstance(column, str) else None
    if piece is None:
        raise _wrong(f"{part}.column", column, f"one of {', '.join(source.columns)}")
    if not isinstance(how, str) or how not in COMPARED:
        raise _wrong(f"{part}.is", how, f"one of {', '.join(COMPARED)}")
    most = VALUES_MOST if how == "one of" else 1
    if not isinstance(values, list) or not 1 <= len(values) <= most:
        raise _wrong(f"{part}.values", values, f"a list of 1 to {most} values")
    read_as = _day if piece.type == DAY else _text if piece.type in (TEXT, WORD) else _any_number
    return Condition(str(column), how, tuple(read_as(f"{part}.values", v) for v in values))


def _period(source: Source, found: Any) -> tuple[int, int, int]:
    if not source.most_days:
        if found is not None:
            raise _wrong("period", found, "none: this source tells how things stand now")
        return 0, 0, 0
    found = _object("period", found, ("from", "to", "last_days"))
    if "last_days" in found:
        if len(found) > 1:
            raise _wrong("period", found, "last_days, or from and to")
        return 0, 0, _whole("period.last_days", found["last_days"], 1, source.most_days)
    first, last = (_day(f"period.{name}", found.get(name)) for name in ("from", "to"))
    if not 0 <= last - first < source.most_days:
        raise _wrong("period", f"{last - first + 1} days", f"1 to {source.most_days} days")
    return first, last, 0


def _object(part: str, found: Any, names: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise _wrong(part, found, f"an object of {', '.join(names)}")
    for name in found:
        if name not in names:
            raise _wrong(part, name, f"of {', '.join(names)}")
    return found


def _day(part: str, found: Any) -> int:
    try:
        return (date.fromisoformat(found) - FIRST_DAY).days
    except (TypeError, ValueError):
        raise _wrong(part, found, "a date as 2026-06-05") from None


def _text(part: str, found: Any) -> str:
    if not isinstance(found, str) or len(found) > TEXT_MOST or "\0" in found:
        raise _wrong(part, found, f"a text of at most {TEXT_MOST} letters")
    return found


def _any_number(part: str, found: Any) -> int:
    return _whole(part, found, -NUMBER_MOST, NUMBER_MOST)


def _whole(part: str, found: Any, least: int, most: int) -> int:
    if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
        raise _wrong(part, found, f"a whole number of {least} to {most:,}")
    return found


def _said(query: Query, condition: Condition, value: int | str) -> int | str:
    is_day = isinstance(value, int) and query.piece(condition.column).type == DAY
    return date_of(int(value)) if is_day else value


def _wrong(part: str, found: Any, wanted: str) -> ReportRefused:
    said = json.dumps(found, ensure_ascii=False, default=str)[:60]
    return ReportRefused(f"query: {part}: found {said}, wanted {wanted}")
