"""Numbers stand with their names, of the day they are about, in every form of a report."""

import csv
import io
import json

import openpyxl
import pypdf
import pytest

from backend_sync.registers.names import name_it
from backend_sync.reports.excel import as_excel
from backend_sync.reports.naming import Names, named
from backend_sync.reports.page import as_values
from backend_sync.reports.pdf import as_pdf
from backend_sync.reports.plain import csv_of, json_of, widened
from backend_sync.reports.table import last_of_month
from tests.backend_sync.registers_world import SECRET, RegistersWorld
from tests.backend_sync.reports.reports_world import DAY, TOWN, Reported

EVIL = "=Buses & Co"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = Reported(tmp_path_factory.mktemp("names") / "keyring")
    made.live()
    register = RegistersWorld()
    boss = register.registers.found(TOWN, "bob", SECRET)
    for number, name, day in ((10, EVIL, 0), (10, "Koivula Lines", DAY + 1), (1, "Bus 1", 0)):
        kind = "device" if number == 1 else "operator"
        name_it(register.trail, boss, TOWN, kind, number, name, day)
    made.register = register.database
    yield made
    made.close()
    register.close()


def table_of(world, name, register=True, **filters):
    names = Names(world.tariffs, TOWN, world.register if register else None)
    return named(world.table(name, **filters), names)


@pytest.mark.requirement("W-5", "W-122", "W-151", "W-152")
def test_a_row_is_named_as_it_was_on_its_day_on_every_form(world):
    table = table_of(world, "passengers")
    page = as_values(table, "sv")
    cells = [row[1:3] for row in page["rows"]]
    assert [f"{EVIL} (10)", "adult (0)"] in cells and ["Koivula Lines (10)", "senior (3)"] in cells
    assert ["inget namn (11)", "adult (0)"] in cells  # that it has no name is said
    assert [column["align"] for column in page["columns"]][:4] == ["right", "left", "left", "right"]
    rows = list(csv.DictReader(io.StringIO(csv_of(table).decode())))
    found = {(row["day"], row["operator"], row["operator_name"]) for row in rows}
    assert ("2026-06-04", "10", "'" + EVIL) in found  # and no formula
    assert ("2026-06-05", "10", "Koivula Lines") in found and ("2026-06-04", "11", "") in found
    read = json.loads(json_of(table))
    assert {row["rider_name"] for row in read["rows"]} == {"adult", "senior"}
    sheet = openpyxl.load_workbook(io.BytesIO(as_excel(table, "it"))).worksheets[0]
    cells = {(row[1].value, row[2].value) for row in sheet.iter_rows(min_row=2)}
    assert {(10, EVIL), (10, "Koivula Lines"), (11, "senza nome")} <= cells
    assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)
    paper = " ".join(
        part.extract_text() for part in pypdf.PdfReader(io.BytesIO(as_pdf(table))).pages
    )
    assert f"{EVIL} (10)" in " ".join(paper.split())


@pytest.mark.requirement("W-152")
def test_names_change_no_figure_and_no_order_of_a_form(world):
    for name in ("usage", "concessions", "suspense", "counters"):
        plain, told = world.table(name), table_of(world, name)
        assert (told.rows, told.totals, told.bars()) == (plain.rows, plain.totals, plain.bars())
        wide = widened(told)
        kept = [wide.columns.index(column) for column in plain.columns]
        assert tuple(tuple(row[at] for at in kept) for row in wide.rows) == plain.rows


@pytest.mark.requirement("W-151")
def test_a_month_a_chart_and_what_was_asked_have_the_last_days_name(world):
    table = table_of(world, "usage", each="month", operator="10")
    page = as_values(table)
    assert ["operator", "Koivula Lines (10)"] in page["about"]
    assert {row[2] for row in page["rows"]} == {"Koivula Lines (10)"}
    assert "1 value" in page["svg"]
    assert ["authority", f"no name ({TOWN})"] in page["about"]
    assert [last_of_month(day) for day in (0, 30, 31, 59, 365)] == [30, 30, 59, 59, 365]


def test_without_a_register_products_are_named_and_operators_are_numbers(world):
    page = as_values(table_of(world, "usage", register=False))
    assert ["10", "value (1)"] in [row[2:4] for row in page["rows"]]
    assert page["about"][0] == ["authority", str(TOWN)]
    devices = as_values(table_of(world, "devices"))
    assert {row[1] for row in devices["rows"]} == {"Bus 1 (1)", "2", "3"}
    slips = as_values(table_of(world, "counters"))
    assert {row[3] for row in slips["rows"]} == {""}  # a load is of no product
