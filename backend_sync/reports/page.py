"""A table as plain values for a page or a PDF: every text as it is read, and the chart."""

from typing import Any

from backend_sync.reports.chart import chart
from backend_sync.reports.definition import EACH
from backend_sync.reports.table import CENTS, TEXT, WORD, Column, Row, Table, when
from backend_sync.reports.words import labelled, named_text, word

LEFT = "left"
RIGHT = "right"


def as_values(table: Table, language: str = "en") -> dict[str, Any]:
    """Return everything a page, or a PDF, shows of a table: texts in `language`, none escaped.

    Shape: {title, about: [[word, text]], columns: [{name, label, align}], rows: [[text]],
    totals: [text], notes: [text], empty: text or "", svg, language}.
    """
    about = [
        [word(name, language), _asked(table, name, text, language)] for name, text in table.about
    ]
    if any(column.type == CENTS for column in table.columns):
        about += [[word("currency", language), table.currency]]
    about += [[word("made_at", language), when(table.made_at)]]
    return {
        "language": language,
        "title": word(f"report_{table.report}", language),
        "about": about,
        "columns": [
            {
                "name": column.name,
                "label": word(column.name, language),
                "align": _align(table, column),
            }
            for column in table.columns
        ],
        "rows": [_texts(table, row, language) for row in table.rows],
        "totals": totals_of(table, language),
        "notes": [word(note, language) for note in table.notes],
        "empty": "" if table.rows else word("empty", language),
        "svg": chart(table, language, table.report),
        "page": word("page", language),
    }


def totals_of(table: Table, language: str = "en") -> list[str]:
    """Return the texts of the row of totals, its first cell the word; none without a sum."""
    totals = table.totals
    if all(cell is None for cell in totals) or not table.rows:
        return []
    texts = _texts(table, totals, language)
    return texts if texts[0] else [word("total", language), *texts[1:]]


def _align(table: Table, column: Column) -> str:
    return LEFT if column.type in (TEXT, WORD) or table.names.get(column.name) else RIGHT


def _asked(table: Table, name: str, text: str, language: str) -> str:
    """Return what was asked for, for people: a number with its name."""
    if name == EACH:
        return word(text, language)
    called = table.name_of(name, int(text)) if text.isdecimal() else None
    return labelled(called, text, language)


def _texts(table: Table, row: Row, language: str) -> list[str]:
    return [named_text(table, at, row, language) for at in range(len(table.columns))]
