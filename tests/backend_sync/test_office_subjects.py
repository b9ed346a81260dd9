"""The office's subjects: cards, devices, tariffs, settlement, registers, the trail, sales."""

import io
import json
import re
import zipfile
from contextlib import closing

import pytest

from backend_sync.edge_states import HELD_FILE, holdings
from backend_sync.ledger.place import Place
from backend_sync.settlement.close import every_batch
from backend_sync.settlement.statements import statements
from card_layouts.packages.manifest import TARIFF
from card_layouts.settlement.batch import open_batch
from simulator.bench.plans import Planner, listening
from tests.backend_sync.office_world import DEVICE, FERRY, TOWN, Office, figure
from tests.backend_sync.registers_world import SECRET


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Of tests that change nothing."""
    made = Office(tmp_path_factory.mktemp("subjects"))
    yield made
    made.close()


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path)
    yield made
    made.close()


def main_of(page):
    """Return what stands on a page, without its frame and its hidden fields."""
    text = page.split("<main", 1)[1].split("</main>")[0]
    return re.sub(r'<input type="hidden"[^>]*>', "", text)


@pytest.mark.requirement("W-5", "W-10", "O-9")
def test_an_account_shows_each_charge_and_why_it_is_what_it_is(shared):
    page = main_of(shared.client("alma").get(f"/cards/accounts/{shared.card}").text)
    first = shared.books(
        "SELECT r.full_cents, r.charged_cents, r.rule FROM rides r JOIN pendings p ON p.id = r.id"
        f" WHERE p.card = {shared.card} ORDER BY p.at"
    )
    assert [row[1] for row in first] == [240, 0] and [row[2] % 16 for row in first] == [0, 1]
    assert page.index("transfer: paid already") < page.index("price of the tariff")
    for words in ("full price 2.40", "charged to the card 2.40", "charged to the card 0.00",
                  "Operator Koivula Buses (10)", "Operator no name (11)", "group adult, zones A",
                  "repeated by the ledger"):  # fmt: skip
        assert words in page, words
    balance = shared.books(f"SELECT balance_cents FROM cards WHERE id = {shared.card}")[0][0]
    assert figure(page, "balance") == f"-{-balance // 100}.{-balance % 100:02d}"
    at_a_point = main_of(shared.client("dora").get(f"/cards/accounts/{shared.card}").text)
    assert "price of the tariff" not in at_a_point and "balance" in at_a_point


@pytest.mark.requirement("W-10")
def test_a_ride_in_another_area_shows_its_money_and_not_where_it_was(shared):
    """The third card is the town's and rode on the ferry."""
    card = shared.books("SELECT p.card FROM rides r JOIN pendings p ON p.id = r.id"
                        f" WHERE r.authority = {FERRY}")[0][0]  # fmt: skip
    page = main_of(shared.client("alma").get(f"/cards/accounts/{card}").text)
    assert "in another area" in page and "3.00" in page and "(20)" not in page


@pytest.mark.requirement("X-14", "W-10")
def test_a_card_is_listed_once_and_taken_off_again(office):
    client, listed = office.client("dora"), office.folder / "tariffs" / "hotlist.json"
    for _ in range(2):
        answer = client.post(f"/cards/accounts/{office.card}/refuse")
        assert answer.headers["location"] == f"/cards/accounts/{office.card}"
    assert len(json.loads(listed.read_text())["cards"]) == 1
    page = client.get(f"/cards/accounts/{office.card}").text
    assert figure(page, "listed") == "on the hotlist: block"
    client.post(f"/cards/accounts/{office.card}/allow")
    assert json.loads(listed.read_text())["cards"] == []
    rows = office.books('SELECT card, decision, "by" FROM listing_decisions ORDER BY id')
    assert rows == [(office.card, "listed", "dora"), (office.card, "unlisted", "dora")]


@pytest.mark.requirement("W-123", "W-104", "W-10")
def test_a_card_is_looked_up_reported_lost_found_and_blocked_without_its_number(office):
    client, number = office.client("dora"), office.number()
    page = client.post("/cards/register", data={"number": number}).text
    assert figure(page, "state") == "with a customer" and figure(page, "place") == "customer"
    states = []
    for path, act in (("report", "lose"), ("report", "find"), ("block", "block"),
                      ("block", "unblock")):  # fmt: skip
        form = {"number": number, "act": act, "reason": "Said so"}
        answer = client.post(f"/cards/register/{path}", data=form)
        assert answer.status_code == 200
        states.append(figure(answer.text, "state"))
    assert states == ["lost", "with a customer", "blocked", "with a customer"]
    again = client.post("/cards/register/block", data={"number": number, "act": "unblock"})
    kill = client.post("/cards/register/report", data={"number": number, "act": "kill"})
    assert (again.status_code, kill.status_code) == (409, 409)
    for text in (page, answer.text, again.text):
        assert number not in main_of(text) and number.replace(" ", "") not in main_of(text)
    for wrong in ("1", "244 00001000 4", "'; DROP TABLE", office.number(FERRY)):
        found = client.post("/cards/register", data={"number": wrong})
        assert found.status_code == 404 and "No card of yours" in found.text


@pytest.mark.requirement("W-24", "O-8", "O-9")
def test_a_device_tells_its_last_entry_its_gaps_and_its_open_taps(shared):
    client = shared.client("olli")
    page = main_of(client.get("/devices").text)
    assert re.findall(r'href="/devices/(\d+)"', page) == ["1"]
    one = main_of(client.get("/devices/1").text)
    assert figure(one, "missing") == "0" and "2.40" in one
    shared.clock.now += 2 * 86_400
    try:
        assert "silent" in main_of(shared.client("olli").get("/devices").text)
    finally:
        shared.clock.now -= 2 * 86_400
    assert "silent" not in main_of(client.get("/devices").text)


@pytest.mark.requirement("W-115", "W-22")
def test_a_tariff_shows_which_devices_have_it_and_which_have_not(office):
    client, path = office.client("alma"), office.folder / HELD_FILE
    page = client.get("/tariffs").text
    assert (figure(page, "holding"), figure(page, "lacking")) == ("0", "2")
    held = holdings({(TOWN, "depot"): {(1, TARIFF, TOWN): 1, (2, TARIFF, FERRY): 1}}, set())
    path.write_text(json.dumps(held))
    page = client.get("/tariffs").text
    assert (figure(page, "holding"), figure(page, "lacking")) == ("1", "1")
    assert "depot" in main_of(client.get("/devices/1").text)
    path.write_text("[")
    assert figure(client.get("/tariffs").text, "holding") == "0"


@pytest.mark.requirement("W-19", "W-23", "W-10")
def test_a_statement_is_the_batchs_own_and_an_operator_gets_his_only(shared):
    with Place(str(shared.folder)).books() as database:
        closed = every_batch(database)[0]
        written = {one.party: one for one in statements(closed)}
    mine = written["operator-1-10"]
    for form, body in (("txt", mine.as_text()), ("json", mine.as_json())):
        assert shared.client("olli").get(f"/settlement/1/operator-1-10.{form}").content == body
    page = main_of(shared.client("olli").get("/settlement/1").text)
    assert set(re.findall(r'href="/settlement/1/([^"]*)\.txt"', page)) == {"operator-1-10"}
    assert "equality" not in page
    page = main_of(shared.client("alma").get("/settlement/1").text)
    own = set(re.findall(r'href="/settlement/1/([^"]*)\.txt"', page))
    assert own == {party for party in written if party.split("-")[1] == str(TOWN)}
    said = re.search(r'id="equality"[^>]*>([^<]*)<', page)[1]
    assert "unassigned 0" in said and "/" not in said
    for party in ("operator-2-20", "authority-2", "..%2f..%2fledger"):
        assert shared.client("alma").get(f"/settlement/1/{party}.txt").status_code == 404


@pytest.mark.requirement("W-23")
def test_a_day_is_closed_once_and_outsiders_get_the_signed_batch(office):
    client = office.client("alma")
    for day, status in (("2026-06-04", 303), ("2026-06-05", 409), ("", 409), ("x", 409)):
        answer = client.post("/settlement/close", data={"day": day})
        assert answer.status_code in (status, 400), day
    assert len(office.books("SELECT id FROM settlement_batches")) == 1
    office.clock.now += 86_400
    client = office.client("alma")
    answer = client.post("/settlement/close", data={"day": "2026-06-05"})
    assert answer.headers["location"] == "/settlement/2"
    file = zipfile.ZipFile(io.BytesIO(client.get("/settlement/verify.zip").content))
    public = bytes.fromhex(file.read("publics.txt").decode())
    for number in (1, 2):
        open_batch(file.read(f"batch-{number:06}.cbor"), public)


@pytest.mark.requirement("W-23", "I10")
def test_books_that_forgot_a_batch_close_no_day_and_give_nothing_away_and_the_page_says_why(office):
    with closing(Place(str(office.folder)).keyring()) as keyring:
        keyring.assemble("settled", {"batches": [[2, bytes(32)]]})
    office.clock.now += 86_400
    client = office.client("alma")
    answer = client.post("/settlement/close", data={"day": "2026-06-05"})
    assert answer.status_code == 409 and "batch 2 was given out before" in main_of(answer.text)
    answer = client.get("/settlement/verify.zip")
    assert answer.status_code == 409 and "batch 2 was given out (" in main_of(answer.text)
    assert len(office.books("SELECT id FROM settlement_batches")) == 1


@pytest.mark.requirement("W-23", "W-11")
def test_an_authority_without_a_tariff_here_closes_nobodys_day(office):
    office.registers.found(244, "zoe", SECRET)
    office.clock.now += 86_400
    zoe = office.client("zoe")
    for answer in (zoe.get("/settlement/close?day=2026-06-05"),
                   zoe.post("/settlement/close", data={"day": "2026-06-05"})):  # fmt: skip
        assert answer.status_code == 409
        assert "authority 244 has no tariff in these books" in answer.text
    assert len(office.books("SELECT id FROM settlement_batches")) == 1


@pytest.mark.requirement("W-11", "W-150")
def test_users_are_added_given_rights_and_disabled_by_who_may(office):
    alma = office.client("alma")
    form = {"name": "nina", "role": "sales point", "point": "kamppi", "secret": SECRET}
    assert alma.post("/users", data=form).headers["location"] == "/users/nina"
    assert office.user("nina").rights == frozenset()
    for path, right, has in (("grant", "sales.make", True), ("revoke", "sales.make", False)):
        assert alma.post(f"/users/nina/{path}", data={"right": right}).status_code == 303
        assert (right in office.user("nina").rights) is has
    nina = office.client("nina")
    assert alma.post("/users/nina/disable").status_code == 303
    assert nina.get("/").headers["location"] == "/sign-in"
    for path, form in (("/users/alma/grant", {"right": "keys.propose"}),
                       ("/users/alma/disable", None), ("/users/nina/secret", {"secret": "short"}),
                       ("/users/nina/grant", {"right": "cards.kill"})):  # fmt: skip
        assert alma.post(path, data=form).status_code == 409, path
    strange = {"name": "x' OR 1=1", "role": "sales point", "point": "kamppi", "secret": SECRET}
    assert alma.post("/users", data=strange).status_code == 409
    assert office.registers.users.seen_by(office.user("alma"))[-1].name != strange["name"]


@pytest.mark.requirement("X-14")
def test_a_matter_of_two_is_agreed_to_by_another_and_never_by_oneself(office):
    made = office.registers.proposals.propose(office.user("alma"), "refund", TOWN, 6_000, "Case 9")
    alma, accountant = office.client("alma"), office.client("accountant")
    answer = alma.post(f"/proposals/{made.number}", data={"step": "approved"})
    assert answer.status_code == 409 and "another has to agree" in answer.text
    done = accountant.post(f"/proposals/{made.number}", data={"step": "approved"})
    assert done.status_code == 303
    assert office.registers.proposals.get(made.number).state == "approved"
    again = accountant.post(f"/proposals/{made.number}", data={"step": "refused"})
    assert again.status_code == 409


@pytest.mark.requirement("X-14", "W-10")
def test_the_trail_is_filtered_and_a_changed_row_is_seen(office):
    client = office.client("alma")
    page = main_of(client.get("/trail?by=anna&what=deliver").text)
    assert re.findall(r'<th scope="row" class="n">', page) == ['<th scope="row" class="n">']
    assert "No change of this kind" in client.get("/trail?day=2020-05-05").text
    assert "what was written" in client.post("/trail/verify").text
    database = office.registers.database
    with database.transaction():
        for name in database.rows("SELECT name FROM sqlite_master WHERE type = 'trigger'"
                                  " AND tbl_name = 'trail'"):  # fmt: skip
            database.execute(f"DROP TRIGGER {name[0]}")
        database.execute("UPDATE trail SET by_user = 'olli' WHERE what = 'deliver'")
    assert "is not what was written" in main_of(client.get("/trail").text)
    assert "not whole" in main_of(client.post("/trail/verify").text)


@pytest.mark.requirement("W-5", "W-108", "W-154")
def test_sales_are_told_by_point_and_a_counted_shift_with_its_state(office):
    carl = office.client("carl")
    carl.post("/sell", data=office.form(carl))
    page = main_of(office.client("alma").get("/sales?days=1").text)
    assert figure(page, "total") == "20.00" and "kamppi" in page and f"{DEVICE}/1" in page
    assert figure(office.client("ferry").get("/sales").text, "total") == "0.00"
    assert "kamppi" not in main_of(office.client("olli").get("/sales").text)
    assert "No shift" in office.client("alma").get("/sales/shifts").text


@pytest.mark.requirement("W-24", "T21")
def test_no_page_reads_a_large_book_through(shared):
    with listening() as heard:
        for name in ("alma", "olli"):
            client = shared.client(name)
            for path in ("/today", f"/cards/accounts/{shared.card}", "/sales", "/sales/shifts",
                         "/devices", "/devices/1", "/tariffs", "/settlement",
                         "/settlement/1"):  # fmt: skip
                client.get(path)
    assert len(heard.queries) > 20
    url = Place(str(shared.folder)).url()
    with Planner() as planner:
        assert planner.scans(heard) == {}
        planted = "SELECT count(*) FROM rides r WHERE r.verdict = 1"
        assert planner.plan(url, planted).through == {"rides"}
