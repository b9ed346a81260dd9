"""A table as Excel: real numbers and dates with formats, texts that no program takes for formulas.

A text cell keeps its text and carries Excel's own mark of a text (`quotePrefix`), so it stays one
when somebody edits it. XlsxWriter is loaded when it is asked for; other commands need it not.
"""

import io
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from backend_sync.reports.page import as_values
from backend_sync.reports.plain import widened
from backend_sync.reports.table import (
    CENTS,
    COUNT,
    DAY,
    FIRST_DAY,
    MONTH,
    PERMILLE,
    TEXT,
    Cell,
    Column,
    Table,
    shown,
)
from backend_sync.reports.words import text_of, word

FIRST = datetime(2020, 1, 1)  # noqa: DTZ001 - Excel knows no time zones
FORMATS = {
    CENTS: "#,##0.00;[Red]-#,##0.00",
    COUNT: "#,##0",
    DAY: "yyyy-mm-dd",
    MONTH: "yyyy-mm",
    PERMILLE: "0.0%",
}
WIDTH_LEAST, WIDTH_MOST = 9, 40


def as_excel(table: Table, language: str = "en") -> bytes:
    """Return an .xlsx: a sheet of the rows with their totals, and one that says what was asked."""
    import xlsxwriter  # type: ignore[import-untyped]

    out = io.BytesIO()
    table = widened(table, word("no_name", language))
    safe = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
            "strings_to_numbers": False}  # fmt: skip
    with xlsxwriter.Workbook(out, safe) as book:
        found = as_values(table, language)
        book.set_properties({"title": found["title"], "author": "Tornello",
                             "created": FIRST + timedelta(seconds=table.made_at)})  # fmt: skip
        _Sheet(book, book.add_worksheet(_sheet_name(found["title"])), table, language).write()
        _about(book, found)
    return out.getvalue()


class _Sheet:
    """Writes the rows; `plain` and `bold` are the formats of a type, for rows and totals."""

    def __init__(self, book: Any, sheet: Any, table: Table, language: str) -> None:
        self.book, self.sheet, self.table, self.language = book, sheet, table, language
        self.plain = self._formats({})
        self.bold = self._formats({"bold": True, "top": 1})

    def write(self) -> None:
        head = self.book.add_format({"bold": True, "bottom": 1, "quote_prefix": True})
        columns, rows = self.table.columns, self.table.rows
        for at, column in enumerate(columns):
            label = word(column.name, self.language)
            if column.type == CENTS:
                label += f" ({self.table.currency})"
            self.sheet.write_string(0, at, label, head)
            texts = [label, *(shown(column, row[at]) for row in rows[:500])]
            width = min(max(*map(len, texts), WIDTH_LEAST) + 2, WIDTH_MOST)
            self.sheet.set_column(at, at, width)
        for place, row in enumerate(rows, 1):
            self._row(place, row, self.plain)
        if rows:
            self.sheet.autofilter(0, 0, len(rows), len(columns) - 1)
        self._totals(len(rows) + 1)
        self.sheet.freeze_panes(1, 0)
        self.sheet.repeat_rows(0)

    def _totals(self, place: int) -> None:
        totals = self.table.totals
        if self.table.rows and any(cell is not None for cell in totals):
            self._row(place, totals, self.bold)
            if totals[0] is None:
                text = word("total", self.language)
                self.sheet.write_string(place, 0, text, self.bold[TEXT])

    def _row(self, place: int, row: tuple[Cell, ...], formats: dict[str, Any]) -> None:
        for at, (column, cell) in enumerate(zip(self.table.columns, row, strict=True)):
            look = formats.get(column.type, formats[TEXT])
            if cell is None:
                self.sheet.write_blank(place, at, None, look)
            elif isinstance(cell, str):
                self.sheet.write_string(place, at, text_of(column, cell, self.language), look)
            else:
                self._number(place, at, column, cell, look)

    def _number(self, place: int, at: int, column: Column, cell: int, look: Any) -> None:
        if column.type in (DAY, MONTH):
            self.sheet.write_datetime(place, at, FIRST_DAY + timedelta(days=cell), look)
        elif column.type == CENTS:
            self.sheet.write_number(place, at, Decimal(cell) / 100, look)
        elif column.type == PERMILLE:
            self.sheet.write_number(place, at, Decimal(cell) / 1000, look)
        elif column.type in FORMATS or column.type == "number":
            self.sheet.write_number(place, at, cell, look)
        else:
            self.sheet.write_string(place, at, shown(column, cell), look)

    def _formats(self, more: dict[str, Any]) -> dict[str, Any]:
        made = {kind: self.book.add_format({"num_format": text, **more})
                for kind, text in FORMATS.items()}  # fmt: skip
        made["number"] = self.book.add_format({"num_format": "0", **more})
        made[TEXT] = self.book.add_format({"quote_prefix": True, **more})
        return made


def _about(book: Any, found: dict[str, Any]) -> None:
    sheet = book.add_worksheet("i")
    look = book.add_format({"quote_prefix": True})
    rows = [[found["title"], ""], *found["about"], *([note, ""] for note in found["notes"])]
    for place, row in enumerate(rows):
        for at, text in enumerate(row):
            sheet.write_string(place, at, text, look)
    sheet.set_column(0, 1, 28)


def _sheet_name(title: str) -> str:
    """Return a name that Excel takes: 31 letters, none of []:*?/\\."""
    return "".join(letter for letter in title if letter not in "[]:*?/\\'")[:31]
