"""The fare engine, mechanism by mechanism, on published prices an accountant can look up."""

import dataclasses

import pytest

from backend_sync.tariffs.package_writer import write_package
from card_layouts.cards.zones import zones_run
from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares import inputs as i
from card_layouts.fares import package
from card_layouts.fares.engine import rate
from tests.card_layouts.fare_world import World, mounted, shipped, utc

ADULT = (251, 338, 415, 524, 644, 840, 1025)
CHILD = (126, 169, 207, 262, 322, 420, 513)


def said(d):
    return i.KIND_NAMES[d[i.D_KIND]], i.RULE_NAMES[d[i.D_RULE] & 15], d[i.D_AMOUNT]


@pytest.mark.requirement("W-29", "W-30", "W-61")
@pytest.mark.parametrize("group,prices", [("adult", ADULT), ("child", CHILD)])
def test_a_value_card_pays_the_published_price_of_every_arc(group, prices):
    for count, cents in enumerate(prices, 1):
        world = World().purse("value").pick(*range(1, count + 1))
        world.card[i.C_GROUP] = world.group(group)
        d = world.pay()
        assert (d[i.D_AMOUNT], d[i.D_ZONES]) == (cents, zones_run(1, count))
        assert d[i.D_RULE] == 16 * world.product("value")


@pytest.mark.requirement("W-38", "X-13")
@pytest.mark.parametrize(
    "zone,minutes,amount",
    [("A", 90, 0), ("A", 95, 0), ("A", 96, 251), ("B", 120, 0), ("B", 125, 0), ("B", 126, 251)],
)
def test_the_start_zone_says_how_long_a_journey_lasts_and_five_minutes_are_given(
    zone, minutes, amount
):
    world = World().purse("value").stop_in(zone)
    world.pay()
    world.tap[i.T_SECONDS] += 60 * minutes
    assert world.cents() == amount


@pytest.mark.requirement("W-34", "R-21")
def test_leaving_the_paid_zones_pays_the_difference_and_keeps_the_journey():
    world = World().purse("value")
    start = world.pay()[i.D_START_MINUTE]
    world.pick(1, 2, 3).tap[i.T_SECONDS] += 600
    d = world.pay()
    assert said(d) == ("upgrade", "upgrade", 415 - 251)
    assert (d[i.D_CHARGED], d[i.D_START_MINUTE], d[i.D_TRANSFERS]) == (415, start, 1)


@pytest.mark.requirement("R-21", "R-27", "W-86")
def test_a_senior_pays_less_in_the_window_and_as_an_adult_outside():
    world = World().purse("senior").at("2025-02-11", "10:00")
    world.card[i.C_GROUP] = world.group("senior")
    d = world.pay()
    assert (d[i.D_AMOUNT], d[i.D_FULL], d[i.D_REDUCTION], d[i.D_CONCESSION]) == (175, 251, 76, 2)
    world = World().purse("senior").at("2025-02-11", "15:00")
    world.card[i.C_GROUP] = world.group("senior")
    assert said(world.pay()) == ("charge", "else product", 251)


@pytest.mark.requirement("X-13", "W-86", "W-87")
@pytest.mark.parametrize(
    "clock,amount,fair",
    [("08:54", 251, 0), ("08:55", 175, 2), ("09:00", 175, 0), ("14:04", 175, 1), ("14:05", 251, 0)],
)
def test_a_clock_off_by_five_minutes_never_costs_a_senior_his_window(clock, amount, fair):
    world = World().purse("senior").at("2025-02-11", clock)
    world.card[i.C_GROUP] = world.group("senior")
    d = world.pay()
    assert (d[i.D_AMOUNT], d[i.D_MODIFIERS] >> 4) == (amount, fair)


@pytest.mark.requirement("W-54", "W-68", "W-56")
def test_a_season_starts_with_its_first_use_and_ends_with_its_thirtieth_day():
    world = World().purse("value").slot(1, "season30", 1, 2, last=2000)
    world.terms = (30, 0, 0)
    d = world.pay()
    assert said(d) == ("activation", "activation", 0)
    assert (d[i.D_T_START], d[i.D_T_LENGTH]) == (d[i.D_DAY], 30)
    assert said(world.at("2025-03-12", "21:00").pay())[1] == "pass"
    d = world.at("2025-03-13", "10:00").pay()
    assert (said(d)[1], d[i.D_WHY0 + 1]) == ("charge", i.WHY_ENDED)


@pytest.mark.requirement("W-56")
def test_the_second_season_begins_when_the_first_has_ended():
    world = World().slot(1, "season30", 1).slot(2, "season30", 1)
    world.terms = (30, 0, 0)
    assert world.pay()[i.D_SLOT] == 1
    assert world.at("2025-02-20", "10:00").pay()[i.D_SLOT] == 1
    d = world.at("2025-03-14", "10:00").pay()
    assert (d[i.D_SLOT], said(d)[0]) == (2, "activation")


@pytest.mark.requirement("W-70", "W-72")
def test_a_flex_season_counts_travel_days_down_and_the_day_once():
    world = World().slot(1, "flex", 1, last=2000)
    world.terms = (90, 30, 0)
    d = world.pay()
    assert (d[i.D_T_LEFT], d[i.D_T_DAY]) == (29, d[i.D_DAY])
    assert said(world.at("2025-02-11", "18:00").pay())[1] == "pass"
    # Four in the morning begins the service day; within five minutes it is still the old one.
    assert said(world.at("2025-02-12", "04:04").pay())[1] == "pass"
    d = world.at("2025-02-12", "04:05").pay()
    assert (said(d)[1], d[i.D_T_LEFT]) == ("travel day", 28)
    world.card[i.slot_at(0) + i.S_LEFT] = 0
    d = world.at("2025-02-14", "10:00").pay()
    assert (d[i.D_KIND], d[i.D_WHY0 + 1]) == (i.KIND_REFUSED, i.WHY_DAYS)


@pytest.mark.requirement("W-74", "W-75", "W-76")
def test_best_price_charges_until_the_season_is_paid_and_then_nothing():
    world = World().slot(1, "best", 1, last=2000)
    world.terms = (30, 0, 5522)
    total = 0
    for day in range(25):
        total += world.at(f"2025-02-{day + 1:02}", "10:00").cents()
    assert total == 5522
    d = world.at("2025-02-27", "10:00").pay()
    assert said(d) == ("charge", "cap free", 0)
    # Outside the own zones, and with a companion, money is charged all the same.
    assert world.at("2025-02-28", "10:00").pick(1, 2).cents() == 338
    world.pick().party(children=1)
    assert world.at("2025-03-01", "10:00").pay()[i.D_KIND] == i.KIND_REFUSED


@pytest.mark.requirement("W-77", "W-78", "W-79", "W-80")
def test_a_school_card_rides_twice_a_school_day_in_its_window_and_the_school_is_billed():
    world = World().slot(1, "school", 1, 2, last=1977)
    world.card[i.C_GROUP] = world.group("child")
    world.tariff.read_count = 0
    d = world.at("2025-02-11", "08:00").pay()
    assert said(d) == ("pass", "school trip", 0)
    assert d[i.D_FULL] == d[i.D_REDUCTION] > 0 and d[i.D_PAYER] >= i.PAYER_SPONSOR
    world.card[i.C_J_AUTHORITY] = 0
    assert said(world.at("2025-02-11", "14:00").pay())[1] == "school trip"
    world.card[i.C_J_AUTHORITY] = 0
    assert world.at("2025-02-11", "15:00").pay()[i.D_WHY0 + 1] == i.WHY_TRIPS
    assert world.at("2025-02-12", "18:00").pay()[i.D_WHY0 + 1] == i.WHY_WINDOW
    assert world.at("2025-02-15", "10:00").pay()[i.D_WHY0 + 1] == i.WHY_CALENDAR


@pytest.mark.requirement("W-39", "W-40", "X-13")
@pytest.mark.parametrize("clock,fee", [("22:59", 0), ("23:04", 0), ("23:05", 100), ("03:54", 100)])
def test_the_night_fee_is_asked_only_when_every_reading_is_in_the_night(clock, fee):
    world = World().purse("value").at("2025-02-11", clock)
    assert world.cents() == 251 + fee


@pytest.mark.requirement("W-39")
def test_a_night_fee_on_a_season_is_paid_by_the_purse_and_once_a_journey():
    world = World().purse("value").slot(1, "season30", 1, last=2000)
    world.terms = (30, 0, 0)
    assert world.at("2025-02-11", "23:30").cents() == 100
    world.tap[i.T_SECONDS] += 600
    assert world.cents() == 0
    poor = World().slot(1, "season30", 1, last=2000).at("2025-02-11", "23:30")
    poor.card[i.C_BALANCE] = 0
    d = poor.pay()
    assert (said(d)[0], d[i.D_AMOUNT], d[i.D_SURCHARGE]) == ("activation", 0, 0)


@pytest.mark.requirement("W-62", "W-15")
def test_companions_pay_by_age_class_and_one_transfer_covers_the_party():
    world = World().purse("value").party(adults=1, children=2)
    d = world.pay()
    assert (d[i.D_AMOUNT], d[i.D_COMPANIONS]) == (251 * 2 + 126 * 2, 3)
    world.tap[i.T_SECONDS] += 900
    assert world.party(children=1).cents() == 0
    d = world.party(adults=1, youths=1, children=2).pay()
    assert said(d) == ("upgrade", "extra heads", 126)
    young = World().purse("value").party(adults=1)
    young.card[i.C_GROUP] = young.group("child")
    assert young.pay()[i.D_REASON] == i.REFUSED_COMPANIONS


@pytest.mark.requirement("W-91", "W-59")
def test_a_group_pays_nothing_now_and_owes_everything():
    world = World().purse("group").party(adults=3, children=10)
    world.card[i.C_BALANCE] = 0
    d = world.pay()
    assert (d[i.D_AMOUNT], d[i.D_FULL], d[i.D_REDUCTION]) == (0, 4 * 251 + 1260, 4 * 251 + 1260)
    assert (d[i.D_PAYER], d[i.D_PAID_BY]) == (i.PAYER_HOLDER, i.PAID_BILLED)


@pytest.mark.requirement("W-63", "W-64")
def test_default_zones_drive_the_charge_unless_zones_are_picked():
    world = World().purse("value", 1, 2, 3).stop_in("B")
    assert world.cents() == 415
    assert World().purse("value", 1, 2, 3).stop_in("G").cents() == 251
    assert World().purse("value", 1, 2, 3).stop_in("B").pick(2).cents() == 251


@pytest.mark.requirement("W-50", "W-53")
def test_a_paper_ticket_costs_the_cash_price():
    world = World()
    world.tap[i.T_FLAGS] = i.FLAG_TICKET
    world.card[i.C_PURSE_PRODUCT] = world.product("single")
    assert said(world.pay()) == ("charge", "charge", 320)  # 251 * 1.25 up to ten cents


@pytest.mark.requirement("D7")
@pytest.mark.parametrize(
    "flags,kind", [(2, "charge"), (3, "refused"), (6, "transfer"), (0, "transfer")]
)
def test_the_same_card_again_at_the_same_device_pays_for_another_in_a_bus_only(flags, kind):
    world = World().purse("value")
    world.pay()
    world.tap[i.T_SECONDS] += 20
    world.tap[i.T_FLAGS] = flags
    assert i.KIND_NAMES[world.pay()[i.D_KIND]] == kind


@pytest.mark.requirement("W-57")
def test_zones_at_both_ends_and_an_extension_are_sold_as_listed_in_the_capital():
    world = World("hsl").purse("value").at("2024-05-14", "10:00").stop_in("A")
    d = world.pay()
    assert (d[i.D_AMOUNT], d[i.D_ZONES]) == (295, zones_run(1, 2))
    world = World("hsl").at("2024-05-14", "10:00").stop_in("C").purse("extension")
    world.slot(1, "season", 1, 2, start=1500, length=366)
    d = world.pay()
    assert said(d) == ("charge", "extension", 250)
    assert d[i.D_ZONES] == zones_run(1, 3)


@pytest.mark.requirement("R-4")
def test_a_pack_uses_one_ride_a_journey():
    world = World("hsl").at("2024-05-14", "10:00").stop_in("A").slot(1, "multi10", 1, 2, last=3000)
    world.terms = (0, 10, 0)
    d = world.pay()
    assert (said(d)[0], d[i.D_T_LEFT]) == ("activation", 9)
    world.tap[i.T_SECONDS] += 600
    assert said(world.pay())[1] == "transfer"
    d = world.at("2024-05-14", "18:00").pay()
    assert (said(d)[1], d[i.D_T_LEFT]) == ("ride", 8)


@pytest.mark.requirement("W-115", "X-5", "D2")
def test_each_thing_that_forbids_a_price_has_its_own_refusal():
    world = World().purse("value")
    assert world.at("2024-12-31", "10:00").pay()[i.D_REASON] == i.REFUSED_TARIFF
    world.at("2026-01-02", "10:00").tap[i.T_FLAGS] = i.FLAG_LATE_TARIFF
    assert world.cents() == 251
    world = World().purse("value")
    world.tap[i.T_CLOCK] = 2
    assert world.pay()[i.D_REASON] == i.REFUSED_CLOCK
    world = World().purse("value")
    world.tap[i.T_STOP] = -1
    assert world.pay()[i.D_REASON] == i.REFUSED_PLACE
    world = World()
    assert world.pay()[i.D_REASON] == i.REFUSED_NO_PRODUCT
    world = World().purse("value")
    world.card[i.C_BALANCE] = 250
    d = world.pay()
    assert (d[i.D_REASON], d[i.D_AMOUNT], d[i.D_WHY0]) == (i.REFUSED_FUNDS, 251, i.WHY_FUNDS)
    world = World().purse("value")
    world.card[i.C_ISSUER] = 99
    assert world.pay()[i.D_REASON] == i.REFUSED_AUTHORITY
    world = World().purse("value")
    world.tap[i.T_BOOK] = 99
    assert world.pay()[i.D_REASON] == i.REFUSED_BOOK
    world = World().purse("value")
    world.tariff.semantics = package.SEMANTICS + 1
    assert world.pay()[i.D_REASON] == i.REFUSED_SEMANTICS


@pytest.mark.requirement("W-43", "W-45")
def test_a_child_becomes_a_youth_after_the_last_service_day_of_his_group():
    world = World().purse("value").at("2025-02-12", "03:59")
    world.card[i.C_GROUP], world.card[i.C_GROUP_UNTIL] = world.group("child"), 1868  # 2025-02-11
    assert world.pay()[i.D_GROUP] == world.group("child")
    world.card[i.C_J_AUTHORITY] = 0
    assert world.at("2025-02-12", "04:05").pay()[i.D_GROUP] == world.group("youth")


@pytest.mark.requirement("D2")
def test_the_service_day_follows_the_wall_clock_on_the_nights_of_change():
    world = World().purse("value")
    for day, clock, hours_ahead, service_day in (
        ("2025-03-31", "03:59", 3, 1915),  # summer time since the 30th
        ("2025-03-31", "04:00", 3, 1916),
        ("2025-10-27", "03:59", 2, 2125),
        ("2025-10-27", "04:00", 2, 2126),
    ):
        world.tap[i.T_SECONDS] = utc(day, clock, hours_ahead)
        rate(world.tariff, world.card, world.tap, world.decision)
        assert world.decision[i.D_DAY] == service_day


def test_what_is_no_package_is_refused_when_it_is_mounted():
    body = bytearray(shipped("mikkeli")[2])
    for at, value, said_so in ((0, 0, "magic"), (4, 1, "format"), (33, 255, "resident")):
        wrong = bytearray(body)
        wrong[at] = value
        with pytest.raises(LayoutError, match=said_so):
            mounted(wrong)
    with pytest.raises(LayoutError, match="cut short"):
        mounted(body[:40])


@pytest.mark.requirement("T23")
def test_a_package_whose_sections_contradict_each_other_has_no_price_and_no_crash():
    world = World().purse("value").pick(1)
    body = shipped("mikkeli")[2]
    rows = range(package.HEADER_BYTES, package.HEADER_BYTES + package.DIRECTORY_BYTES * body[7])
    refused = 0
    for at in rows:
        wrong = bytearray(body)
        wrong[at] ^= 0xFF
        try:
            tariff = mounted(bytes(wrong))
            rate(tariff, list(world.card), world.tap, world.decision)
        except (LayoutError, RangeError):
            refused += 1
    assert refused > len(rows) // 4


def test_a_number_that_does_not_fit_names_its_table():
    book, feed, _body = shipped("mikkeli")
    product = dataclasses.replace(book.products[1], number=5000)
    with pytest.raises(RangeError, match="product: 5000"):
        write_package(dataclasses.replace(book, products=(product,)), feed)
