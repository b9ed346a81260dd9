"""Lines for people: tables, times, and what to do when there is nothing."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from backend_sync.registers.cards import Document
from card_layouts.codec.timestamps import to_unix


def table(names: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> list[str]:
    """Return left-aligned columns under their names, or the sentence for an empty table."""
    cells = [[str(cell) for cell in row] for row in rows]
    if not cells:
        return [empty]
    cells.insert(0, list(names))
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    return ["  ".join(c.ljust(widths[i]) for i, c in enumerate(row)).rstrip() for row in cells]


def when(made: int) -> str:
    """Return seconds since 2020 as 2026-06-05 12:00:00 UTC."""
    return f"{datetime.fromtimestamp(to_unix(made), UTC):%Y-%m-%d %H:%M:%S}"


def document_value(document: Document) -> dict[str, Any]:
    """Return a document for JSON, with its cards as they are printed."""
    first, last = (document.span.number(s) for s in (document.first, document.last))
    return {**document._asdict(), "first": first, "last": last, "cards": document.span.card_count}


def document_lines(documents: Sequence[Document]) -> list[str]:
    """Return documents as a table: who did what to which cards, and when."""
    names = ("document", "when (UTC)", "who", "act", "cards", "from", "to", "reason")
    rows = [
        (d.number, when(d.made), d.by, _act(d), f"{d.span} ({d.span.card_count})",
         _at(d.before), _at(d.after), d.reason)
        for d in documents
    ]  # fmt: skip
    return table(names, rows, "no document")


def _act(document: Document) -> str:
    if document.undoes:
        return f"undo {document.undoes}"
    return f"{document.act} {document.delivery}" if document.delivery else document.act


def _at(value: tuple[str, str]) -> str:
    return ", ".join(value) if value[0] else "-"
