"""The same figures on screen, on paper, in a spreadsheet and for programs; no text is a formula."""

import csv
import io
import json
import re
from datetime import datetime, timedelta
from xml.etree import ElementTree

import openpyxl
import pypdf
import pytest

from backend_sync.reports.catalogue import REPORTS
from backend_sync.reports.chart import chart
from backend_sync.reports.definition import ReportRefused
from backend_sync.reports.excel import as_excel
from backend_sync.reports.forms import FORMS, form_of
from backend_sync.reports.page import as_values
from backend_sync.reports.pdf import as_pdf
from backend_sync.reports.plain import csv_of, heading, json_of, plain
from backend_sync.reports.table import ADDED, CENTS, DAY, FIRST_DAY, MONTH, Chart, Table, columns
from backend_sync.reports.words import LANGUAGES, TEXTS, text_of, word
from tests.backend_sync.reports.reports_world import Reported

EVIL = '=HYPERLINK("http://x","<b>&")'


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Every report of one ledger: real figures, made once."""
    world = Reported(tmp_path_factory.mktemp("forms") / "keyring")
    world.live()
    yield {name: world.table(name) for name in REPORTS}
    world.close()


@pytest.fixture
def evil():
    """A table whose texts would be formulas or markup somewhere."""
    rows = ((EVIL, -5, 2345), ("@SUM(1)", 7, -99), ("+1", 0, 0), ("#let x = panic()", 1, 100))
    made = columns("payer text", "lines count", "billed cents")
    return Table("concessions", (("authority", EVIL),), "EUR", made, rows, (),
                 Chart("payer", "billed"), 100)  # fmt: skip


def lines_of(data):
    return "\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages)


@pytest.mark.requirement("W-152", "W-151")
@pytest.mark.parametrize("name", sorted(REPORTS))
def test_the_pdf_of_a_report_shows_every_figure_of_its_table(tables, name):
    table = tables[name]
    text = " ".join(lines_of(as_pdf(table)).split())
    assert word(f"report_{name}") in text
    at = 0
    for row in (*table.rows, table.totals) if table.rows else ():
        for column, cell in zip(table.columns, row, strict=True):
            wanted = " ".join(text_of(column, cell).split())
            found = text.find(wanted, at)  # in the table's own order, none left out
            assert found >= at, (name, row, wanted, text[at : at + 80])
            at = found + len(wanted)
    assert table.rows or word("empty") in text


@pytest.mark.requirement("W-152", "W-151")
@pytest.mark.parametrize("name", sorted(REPORTS))
def test_the_excel_file_of_a_report_holds_every_figure_of_its_table(tables, name):
    table = tables[name]
    sheet = openpyxl.load_workbook(io.BytesIO(as_excel(table))).worksheets[0]
    rows = list(sheet.iter_rows(values_only=True))
    assert [text.partition(" (")[0] for text in rows[0]] == [word(c.name) for c in table.columns]
    wanted = [*table.rows]
    if table.rows and any(cell is not None for cell in table.totals):
        wanted.append(table.totals)
    assert len(rows) - 1 == len(wanted)
    for row, found in zip(wanted, rows[1:], strict=True):
        for column, cell, read in zip(table.columns, row, found, strict=True):
            same(column, cell, read)


def same(column, cell, read):
    if cell is None:
        assert read in (None, "Total")
    elif column.type == CENTS:
        assert isinstance(read, (int, float)) and round(read * 100) == cell
        assert abs(read * 100 - cell) < 1e-6
    elif column.type in (DAY, MONTH):
        assert isinstance(read, datetime) and read.date() == FIRST_DAY + timedelta(days=cell)
    elif isinstance(cell, int) and column.type in (*ADDED, "number"):
        assert read == cell and isinstance(read, int)
    elif column.type != "permille":
        assert read == text_of(column, cell)


@pytest.mark.requirement("W-152")
def test_csv_and_json_hold_the_same_figures(tables):
    for table in tables.values():
        read = list(csv.DictReader(io.StringIO(csv_of(table).decode())))
        found = json.loads(json_of(table))
        assert len(read) == len(found["rows"]) == len(table.rows)
        for row, line, named in zip(table.rows, read, found["rows"], strict=True):
            for column, cell in zip(table.columns, row, strict=True):
                cell = plain(column, cell)
                assert named[heading(column)] == cell
                assert line[heading(column)] == ("" if cell is None else str(cell))
        for column, cell in zip(table.columns, table.totals, strict=True):
            assert found["totals"].get(heading(column)) == cell


def test_no_text_is_a_formula_or_markup_anywhere(evil):
    book = openpyxl.load_workbook(io.BytesIO(as_excel(evil)))
    for sheet in book.worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                assert cell.data_type != "f"
                if cell.data_type == "s":
                    assert cell.quotePrefix, cell.coordinate
    assert book.worksheets[0]["A2"].value == EVIL and book.worksheets[0]["C2"].value == 23.45
    with pytest.raises(AssertionError):  # the readers of this test do see a formula
        planted = openpyxl.Workbook()
        planted.active["A1"] = "=1+1"
        assert planted.active["A1"].data_type != "f"
    rows = list(csv.reader(io.StringIO(csv_of(evil).decode())))
    assert [row[0] for row in rows[1:]] == ["'" + EVIL, "'@SUM(1)", "'+1", "#let x = panic()"]
    assert [row[1] for row in rows[1:]] == ["-5", "7", "0", "1"]
    svg = chart(evil)
    assert "<b>" not in svg and "&lt;b&gt;&amp;" in svg
    text = lines_of(as_pdf(evil))
    assert "@SUM(1)" in text and "#let x = panic()" in text


@pytest.mark.requirement("W-151")
def test_a_chart_tells_its_figures_to_who_cannot_see_it(tables, evil):
    for table in (*tables.values(), evil):
        svg = chart(table, name="c")
        if not any(value for _, value in table.bars()):
            assert svg == ""
            continue
        root = ElementTree.fromstring(svg)
        space = "{http://www.w3.org/2000/svg}"
        assert root.get("role") == "img" and root.get("aria-labelledby") == "c-title c-desc"
        said = root.find(f"{space}desc").text
        drawn = [text.text for text in root.iter(f"{space}text")]
        assert drawn.pop(0) == root.find(f"{space}title").text
        assert len(drawn) == 2 * len(list(root.iter(f"{space}rect"))) > 0
        assert all(figure in said for figure in drawn[1::2])
        assert not re.search(r"script|style=|href|#[0-9a-f]{3}", svg)
    assert 'fill="none"' in chart(evil)  # below 0


@pytest.mark.requirement("W-151")
def test_every_word_of_every_report_stands_in_five_languages(tables):
    assert [key for key, row in TEXTS.items() if len(row) != len(LANGUAGES) or not all(row)] == []
    for table in tables.values():
        keys = [f"report_{table.report}", *(c.name for c in table.columns), *table.notes,
                *(name for name, _ in table.about)]  # fmt: skip
        keys += [cell for row in table.rows for c, cell in zip(table.columns, row, strict=True)
                 if c.type == "word"]  # fmt: skip
        assert [key for key in keys if key not in TEXTS] == []
    finnish = as_values(tables["settlement"], "fi")
    assert finnish["title"] == "Tilitys liikennöitsijöittäin" and finnish["totals"][0] == "Yhteensä"
    assert "Расчёты по перевозчикам" in lines_of(as_pdf(tables["settlement"], "ru"))


def test_a_form_that_nobody_writes_is_refused_by_name(evil):
    assert form_of("a.b.PDF") is FORMS["pdf"]
    for name in ("x.docx", "pdf", ""):
        with pytest.raises(ReportRefused, match=r"wanted a name that ends in \.pdf"):
            form_of(name)
    long = evil._replace(rows=evil.rows * 2000)
    with pytest.raises(ReportRefused, match="8,000 rows, wanted at most 5,000 on paper"):
        as_pdf(long)
