"""Stock and names by form: what is typed is done or told at its field, and the trail has it."""

import re

import pytest

from backend_sync.registers.trail import every_row
from backend_sync.registers.verify import verify
from tests.backend_sync.office_world import TOWN, Office

RANGE = ("range", "move")


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    made = Office(tmp_path_factory.mktemp("stock"), lived=False)
    yield made
    assert verify(made.registers.database) == []
    made.close()


def cards(office, first, last):
    return f"{office.number(TOWN, first)}..{office.number(TOWN, last)}"


def moved(office, client, span, to="point:kamppi", source="stock", path="/stock/move", **more):
    return client.post(path, data={"range": span, "source": source, "to": to, **more})


def wrong_at(page):
    """Return {field: what stands at it} of what was wrong."""
    return dict(re.findall(r'id="wrong-[a-z]+-([a-z_]*)">([^<]*)<', page))


def counted(office):
    rows = office.registers.database.rows(
        "SELECT place, sum(last - first + 1) FROM card_ranges WHERE authority = ? GROUP BY place",
        (TOWN,),
    )
    return {row[0]: int(row[1]) for row in rows}


@pytest.mark.requirement("W-97", "W-125", "X-7", "X-14")
def test_a_range_is_moved_by_form_and_moved_back_by_its_document(office):
    client, before = office.client("alma"), counted(office)
    answer = moved(office, client, cards(office, 5, 7), reason="for the summer")
    number = int(answer.headers["location"].removeprefix("/stock/documents?made="))
    assert answer.status_code == 303 and counted(office)["stock"] == before["stock"] - 3
    page = client.get(answer.headers["location"]).text
    assert f"Document {number}" in page and "for the summer" in page and "distributed" in page
    assert cards(office, 5, 7)[:14] not in page  # no printed number on a page
    row = list(every_row(office.registers.database))[-1]
    assert (row.by, row.what, row.subject) == ("alma", "distribute", f"document:{number}")
    undo = client.post(f"/stock/documents/{number}/undo", data={"reason": "typed wrong"})
    assert undo.headers["location"] == f"/stock/documents?made={number + 1}"
    assert counted(office) == before
    again = client.post(f"/stock/documents/{number}/undo")
    assert again.status_code == 409 and "undone already" in again.text


@pytest.mark.requirement("W-97", "W-125", "W-5")
@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"span": "12"}, "range", "12"),
        ({"to": "point:nowhere"}, "to", "nowhere"),
        ({"source": "supplier"}, "", "stock"),
        ({"to": "stock"}, "", "stock"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_changes_nothing(office, change, field, words):
    client, before = (
        office.client("alma"),
        office.registers.database.value("SELECT count(*) FROM trail"),
    )
    change = {"span": cards(office, 5, 7), **change}
    answer = moved(office, client, change.pop("span"), reason="kept <b>", **change)
    assert answer.status_code == 409
    told = wrong_at(answer.text)
    assert list(told) == [field] and words in told[field]
    assert 'value="kept &lt;b&gt;"' in answer.text  # what was typed is not lost
    assert office.registers.database.value("SELECT count(*) FROM trail") == before


@pytest.mark.requirement("R-1", "W-104", "W-126")
def test_a_delivery_is_entered_and_a_point_opened_with_its_limit(office):
    client = office.client("alma")
    form = {"range": cards(office, 20, 29), "delivery": "18"}
    assert client.post("/stock/deliver", data=form).status_code == 303
    again = client.post("/stock/deliver", data=form)
    assert "" in wrong_at(again.text) and again.status_code == 409
    assert "delivery" in wrong_at(
        client.post("/stock/deliver", data={**form, "delivery": "x"}).text
    )
    limit = {"name": "rautatientori", "alarm_below": "5"}
    assert client.post("/stock/place", data=limit).status_code == 303
    assert "rautatientori: 0 of at least 5" in client.get("/stock").text
    for name, value in (("name", "Not a name"), ("alarm_below", "many")):
        answer = client.post("/stock/place", data={**limit, name: value})
        assert list(wrong_at(answer.text)) == [name] and answer.status_code == 409


@pytest.mark.requirement("W-5", "W-128", "X-14")
def test_a_name_is_given_by_form_and_stands_on_the_pages(office):
    client = office.client("alma")
    form = {"kind": "operator", "number": "11", "name": "Ahti Lines", "from_day": "2020-01-02"}
    assert client.post("/names", data=form).headers["location"] == "/names"
    assert "Ahti Lines" in client.get("/names").text
    assert "Ahti Lines (11)" in client.get("/users/otto").text
    for name, value in (("number", "x"), ("from_day", "soon"), ("name", "11")):
        answer = client.post("/names", data={**form, name: value})
        assert list(wrong_at(answer.text)) == [name], name
    assert office.client("ferry").get("/names").text.count("Ahti") == 0
