"""Loads bought in the web shop and carried out by validators, through the real ledger."""

import pytest

from backend_sync.ledger import Sale
from card_layouts.answers import ACCEPTED, LOAD_AGAIN
from card_layouts.records.entries_service import ACT_ADJUST, ACT_NOTHING
from simulator.field import answer_lost, commit_lost
from simulator.worlds.tap_world import AUTHORITY, NOW, PURSE, UID, OnCard
from simulator.worlds.waiting_actions import action_list, waiting
from tests.backend_sync.audited_worlds import Town, assert_mirrored, audited, enter, post

pytestmark = pytest.mark.requirement("W-143", "D9", "D21", "I11", "I1")

CENTS, HOUR = 1500, 3600


def web_town(**line):
    """Return a card whose next action waits at every gate."""
    town = Town()
    for gate in town.gates:
        gate.tap.actions = action_list(waiting(town.actions, CENTS, **line))
    return town


def balances(books, action):
    """Return what is in PREPAID of the action, on the card, and pending."""
    rows = dict(books.database.rows("SELECT name, cents FROM balances"))
    card = [cents for name, cents in rows.items() if name.startswith(f"LIAB:{AUTHORITY}:")]
    return rows.get(f"PREPAID:{action}", 0), sum(card)


def sold(books, town):
    """Enter the card, its first load's sale, and the sale of what waits; return its action."""
    enter(books, town)
    action = 700 + town.actions
    sales = [Sale("desk", 501, PURSE, "counter", NOW), Sale("web", action, CENTS, "web", NOW)]
    assert books.import_sales(sales) == 2
    return action


def test_a_load_by_a_validator_goes_from_prepaid_to_the_card_and_the_fare_to_the_operator(books):
    town = web_town()
    action = sold(books, town)
    assert balances(books, action) == (CENTS, 0)
    assert town.tap() == ACCEPTED
    post(books, town.slots())
    assert balances(books, action) == (0, OnCard(town.card).purse)
    assert books.report()["unpaid_actions"] == 0


def test_an_unknown_load_is_pending_until_the_card_is_seen_anywhere(books):
    town = web_town()
    action = sold(books, town)
    assert town.tear(NOW, 0, answer_lost()) == LOAD_AGAIN
    post(books, town.slots())
    assert balances(books, action)[0] == CENTS, "nobody knows yet"
    assert town.tap(NOW + HOUR, 1) == ACCEPTED
    post(books, town.slots())
    assert balances(books, action) == (0, OnCard(town.card).purse)
    assert town.tap(NOW + 2 * HOUR, 0) == ACCEPTED
    post(books, town.slots())
    assert balances(books, action) == (0, OnCard(town.card).purse)


def test_a_load_that_was_lost_is_done_elsewhere_and_posted_once(books):
    town = web_town()
    action = sold(books, town)
    assert town.tear(NOW, 0, commit_lost()) == LOAD_AGAIN
    assert OnCard(town.card).purse == PURSE
    assert town.tap(NOW + HOUR, 1) == ACCEPTED
    assert town.tap(NOW + 2 * HOUR, 0) == ACCEPTED
    runs = town.slots()
    post(books, runs[::-1])
    post(books, runs)
    assert balances(books, action) == (0, OnCard(town.card).purse)
    assert OnCard(town.card).actions == town.actions


def test_a_withdrawn_action_moves_no_money(books):
    town = web_town(kind=ACT_NOTHING, version=2)
    action = sold(books, town)
    assert town.tap() == ACCEPTED
    post(books, town.slots())
    assert balances(books, action) == (CENTS, OnCard(town.card).purse), "its money waits for a rule"


@pytest.mark.requirement("O-17")
@pytest.mark.parametrize("line", [{}, {"kind": ACT_NOTHING}, {"kind": ACT_ADJUST}])
def test_the_ledger_repeats_the_rides_around_an_action(books, line):
    town = web_town(**line)
    town.rides(NOW, NOW + 2 * HOUR, NOW + 30 * HOUR)
    found = audited(books, town)
    assert (found["rateable"], found["same"]) == (3, 3)
    assert_mirrored(books, town)
    assert town.card.uid == UID
