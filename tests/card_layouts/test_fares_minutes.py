"""Rights by the minute: 24 hours are 24 hours, on the nights of clock change too."""

import pytest

from card_layouts.cards.card_layout import S, T
from card_layouts.fares import inputs as i
from card_layouts.fares.card_lists import load_head, load_usage, usage_after
from card_layouts.fares.clock import END_MAX, end_minute
from card_layouts.fares.engine import activate
from card_layouts.fares.package import u16
from card_layouts.fares.repeat import SAME, Repeater
from card_layouts.fares.sections import TRIPS
from tests.card_layouts.fare_world import World, intent_of, utc


def holder(day="2024-05-14", clock="10:00", hours=24):
    """Return an HSL card with a day ticket for A and B that begins at this time of summer."""
    world = World("hsl").slot(1, "day", 1, 2, last=4000)
    world.terms = (hours, 0, 0)
    return at(world, day, clock)


def at(world, day, clock, hours_ahead=3):
    world.tap[i.T_SECONDS] = utc(day, clock, hours_ahead)
    return world


def why(world):
    return world.pay()[i.D_WHY0 + 1]


@pytest.mark.requirement("W-54", "W-89", "D32")
@pytest.mark.parametrize(
    ("hours", "day", "clock", "reason"),
    [
        (24, "2024-05-15", "09:59", i.WHY_USED),
        (24, "2024-05-15", "10:00", i.WHY_USED),
        (24, "2024-05-15", "10:05", i.WHY_USED),  # the clock may be five minutes fast
        (24, "2024-05-15", "10:06", i.WHY_ENDED),
        (72, "2024-05-17", "10:05", i.WHY_USED),
        (72, "2024-05-17", "10:06", i.WHY_ENDED),
        (312, "2024-05-27", "10:05", i.WHY_USED),
    ],
)
def test_a_right_by_the_hour_ends_so_many_hours_after_its_first_use(hours, day, clock, reason):
    world = holder(hours=hours)
    d = world.pay()
    assert (d[i.D_KIND], d[i.D_UNIT], d[i.D_T_LENGTH]) == (i.KIND_ACTIVATION, 60, hours)
    end = end_minute(d[i.D_T_START], d[i.D_T_CENTS])
    assert end == utc("2024-05-14", "10:00", 3) // 60 + 60 * hours
    assert why(at(world, day, clock)) == reason


@pytest.mark.requirement("W-54", "D2")
@pytest.mark.parametrize(
    ("first", "ahead", "last", "after"),
    [
        ("2024-03-30", 2, ("2024-03-31", "13:05", 3), ("2024-03-31", "13:06", 3)),
        ("2024-10-26", 3, ("2024-10-27", "11:05", 2), ("2024-10-27", "11:06", 2)),
    ],
)
def test_24_hours_are_24_hours_on_the_nights_of_clock_change(first, ahead, last, after):
    world = World("hsl").slot(1, "day", 1, 2, last=4000)
    world.terms = (24, 0, 0)
    at(world, first, "12:00", ahead).pay()
    assert why(at(world, *last)) == i.WHY_USED
    assert why(at(world, *after)) == i.WHY_ENDED


@pytest.mark.requirement("W-56")
def test_of_two_that_hold_the_one_that_ends_first_is_used():
    world = holder().slot(2, "day", 1, 2, last=4000)
    world.pay()
    late = at(world, "2024-05-15", "09:00")
    row = late.card[i.slot_at(0) : i.slot_at(1)]
    late.card[i.slot_at(1) : i.slot_at(2)] = row
    late.card[i.slot_at(0) + i.S_CENTS] += 1440
    assert late.pay()[i.D_SLOT] == 2


@pytest.mark.requirement("W-56")
def test_a_second_one_begins_when_the_first_has_ended():
    world = holder().slot(2, "day", 1, 2, last=4000)
    assert world.pay()[i.D_SLOT] == 1
    d = at(world, "2024-05-15", "10:20").pay()
    assert (d[i.D_KIND], d[i.D_SLOT], d[i.D_WHY0 + 1]) == (i.KIND_ACTIVATION, 2, i.WHY_ENDED)


@pytest.mark.requirement("W-54")
def test_a_clock_set_back_before_its_day_does_not_open_it():
    world = holder()
    world.pay()
    assert why(at(world, "2024-05-12", "10:00")) == i.WHY_EARLY


@pytest.mark.requirement("X-13")
def test_a_late_vehicle_s_plan_keeps_it():
    world = holder(clock="05:10")
    world.pay()
    trip = at(world, "2024-05-15", "05:50")
    trip.tap[i.T_TRIP], trip.tap[i.T_CALL] = 0, 0
    trip.tariff.read(TRIPS, 0, trip.tariff.trip)
    due = u16(trip.tariff.trip, 4)  # its start
    began = utc("2024-05-14", "00:00", 3) // 60 + due
    trip.card[i.slot_at(0) + i.S_CENTS] = (
        began + 1440 - end_minute(trip.card[i.slot_at(0) + i.S_START], 0)
    )
    late = began + 1440 + 50
    trip.tap[i.T_SECONDS] = 60 * late
    d = trip.pay()
    assert (d[i.D_WHY0 + 1], d[i.D_MODIFIERS] >> 4) == (i.WHY_USED, i.FAIR_LATE_VEHICLE)


@pytest.mark.requirement("D14", "D32")
def test_its_end_travels_in_file_t_and_in_intent_and_the_ledger_decides_the_same():
    world = holder()
    world.pay()
    before = list(at(world, "2024-05-15", "09:00").card)
    before[i.C_J_AUTHORITY] = world.card[i.C_J_AUTHORITY] = 0
    d = world.pay()
    intent = intent_of(world.tariff, before, world.tap, d)
    assert intent["use_cents"] == before[i.slot_at(0) + i.S_CENTS] > 0
    assert Repeater(world.tariff).verdict(intent, known=before) == SAME
    later = {**intent, "use_cents": intent["use_cents"] - 1440}
    assert Repeater(world.tariff).verdict(later, known=before) != SAME


@pytest.mark.requirement("D32")
def test_a_card_carries_its_end_and_no_more_than_its_bits():
    d = holder().pay()
    head = S.unpack(S.pack({"layout": 1, "d_mechanism0": 13, "d_product0": 4, "d_usage0": 1}))
    usage = T.unpack(usage_after(d, head, T.pack({"layout": 1})))
    card = i.new_card()
    load_head(card, head)
    load_usage(card, head, usage)
    assert card[i.slot_at(0) + i.S_CENTS] == d[i.D_T_CENTS]
    d[i.D_T_CENTS] = 2000
    activate(d, 511, 0, 0)
    d[i.D_UNIT] = 1440
    activate(d, 511, 0, 0)
    assert d[i.D_T_CENTS] == END_MAX == (1 << 17) - 1
