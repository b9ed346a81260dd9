"""The same card at the same device within minutes: refused at a gate, another person in a bus."""

import pytest

from card_layouts.answers import ACCEPTED, ALREADY_SHOWN
from card_layouts.fares.repeat import DIFFERENT, PRICE_ONLY, Repeater
from card_layouts.records.entries_tap import REASON_PASS_BACK, TERMINAL_BUS, TERMINAL_GATE
from simulator.worlds.small_tariffs import count_tariff, mounted
from simulator.worlds.tap_world import (
    AUTHORITY,
    FARE,
    FARE_TWO,
    GATE_A,
    GATE_B,
    NOW,
    PURSE_PRODUCT,
    Device,
    OnCard,
    new_card,
)

BODY = count_tariff([[FARE, FARE_TWO]], AUTHORITY, 7, PURSE_PRODUCT, 60, pass_back_s=300)


def device(number=GATE_A, terminal=TERMINAL_GATE):
    return Device(number, tariff=mounted(BODY), profile={"terminal": terminal})


def tapped(place, card, after_s):
    place.watch.seconds = NOW + after_s
    answer = place.present(card)
    return answer, OnCard(card).newest["amount"]


@pytest.mark.requirement("D7")
def test_a_gate_refuses_the_card_it_has_just_let_through_and_another_gate_does_not():
    card, gate, other = new_card(), device(), device(GATE_B)
    assert tapped(gate, card, 0) == (ACCEPTED, FARE)
    assert tapped(gate, card, 5)[0] == ALREADY_SHOWN
    assert tapped(gate, card, 60)[0] == REASON_PASS_BACK
    assert not gate.signals.opened()
    assert tapped(other, card, 120) == (ACCEPTED, 0)


@pytest.mark.requirement("D7")
def test_after_the_pass_back_time_the_journey_goes_on():
    card, gate = new_card(), device()
    tapped(gate, card, 0)
    assert tapped(gate, card, 301) == (ACCEPTED, 0)


@pytest.mark.requirement("D7", "W-62", "O-17")
def test_in_a_bus_a_second_tap_pays_for_a_second_person_and_can_be_repeated():
    card, bus = new_card(), device(terminal=TERMINAL_BUS)
    assert tapped(bus, card, 0) == (ACCEPTED, FARE)
    assert tapped(bus, card, 60) == (ACCEPTED, FARE)
    second = [fields for name, _header, fields in bus.entries() if name == "INTENT"][1]
    repeater = Repeater(mounted(BODY))
    # Whose record was found is not in the entry: the ledger asks both ways.
    assert repeater.verdict(second) == DIFFERENT
    assert repeater.verdict(second, same_device=True) == PRICE_ONLY
