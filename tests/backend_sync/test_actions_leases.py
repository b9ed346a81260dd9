"""Money of a withdrawn purchase goes back once no lease opens a list with it any more."""

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from backend_sync.ledger.opening import MIGRATIONS
from simulator.worlds.tap_world import FARE, GATE_A, GATE_B, NOW, PURSE
from tests.backend_sync.action_worlds import CENTS, DAY_S, HOUR, LEASED_TO, Shop

pytestmark = pytest.mark.requirement("W-143", "D9", "I11", "T9")


@pytest.fixture
def small(tmp_path):
    made = Shop(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")
    yield made
    made.close()


def of_others(shop, gate):
    """Return what every device but this one has journalled."""
    return [run for run in shop.town.slots() if run[0] != gate]


def test_a_withdrawn_purchase_is_paid_back_once_every_gate_has_a_lease_that_refuses_its_list(small):
    action = small.order(days=60)
    small.publish(0, 1)
    assert small.cancel(action) == "CANCELLING"
    small.publish(0, 1)
    small.switch(0, NOW + HOUR)
    assert small.review() == {action: "CANCELLING"}, "the other gate may still have its old lease"
    small.switch(1, NOW + HOUR)
    assert small.review() == {action: "SUPERSEDED"}
    assert small.money(action) == (0, PURSE, CENTS)
    small.town.tap(NOW + 3 * HOUR, 1)
    assert small.review() == {action: "SUPERSEDED"} and small.purse() == PURSE - FARE


def test_a_switch_to_a_lease_that_still_opens_the_list_gives_no_money_back(small):
    action = small.order(days=60)
    small.publish(0)
    small.publish(0)
    small.cancel(action)
    small.switch(0, NOW + HOUR)
    small.publish()
    assert small.review() == {action: "CANCELLING"}
    small.town.tap(NOW + 3 * HOUR, 0)
    assert small.review() == {action: "EXECUTED"} and small.money(action)[::2] == (0, 0)


def test_a_hole_before_the_switch_to_a_newer_lease_keeps_the_money_where_it_is(small):
    small.town.tap(NOW, 0)
    action = small.order(days=60)
    small.publish(0)
    small.cancel(action)
    small.publish(0)
    small.switch(0, NOW + 2 * HOUR)
    switched = [run for run in small.town.slots() if run[0] == GATE_A][-1]
    small.post([*of_others(small, GATE_A), switched])
    assert small.states() == {action: "CANCELLING"}, "it may have been loaded in the hole"
    assert small.review() == {action: "SUPERSEDED"}


@pytest.mark.parametrize("loaded", [True, False])
def test_a_gate_that_never_docks_holds_money_until_its_old_lease_ended_and_the_card_was_seen(
    small, loaded
):
    """Its lease is renewed inland for ever: nobody has said that it is lost."""
    action = small.order(days=60)
    small.publish(0, 1)
    if loaded:
        small.town.tap(NOW + HOUR, 1)
    small.cancel(action)
    for days in (0, 8, 16):
        small.publish(0, 1, leased_to=LEASED_TO + days * DAY_S)
    small.switch(0, NOW + 2 * HOUR)
    small.clock.now = LEASED_TO + DAY_S + HOUR
    small.post(of_others(small, GATE_B))
    assert small.states() == {action: "CANCELLING"}, "what the gate did nobody has told"
    small.town.gates[0].tap.actions = None  # its list is too old: it reads the card, no more
    small.town.tap(LEASED_TO + DAY_S + HOUR, 0)
    small.post(of_others(small, GATE_B))
    if loaded:
        assert small.states() == {action: "UNCLEAR"} and small.money(action)[0] == CENTS
        assert small.review() == {action: "EXECUTED"}
    else:
        assert small.states() == {action: "SUPERSEDED"} and small.money(action)[2] == CENTS


def test_a_purchase_that_comes_back_to_the_lists_is_waited_for_again(small):
    """The lists are full for a while: the latest order is on none, then on one again."""
    action = small.order(days=60)
    small.publish(0)
    small.packages.most = 0
    assert list(small.publish(0)) == []
    small.packages.most = 9
    [line] = small.publish(0)
    assert line["action"] == action
    small.switch(0, NOW + HOUR)
    assert small.cancel(action) == "CANCELLING"
    assert small.review() == {action: "CANCELLING"}, "its newest lease opens a list with it"


def test_a_clock_that_is_fast_has_not_seen_a_card_after_what_is_still_to_come(small):
    action = small.order(days=60)
    small.publish(0, 1)
    small.cancel(action)
    for days in (0, 16):
        small.publish(0, 1, leased_to=LEASED_TO + days * DAY_S)
    small.switch(0, NOW + 2 * HOUR)
    small.town.gates[0].tap.actions = None
    small.town.tap(LEASED_TO + 3 * DAY_S, 0)
    small.post(of_others(small, GATE_B))
    small.clock.now = LEASED_TO + 2 * DAY_S
    assert small.states() == {action: "CANCELLING"}, "the other gate could load it after that tap"


def test_leases_of_before_are_waited_for_as_if_they_opened_every_list(tmp_path):
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with create_engine(f"sqlite:///{tmp_path / 'old.db'}").begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0020")
        connection.exec_driver_sql("INSERT INTO action_lists VALUES (4, 1, 500)")
        connection.exec_driver_sql("INSERT INTO action_carriers VALUES (4711, 1, 4, 4, 900)")
        command.upgrade(config, "head")
        rows = connection.exec_driver_sql("SELECT * FROM action_leases").all()
        assert [tuple(row) for row in rows] == [(4711, 1, (1 << 30) - 1, 0, 900)]
