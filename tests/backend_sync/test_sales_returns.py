"""Deposits, returned, absent and lost cards: paid once, and only what is certain."""

import random

import pytest

from backend_sync.ports import ApprovalRefused
from backend_sync.registers.approvals import RegisterApprovals
from backend_sync.sales.returns import DAY_S, ReturnRefused, Returns
from card_layouts.cards.card_layout import KIND_LOAD, KIND_REFUND
from card_layouts.records import entries as types
from card_layouts.records.entries_service import ACT_LOAD, ACT_REFUND
from card_layouts.records.entries_tap import HOW_ANSWER, OUTCOME_ABORTED
from tests.backend_sync.builders import AUTHORITY
from tests.backend_sync.registers_world import RegistersWorld

LEASE_S = 3 * DAY_S
WAIT_S = LEASE_S + DAY_S + 1
DEPOSIT, LOADED, REFUND = 500, 2000, 77


@pytest.fixture
def desk(world):
    """A desk; card 0 has 20.00 and a deposit of 5.00."""
    world.ledger.import_sales([("s1", 1, LOADED, "kiosk", 5)])
    world.devices[1].load(world.cards[0], LOADED)
    world.post()
    desk = Returns(world.ledger, LEASE_S)
    assert desk.take_deposit("d1", number(world), DEPOSIT, "kiosk")
    return desk


def number(world, index=0):
    rows = world.ledger.database.rows("SELECT card FROM issues ORDER BY card")
    return rows[index][0]


def balances(world):
    """Return what is in each account, cards' as LIAB and PLEDGE with their place."""
    cards = {row[0].hex(): n for n, row in enumerate(
        world.ledger.database.rows("SELECT pseudonym FROM cards ORDER BY id"))}  # fmt: skip
    rows = world.ledger.database.rows("SELECT name, cents FROM balances WHERE cents <> 0")
    found = {}
    for name, cents in rows:
        kind, _, rest = name.partition(":")
        if kind in ("LIAB", "PLEDGE"):
            name = f"{kind}{cards[rest.partition(':')[2]]}"
        found[name] = int(cents)
    assert sum(found.values()) == 0
    return found


def refund(world, cents, committed=True, told=True):
    """The station empties card 0."""
    card, station = world.cards[0], world.devices[2]
    announced = station.announce(
        card, KIND_REFUND, cents, types.ACTION, action=REFUND, act=ACT_REFUND, k=2
    )
    if committed:
        card.commit(announced)
    if told:
        station.outcome(announced) if committed else station.outcome(
            announced, OUTCOME_ABORTED, HOW_ANSWER
        )
    world.post()


def wait(world, seconds=WAIT_S):
    world.clock.now += seconds


@pytest.mark.requirement("X-10", "R-5")
def test_a_deposit_is_booked_once_as_owed_to_the_bearer(world, desk):
    assert balances(world)["PLEDGE0"] == DEPOSIT
    assert not desk.take_deposit("d1", number(world), DEPOSIT, "kiosk")
    for key, cents, words in (
        ("d1", 400, "with other values"),
        ("d2", DEPOSIT, "500 cents are held for it"),
        ("d3", 0, "wanted 1 to"),
        ("d 4", DEPOSIT, "without spaces"),
    ):
        with pytest.raises(ReturnRefused, match=words):
            desk.take_deposit(key, number(world, 1 if key == "d 4" else 0), cents, "kiosk")
    with pytest.raises(ReturnRefused, match="there is none"):
        desk.take_deposit("d5", 12345, DEPOSIT, "kiosk")
    assert balances(world) == {"CASH:kiosk": -2500, "LIAB0": 2000, "PLEDGE0": 500}


@pytest.mark.requirement("X-10", "R-5")
def test_a_deposit_is_what_the_issue_row_says(world, desk):
    from card_layouts.cards.issue import ISSUE

    _, row = world.plastic(9)
    world.ledger.import_issues([ISSUE.pack({**ISSUE.unpack(row), "deposit": 30})])
    card = number(world, 2)
    with pytest.raises(ReturnRefused, match="deposit of 300 cents, not 500"):
        desk.take_deposit("d9", card, 500, "kiosk")
    assert desk.take_deposit("d9", card, 300, "kiosk")


@pytest.mark.requirement("R-9", "R-10", "R-11", "X-10")
def test_a_returned_card_is_paid_when_it_is_evident_that_it_was_emptied(world, desk):
    card = number(world)
    assert desk.returned("r1", card, REFUND, "kiosk", "clerk")
    assert not desk.returned("r1", card, REFUND, "kiosk", "clerk")
    found = desk.settle("r1")
    assert (found.state, found.paid_cents) == ("waits", 0) and "no device has told" in found.words
    refund(world, LOADED)
    assert balances(world)[f"PAYOUT:{AUTHORITY}"] == LOADED
    for _ in range(3):
        found = desk.settle("r1")
        assert (found.state, found.paid_cents, found.deposit_cents) == ("settled", 2000, 500)
    assert balances(world) == {}


@pytest.mark.requirement("R-11", "R-25")
def test_a_torn_refund_pays_nothing_until_the_card_is_read_again(world, desk):
    desk.returned("r1", number(world), REFUND, "kiosk", "clerk")
    refund(world, LOADED, told=False)
    found = desk.settle("r1")
    assert found.state == "waits" and "hold the card to the station again" in found.words
    world.devices[3].refuse(world.cards[0])
    world.post()
    assert desk.settle("r1").paid_cents == LOADED


@pytest.mark.requirement("R-11")
def test_a_refund_that_did_not_reach_the_card_pays_nothing(world, desk):
    desk.returned("r1", number(world), REFUND, "kiosk", "clerk")
    refund(world, LOADED, committed=False)
    found = desk.settle("r1")
    assert found.state == "refused" and "still has its money" in found.words
    assert balances(world) == {"CASH:kiosk": -2500, "LIAB0": 2000, "PLEDGE0": 500}


@pytest.mark.requirement("R-12", "X-10")
def test_a_returned_card_is_sold_again_with_a_new_deposit(world, desk):
    card = number(world)
    desk.returned("r1", card, REFUND, "kiosk", "clerk")
    refund(world, LOADED)
    desk.settle("r1")
    assert desk.take_deposit("d2", card, 700, "kiosk")
    assert balances(world) == {"CASH:kiosk": -700, "PLEDGE0": 700}
    with pytest.raises(ReturnRefused, match="refund 77 is claimed as r1"):
        desk.returned("r2", card, REFUND, "kiosk", "clerk")


@pytest.mark.requirement("X-7", "X-10")
def test_an_absent_card_is_paid_after_the_longest_lease_and_keeps_its_deposit(world, desk):
    desk.absent("a1", number(world), "kiosk", "clerk")
    rows = world.ledger.database.rows("SELECT cause, action, g FROM listing_decisions")
    assert [tuple(row) for row in rows] == [("CLAIM", "block", 1)]
    wait(world, WAIT_S - 2)
    assert desk.settle("a1").state == "waits" and balances(world)["LIAB0"] == LOADED
    wait(world, 2)
    found = desk.settle("a1")
    assert (found.state, found.paid_cents, found.deposit_cents) == ("settled", LOADED, 0)
    assert balances(world) == {"CASH:kiosk": -500, "PLEDGE0": 500}


@pytest.mark.requirement("X-7")
def test_what_devices_had_leased_is_waited_for_if_it_is_longer(world, desk):
    from backend_sync.actions.tables import action_carriers

    database = world.ledger.database
    until = world.clock.now + 20 * DAY_S
    with database.transaction():
        database.insert(action_carriers, [(1, 0, 1, 1, until)])
    desk.absent("a1", number(world), "kiosk", "clerk")
    wait(world)
    assert desk.settle("a1").state == "waits"
    wait(world, 20 * DAY_S)
    assert desk.settle("a1").state == "settled"


@pytest.mark.requirement("X-7", "X-10")
def test_a_debit_that_comes_after_the_payout_is_a_loss_of_the_area(world, desk):
    desk.absent("a1", number(world), "kiosk", "clerk")
    wait(world)
    desk.settle("a1")
    for _ in range(2):
        world.devices[3].tap(world.cards[0], 300)
        world.post()
        desk.settle_all()
        desk.settle_all()
    assert balances(world) == {"CASH:kiosk": -500, "PLEDGE0": 500, "LOSS:244": -600,
                               "REV:244:7": 600}  # fmt: skip
    assert desk.status("a1").loss_cents == 600


@pytest.mark.requirement("X-7", "R-11")
def test_what_is_in_suspense_is_paid_when_it_is_voided_and_not_before(world, desk):
    card = world.cards[0]
    torn = world.devices[3].intent(card, 300)
    world.post()
    desk.absent("a1", number(world), "kiosk", "clerk")
    wait(world)
    found = desk.settle("a1")
    assert (found.state, found.paid_cents) == ("open", 1700)
    world.devices[3].outcome(torn, OUTCOME_ABORTED, HOW_ANSWER)
    world.post()
    assert desk.settle("a1").paid_cents == 2000
    assert balances(world) == {"CASH:kiosk": -500, "PLEDGE0": 500}


@pytest.mark.requirement("R-11", "X-7")
def test_a_refund_told_after_the_absent_cards_payout_is_not_paid_twice(world, desk):
    card = number(world)
    desk.returned("r1", card, REFUND, "kiosk", "clerk")
    desk.absent("a1", card, "kiosk", "clerk")
    wait(world)
    assert desk.settle("a1").paid_cents == LOADED
    refund(world, LOADED)
    desk.settle_all()
    desk.settle_all()
    assert balances(world) == {"CASH:kiosk": -500, "PLEDGE0": 500}
    with pytest.raises(ReturnRefused, match="a claim of its value stands"):
        desk.absent("a2", card, "kiosk", "clerk")


@pytest.mark.requirement("X-7")
def test_a_lost_cards_season_goes_over_at_once_and_its_value_after_the_wait(world, desk):
    card, new = number(world), number(world, 1)
    season = bytes(25)
    assert desk.lost("l1", card, new, "clerk", [(0, season)])
    found = desk.status("l1")
    assert found.state == "waits" and len(found.actions) == 1
    actions = "SELECT card, kind, cents FROM actions ORDER BY id"
    assert [tuple(r) for r in world.ledger.database.rows(actions)] == [(new, 2, 0)]
    wait(world)
    found = desk.settle("l1")
    assert found.paid_cents == LOADED and len(found.actions) == 2
    value = found.actions[1]
    assert balances(world) == {"CASH:kiosk": -2500, "PLEDGE0": 500, f"PREPAID:{value}": 2000}
    station, plastic = world.devices[2], world.cards[1]
    more = {"action": value, "act": ACT_LOAD, "k": 2}
    announced = station.announce(plastic, KIND_LOAD, LOADED, types.ACTION, **more)
    plastic.commit(announced)
    station.outcome(announced)
    world.post()
    assert balances(world) == {"CASH:kiosk": -2500, "PLEDGE0": 500, "LIAB1": 2000}
    world.devices[3].tap(world.cards[0], 300)
    world.post()
    assert desk.settle("l1").loss_cents == 300
    assert balances(world)["LOSS:244"] == -300 and balances(world)["LIAB1"] == 2000


@pytest.mark.parametrize(
    ("do", "words"),
    [
        (lambda d, c, n: d.lost("k", c, c, "clerk"), "the new one is another"),
        (lambda d, c, n: d.lost("k", c, 999, "clerk"), "card 999: there is none"),
        (lambda d, c, n: d.absent("k", c, "kiosk", ""), "wanted a name"),
        (lambda d, c, n: d.absent("", c, "kiosk", "clerk"), "wanted 1 to 64 characters"),
        (lambda d, c, n: d.returned("k", c, 0, "kiosk", "clerk"), "number of the card's refund"),
        (lambda d, c, n: d.settle("none"), "there is none"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(world, desk, do, words):
    before = balances(world)
    with pytest.raises(ReturnRefused, match=words):
        do(desk, number(world), number(world, 1))
    assert balances(world) == before
    assert world.ledger.database.rows("SELECT * FROM claims") == []


@pytest.mark.requirement("X-7", "X-10", "R-11")
@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_order_the_bearer_gets_the_cards_value_once(world, desk, seed):
    """Taps, torn taps, claims and time in any order: value in = value out, to the cent."""
    dice = random.Random(seed)
    plastic, gate = world.cards[0], world.devices[3]
    unsaid, frozen = [], False
    for step in range(14):
        what = dice.choice(("tap", "torn", "not", "claim", "wait", "post", "settle"))
        cents = dice.choice((100, 250))
        if what == "tap" and plastic.cents >= cents:
            gate.tap(plastic, cents)
        elif what in ("torn", "not") and plastic.cents >= cents and not unsaid:
            announced = gate.intent(plastic, cents)
            if what == "torn":
                plastic.commit(announced)
            unsaid.append((announced, what == "torn"))
        elif what == "claim" and not frozen and step > 4:
            frozen = desk.absent("a1", number(world), "kiosk", "clerk")
        elif what == "wait":
            wait(world)
        elif what == "post":
            world.post()
        elif what == "settle" and frozen:
            desk.settle("a1")
        if unsaid and dice.random() < 0.5:
            said, done = unsaid.pop()
            gate.outcome(said) if done else gate.outcome(said, OUTCOME_ABORTED, HOW_ANSWER)
    for said, done in unsaid:
        gate.outcome(said) if done else gate.outcome(said, OUTCOME_ABORTED, HOW_ANSWER)
    world.post()
    frozen = frozen or desk.absent("a1", number(world), "kiosk", "clerk")
    wait(world)
    for _ in range(4):
        found = desk.settle("a1")
    left = balances(world)
    assert "LIAB0" not in left and left["PLEDGE0"] == DEPOSIT
    spent = left.get("REV:244:7", 0)
    assert spent == plastic.fields["D"]
    assert found.paid_cents - found.loss_cents == LOADED - spent


@pytest.mark.requirement("X-14", "X-7", "R-9")
def test_a_payout_above_the_limit_waits_for_another_person(world):
    register = RegistersWorld()
    alma = register.add("alma", "authority")
    approvals = RegisterApprovals(register.proposals, register.anna)
    world.ledger.import_sales([("s1", 1, 9000, "kiosk", 5)])
    world.devices[1].load(world.cards[0], 9000)
    world.post()
    desk = Returns(world.ledger, LEASE_S, approvals=approvals)
    desk.absent("a1", number(world), "kiosk", "clerk")
    wait(world)
    found = desk.settle("a1")
    assert found.state == "waits" and "takes two people" in found.words
    assert balances(world) == {"CASH:kiosk": -9000, "LIAB0": 9000}
    digest = next(word for word in found.words.split() if len(word) == 64)
    asked = register.proposals.propose(register.anna, "refund", AUTHORITY, 9000, "lost", digest)
    with pytest.raises(ApprovalRefused, match="is open, wanted approved"):
        desk.settle("a1", asked.number)
    register.proposals.decide(alma, asked.number)
    for _ in range(2):
        found = desk.settle("a1", asked.number)
        assert (found.state, found.paid_cents) == ("settled", 9000)
    assert balances(world) == {}


@pytest.mark.requirement("X-14", "X-7")
def test_nobody_stays_below_the_limit_by_paying_in_parts(world):
    world.ledger.import_sales([("s1", 1, 9000, "kiosk", 5)])
    card, device = world.cards[0], world.devices[1]
    device.load(card, 9000)
    torn = device.intent(card, 4500)
    world.post()
    desk = Returns(world.ledger, LEASE_S)
    desk.absent("a1", number(world), "kiosk", "clerk")
    wait(world)
    assert (desk.settle("a1").state, desk.settle("a1").paid_cents) == ("open", 4500)
    device.outcome(torn, OUTCOME_ABORTED, HOW_ANSWER)
    world.post()
    found = desk.settle("a1")
    assert (found.state, found.paid_cents) == ("waits", 4500)
    assert "refund of 9000 cents takes two people" in found.words
