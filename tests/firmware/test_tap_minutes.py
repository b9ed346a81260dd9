"""A right by the hour through the real firmware: sold, begun, ridden on and over, to the minute."""

import pytest

from card_layouts.answers import ACCEPTED
from card_layouts.cards.card_layout import (
    KIND_ACTIVATION,
    KIND_DEBIT,
    KIND_PASS,
    M_TIMED,
    ZONES_ALL,
)
from card_layouts.fares import inputs as i
from card_layouts.fares.clock import end_minute
from card_layouts.fares.repeat import PRICE_ONLY, Repeater
from simulator.worlds import product_tariff as p
from tests.firmware.product_worlds import DAY_S, HOUR_S, NOW, TARIFF, World

HOURS = {"mechanism": M_TIMED, "product": p.HOURS, "length": 24, "zones": ZONES_ALL}
END = NOW + DAY_S


@pytest.mark.requirement("W-54", "D32", "D33")
def test_24_hours_begin_with_the_first_tap_and_end_to_the_minute():
    world = World(HOURS)
    assert world.tap() == ACCEPTED
    assert world.newest["kind"] == KIND_ACTIVATION
    start, length, _day, _left, _today, cents = world.row(0)
    assert (length, 60 * end_minute(start, cents)) == (24, END // 60 * 60)
    assert world.rides(NOW + 12 * HOUR_S, END + 300) == [0, 0]
    assert world.newest["kind"] == KIND_PASS
    assert world.rides(END + 360) == [p.FARE]
    assert world.newest["kind"] == KIND_DEBIT


@pytest.mark.requirement("D14")
def test_the_ledger_asks_again_with_the_end_that_the_card_carried():
    world = World(HOURS)
    world.rides(NOW, NOW + HOUR_S)
    ride = world.intents()[1]
    assert ride["use_cents"] == world.row(0)[5]
    verdict = Repeater(TARIFF).verdict
    assert verdict(ride) == PRICE_ONLY
    assert verdict({**ride, "use_cents": ride["use_cents"] - 1440}) != PRICE_ONLY


@pytest.mark.requirement("W-56")
def test_the_second_day_ticket_begins_when_the_first_is_over():
    world = World(HOURS, HOURS)
    world.rides(NOW, END + 600)
    assert world.newest["paid_by"] == 2
    assert world.rule() == (p.HOURS, i.RULE_ACTIVATION)
