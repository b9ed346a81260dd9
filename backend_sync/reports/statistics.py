"""Statistics for the public: boardings by service day and one other column, k-anonymous.

A cell shows a count only when at least k cards are in it, and nobody can compute the others from
sums (`suppression.py`). Counts only; whole days; no chains of rides. What was released for a day is
never made again in another way: two tables of one day could be laid on each other. So a release is
kept as it was given out, and asked again it is the same. Cards are counted while their detail is
there (D24): a period is released before it folds. Source: trust.md section 5; D24; W-148.
"""

import json
from typing import NamedTuple

from backend_sync.ports import Clock
from backend_sync.registers.rights import User
from backend_sync.reports.by_day import POSTED
from backend_sync.reports.days import Days
from backend_sync.reports.definition import ReportRefused, demand_whole
from backend_sync.reports.saved import APPROVE
from backend_sync.reports.suppression import TOTAL, Count, Counts, withheld
from backend_sync.reports.table import Row, Table, columns, date_of
from backend_sync.reports.tables import releases
from backend_sync.storage.database import Database
from card_layouts.records.entries import INTENT

K_LEAST = 10
COLUMNS = ("operator", "product", "rider", "zones")
DAYS_MOST = 31
CELLS_MOST = 2_000
USAGE = "usage.see"
ALL = "all"


class Release(NamedTuple):
    """What the public got: (day, column, boardings or None where it is withheld); -1 = all."""

    authority: int
    first: int
    last: int
    column: str
    k: int
    cells: tuple[tuple[int, int, int | None], ...]

    def as_json(self) -> str:
        return json.dumps(self._asdict(), sort_keys=True)

    def table(self, made_at: int = 0) -> Table:
        """Return it as a table: every cell a row, what is of all days or all columns says so."""
        rows: tuple[Row, ...] = tuple(
            (ALL if day == TOTAL else day, ALL if key == TOTAL else key, shown)
            for day, key, shown in self.cells
        )
        hidden = any(shown is None for _, _, shown in self.cells)
        about = (("authority", str(self.authority)), ("from", date_of(self.first)),
                 ("to", date_of(self.last)), ("k", str(self.k)))  # fmt: skip
        return Table(
            "statistics", about, "-", columns("day day", f"{self.column} number",
                                              "boardings number"),
            rows, ("note_hidden",) if hidden else (), None, made_at,
        )  # fmt: skip


class Statistics:
    """`books` is the ledger, to read; `database` is reports.db."""

    def __init__(self, books: Database, database: Database, clock: Clock) -> None:
        self.books = books
        self.database = database
        self.clock = clock

    def preview(self, by: User, days: Days, first: int, last: int, column: str,
                k: int = K_LEAST) -> Release:  # fmt: skip
        """Return what a release would be, and keep nothing. Raises: ReportRefused."""
        demand_whole(by, USAGE, days.authority)
        _check(days, first, last, column, k, self.clock.utc_seconds())
        counts, labels = self._counts(days.authority, first, last, column)
        hidden = withheld(counts, k)
        cells = tuple(
            (TOTAL if row == TOTAL else first + row, TOTAL if at == TOTAL else labels[at],
             None if (row, at) in hidden else count.shown)
            for (row, at), count in sorted(counts.items(), key=_totals_last)
        )  # fmt: skip
        return Release(days.authority, first, last, column, k, cells)

    def release(self, by: User, days: Days, first: int, last: int, column: str,
                k: int = K_LEAST) -> Release:  # fmt: skip
        """Release a period once; asked again in the same way it is what was given out then."""
        demand_whole(by, APPROVE, days.authority)
        with self.database.transaction():
            for before in self.released(days.authority):
                if before.first <= last and first <= before.last:
                    if (first, last, column, k) == (before.first, before.last, before.column,
                                                    before.k):  # fmt: skip
                        return before
                    raise ReportRefused(
                        f"statistics: {date_of(before.first)} to {date_of(before.last)} was"
                        f" released by {before.column}, k {before.k}: a day is released once, or"
                        " two tables of it could be laid on each other"
                    )
            made = self.preview(by, days, first, last, column, k)
            row = (self.database.next_id(releases), days.authority, first, last, made.as_json(),
                   by.name, self.clock.utc_seconds())  # fmt: skip
            self.database.insert(releases, [row])
        return made

    def released(self, authority: int) -> list[Release]:
        """Return every release of an authority, the oldest first. They are public."""
        rows = self.database.rows(
            "SELECT body FROM releases WHERE authority = ? ORDER BY first", (authority,)
        )
        found = [json.loads(row[0]) for row in rows]
        return [Release(**{**body, "cells": tuple(map(tuple, body["cells"]))}) for body in found]

    def _counts(self, authority: int, first: int, last: int, column: str
                ) -> tuple[Counts, list[int]]:  # fmt: skip
        """Return every cell with its totals, and the labels of the columns.

        People are cards; each total counts its own, for a card may be in several cells.
        """
        assert column in COLUMNS
        ask = (
            "SELECT {keys}, count(*), count(DISTINCT p.card), sum(CASE WHEN p.card IS NULL THEN 1"
            " ELSE 0 END) FROM rides r LEFT JOIN pendings p ON p.id = r.id WHERE r.authority = ?"
            f" AND r.day BETWEEN ? AND ? AND r.type = {INTENT} AND {POSTED} {{group}}"
        )
        values, found = (authority, first, last), dict[tuple[int, int], Count]()
        wholes = (("r.day", f"r.{column}"), ("r.day", "-1"), ("-1", f"r.{column}"), ("-1", "-1"))
        for keys in wholes:
            named = ", ".join(key for key in keys if key != "-1")
            group = f"GROUP BY {named}" if named else ""
            for row in self.books.rows(ask.format(keys=", ".join(keys), group=group), values):
                if row[4]:
                    raise ReportRefused(
                        f"statistics: {row[4]} rides of {date_of(first)} to {date_of(last)} are"
                        " folded, their cards cannot be counted: release a period sooner"
                    )
                found[int(row[0]), int(row[1])] = Count(int(row[2]), int(row[3]))
        labels = sorted({key for _, key in found if key != TOTAL})
        if (last - first + 2) * (len(labels) + 1) > CELLS_MOST:
            raise ReportRefused(
                f"statistics: {len(labels)} columns of {column} on {last - first + 1} days,"
                f" wanted at most {CELLS_MOST} cells: a shorter period"
            )
        counts = {}
        for row_at in (*range(last - first + 1), TOTAL):
            for at in (*range(len(labels)), TOTAL):
                place = (TOTAL if row_at == TOTAL else first + row_at,
                         TOTAL if at == TOTAL else labels[at])  # fmt: skip
                counts[row_at, at] = found.get(place, Count(0, 0))
        return counts, labels


def _totals_last(cell: tuple[tuple[int, int], Count]) -> tuple[bool, int, bool, int]:
    (row, at), _ = cell
    return row == TOTAL, row, at == TOTAL, at


def _check(days: Days, first: int, last: int, column: str, k: int, now: int) -> None:
    if column not in COLUMNS:
        raise ReportRefused(f"statistics: by {column[:30]!r}, wanted {', '.join(COLUMNS)}")
    if k < K_LEAST:
        raise ReportRefused(f"statistics: k {k}, wanted {K_LEAST} or more")
    if not 0 <= last - first < DAYS_MOST:
        raise ReportRefused(
            f"statistics: {date_of(first)} to {date_of(last)}, wanted 1 to {DAYS_MOST} days"
        )
    if last >= days.day(now):
        raise ReportRefused(f"statistics: {date_of(last)} is not over yet")
