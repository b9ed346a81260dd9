"""A seller voids and closes, another counts blind; two people ask and agree, by form."""

import re

import pytest

from backend_sync.ledger.place import Place
from backend_sync.registers.trail import every_row
from backend_sync.sales.fiscal import FiscalChain, check_slips
from tests.backend_sync.office_world import CLERK, DEVICE, TOWN, Office, figure

COUNT = {"device": str(DEVICE), "shift": "1", "clerk": str(CLERK), "euros": "20"}
SHIFT = f"/sales/shifts/{DEVICE}/64/1/{CLERK}"


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A point that sold 20 euros twice in its first shift."""
    made = Office(tmp_path_factory.mktemp("cash"), lived=False)
    carl = made.client("carl")
    for _ in range(2):
        assert carl.post("/sell", data=made.form(carl)).status_code == 303
    yield made
    made.close()


def wrong_at(page):
    return dict(re.findall(r'id="wrong-[a-z]+-([a-z_]*)">([^<]*)<', page))


def cash_of(office):
    sql = "SELECT name, cents FROM balances WHERE kind = 'CASH'"
    return {name: int(cents) for name, cents in office.books(sql)}


@pytest.mark.requirement("W-17", "W-21", "W-108", "X-15", "R-13", "T18")
def test_a_shift_is_voided_closed_counted_blind_and_paid_in(office):
    carl, alma = office.client("carl"), office.client("alma")
    assert "Void the sale" in carl.get(f"/slips/{DEVICE}/1").text
    for _ in range(2):  # the same form twice is one void
        answer = carl.post(f"/slips/{DEVICE}/1/void")
        assert answer.headers["location"] == f"/slips/{DEVICE}/3"
    page = carl.get(f"/slips/{DEVICE}/3").text
    assert "Voided: slip 1" in page and figure(page, "to-pay") == "-20.00"
    assert "Void the sale" not in carl.get(f"/slips/{DEVICE}/1").text
    assert carl.post(f"/slips/{DEVICE}/3/void").status_code == 404  # a void is no sale
    with_slips = carl.get("/sell/shift").text
    assert (figure(with_slips, "slips"), figure(with_slips, "last")) == ("3", "3")
    assert "20.00" not in with_slips  # no sum before the count
    assert carl.get(SHIFT).status_code == 403  # nor by who sold
    assert figure(alma.get(SHIFT).text, "state") == "not counted"
    assert "20.00" not in alma.get(SHIFT).text
    assert carl.post("/sell/shift", data={"shift": "1"}).status_code == 303
    assert 'name="shift" value="2"' in carl.get("/sell").text
    for name, value in (("device", "33"), ("device", "x"), ("euros", "1,5"), ("shift", "5000")):
        answer = alma.post("/sales/count", data={**COUNT, name: value})
        assert list(wrong_at(answer.text)) == [name] and answer.status_code == 409
    assert alma.post("/sales/count", data=COUNT).headers["location"] == SHIFT
    page = alma.get(SHIFT).text
    assert (figure(page, "expected"), figure(page, "difference")) == ("20.00", "0.00")
    assert cash_of(office) == {f"CASH:counter:{CLERK}": -2000}
    for _ in range(2):
        assert alma.post(SHIFT + "/pay-in").status_code == 303
    assert cash_of(office) == {f"CASH:counter:{CLERK}": 0, "CASH:office": -2000}
    again = alma.post("/sales/count", data={**COUNT, "euros": "21"})
    assert again.status_code == 409 and "witness" in wrong_at(again.text)[""]
    assert office.client("ferry").get(SHIFT).status_code == 404
    with Place(str(office.folder)).books() as database:
        assert check_slips(database, FiscalChain(), [DEVICE]) == []


@pytest.mark.requirement("X-15", "W-108")
def test_a_sale_is_voided_within_its_minutes_by_who_sold_it(office):
    carl = office.client("carl")
    place = carl.post("/sell", data=office.form(carl, shift="3")).headers["location"]
    office.clock.now += 11 * 60
    try:
        answer = carl.post(place + "/void")
    finally:
        office.clock.now -= 11 * 60
    assert answer.status_code == 409 and "void within 10" in answer.text
    assert office.client("dora").post(place + "/void").status_code == 404


@pytest.mark.requirement("X-14", "W-11")
def test_what_takes_two_is_asked_for_by_form_and_agreed_to_by_another(office):
    dora, alma = office.client("dora"), office.client("alma")
    form = {"kind": "refund", "amount": "90,50", "content": "Claim 8: paid twice"}
    for name, value in (("kind", "cake"), ("amount", "many"), ("digest", "12")):
        answer = dora.post("/proposals", data={**form, name: value})
        assert list(wrong_at(answer.text)) == [name] and answer.status_code == 409
    listed = dora.post("/proposals", data={**form, "kind": "hotlist", "amount": "12"})
    assert list(wrong_at(listed.text)) == ["digest"]
    assert dora.post("/proposals", data={**form, "kind": "key"}).status_code == 409
    assert dora.post("/proposals", data=form).headers["location"] == "/proposals"
    found = office.registers.proposals.every()[-1]
    assert (found.amount, found.by, found.authority) == (9050, "dora", TOWN)
    assert dora.post(f"/proposals/{found.number}", data={"step": "approved"}).status_code == 409
    assert alma.post(f"/proposals/{found.number}", data={"step": "approved"}).status_code == 303
    rows = [(row.by, row.what) for row in every_row(office.registers.database)][-2:]
    assert rows == [("dora", "propose"), ("alma", "approved")]


@pytest.mark.requirement("W-108", "W-150")
def test_a_seller_is_given_his_till_once(office):
    alma, users = office.client("alma"), office.registers.users
    form = {"name": "erik", "role": "sales point", "secret": "a long password", "point": "kamppi",
            "every_right": "true"}  # fmt: skip
    assert alma.post("/users", data=form).status_code == 303
    assert "Give a till" in alma.get("/users/erik").text
    taken = alma.post("/users/erik/till", data={"device": str(DEVICE), "clerk": str(CLERK)})
    assert taken.status_code == 409 and "carl" in taken.text
    assert alma.post("/users/erik/till", data={"device": "31", "clerk": "9"}).status_code == 303
    page = alma.get("/users/erik").text
    assert figure(page, "till") == "Device 31 · Clerk 9" and "Give a till" not in page
    assert office.tills.of(users.get("erik")).clerk == 9
