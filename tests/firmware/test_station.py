"""A station's loads: what they cost, what they write, and that they happen once."""

import pytest

from card_layouts.answers import ACTION_ORDER, HOLD_AGAIN, LOADED, LOADED_BEFORE, TAP_AGAIN
from card_layouts.cards.card_layout import CHANNEL_COUNTER, KIND_LOAD, G
from card_layouts.packages.hotlist_layout import HOT_BLOCK, HOT_KILL
from card_layouts.records import entries_tap as e
from card_layouts.records.entries_service import ACT_LOAD
from firmware.station import Order
from simulator.field import answer_lost, before_commit
from simulator.tap_world import (
    GATE_A,
    LIMIT,
    PURSE,
    STATION,
    UID,
    Device,
    NoHotlist,
    OnCard,
    lease,
    new_card,
)

ORDER = Order(77, 2, 1, 1500, CHANNEL_COUNTER)


def station(**parts):
    return Device(STATION, station=True, **parts)


@pytest.mark.requirement("R-10", "R-25", "D15")
def test_a_load_takes_fourteen_exchanges_451_bytes_and_two_slot_programs():
    counter, card = station(), new_card()
    programs = counter.flash.programs
    assert counter.load(card, ORDER) == LOADED
    counts = card.meter.exchanges
    assert len(counts) == 14
    assert sum(c.bytes_in + c.bytes_out for c in counts) == 451
    assert counter.flash.programs - programs == 2
    (_, _, action), (name, _, outcome) = counter.entries()
    body = G.unpack(bytes(7) + action["body"] + action["h"])
    assert (body["kind"], body["amount"], body["a"], body["L"]) == (
        KIND_LOAD,
        1500,
        2,
        PURSE + 1500,
    )
    assert (action["k"], action["kind"], action["action"]) == (2, ACT_LOAD, 77)
    assert name == "OUTCOME" and outcome["gate"] == e.GATE_NONE
    assert (OnCard(card).purse, OnCard(card).actions) == (PURSE + 1500, 2)


@pytest.mark.requirement("R-10")
def test_an_order_is_carried_out_once_wherever_it_is_brought():
    first, second, card = station(), Device(10, station=True), new_card()
    assert first.load(card, ORDER) == LOADED
    assert second.load(card, ORDER) == LOADED_BEFORE
    assert second.names() == []
    assert OnCard(card).purse == PURSE + 1500


@pytest.mark.requirement("D9")
def test_orders_are_carried_out_in_their_order():
    counter, card = station(), new_card()
    assert counter.load(card, ORDER._replace(k=3)) == ACTION_ORDER
    assert OnCard(card).purse == PURSE
    assert counter.load(card, ORDER) == LOADED
    assert counter.load(card, ORDER._replace(k=3, action=78)) == LOADED


def test_an_unfinished_load_is_told_apart_from_the_next_order():
    counter, card = station(), new_card()
    assert counter.present(card, answer_lost(), order=ORDER) == HOLD_AGAIN
    assert counter.load(card, ORDER._replace(k=3, action=78)) == LOADED
    assert (OnCard(card).purse, OnCard(card).actions) == (PURSE + 3000, 3)
    assert counter.names() == ["ACTION", "OUTCOME", "ACTION", "OUTCOME"]


def test_a_load_that_never_left_is_not_a_load():
    counter, card = station(), new_card()
    assert counter.present(card, before_commit(), order=ORDER) == TAP_AGAIN
    assert counter.entries()[1][2]["outcome"] == e.OUTCOME_ABORTED
    assert OnCard(card).purse == PURSE


@pytest.mark.requirement("D5")
def test_the_card_refuses_more_than_its_hard_maximum():
    counter, card = station(), new_card()
    assert counter.load(card, ORDER._replace(cents=LIMIT - PURSE + 1)) == e.REASON_LIMIT
    assert counter.names() == ["REFUSAL"]
    assert counter.load(card, ORDER._replace(cents=LIMIT - PURSE)) == LOADED
    assert OnCard(card).purse == LIMIT


@pytest.mark.parametrize(
    "action, reason", [(HOT_BLOCK, e.REASON_BLOCKED), (HOT_KILL, e.REASON_KILLED)]
)
def test_a_blocked_or_killed_card_takes_no_money(action, reason):
    card = new_card()
    Device(GATE_A, hotlist=NoHotlist({UID: (action, 2)})).present(card)
    assert station().load(card, ORDER) == reason
    assert OnCard(card).purse == PURSE


def test_a_station_needs_a_clock_and_a_right_to_load():
    counter = station(lease=lease(rights=1))
    assert counter.load(new_card(), ORDER) == e.REASON_LEASE
    counter = station()
    counter.watch.seconds = -1
    assert counter.load(new_card(), ORDER) == e.REASON_CLOCK_UNSET


@pytest.mark.requirement("I1")
def test_a_load_carries_the_open_journey_on():
    gate, card = Device(GATE_A), new_card()
    gate.present(card)
    before = OnCard(card).newest
    counter = station()
    counter.watch.seconds += 300
    assert counter.load(card, ORDER) == LOADED
    after = OnCard(card).newest
    for name in ("start_zone", "zones", "charged", "authority", "transfers"):
        assert after[name] == before[name]
    gate.watch.seconds += 900
    gate.present(card)
    assert OnCard(card).newest["amount"] == 0
