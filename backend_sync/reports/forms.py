"""The forms a table is handed out in, by the end of a file's name."""

from collections.abc import Callable
from typing import NamedTuple

from backend_sync.reports.definition import ReportRefused
from backend_sync.reports.excel import as_excel
from backend_sync.reports.pdf import as_pdf
from backend_sync.reports.plain import csv_of, json_of
from backend_sync.reports.table import Table

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Form(NamedTuple):
    """`media_type` is what a browser is told."""

    media_type: str
    write: Callable[[Table, str], bytes]


FORMS = {
    "pdf": Form("application/pdf", as_pdf),
    "xlsx": Form(EXCEL, as_excel),
    "csv": Form("text/csv; charset=utf-8", lambda table, _language: csv_of(table)),
    "json": Form("application/json", lambda table, _language: json_of(table)),
}


def form_of(name: str) -> Form:
    """Return the form that a file's name asks for. Raises: ReportRefused."""
    end = name.rpartition(".")[2].lower()
    if "." not in name or end not in FORMS:
        raise ReportRefused(f"{name[:80]}: wanted a name that ends in .{', .'.join(FORMS)}")
    return FORMS[end]
