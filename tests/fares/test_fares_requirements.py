"""Requirements that a tap alone does not show: whose prices, who is admitted, what may be sold.

Each of them asked of a shipped tariff as it is signed, or of one changed in that single point.
"""

import dataclasses

import pytest

from backend_sync.tariffs import model as m
from backend_sync.tariffs.package_writer import write_package
from card_layouts.fares import engine
from card_layouts.fares import inputs as i
from card_layouts.fares import sections as s
from card_layouts.fares.package import u16, u32
from card_layouts.fares.pay_per_use import best_price, tickets_of
from tests.card_layouts.fare_world import utc
from tests.fares import asked
from tests.fares.engine_side import mounted

NOON = utc("2026-03-03", "12:00")
TEN_EUR, CARD_MOST, CHILD_MOST = 1000, 12_000, 8_000  # W-65, W-66


@pytest.fixture(scope="module")
def places():
    return {name: asked.shipped_place(name) for name in (*asked.NAMES, "ski")}


def product(place, name):
    return next(p for p in place.book.products if p.name == name)


def group(place, name):
    return next(g for g in place.book.groups if g.name == name)


def card_of(place, purse="value", who="adult", **fields):
    card = i.new_card()
    card[i.C_ISSUER], card[i.C_BALANCE] = place.book.authority, 10_000
    card[i.C_GROUP], card[i.C_CONCESSION] = group(place, who).number, group(place, who).concession
    card[i.C_PURSE_PRODUCT] = product(place, purse).number if purse else 0
    return asked.with_fields(card, **fields)


def with_right(place, card, name, zones=0xFFFF):
    at = i.slot_at(0)
    card[at + i.S_MECHANISM], card[at + i.S_PRODUCT] = 2, product(place, name).number
    card[at + i.S_ZONES], card[at + i.S_USAGE] = zones, 1
    return card


def tap_at(stop=-1, trip=-1, call=-1, second=NOON, flags=0):
    tap = i.new_tap()
    tap[i.T_SECONDS], tap[i.T_STOP], tap[i.T_TRIP], tap[i.T_CALL] = second, stop, trip, call
    tap[i.T_ADULTS : i.T_CHILDREN + 1] = [0, 0, 0]
    tap[i.T_FLAGS] = flags
    return tap


def decided(place, card, tap, tariff=None):
    d = i.new_decision()
    engine.rate(tariff or place.tariff, card, tap, d)
    return d


# --- areas ----------------------------------------------------------------------------------------


@pytest.mark.requirement("W-32", "W-35", "W-41")
def test_fares_a_pier_of_two_authorities_is_priced_by_whose_line_it_is(places):
    """The ferry has its zone and price where the town has its own; the town's card pays both."""
    place = places["koivula"]
    ferry = place.book.others[0]
    run, call, stop = ferry_call(place)
    sailing = decided(place, card_of(place), tap_at(trip=run, call=call))
    standing = decided(place, card_of(place), tap_at(stop=stop))
    assert (sailing[i.D_BOOK_AUTHORITY], sailing[i.D_AMOUNT]) == (ferry.authority, 300)
    assert (standing[i.D_BOOK_AUTHORITY], standing[i.D_AMOUNT]) == (place.book.authority, 240)
    assert ferry.zones != place.book.zones


def ferry_call(place):
    """Return (trip, call, stop) of the ferry at a pier that is in the town's zone A, too."""
    feed = place.side.feed
    for index, run in enumerate(place.network.trips):
        trip = feed.trips[run.trip]
        if feed.lines[trip.line].agency == "koivula-ferry":
            for call, stop in enumerate(trip.stops[:-1]):
                if feed.stops[stop].zone == "A":
                    return index, call, stop
    raise AssertionError("the ferry calls at no pier of zone A")


@pytest.mark.requirement("W-42")
def test_fares_a_season_of_another_area_holds_where_both_agreed_and_nowhere_else(places):
    place = places["mikkeli"]
    day = utc("2025-03-04", "12:00")
    card = with_right(place, card_of(place, None, C_ISSUER=77), "season30")
    agreed = dataclasses.replace(place.book, accepts=(m.Acceptance(77, 2, 2),))
    tariff = mounted(write_package(agreed, place.side.feed))
    refused = decided(place, card, tap_at(stop=0, second=day))
    taken = decided(place, card, tap_at(stop=0, second=day), tariff)
    assert refused[i.D_REASON] == i.REFUSED_AUTHORITY
    assert (taken[i.D_KIND], taken[i.D_AMOUNT]) == (i.KIND_ACTIVATION, 0)


# --- who ------------------------------------------------------------------------------------------


@pytest.mark.requirement("W-43", "W-44", "W-45", "W-46")
@pytest.mark.parametrize(
    ("name", "ages"),
    [
        ("mikkeli", {"child": (7, 16), "youth": (17, 24), "adult": (25, 120)}),
        ("koivula", {"child": (7, 16), "youth": (17, 19), "adult": (20, 120)}),
        ("kotka", {"child": (7, 16), "adult": (17, 120)}),
    ],
)
def test_fares_nobody_under_seven_has_a_price_and_each_age_follows_the_one_before(
    places, name, ages
):
    book = places[name].book
    plain = {g.name: g for g in book.groups if not g.concession}
    assert {who: row.ages for who, row in plain.items()} == ages
    numbers = [plain[who].number for who in ages]
    assert [plain[who].following for who in ages][:-1] == numbers[1:]


@pytest.mark.requirement("W-85", "W-82", "R-21")
def test_fares_a_students_reduction_has_its_own_payer(places):
    """What the state owes for a student is told with each charge: nothing is lost for later."""
    place = places["koivula"]
    adult = decided(place, card_of(place), tap_at(stop=0))
    student = decided(place, card_of(place, who="student"), tap_at(stop=0))
    assert student[i.D_FULL] == adult[i.D_AMOUNT] == student[i.D_AMOUNT] + student[i.D_REDUCTION]
    payer = place.book.payers[student[i.D_PAYER] - i.PAYER_SPONSOR]
    assert (student[i.D_CONCESSION], payer) == (group(place, "student").concession, "state")


@pytest.mark.requirement("W-48")
def test_fares_the_authority_says_per_product_whether_it_is_personal(places):
    """The same season passed back at once: refused if it is personal, else somebody has to pay."""
    place = places["mikkeli"]
    said = []
    for personal in (False, True):
        rows = [dataclasses.replace(p, personal=personal) if p.name == "season30" else p
                for p in place.book.products]  # fmt: skip
        book = dataclasses.replace(place.book, products=tuple(rows))
        tariff = mounted(write_package(book, place.side.feed))
        card = with_right(place, card_of(place), "season30")
        second = utc("2025-03-04", "12:00")
        first = asked.Ask(place, card, tap_at(stop=0, second=second), {})
        ridden = first.after(first.decided(tariff=tariff))
        again = tap_at(stop=0, second=second + 20, flags=i.FLAG_SAME_DEVICE)
        said.append(decided(place, ridden, again, tariff))
    assert (said[0][i.D_KIND], said[0][i.D_AMOUNT]) == (i.KIND_CHARGE, 251)
    assert said[1][i.D_REASON] == i.REFUSED_PASS_BACK


# --- what is sold, as the signed package says -----------------------------------------------------


@pytest.mark.requirement("W-65", "W-66", "W-67")
def test_fares_loads_have_steps_and_limits_per_channel_and_group(places):
    place = places["koivula"]
    rows = {}
    for row in records(place, s.LOADS, 16):
        channel, groups = place.tariff.text(u16(row, 0)), u16(row, 2)
        rows.setdefault(channel, []).append((groups, u32(row, 4), u32(row, 8), u32(row, 12)))
    child, adult = (1 << group(place, who).number for who in ("child", "adult"))
    assert set(rows) == {"counter", "driver", "web"}
    for channel, (least, step) in {"counter": (1000, TEN_EUR), "web": (2000, 500)}.items():
        limits = {who: narrowest(rows[channel], who) for who in (child, adult)}
        assert limits == {child: (least, CHILD_MOST, step), adult: (least, CARD_MOST, step)}


def narrowest(rows, who):
    """Return (least, most, step) of the rule for the fewest groups that this one is among."""
    return min((bin(row[0]).count("1"), row[1:]) for row in rows if row[0] & who)[1]


@pytest.mark.requirement("W-80", "W-83", "W-88")
def test_fares_the_package_says_which_products_only_the_authority_gives(places):
    place = places["koivula"]
    size = place.tariff._size[s.SALES]
    granted = {place.tariff.text(u16(row, 0)) for row in records(place, s.SALES, size)
               if row[size - 1] & s.SALE_GRANT}  # fmt: skip
    assert granted == {"school", "student", "senior"}


def records(place, section, size):
    row = bytearray(size)
    for index in range(place.tariff.count(section)):
        place.tariff.read(section, index, row)
        yield bytes(row)


@pytest.mark.requirement("W-4", "W-47", "W-49")
def test_fares_every_town_has_single_season_and_value_and_one_has_all_ten(places):
    kinds = {name: {p.name for p in place.book.products} for name, place in places.items()}
    for name in ("mikkeli", "turku", "kotka", "koivula"):
        assert {"single", "value"} <= kinds[name]
        assert any(known.startswith("season") for known in kinds[name]), name
    ten = {"single", "season", "value", "flex", "best", "school", "student", "senior", "tourist"}
    assert ten | {"group"} <= kinds["koivula"]


# --- ski ------------------------------------------------------------------------------------------


@pytest.mark.requirement("O-3", "O-4", "O-7")
def test_fares_one_card_format_serves_the_season_pass_and_paying_by_use(places):
    """The same CARD with a season rides free; pay per use rates its accesses afterwards."""
    place = places["ski"]
    second = utc("2026-01-10", "10:00", 1)
    season = decided(
        place, with_right(place, card_of(place, None), "season"), tap_at(stop=0, second=second)
    )
    assert (season[i.D_KIND], season[i.D_AMOUNT]) == (i.KIND_PASS, 0)
    minute = (second // 60) + 60
    per_type = [
        best_price(tickets_of(place.tariff, kind.number), [(minute, "alpe")], SHIFT)
        for kind in place.book.groups
    ]
    assert per_type == [1500, 2200, 3000, 2600]  # child, junior, adult, senior: two hours


SHIFT = 240
