"""A table for programs: CSV of its rows and JSON with its totals; cents stay whole numbers.

What a number is called stands in a column of its own beside it.
"""

import json

from backend_sync.reports.table import (
    CENTS,
    DAY,
    MONTH,
    TEXT,
    TIME,
    Cell,
    Column,
    Row,
    Table,
    date_of,
    when,
)
from backend_sync.settlement.statements import as_csv


def csv_of(table: Table) -> bytes:
    """Return the rows as CSV (RFC 4180) that no spreadsheet takes for formulas; no totals."""
    table = widened(table)
    names = [heading(column) for column in table.columns]
    rows = [
        [plain(column, cell) for column, cell in zip(table.columns, row, strict=True)]
        for row in table.rows
    ]
    return as_csv([*names, "currency"], [[*row, table.currency] for row in rows])


def json_of(table: Table) -> bytes:
    """Return {report, asked, currency, made_at, columns, rows, totals, notes}."""
    table = widened(table)
    named = [{"name": heading(column), "type": column.type} for column in table.columns]
    found = {
        "report": table.report,
        "asked": dict(table.about),
        "currency": table.currency,
        "made_at": when(table.made_at),
        "columns": named,
        "rows": [_row(table, row) for row in table.rows],
        "totals": {k: v for k, v in _row(table, table.totals).items() if v is not None},
        "notes": list(table.notes),
    }
    return (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode()


def widened(table: Table, unknown: Cell = None) -> Table:
    """Return a table with a column of names beside each column of numbers that have some.

    `unknown` stands where a number has no name.
    """
    for column in [column for column in table.columns if table.names.get(column.name)]:
        at = table.place(column.name) + 1
        rows = tuple((*row[:at], _name(table, at - 1, row, unknown), *row[at:])
                     for row in table.rows)  # fmt: skip
        head = table.columns
        table = table._replace(
            columns=(*head[:at], Column(f"{column.name}_name", TEXT), *head[at:]), rows=rows
        )
    return table


def _name(table: Table, at: int, row: Row, unknown: Cell) -> Cell:
    name = table.name_of(table.columns[at].name, row[at], table.day_of(row))
    return name or (None if name is None else unknown)


def heading(column: Column) -> str:
    """Return a column's name with its unit last, where it has one."""
    if column.type == CENTS and not column.name.endswith("cents"):
        return f"{column.name}_cents"
    return f"{column.name}_s" if column.type == "age" else column.name


def plain(column: Column, cell: Cell) -> Cell:
    """Return a cell for a program: dates in ISO, figures as they are."""
    if isinstance(cell, int) and column.type in (DAY, MONTH):
        return date_of(cell) if column.type == DAY else date_of(cell)[:7]
    if isinstance(cell, int) and column.type == TIME:
        return when(cell)
    return cell


def _row(table: Table, row: tuple[Cell, ...]) -> dict[str, Cell]:
    return {heading(c): plain(c, cell) for c, cell in zip(table.columns, row, strict=True)}
