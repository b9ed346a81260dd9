"""A whole city by its own timetable: every trip, every pair of its stops, at the minute it is due.

What was decided about the odd ones:
- a trip past 24:00 (82 of them) belongs to the service day it began on until 04:00, and pays the
  night fee from 23:05 to 03:54, for the clock is given five minutes on either side;
- the trip that leaves at 01:15 of its own date belongs to the service day before, though its
  calendar is that date's: the feed says when a trip runs, the tariff says which day a tap is of;
- the trip with a hole of 1,000 minutes (17:00 to 35:07, an error of the feed) is priced as it is
  printed: its last stops are reached on the next service day, in the morning, without a night fee;
- a skipped zone is paid (A to C is A-C), a zone passed between two taps is not (B to B is B).
"""

import datetime
import random
import shutil
import zipfile
from pathlib import Path

import pytest

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.rater import Place, Rater
from backend_sync.tariffs.zoned import dated_feed
from card_layouts.cards.zones import zones_count, zones_hull
from card_layouts.fares import inputs as i
from card_layouts.fares.engine import rate
from tests import figures
from tests.fares import compare, oracle
from tests.fares.engine_side import DAY_ZERO, EngineSide

TARIFF = Path(__file__).with_name("kuopio.toml")
ADULT = [251, 338, 415, 524]  # Mikkeli's published value prices for 1 to 4 zones, adult
NIGHT_CENTS, NIGHT, DAWN, SHIFT = 100, 23 * 60, 4 * 60, 4 * 60
DAY_MINUTES = 1440
EVERY = 60  # of the trips by day, always; all of them with --full
ASKED_OF_ORACLE = 1500


@pytest.fixture(scope="module")
def archive(real_data):
    return real_data / "kuopio" / "gtfs_kuopio_finland.zip"


@pytest.fixture(scope="module")
def city(archive):
    authored = read_tariff(TARIFF)
    return Rater(authored, dated_feed(authored.source, read_feed(archive)))


def due(city, trip):
    """Return (the first date a trip runs on, minutes after its midnight at each of its calls)."""
    date = city.feed.services[trip.service][0]
    return date, [trip.start_minute + minutes for minutes in trip.times]


def is_odd(trip):
    last = trip.start_minute + trip.times[-1]
    return last >= DAY_MINUTES or trip.start_minute < SHIFT


def asked(city, trip, date, minute, call):
    """Return (CARD, TAP) of an adult with money who is at this call when the vehicle is due."""
    value = city.words.products["value"].number
    card = city.words.card({"group": "adult", "balance": 0xFFFF, "purse": {"product": value}})
    midnight = datetime.datetime.combine(date, datetime.time())
    second = city.second(midnight + datetime.timedelta(minutes=minute))
    index = city.trip_index[trip.trip_id]
    return card, city.tap(Place(trip, index, call, trip.stops[call]), second)


def fee(minute):
    """Return the night fee: asked only if the clock, five minutes early and late, all say night."""
    readings = [(minute + skew) % DAY_MINUTES for skew in (-5, 0, 5)]
    return NIGHT_CENTS if all(r >= NIGHT or r < DAWN for r in readings) else 0


def price_trips(city, trips):
    """Price every pair of stops of these trips; return how many there were."""
    count, decision = 0, i.new_decision()
    for trip in trips:
        date, minutes = due(city, trip)
        zones = [city.zone_mask(stop) for stop in trip.stops]
        for call, minute in enumerate(minutes[:-1]):
            card, tap = asked(city, trip, date, minute, call)
            service_day = (date - DAY_ZERO).days + (minute - SHIFT) // DAY_MINUTES
            for end in zones[call + 1 :]:
                tap[i.T_PICKED] = end
                rate(city.tariff, card, tap, decision)
                fare = ADULT[int(zones_count(zones_hull(zones[call] | end))) - 1]
                said = decision[i.D_KIND], decision[i.D_AMOUNT], decision[i.D_DAY]
                wanted = i.KIND_CHARGE, fare + fee(minute), service_day
                assert said == wanted, (trip.trip_id, call, minute)
                count += 1
    return count


@pytest.mark.requirement("W-36", "W-39", "D2", "D31")
def test_kuopios_trips_past_midnight_have_the_answers_that_were_decided(city):
    odd = [trip for trip in city.feed.trips if is_odd(trip)]
    past = [trip for trip in odd if trip.start_minute + trip.times[-1] >= DAY_MINUTES]
    early = [trip for trip in odd if trip.start_minute < SHIFT]
    assert (len(past), len(early)) == (82, 1)
    figures.add("pairs of stops of Kuopio's trips past midnight priced", price_trips(city, odd))


@pytest.mark.requirement("D2", "D31")
def test_kuopios_trip_of_a_quarter_past_one_is_of_the_service_day_before(city):
    trip = next(trip for trip in city.feed.trips if trip.start_minute == 75)
    date, minutes = due(city, trip)
    card, tap = asked(city, trip, date, minutes[0], 0)
    d = city.decide(card, tap)
    assert d[i.D_DAY] == (date - DAY_ZERO).days - 1 and d[i.D_SURCHARGE] == NIGHT_CENTS


@pytest.mark.requirement("D2", "D31")
def test_kuopios_trip_with_a_hole_is_priced_as_it_is_printed(city):
    trip = max(city.feed.trips, key=lambda trip: trip.start_minute + trip.times[-1])
    date, minutes = due(city, trip)
    assert minutes[-1] == 35 * 60 + 7
    before = max(call for call, minute in enumerate(minutes) if minute < DAY_MINUTES)
    days, fees = [], []
    for call in (before, before + 1):
        d = city.decide(*asked(city, trip, date, minutes[call], call))
        days.append(d[i.D_DAY] - (date - DAY_ZERO).days)
        fees.append(d[i.D_SURCHARGE])
    assert (days, fees) == ([0, 1], [0, 0])


@pytest.mark.requirement("W-36", "D31")
def test_a_sample_of_kuopios_trips_is_priced_between_all_their_stops(city):
    pairs = price_trips(city, city.feed.trips[::EVERY])
    figures.add("pairs of stops of Kuopio's trips priced", pairs)
    assert pairs > 15_000


@pytest.mark.full
@pytest.mark.timeout(1200)
@pytest.mark.requirement("W-36", "D31")
def test_all_of_kuopios_trips_are_priced_between_all_their_stops(city):
    pairs = price_trips(city, city.feed.trips)
    figures.add("pairs of stops of Kuopio's trips priced", pairs)
    assert pairs > 1_000_000


# --- the oracle -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def both(archive, tmp_path_factory):
    """(the oracle's world, the engine's side), both from kuopio.toml and the feed as text."""
    folder = tmp_path_factory.mktemp("kuopio")
    shutil.copy(TARIFF, folder / "tariff.toml")
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder / "gtfs")
    world = oracle.read_world(str(folder), "tariff.toml", str(folder / "gtfs"))
    return world, EngineSide(folder, archive)


def drawn(rng, city, trip):
    """Return (card, tap) in words: value, or a season beside it, with or without zones picked."""
    date, minutes = due(city, trip)
    call = rng.randrange(len(minutes) - 1)
    card, tap = asked(city, trip, date, minutes[call] + rng.choice((0, 0, 3, 25)), call)
    zones = [frozenset([zone]) for zone in range(1, 5)]
    season = {"mechanism": 2, "product": 2, "zones": rng.choice(zones), "last": None}
    season |= {"usage": True, "start": date - datetime.timedelta(days=3), "length": 30}
    season |= {"day": None, "left": 0, "today": 0, "cents": 0}
    purse = {"product": 1, "zones": rng.choice([frozenset(), *zones, "everywhere"])}
    words = {
        "seconds": tap[i.T_SECONDS],
        "clock": "signed",
        "trip": trip.trip_id,
        "call": call,
        "stop": None,
        "picked": rng.choice([frozenset(), frozenset(), *zones]),
        "companions": rng.choice(((0, 0, 0), (0, 0, 1), (1, 0, 0))),
        "gate": False,
        "same_device": False,
        "trip_reset": False,
        "ticket": False,
        "book": 0,
    }
    held = {
        "issuer": 32,
        "kind": 0,
        "group": card[i.C_GROUP],
        "group_until": None,
        "concession": 0,
        "concession_until": None,
        "balance": 60_000,
        "purse": purse | {"companions": 0, "mechanism": 1, "last": None},
        "slots": [season if rng.random() < 0.4 else None, None, None, None],
        "caps": {"day": None, "day_sum": 0, "start": None, "period_sum": 0},
        "journey": None,
    }
    return held, words


@pytest.mark.requirement("W-34", "W-36", "W-63", "W-64", "D31")
def test_the_oracle_prices_kuopios_trips_as_the_engine_does(city, both):
    """Where the vehicle goes decides what is wanted: the odd trips, and any others."""
    world, engine = both
    rng = random.Random(17)
    odd = [trip for trip in city.feed.trips if is_odd(trip)]
    trips = odd + rng.choices(city.feed.trips, k=ASKED_OF_ORACLE - len(odd))
    amounts = set()
    for trip in trips:
        card, tap = drawn(rng, city, trip)
        ours, theirs = compare.asked(world, card, tap, {}), engine.rate(card, tap, {})
        assert not compare.differences(ours, theirs), (trip.trip_id, card, tap, ours, theirs)
        amounts.add(ours.get("amount"))
    figures.add("taps on Kuopio's trips, oracle and engine", len(trips))
    assert len(amounts) > 20
