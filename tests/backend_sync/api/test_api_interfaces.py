"""What each interface gives and takes: figures of the books, own and foreign things."""

import csv
import hashlib
import importlib.util
import io
import re

import pytest

from backend_sync.api import events as event_data
from backend_sync.api import finance
from backend_sync.api.own_card import CODE_S, PROOF_S
from backend_sync.api.purposes import KEPT_DAYS
from tests.backend_sync.api.api_client import Refusal
from tests.backend_sync.api.api_world import WIDE, Api, once, pages, problem, sale
from tests.backend_sync.settled_worlds import FERRY, TOWN

# --- W-138, W-143 ---


@pytest.mark.requirement("W-138", "W-107", "W-112")
def test_a_sale_by_interface_is_the_slip_that_the_counter_makes(world):
    client = world.client("carl")
    season = client.get("/products").json()["products"][0]
    assert (season["name"], season["zones"], season["group"]) == ("season", "A", "adult")
    body = sale(world, choice=season["choice"], cents=season["cents"], paid="card")
    sold = client.post("/sales", json=body, headers=once(1)).json()
    browser = world.office.client("carl")
    what = f"{season['choice']}:{season['cents']}"
    assert (
        browser.post("/sell", data=world.office.form(browser, what=what, paid="card")).status_code
        == 303
    )
    columns = "kind, card, product, cents, rounding, paid, channel, clerk, shift"
    first, second = world.books(f"SELECT {columns} FROM slips ORDER BY place")
    assert first == second
    postings = "SELECT a.kind, p.cents, p.rule FROM postings p JOIN accounts a ON a.id = p.account"
    rows = world.books(f"{postings} ORDER BY p.id")
    assert len(rows) == 4 and rows[:2] == rows[2:]
    assert client.get("/sales/31/1").json() == sold
    page = browser.get("/slips/31/1").text
    assert "48.00" in page and sold["cents"] == 4800
    assert [one["place"] for one in pages(client, "/sales", 1)] == [1, 2]


@pytest.mark.requirement("W-138", "W-65")
def test_the_tariff_says_the_price_whatever_the_request_says(world):
    client = world.client("carl")
    season = client.get("/products").json()["products"][0]
    cheap = sale(world, choice=season["choice"], cents=1)
    assert "the price is" in problem(client.post("/sales", json=cheap, headers=once(1)), 409)
    assert "multiples" in problem(
        client.post("/sales", json=sale(world, cents=2001), headers=once(2)), 409
    )
    unknown = sale(world, choice="0" * 16)
    problem(client.post("/sales", json=unknown, headers=once(3)), 409)
    assert world.books("SELECT count(*) FROM slips") == [(0,)]


@pytest.mark.requirement("W-138", "W-10", "T20")
def test_cards_and_slips_of_others_are_as_if_they_were_not_there(world):
    carl, dora, fred = (world.client(name) for name in ("carl", "dora", "fred"))
    place = carl.post("/sales", json=sale(world), headers=once(1)).json()["place"]
    for client in (dora, fred):
        problem(client.get(f"/sales/31/{place}"), 404)
        problem(client.post(f"/sales/31/{place}/void", headers=once(2)), 404)
        assert client.get("/sales").json()["items"] == []
    foreign = sale(world, card=world.abroad)
    missing = sale(world, card=999_999)
    said = {problem(carl.post("/sales", json=body, headers=once(body["card"])), 404)
            for body in (foreign, missing)}  # fmt: skip
    assert len(said) == 1
    problem(world.client("alma").get("/sales"), 403)  # no till
    undone = carl.post(f"/sales/31/{place}/void", headers=once(3)).json()
    assert (undone["kind"], undone["of"], undone["cents"]) == ("void", place, -2000)
    problem(carl.post(f"/sales/31/{place}/void", headers=once(4)), 409)
    problem(carl.post("/sales/31/77/void", headers=once(5)), 404)


@pytest.mark.requirement("W-143", "W-65")
def test_a_web_order_is_an_action_that_waits_for_its_card(world):
    shop, order = world.client("wanda"), {"card": world.card, "cents": 2000, "days": 30}
    made = shop.post("/orders", json=order, headers=once(1)).json()
    assert (made["kind"], made["cents"], made["state"]) == ("load", 2000, "CREATED")
    again = shop.post("/orders", json=order, headers=once(1)).json()
    assert again == made == shop.get(f"/orders/{made['action']}").json()
    assert world.books("SELECT card, cents, channel FROM actions") == [(world.card, 2000, "web")]
    paid = f"SELECT cents FROM balances WHERE name = 'PREPAID:{made['action']}'"
    assert world.books(paid) == [(2000,)]
    other = world.client("wilma")
    problem(other.get(f"/orders/{made['action']}"), 404)
    problem(other.post(f"/orders/{made['action']}/cancel", headers=once(2)), 404)
    problem(other.post("/orders", json=order, headers=once(3)), 404)
    problem(shop.post("/orders", json={**order, "cents": 1}, headers=once(4)), 409)
    gone = shop.post(f"/orders/{made['action']}/cancel", headers=once(5))
    assert gone.status_code == 200 and gone.json()["state"] != "CREATED"
    assert world.books("SELECT count(*) FROM actions") == [(1,)]


@pytest.mark.requirement("W-143", "W-57", "W-138")
def test_a_product_is_ordered_at_the_price_of_the_web_shop_and_for_its_card_only(world):
    shop = world.machine("wanda")
    offered = shop.products(channel="web")
    assert [one["least_cents"] for one in offered["loads"]] == [2000, 2000]
    seasons = {(one["zones"], one["group"]): one for one in offered["products"]
               if one["name"] == "season"}  # fmt: skip
    season, child = seasons["A", "adult"], seasons["A", "child"]
    body = {"card": world.card, "choice": season["choice"], "cents": season["cents"], "days": 30}
    made = shop.order(body, idempotency_key="web-shop-1")
    assert (made["kind"], made["product"], made["cents"]) == ("product", season["product"], 4800)
    assert shop.order(body, idempotency_key="web-shop-1") == made
    paid = f"SELECT cents FROM balances WHERE name = 'PREPAID:{made['action']}'"
    assert world.books(paid) == [(4800,)]
    for changes, words in (
        ({"cents": 4700}, "409: 4700 cents: the price is 4800"),
        ({"choice": "0" * 16}, "409: choice: the web shop sells none"),
        ({"choice": child["choice"], "cents": child["cents"]}, "409: choice: .* other riders"),
        ({"days": 90}, "409: days: it has to be on the card by"),
        ({"choice": "season"}, "422: body.choice"), ({"slot": 1}, "422: body.slot"),
        ({"what": "00" * 25}, "422: body.what"), ({"card": world.abroad}, "404"),
    ):  # fmt: skip
        with pytest.raises(Refusal, match=words):
            shop.order({**body, **changes})
    assert world.books("SELECT count(*) FROM actions") == [(1,)]
    assert shop.cancel_order(action=made["action"])["state"] == "SUPERSEDED"


# --- W-139 ---


@pytest.mark.requirement("W-139", "W-102")
def test_the_population_register_answers_one_word_and_nothing_is_kept(shared):
    client = shared.client("dora")
    asked = {("010190-123A", "Town"): "same", ("010190-123A", "Ferry"): "other municipality",
             ("999999-999X", "Town"): "not found"}  # fmt: skip
    for (identity, municipality), answer in asked.items():
        body = {"identity": identity, "municipality": municipality}
        assert client.post("/municipality-checks", json=body).json() == {"answer": answer}
    for name in ("api.db", "ledger.db", "registers.db", "office.db"):
        for path in shared.folder.glob(f"{name}*"):
            assert b"010190-123A" not in path.read_bytes()
    assert "010190" not in str(shared.lines)
    problem(shared.client("carl").post("/municipality-checks", json=body), 403)


def test_without_a_register_the_question_is_answered_not_at_the_moment(world):
    part = next(one for one in world.app.app.state.parts if type(one).__name__ == "Population")
    part.parts = part.parts._replace(population=None)
    body = {"identity": "a", "municipality": "b"}
    answer = world.client("dora").post("/municipality-checks", json=body)
    assert "--population" in problem(answer, 503)


# --- W-141 ---


@pytest.mark.requirement("W-141", "W-23")
def test_the_journal_of_all_days_is_the_trial_balance_to_the_cent(shared):
    client = shared.client("carl")
    client.post("/sales", json=sale(shared), headers=once("journal"))  # behind the closed day
    whole = {row[:2]: row[2] for row in shared.books(
        "SELECT a.kind, p.authority, sum(p.cents) FROM postings p JOIN accounts a"
        " ON a.id = p.account GROUP BY 1, 2")}  # fmt: skip
    trial = dict(shared.books("SELECT kind, sum(cents) FROM trial_balance GROUP BY kind"))
    sums, lines, files = {}, {}, {}
    for name, area in (("alma", TOWN), ("ferry", FERRY)):
        client = shared.client(name)
        for number in (0, 1):
            for one in client.get(f"/finance/days/{number}/sums").json()["sums"]:
                add(sums, (one["kind"], area), one["cents"])
            for one in pages(client, f"/finance/days/{number}/journal", 3):
                add(lines, (one["kind"], area), one["cents"])
            text = client.get(f"/finance/days/{number}/journal.csv").text
            for one in csv.DictReader(io.StringIO(text)):
                add(files, (one["kind"], area), int(one["cents"]))
    assert sums == lines == files == {key: int(cents) for key, cents in whole.items()}
    for kind, cents in trial.items():
        assert sum(one for (name, _), one in sums.items() if name == kind) == cents
    assert sum(sums.values()) == 0 and ("REV", TOWN) in sums and ("PREPAID", TOWN) in sums


def add(sums, key, cents):
    sums[key] = sums.get(key, 0) + cents


@pytest.mark.requirement("W-141", "W-148")
def test_no_line_of_the_journal_tells_a_card(shared):
    known = {row[0] for row in shared.books("SELECT name FROM accounts WHERE kind = 'LIAB'")}
    assert known
    for number in (0, 1):
        text = shared.client("alma").get(f"/finance/days/{number}/journal.csv").text
        assert not [name for name in known if name.rpartition(":")[2] in text]
    assert finance._account("UNALLOCATED:card:abcd") == "UNALLOCATED:card"
    assert finance._account("PREPAID:7") == "PREPAID:7"


@pytest.mark.requirement("W-141", "W-10", "W-41")
def test_who_sees_which_statements(shared):
    def parties(name):
        said = shared.client(name).get("/finance/days/1/statements").json()["statements"]
        return {one["party"]: one["due_cents"] for one in said}

    assert set(parties("olli")) == {"operator-1-10"}
    assert set(parties("otto")) == {"operator-1-11"}
    assert all(name.split("-")[1] == "1" for name in parties("alma"))
    assert {"operator-1-10", "operator-1-11", "authority-1"} <= set(parties("alma"))
    assert parties("alma")["operator-1-10"] == parties("olli")["operator-1-10"] == 480
    assert all(name.split("-")[1] == "2" for name in parties("ferry"))
    for path in ("bills", "journal", "journal.csv", "sums"):
        assert "whole authority" in problem(
            shared.client("olli").get(f"/finance/days/1/{path}"), 403
        )
        problem(shared.client("alma").get(f"/finance/days/2/{path}"), 404)
    days = shared.client("olli").get("/finance/days").json()["items"]
    assert [(day["number"], day["day"]) for day in days] == [(1, "2026-06-04")]


# --- W-142 ---


@pytest.mark.requirement("W-142")
def test_a_passenger_who_held_his_card_at_a_counter_sees_its_events(shared):
    counter, portal = shared.client("dora"), shared.client("wanda")
    code = counter.post("/card-codes", json={"card": shared.card}).json()["code"]
    made = portal.post("/card-proofs", json={"code": code}, headers=once("proof"))
    proof = made.json()["proof"]
    # Asked again by who lost the answer; nowhere is it kept.
    shared.clock.now += 60
    again = portal.post("/card-proofs", json={"code": code}, headers=once("proof"))
    shared.clock.now -= 60
    assert (again.status_code, again.json()) == (201, {"proof": proof, "seconds": PROOF_S - 60})
    assert proof not in str(shared.database.rows("SELECT * FROM api_requests"))
    headers = {"Card-Proof": proof}
    said = portal.get("/card-events", headers=headers).json()
    assert [(one["charged_cents"], one["operator"], one["state"]) for one in said["items"]] == [
        (0, 11, "posted"), (240, 10, "posted"),
    ]  # fmt: skip
    first = portal.get("/card-events", headers=headers, params={"limit": 1}).json()
    rest = portal.get("/card-events", headers=headers, params={"after": first["next"]}).json()
    assert first["items"] + rest["items"] == said["items"] and rest["next"] is None
    # The code was good once; the proof for the portal that got it, and for its time.
    for key in ("proof-2", "other-code"):
        problem(portal.post("/card-proofs", json={"code": code}, headers=once(key)), 409)
    others = shared.client("wilma").post("/card-proofs", json={"code": code}, headers=once("proof"))
    problem(others, 409)
    problem(portal.post("/card-proofs", json={"code": code}), 422)
    problem(shared.client("wilma").get("/card-events", headers=headers), 403)
    problem(portal.get("/card-events", headers={"Card-Proof": "0" * 64}), 403)
    shared.clock.now += PROOF_S
    try:
        problem(portal.get("/card-events", headers=headers), 403)
    finally:
        shared.clock.now -= PROOF_S
    kept = str(shared.database.rows("SELECT * FROM card_proofs"))
    assert proof not in kept


@pytest.mark.requirement("W-142", "W-10", "T20")
def test_a_code_ends_is_replaced_and_is_not_to_be_had_for_anothers_card(world):
    counter, portal = world.client("dora"), world.client("wanda")
    problem(counter.post("/card-codes", json={"card": world.abroad}), 404)
    problem(portal.post("/card-codes", json={"card": world.card}), 403)
    old = counter.post("/card-codes", json={"card": world.card}).json()["code"]
    new = counter.post("/card-codes", json={"card": world.card}).json()["code"]
    problem(portal.post("/card-proofs", json={"code": old}, headers=once(1)), 409)
    world.clock.now += CODE_S
    problem(portal.post("/card-proofs", json={"code": new}, headers=once(2)), 409)
    assert new not in str(world.database.rows("SELECT * FROM card_codes"))
    # No number opens anything: there is no operation that takes one and shows events.
    said = world.app.app.openapi()["paths"]["/api/v1/card-events"]["get"]["parameters"]
    assert {one["name"] for one in said} == {"Card-Proof", "after", "limit", "If-None-Match"}


@pytest.mark.requirement("W-142", "T20")
def test_who_guesses_codes_is_stopped_and_a_good_one_does_not_help_then(tmp_path):
    made = Api(tmp_path, lived=False, policy=WIDE._replace(wrong="2/minute"))
    portal, code = made.client("wanda"), {"code": "A" * 10}
    assert [portal.post("/card-proofs", json=code, headers=once(number)).status_code
            for number in range(3)] == [409, 409, 429]  # fmt: skip
    good = made.client("dora").post("/card-codes", json={"card": made.card}).json()["code"]
    problem(portal.post("/card-proofs", json={"code": good}, headers=once(4)), 429)
    other = made.client("carl").post("/card-proofs", json={"code": good}, headers=once(5))
    assert other.status_code == 201
    made.close()


# --- W-144 ---


@pytest.mark.requirement("W-144")
def test_events_are_the_rides_of_the_books_in_their_order(shared):
    rows = shared.books(
        "SELECT s.id, r.operator, s.sign * r.charged_cents, s.sign * r.billed_cents FROM"
        " ride_postings s JOIN rides r ON r.id = s.ride WHERE r.authority = 1 ORDER BY s.id"
    )
    for name, operators in (("alma", {10, 11}), ("olli", {10}), ("otto", {11})):
        said = pages(shared.client(name), "/events", 1)
        found = [(int(one["transaction_id"]), one["operator"], one["amount_cents"],
                  one["billed_cents"]) for one in said]  # fmt: skip
        assert found == [row for row in rows if row[1] in operators]
    assert {one["authority"] for one in pages(shared.client("ferry"), "/events")} == {FERRY}
    text = shared.client("alma").get("/events/file?form=csv").text
    file = list(csv.DictReader(io.StringIO(text)))
    assert [int(one["amount_cents"]) for one in file] == [row[2] for row in rows]
    assert [one["amount"] for one in file] == ["2.40", "1.70", "0.00"]
    part = shared.client("alma").get("/events/file?first=1&count=1").text
    assert [one["transaction_id"] for one in csv.DictReader(io.StringIO(part))] == ["2"]
    assert all(re.fullmatch(r"2026-06-04T\d\d:\d\d:00Z", one["event_timestamp"]) for one in file)


@pytest.mark.requirement("W-144", "W-148")
def test_cards_have_other_names_for_each_purpose_authority_and_day(shared):
    client = shared.client("alma")
    clearing = client.get("/events").json()["items"]
    assert {one["token_id"] for one in clearing} == {None}
    named = client.get("/events?purpose=analysis").json()["items"]
    names = [one["token_id"] for one in named]
    assert names[0] == names[2] != names[1] and all(len(name) == 16 for name in names)
    assert names == [one["token_id"] for one in
                     client.get("/events?purpose=analysis").json()["items"]]  # fmt: skip
    abroad = shared.client("ferry").get("/events?purpose=analysis").json()["items"]
    assert not {one["token_id"] for one in abroad} & set(names)
    pseudonyms = {bytes(row[0]).hex() for row in shared.books("SELECT pseudonym FROM cards")}
    assert not [one for one in pseudonyms if any(one.startswith(name) for name in names)]
    shared.clock.now += (KEPT_DAYS + 1) * 86_400
    try:
        late = client.get("/events?purpose=analysis").json()["items"]
        assert {one["token_id"] for one in late} == {None}
        assert shared.database.rows("SELECT * FROM event_keys") == []
    finally:
        shared.clock.now -= (KEPT_DAYS + 1) * 86_400


@pytest.mark.requirement("W-144")
def test_parquet_is_the_same_rows_where_its_package_is_and_said_to_be_missing_elsewhere(
    shared, monkeypatch
):
    client = shared.client("alma")
    if importlib.util.find_spec("arro3") is not None:
        said = client.get("/events", params={"purpose": "analysis"}).json()["items"]
        file = client.get("/events/file?form=parquet&purpose=analysis").content
        table = importlib.import_module("arro3.io").read_parquet(io.BytesIO(file)).read_all()
        columns = [table.column(name).to_pylist() for name in said[0]]
        assert table.column_names == list(said[0])
        assert list(zip(*columns, strict=True)) == [tuple(one.values()) for one in said]

    def absent(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(event_data.importlib, "import_module", absent)
    answer = client.get("/events/file?form=parquet")
    assert "arro3-io" in problem(answer, 406)


# --- W-145 ---


@pytest.mark.requirement("W-145")
def test_a_published_file_is_handed_out_to_everybody_and_once(world, tmp_path):
    path = tmp_path / "static" / "authority-1.zip"
    path.parent.mkdir()
    path.write_bytes(b"PK\x05\x06" + bytes(18))
    nobody = world.with_key("")
    said = nobody.get("/static").json()["items"]
    assert [(one["authority"], one["bytes"]) for one in said] == [(1, 22)]
    answer = nobody.get("/static/1/gtfs.zip")
    assert hashlib.sha256(answer.content).hexdigest() == said[0]["sha256"]
    assert answer.headers["content-type"] == "application/zip"
    tag = {"If-None-Match": answer.headers["etag"]}
    assert nobody.get("/static/1/gtfs.zip", headers=tag).status_code == 304
    assert "lists those that have" in problem(nobody.get("/static/2/gtfs.zip"), 404)
