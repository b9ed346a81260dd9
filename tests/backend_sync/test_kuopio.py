"""A whole city: every ride of Kuopio's feed, what it touches, and what the engine asks for it.

Kuopio publishes no prices in a feed; the zones A to D are priced by Mikkeli's published table.
"""

import datetime
from pathlib import Path

import pytest

from backend_sync.tariffs import model as m
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.network import derive
from backend_sync.tariffs.rater import Place, Rater
from backend_sync.tariffs.sequences import sequence_lines, sequences
from backend_sync.tariffs.when import date
from backend_sync.tariffs.zoned import dated_feed
from card_layouts.cards.zones import zone_bit, zones_count, zones_hull
from card_layouts.fares import inputs as i
from card_layouts.fares.engine import rate
from tests import figures
from tests.backend_sync.rides import rides, zone_sequences

MIKKELI = Path(__file__).parents[2] / "backend_sync" / "tariffs" / "shipped" / "mikkeli"
A, B, C, D = (int(zone_bit(zone)) for zone in (1, 2, 3, 4))
ADULT = [251, 338, 415, 524]  # Mikkeli's published value prices for 1 to 4 zones, adult
NOON = datetime.time(12, 0)


@pytest.fixture(scope="module")
def city(real_data):
    authored = read_tariff(MIKKELI / "tariff.toml")
    feed = read_feed(real_data / "kuopio" / "gtfs_kuopio_finland.zip")
    return Rater(authored, dated_feed(authored.source, feed))


@pytest.mark.requirement("D31", "W-36")
def test_kuopios_rides_are_those_the_decisions_were_taken_on(city):
    network = derive(city.feed)
    found = list(rides(network, city.zone_mask))
    assert len(found) == 152_761
    assert sum(ride.has_hole() for ride in found) == 3_333
    assert {ride.touched for ride in found if ride.has_hole()} == {A | C, A | C | D}
    # 966 pass a zone outside the span of their ends; 586 of them are B to B through C.
    detours = [ride for ride in found if ride.has_detour()]
    assert len(detours) == 966
    assert sum((r.start, r.end, r.touched) == (B, B, B | C) for r in detours) == 586


@pytest.mark.requirement("D31", "W-36")
def test_kuopio_has_twenty_two_zone_sequences_each_with_price_and_decision(city):
    passed = zone_sequences(derive(city.feed), city.zone_mask)
    assert len(passed) == 22 and sum(passed.values()) == 2149
    assert max(len(masks) for masks in passed) == 5 and (B, C, B, C, B) in passed
    rows = sequences(city)
    assert len(rows) == 22
    said = {row.zones: row.cents for row in rows}
    expected = {
        "A-C": 415, "C-A": 415, "B-C-B": 251, "B-C-B-C-B": 251, "D-C-D": 251, "A-B-C-D": 524,
    }  # fmt: skip
    assert {zones: said[zones] for zones in expected} == expected
    assert all(row.rule and row.decision for row in rows)
    lines = sequence_lines(city, rows)
    assert lines[0].startswith("22 zone sequences, 2,149 trips; what adult pays from end to end")
    assert len(lines) == 2 + 22 + 4
    late, early = lines[-2:]
    assert late.startswith("82 trips past midnight: a tap is priced by its own wall clock")
    assert early.startswith("1 trip from before 04:00 on, by its own date (")


def price_rides(city: Rater, every: int) -> int:
    """Rate each `every`-th ride: an adult with money picks the zone of the last stop."""
    network = derive(city.feed)
    run_of = {}
    for index, run in enumerate(network.trips):
        run_of.setdefault(network.patterns[run.pattern].stop_list, index)
    card = city.words.card({"balance": 0xFFFF, "purse": {"product": purse(city).number}})
    decision = i.new_decision()
    noon = city.second(datetime.datetime.combine(date(city.book.valid_from), NOON))
    count = 0
    for number, ride in enumerate(rides(network, city.zone_mask)):
        if number % every:
            continue
        index = run_of[ride.stop_list]
        trip = city.feed.trips[network.trips[index].trip]
        tap = city.tap(Place(trip, index, ride.first_call, trip.stops[ride.first_call]), noon)
        tap[i.T_PICKED] = ride.end
        rate(city.tariff, card, tap, decision)
        wanted = ADULT[int(zones_count(zones_hull(ride.start | ride.end))) - 1]
        said = (decision[i.D_KIND], decision[i.D_AMOUNT], decision[i.D_RULE])
        assert said == (i.KIND_CHARGE, wanted, 16 * purse(city).number), (trip.trip_id, ride)
        count += 1
    return count


def purse(city: Rater) -> m.Product:
    return next(p for p in city.book.products if p.kind == m.KIND_PURSE and p.name == "value")


@pytest.mark.requirement("D31", "W-36")
def test_a_sample_of_kuopios_rides_costs_the_span_of_its_ends(city):
    priced = price_rides(city, 23)
    figures.add("rides of Kuopio priced", priced)
    assert priced == 6_642


@pytest.mark.full
@pytest.mark.requirement("D31", "W-36")
def test_every_ride_of_kuopio_costs_the_span_of_its_ends(city):
    priced = price_rides(city, 1)
    figures.add("rides of Kuopio priced", priced)
    assert priced == 152_761
