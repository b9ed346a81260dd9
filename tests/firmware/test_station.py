"""A station's loads: what they cost, what they write, and that they happen once."""

import pytest

from card_layouts.answers import (
    ACCEPTED,
    ACTION_ORDER,
    ASK_LEDGER,
    HOLD_AGAIN,
    LOADED,
    LOADED_BEFORE,
    NOT_LOADED,
    TAP_AGAIN,
    lamp_of,
    text_of,
)
from card_layouts.cards.card_layout import CHANNEL_COUNTER, KIND_LOAD, G
from card_layouts.packages.hotlist_layout import HOT_BLOCK, HOT_KILL
from card_layouts.records import entries_tap as e
from card_layouts.records.entries_service import ACT_LOAD
from firmware.station import Order
from simulator.field import answer_lost, before_commit, commit_lost
from simulator.tears.drill import transcript
from simulator.tears.positions import positions
from simulator.tears.services import LoadFlow
from simulator.worlds.tap_world import (
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
from simulator.worlds.waiting_actions import action_list, waiting
from tests import figures

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


@pytest.mark.requirement("W-109")
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


# An order whose number another action takes ------------------------------------------------

GATE_CENTS = [1500, 900]  # what the web list loads in its stead: as much, or something else
HERE = (STATION,)


def overtaken(cents, *tears):
    """A counter's load is torn, a gate loads action 2 of the web list; return (counter, card)."""
    counter, card = station(), new_card()
    counter.present(card, *tears, order=ORDER, tried=HERE)
    gate = Device(GATE_A, actions=action_list(waiting(cents=cents)))
    gate.watch.seconds += 60
    assert gate.present(card) == ACCEPTED
    return counter, card


@pytest.mark.requirement("I11", "D9", "X-8")
@pytest.mark.parametrize("cents", GATE_CENTS)
@pytest.mark.parametrize("tear", [before_commit, commit_lost])
def test_a_counters_order_whose_number_a_gate_used_is_surely_not_loaded(cents, tear):
    counter, card = overtaken(cents, tear())
    assert OnCard(card).newest["L"] == PURSE + cents
    assert counter.load(card, ORDER, HERE) == NOT_LOADED
    assert counter.load(card, ORDER, HERE) == NOT_LOADED, "however often it is asked"
    outcomes = [f["outcome"] for name, _, f in counter.entries() if name == "OUTCOME"]
    assert outcomes == [e.OUTCOME_ABORTED]
    assert lamp_of(NOT_LOADED) == "red" and "Void this sale" in text_of(NOT_LOADED)
    assert counter.load(card, ORDER._replace(k=3, action=78), HERE) == LOADED
    assert OnCard(card).newest["L"] == PURSE + cents + 1500


@pytest.mark.requirement("I11", "T1", "D30")
@pytest.mark.parametrize("cents", GATE_CENTS)
def test_a_counters_order_torn_anywhere_is_loaded_or_surely_not(cents):
    places = positions(transcript(LoadFlow()))[::5]
    seen = set()
    for position in places:
        counter, card = overtaken(cents, position.tear)
        answer = counter.load(card, ORDER, HERE)
        committed = [f["outcome"] for name, _, f in counter.entries() if name == "OUTCOME"]
        loaded = e.OUTCOME_COMMITTED in committed
        assert (answer in (LOADED, LOADED_BEFORE)) == loaded, position
        assert answer in (LOADED, LOADED_BEFORE, NOT_LOADED), position
        assert OnCard(card).newest["L"] == PURSE + (1500 if loaded else cents), position
        seen.add(answer)
    assert NOT_LOADED in seen and len(seen) > 1
    figures.add(figures.TEARS, len(places))


@pytest.mark.requirement("I11")
def test_an_order_is_known_behind_the_rides_after_it_until_the_card_has_forgotten():
    counter, card, gate = station(), new_card(), Device(GATE_A)
    assert counter.load(card, ORDER, HERE) == LOADED
    answers = []
    for _ in range(11):
        gate.watch.seconds += 7200
        assert gate.present(card) == ACCEPTED
        answers.append(counter.load(card, ORDER, HERE))
    assert answers == [LOADED_BEFORE] * 9 + [ASK_LEDGER] * 2
    assert lamp_of(ASK_LEDGER) == "red"
    assert counter.names() == ["ACTION", "OUTCOME"], "nothing is done by asking"


def test_an_order_from_the_ledger_may_have_been_done_anywhere_and_looks_like_itself():
    counter, card = overtaken(1500, before_commit())
    assert counter.load(card, ORDER) == LOADED_BEFORE
    assert counter.load(card, ORDER._replace(cents=900)) == NOT_LOADED
