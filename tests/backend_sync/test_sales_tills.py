"""Cash-up beyond a vehicle's tickets: counters' tills, loads for cash, slots that are lost."""

import copy

import pytest

from backend_sync.sales.cash_up import CashUp, CashUpRefused
from backend_sync.sales.evidence import check, check_with
from backend_sync.sales.finding import DECIDED, DOUBTFUL, UNCOUNTED, WAITING
from backend_sync.sales.main import main
from backend_sync.sales.shift_journal import ShiftName
from backend_sync.sales.till import till_name
from card_layouts.cards.card_layout import CHANNEL_VEHICLE, KIND_LOAD
from card_layouts.records import entries as types
from card_layouts.records.entries_device import SHIFT_END, SHIFT_START
from card_layouts.records.entries_tap import HOW_ANSWER, OUTCOME_ABORTED
from tests.backend_sync.builders import OPERATOR, World
from tests.backend_sync.test_sales_cash_up import CLERK, NAME, PRICES, SHIFT, sell, shift
from tests.backend_sync.test_sales_counter import (
    CLERK as SELLER,
)
from tests.backend_sync.test_sales_counter import (
    DEVICE,
    balances,
    load,
    opened,
    season,
    tariffs,  # noqa: F401 - a fixture
)

pytestmark = pytest.mark.requirement("T18")
TILL = till_name(DEVICE, 1)


# --- a counter's till ---


@pytest.fixture
def counter(tmp_path, ledger_url, tariffs):  # noqa: F811
    """A till whose clerk sold a load of 20.00 and a season of 55.00 for cash, one for a card."""
    for counter in opened(tmp_path, ledger_url, tariffs):
        counter.sell(load(counter, 1))
        counter.sell(season(counter, 2))
        counter.sell(load(counter, 3, paid="card"))
        counter.desk = CashUp(counter.world.ledger)
        yield counter


@pytest.mark.requirement("W-21", "R-13", "X-15")
def test_a_tills_cash_is_judged_by_its_slips_once_it_is_counted_and_closed(counter):
    desk = counter.desk
    assert desk.judge(TILL, SELLER).state == UNCOUNTED
    desk.count(TILL, SELLER, 7450, "cashier")
    found = desk.judge(TILL, SELLER)
    assert (found.state, found.expected) == (WAITING, None)
    assert "waiting for the closing of shift 1 of till 31" in found.doubts[0].words
    assert desk.close_till(TILL, SELLER, 3, "cashier")
    assert not desk.close_till(TILL, SELLER, 3, "cashier")
    with pytest.raises(CashUpRefused, match="closed at slip 3 before"):
        desk.close_till(TILL, SELLER, 4, "cashier")
    found = desk.judge(TILL, SELLER)
    assert (found.state, found.expected, found.difference) == (DECIDED, 7500, -50)
    assert desk.pay_in(TILL, SELLER, "cashier") == 7450
    assert desk.decide(TILL, SELLER, "loss", "anna", "alma") == 50
    rest = balances(counter)
    assert (rest["CASH:office"], rest["LOSS:244:cash"]) == (-7450, -50)
    assert "CASH:counter:5" not in rest


@pytest.mark.requirement("X-15")
def test_slips_that_the_till_printed_are_waited_for_and_late_ones_are_for_a_person(counter):
    desk = counter.desk
    desk.count(TILL, SELLER, 9500, "cashier")
    desk.close_till(TILL, SELLER, 4, "cashier")
    (doubt,) = desk.judge(TILL, SELLER).doubts
    assert doubt.words == "waiting for slips 4..4 of device 31"
    counter.sell(load(counter, 4))
    assert desk.judge(TILL, SELLER).difference == 0
    counter.world.clock.now += 60
    counter.sell(load(counter, 5))
    found = desk.judge(TILL, SELLER)
    assert found.state == DOUBTFUL and "slips 5 of shift 1 of till 31 came after" in str(found)
    assert found.expected is found.difference is None


def test_a_void_and_another_clerk_and_another_shift_count_for_themselves(counter):
    desk = counter.desk
    counter.void("v1", DEVICE, 1, SELLER)
    counter.sell(load(counter, 6, clerk=6))
    counter.sell(load(counter, 7, shift=2))
    for clerk, name, cents, last in ((SELLER, TILL, 5500, 6), (6, TILL, 2000, 6),
                                     (SELLER, till_name(DEVICE, 2), 2000, 6)):  # fmt: skip
        desk.count(name, clerk, cents, "cashier")
        desk.close_till(name, clerk, last, "cashier")
        assert desk.judge(name, clerk).difference == 0
    assert desk.judge(TILL, SELLER)[5:7] == (1, 2000)


def test_a_tills_evidence_is_checked_again_and_shows_every_change(counter):
    desk, database = counter.desk, counter.database
    desk.count(TILL, SELLER, 7450, "cashier")
    desk.close_till(TILL, SELLER, 3, "cashier")
    kept = desk.evidence(TILL, SELLER)
    assert check(kept) == [] and check_with(kept, database, counter.world.keyring) == []
    for change, words in (
        (lambda e: e["slips"].pop(1), "slip 2 is left out"),
        (lambda e: e["slips"][1].update(cents=9000), "slip 2 does not fit"),
        (lambda e: e.update(expected=9500), "the slips sum to 7500 cents"),
        (lambda e: e.update(difference=-60), "counted less expected"),
        (lambda e: e["slips"][0].update(mark="00"), "does not fit"),
    ):
        forged = copy.deepcopy(kept)
        change(forged)
        assert words in " ".join(check(forged))
    forged = copy.deepcopy(kept)
    forged["slips"][2]["mark"] = "0" * 32
    assert check_with(forged, database, counter.world.keyring) == [
        "the ledger has another slip 3 than the evidence"
    ]


# --- loads on a vehicle ---


def with_load(world, committed=True, told=True, cents=2000):
    """Journal a shift with one ticket and one load for cash."""
    device, card = world.devices[1], world.cards[0]
    first = shift(device, SHIFT_START, first_seq=1, first_ticket=1)
    sell(device, 1, 300)
    announced = device.announce(card, KIND_LOAD, cents, types.ACTION, action=9, operator=OPERATOR,
                                channel=CHANNEL_VEHICLE, shift=SHIFT, act=1)  # fmt: skip
    if committed:
        card.commit(announced)
    if told:
        device.outcome(announced, *(() if committed else (OUTCOME_ABORTED, HOW_ANSWER)))
    shift(device, SHIFT_END, first_seq=first, first_ticket=1, next_ticket=2, tickets=1, cash=300,
          loads=cents if committed else 0)  # fmt: skip
    world.post()
    return announced


@pytest.mark.requirement("W-130", "W-17", "R-10", "R-23")
def test_a_load_for_cash_belongs_into_the_drivers_cash_and_is_booked_once(world):
    with_load(world)
    desk = CashUp(world.ledger)
    counted = 2250
    desk.count(NAME, CLERK, counted, "cashier")
    assert (desk.judge(NAME, CLERK).expected, desk.judge(NAME, CLERK).difference) == (2300, -50)
    assert world.ledger.report()["unpaid_actions"] == 1
    desk.pay_in(NAME, CLERK, "cashier")
    assert desk.book_loads(NAME, CLERK) == 0, "paying in has booked them"
    desk.decide(NAME, CLERK, "loss", "anna", "alma")
    rows = dict(map(tuple, world.ledger.database.rows(
        "SELECT name, cents FROM balances WHERE cents <> 0")))  # fmt: skip
    assert rows["CASH:office"] == -counted and "CASH:vehicle:33" not in rows
    assert world.ledger.report()["unpaid_actions"] == 0
    kept = desk.evidence(NAME, CLERK)
    assert check(kept) == [] and kept["loaded"] == [3]
    assert check_with(kept, world.ledger.database, world.keyring) == []
    kept["loaded"] = []
    assert "the entries sum to 300 cents" in " ".join(check(kept))


def test_a_torn_load_is_waited_for_and_one_that_failed_costs_nobody(world):
    torn = with_load(world, told=False)
    desk = CashUp(world.ledger)
    desk.count(NAME, CLERK, 2300, "cashier")
    (doubt,) = desk.judge(NAME, CLERK).doubts
    assert "what became of seq 3" in doubt.words
    with pytest.raises(CashUpRefused, match="nothing is booked"):
        desk.book_loads(NAME, CLERK)
    world.devices[2].refuse(world.cards[0])
    world.post(world.devices[2].run())
    assert desk.judge(NAME, CLERK).difference == 0 and torn.seq == 3
    assert desk.book_loads(NAME, CLERK) == 2000 and desk.book_loads(NAME, CLERK) == 0


def test_a_load_that_did_not_reach_its_card_is_no_cash(world):
    with_load(world, committed=False)
    desk = CashUp(world.ledger)
    desk.count(NAME, CLERK, 300, "cashier")
    assert desk.judge(NAME, CLERK).difference == 0 and desk.book_loads(NAME, CLERK) == 0


def test_a_load_that_is_also_sold_elsewhere_is_for_a_person(world):
    with_load(world)
    world.ledger.import_sales([("web-9", 9, 2000, "web", 5)])
    desk = CashUp(world.ledger)
    desk.count(NAME, CLERK, 300, "cashier")
    found = desk.judge(NAME, CLERK)
    assert found.state == DOUBTFUL and "is sold as web-9, too" in found.doubts[0].words


# --- lost slots ---


def two_shifts(world):
    """Two shifts of 9.50 each; slot 3, a sale of the first, never comes."""
    device, ends = world.devices[1], []
    for number in (SHIFT, SHIFT + 1):
        first = shift(device, SHIFT_START, shift=number, first_ticket=1)
        for ticket, cents in enumerate(PRICES, 1):
            sell(device, ticket, cents, shift=number)
        ends.append(shift(device, SHIFT_END, shift=number, first_seq=first, first_ticket=1,
                          next_ticket=4, tickets=3, cash=950))  # fmt: skip
    world.post(device.run(1, 2), device.run(4, ends[1]))
    return CashUp(world.ledger), ShiftName(1, 0, SHIFT), ShiftName(1, 0, SHIFT + 1)


def test_a_lost_slot_stops_no_later_shift_for_ever(world):
    desk, first, second = two_shifts(world)
    for name in (first, second):
        desk.count(name, CLERK, 940, "cashier")
        assert "waiting for seq 3" in desk.judge(name, CLERK).doubts[0].words
    assert desk.give_up(1, 0, 3, 3, "flash burnt, board replaced", "anna", "alma")
    assert not desk.give_up(1, 0, 3, 3, "flash burnt, board replaced", "anna", "alma")
    assert (desk.judge(second, CLERK).state, desk.judge(second, CLERK).difference) == (
        DECIDED, -10)  # fmt: skip
    found = desk.judge(first, CLERK)
    assert (found.state, found.difference) == (DOUBTFUL, None)
    assert "nobody is charged" in found.doubts[0].words
    assert check(desk.evidence(second, CLERK)) == []


def test_a_shift_with_a_lost_slot_is_closed_at_nobodys_cost(world):
    desk, first, _ = two_shifts(world)
    desk.count(first, CLERK, 940, "cashier")
    desk.pay_in(first, CLERK, "cashier")
    with pytest.raises(CashUpRefused, match="waiting for seq 3"):
        desk.decide(first, CLERK, "unjudged", "anna", "alma")
    desk.give_up(1, 0, 3, 3, "flash burnt", "anna", "alma")
    for decision in ("loss", "surplus", "repaid"):
        with pytest.raises(CashUpRefused, match="nothing is booked"):
            desk.decide(first, CLERK, decision, "anna", "alma")
    assert desk.decide(first, CLERK, "unjudged", "anna", "alma") == 440
    assert desk.decide(first, CLERK, "unjudged", "anna", "alma") == 0
    rows = dict(map(tuple, world.ledger.database.rows(
        "SELECT name, cents FROM balances WHERE kind IN ('CASH', 'LOSS')")))  # fmt: skip
    # The other shift's 9.50 are still the clerk's; of the lost 4.50 the area has 4.40 too much.
    assert rows == {"CASH:vehicle:33": -950, "CASH:office": -940, "LOSS:244:cash": 440}
    world.post(world.devices[1].run(3, 3))
    assert desk.judge(first, CLERK).difference == -10, "what is found is seen, the decision stands"
    with pytest.raises(CashUpRefused, match="decided as unjudged before; it stands"):
        desk.decide(first, CLERK, "loss", "anna", "alma")


@pytest.mark.parametrize("place", [3, 5])
def test_a_slot_that_only_came_damaged_is_given_up_as_one_that_never_came(world, place):
    """5 is the end of the shift: without it the shift reaches to whatever is held."""
    device = world.devices[1]
    first = shift(device, SHIFT_START, first_ticket=1)
    for ticket, cents in enumerate(PRICES, 1):
        sell(device, ticket, cents)
    last = shift(device, SHIFT_END, first_seq=first, first_ticket=1, next_ticket=4, tickets=3,
                 cash=950)  # fmt: skip
    shift(device, SHIFT_START, shift=SHIFT + 1, first_ticket=1)
    whole = device.run(1, last + 1)
    slots = list(whole[-1])
    slots[place - 1] = bytes(20) + slots[place - 1][20:]
    world.post((*whole[:-1], slots))
    desk, name = CashUp(world.ledger), ShiftName(1, 0, SHIFT)
    desk.count(name, CLERK, 940, "cashier")
    desk.pay_in(name, CLERK, "cashier")
    assert desk.judge(name, CLERK).state == WAITING
    assert desk.missing(1, 0) == [(place, place)]
    desk.give_up(1, 0, place, place, "flash worn out", "anna", "alma")
    found = desk.judge(name, CLERK)
    assert (found.state, found.difference) == (DOUBTFUL, None)
    assert any("nobody is charged" in doubt.words for doubt in found.doubts)
    sold = 950 - (0 if place == last else PRICES[place - 2])
    assert desk.decide(name, CLERK, "unjudged", "anna", "alma") == abs(940 - sold)
    world.post(device.run(place, place))
    assert desk.judge(name, CLERK).difference == -10, "what is found is seen"


@pytest.mark.parametrize(
    ("first", "last", "second", "words"),
    [
        (2, 3, "alma", "only what is missing between slots that are held is given up: 3"),
        (3, 4, "alma", "is given up: 3"),
        (3, 3, "anna", "two different names"),
        (3, 3, "", "two people give slots up"),
        (0, 3, "alma", "only what is missing"),
        (99, 100, "alma", "only what is missing"),
    ],
)
def test_what_is_held_or_decided_alone_is_not_given_up(tmp_path, first, last, second, words):
    world = World(tmp_path)
    desk, _, later = two_shifts(world)
    desk.count(later, CLERK, 950, "cashier")
    with pytest.raises(CashUpRefused, match=words):
        desk.give_up(1, 0, first, last, "why not", "anna", second)
    assert desk.judge(later, CLERK).state == WAITING
    world.close()


def test_the_commands_close_a_till_and_give_slots_up(tmp_path, capsys):
    world = World(tmp_path)
    two_shifts(world)
    world.close()
    (tmp_path / "keyring").mkdir()
    for path in tmp_path.glob("key*.*"):
        path.rename(tmp_path / "keyring" / path.name)
    place = str(tmp_path)
    lost = ["cash-up", "lost", place, "--device", "1", "--first", "3", "--last", "3", "--words",
            "burnt", "--by", "anna", "--second", "alma"]  # fmt: skip
    assert main(lost) == 0 and main(lost) == 0
    assert "was decided before" in capsys.readouterr().out
    till = [place, "--till", "--device", "31", "--shift", "1", "--clerk", "5"]
    assert main(["cash-up", "count", *till, "--cents", "0", "--by", "cashier"]) == 0
    assert main(["cash-up", "close", *till, "--last-slip", "0", "--by", "cashier"]) == 0
    assert main(["cash-up", "show", *till]) == 0
    assert "counted 0, expected 0 cents: as expected" in capsys.readouterr().out
    assert main(["cash-up", "loads", *till, "--by", "anna"]) == 0
