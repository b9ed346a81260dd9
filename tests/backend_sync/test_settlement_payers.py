"""Who owes what riders did not pay: concessions, zero-price, group and school tickets, by use."""

import pytest

from backend_sync.ledger.singles import CounterSale
from backend_sync.settlement.bills import bills
from backend_sync.settlement.holds import differences
from backend_sync.settlement.statements import statements
from card_layouts.fares.settlement import HOLDER
from card_layouts.settlement.shares import tax_inside
from card_layouts.tickets.single import (
    CERTIFICATE,
    CERTIFICATE_LAYOUT,
    SELLER_COUNTER,
    encode_code,
    pack_single,
)
from tests.backend_sync.settled_worlds import DAY, FERRY, MORNING, SENIOR, TOWN, Settled

STUDENT, CHILD, ADULT = 4, 1, 0
SCHOOL, GROUP, ZERO = 5, 9, 10
BOARD = "school-board"
# Koivula's paper costs seniors and students what it costs everybody; here it does not.
CHEAPER_PAPER = (
    ("child = [150, 200, 260, 330]",
     "child = [150, 200, 260, 330]\nsenior = [210, 280, 350, 450]\nstudent = [209, 280, 350, 450]"),
)  # fmt: skip


@pytest.fixture
def world(tmp_path, ledger_url):
    made = Settled(tmp_path / "keyring", ledger_url, changes=CHEAPER_PAPER)
    yield made
    made.close()


def owed(closed):
    """Return {(area, payer): cents}."""
    found = {}
    for row in closed.values["payers"]:
        found[row[0], row[1]] = found.get((row[0], row[1]), 0) + row[-1]
    return found


def claimed(world):
    """Return {account: cents} of CONCESSION in the books: below 0 is owed to us."""
    rows = world.ledger.database.rows(
        "SELECT a.name, sum(p.cents) FROM postings p JOIN accounts a ON a.id = p.account"
        " WHERE a.kind = 'CONCESSION' GROUP BY a.name"
    )
    return {name: int(cents) for name, cents in rows}


def agree(world):
    assert world.findings() == []
    assert differences(world.ledger.database, world.keyring.signing.ledger.public) == []


@pytest.mark.requirement("W-59", "W-23", "X-2")
def test_a_paper_singles_concession_is_owed_by_its_payer_to_the_cent(world):
    world.paper(1, MORNING, [(ADULT, 1), (SENIOR, 2)])  # 300 and 2 of 210, full 300 each
    world.paper(2, MORNING + 60, [(STUDENT, 3)], operator=11)  # 209 each
    world.paper(2, MORNING + 120, [(CHILD, 1)], operator=11)  # a price of its own, no concession
    closed = world.settle()
    assert owed(closed) == {(TOWN, "town"): 2 * 90, (TOWN, "state"): 3 * 91}
    assert claimed(world) == {"CONCESSION:1:town": -180, "CONCESSION:1:state": -273}
    assert [row[1:7] for row in closed.values["operators"]] == [
        [10, 1, 720, 180, 0, 900], [11, 2, 777, 273, 0, 1050],
    ]  # fmt: skip
    assert closed.values["sums"] == [1950, 1950, 1950, 0]
    assert closed.values["tax"] == [[1, "transport", 140, 1950, tax_inside(1950, 140)]]
    agree(world)


@pytest.mark.requirement("W-59", "X-1")
def test_a_single_sold_in_advance_has_its_concession_owed_too(world):
    day = {"from_minute": MORNING // 60, "minutes": 90, "tariff": 1, "authority": TOWN}
    values = {**day, "device": 900, "serial": 1, "zones": 0x4000, "price": 2 * 210 + 300,
              "group0": ADULT, "count0": 1, "group1": SENIOR, "count1": 2}  # fmt: skip
    body = pack_single(values)
    seller = {"layout": CERTIFICATE_LAYOUT, "kind": SELLER_COUNTER, "authority": TOWN,
              "device": 900, "public": bytes(32)}  # fmt: skip
    code = encode_code(body, bytes(64), bytes(CERTIFICATE.pack(seller)) + bytes(64))
    world.ledger.import_singles([CounterSale("web-7", code, "web", MORNING)])
    closed = world.settle()
    assert owed(closed) == {(TOWN, "town"): 180}
    assert closed.values["sums"] == [900, 900, 900, 0]
    assert claimed(world) == {"CONCESSION:1:town": -180}
    assert closed.values["tax"] == [[1, "transport", 140, 900, 111]]
    agree(world)


@pytest.mark.requirement("W-59", "X-8")
def test_a_voided_paper_single_is_no_longer_owed_by_its_payer(world):
    world.paper(1, MORNING, [(SENIOR, 2)], ticket=7)
    assert owed(world.settle()) == {(TOWN, "town"): 180}
    world.paper(1, MORNING + 60, [(SENIOR, 2)], ticket=8, void_of=7, from_minute=MORNING // 60)
    second = world.settle(DAY + 1)
    assert owed(second) == {(TOWN, "town"): -180} and second.values["sums"][0] == -600
    assert claimed(world) == {"CONCESSION:1:town": 0}
    agree(world)


@pytest.mark.requirement("W-59", "W-23", "W-41")
def test_each_municipality_owes_the_concessions_of_its_own_area_and_nobody_elses(world):
    first, second, third = world.cards[:3]
    world.ride(1, first, MORNING, group=SENIOR)
    world.ride(1, second, MORNING + 60, group=STUDENT)
    world.ride(3, third, MORNING, group=SENIOR, area=FERRY, operator=20, stop=30)
    closed = world.settle()
    assert owed(closed) == {(TOWN, "town"): 70, (TOWN, "state"): 70, (FERRY, "ferry"): 150}
    due = {s.party: s.due for s in statements(closed) if s.party.startswith("payer")}
    assert due == {"payer-1-town": -70, "payer-1-state": -70, "payer-2-ferry": -150}
    assert claimed(world) == {
        "CONCESSION:1:town": -70, "CONCESSION:1:state": -70, "CONCESSION:2:ferry": -150,
    }  # fmt: skip
    agree(world)


@pytest.mark.requirement("W-59")
def test_a_zero_price_season_costs_its_rider_nothing_and_its_holder_each_use(world):
    first, second = world.cards[:2]
    world.ride(1, first, MORNING, right=ZERO, product=0)
    world.ride(2, first, MORNING + 9000, right=ZERO, product=0, operator=11)
    world.ride(1, second, MORNING + 60, right=ZERO, product=0, group=CHILD)
    closed = world.settle()
    assert owed(closed) == {(TOWN, HOLDER): 520 + 520 + 260}  # list price of its zones
    assert [row[1:7] for row in closed.values["operators"]] == [
        [10, 2, 0, 780, 0, 780], [11, 1, 0, 520, 0, 520],
    ]  # fmt: skip
    found = bills(world.ledger.database, closed)
    assert [(bill.rides, bill.product, bill.cents) for bill in found] == [
        (2, ZERO, 1040), (1, ZERO, 260),
    ]  # fmt: skip
    agree(world)


@pytest.mark.requirement("W-77", "W-78", "W-79", "W-80", "W-81")
def test_a_school_ticket_is_invoiced_to_the_school_by_use_beside_the_pupils_own_money(world):
    child = world.cards[0]
    for hour in (0, 1):  # the two trips of a school day
        world.ride(1, child, MORNING + hour * 3600, right=SCHOOL, product=0, group=CHILD)
    world.ride(1, child, MORNING + 5 * 3600, group=CHILD)  # a third, from the purse
    closed = world.settle()
    assert owed(closed) == {(TOWN, BOARD): 2 * 260}
    assert closed.values["sums"][0] == 2 * 260 + 120
    assert claimed(world) == {f"CONCESSION:1:{BOARD}": -520}
    assert bills(world.ledger.database, closed) == []  # the school is named by the tariff
    agree(world)


@pytest.mark.requirement("W-91", "W-148")
def test_a_groups_rides_are_invoiced_to_its_holder_by_account(world):
    first, second = world.cards[:2]
    world.ride(1, first, MORNING, product=GROUP)
    world.ride(2, second, MORNING, product=GROUP, operator=11)
    world.ride(2, second, MORNING + 20_000, product=GROUP, operator=11)
    closed = world.settle()
    assert owed(closed) == {(TOWN, HOLDER): 3 * 240}
    found = bills(world.ledger.database, closed)
    assert [(bill.rides, bill.cents) for bill in found] == [(1, 240), (2, 480)]
    assert claimed(world) == {f"CONCESSION:1:{HOLDER}": -720}
    agree(world)
