"""A table as PDF (typst, with the fonts inside it): A4, wide tables across, numbered pages.

What a table holds reaches the compiler as JSON beside the page's source, so no text of a payer or
channel is ever read as markup. typst is loaded when it is asked for; other commands need it not.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

from backend_sync.reports.definition import ReportRefused
from backend_sync.reports.page import as_values
from backend_sync.reports.table import Table

PAGE = Path(__file__).parent / "report.typ"
ROWS_MOST = 5_000  # about a hundred pages; who wants more wants a spreadsheet
ACROSS_FROM = 9  # columns


def as_pdf(table: Table, language: str = "en") -> bytes:
    """Return the PDF: tagged, archivable (PDF/A-2a). Raises: ReportRefused for too many rows."""
    import typst

    if len(table.rows) > ROWS_MOST:
        raise ReportRefused(
            f"report {table.report}: {len(table.rows):,} rows, wanted at most {ROWS_MOST:,} on"
            " paper: ask for a shorter period, or for Excel or CSV"
        )
    values = {**as_values(table, language), "across": len(table.columns) >= ACROSS_FROM}
    made: bytes = typst.compile(
        PAGE.read_bytes(), format="pdf", ignore_system_fonts=True,
        sys_inputs={"report": json.dumps(values, ensure_ascii=False)},
        pdf_standards=["a-2a"], timestamp=table.made_at + _EPOCH,
    )  # fmt: skip
    return made


_EPOCH = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())
