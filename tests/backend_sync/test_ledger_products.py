"""What was paid for a pass is earned when the pass is on its card, whichever comes first."""

import random

import pytest

from backend_sync.ledger import Ledger
from backend_sync.settlement.close import close_day
from card_layouts.cards.card_layout import P_SLOT
from card_layouts.records.entries_tap import (
    HOW_LATER,
    HOW_NOT_SENT,
    OUTCOME_ABORTED,
    OUTCOME_COMMITTED,
)
from tests.backend_sync.builders import AUTHORITY, Device
from tests.backend_sync.ledger_histories import cut, groups, play, state

pytestmark = pytest.mark.requirement("D9", "D21", "I3", "I4")

ACTION, CENTS = 501, 4900
SALE = ("pass-1", ACTION, CENTS, "counter", 5)
RIGHT = P_SLOT.pack({"product": 12, "authority_use": AUTHORITY})
WAITING = {"CASH:counter": -CENTS, f"PREPAID:{ACTION}": CENTS}
EARNED = {"CASH:counter": -CENTS, f"REV:{AUTHORITY}:0": CENTS}


def balances(world):
    rows = world.ledger.database.rows("SELECT name, cents FROM balances WHERE cents <> 0")
    return {name: int(cents) for name, cents in rows}


@pytest.mark.parametrize("sale_first", [True, False])
def test_a_pass_is_earned_when_it_is_sold_and_on_its_card(world, sale_first):
    world.devices[1].product(world.cards[0], ACTION, RIGHT)
    if sale_first:
        world.ledger.import_sales([SALE])
        assert balances(world) == WAITING
        assert world.ledger.report()["waiting_actions_cents"] == CENTS
        world.post()
    else:
        world.post()
        assert balances(world) == {}
        world.ledger.import_sales([SALE])
    assert balances(world) == EARNED
    assert world.ledger.report()["waiting_actions_cents"] == 0
    world.ledger.import_sales([SALE])
    world.post()
    assert balances(world) == EARNED


def test_a_torn_pass_waits_for_evidence_and_an_aborted_one_is_not_earned(world):
    first, second, card = world.devices[1], world.devices[2], world.cards[0]
    world.ledger.import_sales([SALE])
    torn = first.announce_product(card, ACTION, RIGHT)
    first.outcome(torn, OUTCOME_ABORTED, HOW_NOT_SENT)
    again = first.announce_product(card, ACTION, RIGHT)
    world.post()
    assert balances(world) == WAITING
    card.commit(again)
    second.refuse(card)  # P2: another device read the record
    world.post(second.run())
    assert balances(world) == EARNED
    first.outcome(again, OUTCOME_COMMITTED, HOW_LATER, card.newest)
    world.post()
    assert balances(world) == EARNED


def test_what_contradictory_evidence_takes_back_waits_again_until_another_one_executes_it(world):
    first, card = world.devices[1], world.cards[0]
    world.ledger.import_sales([SALE])
    first.product(card, ACTION, RIGHT)
    world.post()
    twin = Device(world.keys, 1)
    twin.product(world.cards[1], 77)
    world.post(twin.run(1, 1))
    assert balances(world) == WAITING
    world.devices[2].product(world.cards[1], ACTION, RIGHT)
    world.post()
    assert balances(world) == EARNED
    assert world.ledger.report()["trial_balance_cents"] == 0


def test_two_sales_of_one_action_are_both_earned_and_a_free_product_moves_nothing(world):
    world.ledger.import_sales([SALE, ("pass-2", ACTION, 100, "web", 6), ("free", 9, 0, "web", 6)])
    world.devices[1].product(world.cards[0], ACTION, RIGHT)
    world.devices[1].product(world.cards[0], 9, RIGHT)
    world.post()
    assert balances(world) == {
        "CASH:counter": -CENTS,
        "CASH:web": -100,
        f"REV:{AUTHORITY}:0": CENTS + 100,
    }


@pytest.mark.parametrize("seed", range(3))
def test_order_of_sales_and_entries_changes_nothing(world, tmp_path, seed):
    chance = random.Random(seed)
    play(world, chance, 10)
    card = world.plastic(1)[0]
    sales = []
    for action in range(900, 906):
        world.devices[chance.choice((1, 2, 3))].product(card, action, RIGHT)
        sales.append((f"s{action}", action, action, "counter", 5))
    runs = world.run_all()
    found = []
    for turn in range(3):
        world.keyring.restored()  # else it refuses other books than those it served
        ledger = Ledger(f"sqlite:///{tmp_path / str(turn)}.db", world.clock, world.keyring, {},
                        AUTHORITY)  # fmt: skip
        ledger.import_issues([world.plastic(i)[1] for i in range(2)])
        deliveries = [(ledger.post, part) for part in groups(cut(runs, chance), chance)]
        deliveries += [(ledger.import_sales, [sale]) for sale in sales]
        chance.shuffle(deliveries)
        for deliver, part in deliveries:
            deliver(part)
        found.append(state(ledger))
        ledger.close()
    assert found[0] == found[1] == found[2]


def test_a_sold_pass_is_revenue_of_the_day_that_closes(world):
    world.ledger.import_sales([SALE])
    world.devices[1].product(world.cards[0], ACTION, RIGHT)
    world.post()
    closed = close_day(world.ledger, 1, {})
    assert closed.values["sums"][2:] == [CENTS, 0]
    assert ["SOLD", 1, CENTS] in [row[1:] for row in closed.values["channels"]]
