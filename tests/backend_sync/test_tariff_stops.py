"""In which zones a stop lies: each book says it of its own, and short visits are not counted."""

import datetime
import shutil

import pytest

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.explain import Explanation
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.linter import check
from backend_sync.tariffs.network import Segment, segments
from backend_sync.tariffs.rater import Place, Rater
from backend_sync.tariffs.self_test import SHIPPED
from backend_sync.tariffs.zoned import stop_masks, zone_names
from card_layouts.fares import inputs as i

ROOT = SHIPPED.parents[2]
TOWN = ROOT / "simulator" / "example_town" / "gtfs"


@pytest.fixture
def town(tmp_path):
    """Return a function that writes Koivula and its ferry with words replaced in each file."""

    def write(town=(), ferry=()):
        for name, changes in (("tariff.toml", town), ("ferry.toml", ferry)):
            text = (SHIPPED / "koivula" / name).read_text()
            for old, new in (*changes, ('"../../../../simulator/example_town/gtfs"', f'"{TOWN}"')):
                assert old in text, old
                text = text.replace(old, new)
            (tmp_path / name).write_text(text)
        return tmp_path / "tariff.toml"

    return write


ORDER = 'order = ["A", "B", "C", "D"]'
ALIAS = 'alias = { "*" = "F" }'


@pytest.mark.requirement("W-32", "W-33", "W-35")
def test_a_tariff_s_own_stops_say_nothing_about_another_book(town):
    stop = read_feed(TOWN).stops[0]
    book = read_tariff(town(town=[(ORDER, f'{ORDER}\nstops = {{ {stop.stop_id} = "D" }}')])).book
    assert zone_names(book, stop) == ("D",)
    assert zone_names(book.others[0], stop) == ("F",)  # by the ferry's own alias


@pytest.mark.requirement("W-32", "W-33", "W-35")
def test_another_book_s_own_stops_count_for_its_zones_only(town):
    stops = read_feed(TOWN).stops
    pier, others = stops[3], [stop for stop in stops if stop.stop_id != stops[3].stop_id]
    path = town(ferry=[(ALIAS, f'stops = {{ {pier.stop_id} = "F" }}')])
    book = read_tariff(path).book
    assert zone_names(book.others[0], pier) == ("F",)
    assert zone_names(book, pier) == (pier.zone,)
    assert all(stop_masks((book, *book.others), stop)[1] == 0 for stop in others)


@pytest.mark.requirement("W-33")
def test_a_renamed_zone_is_renamed_for_the_book_that_says_so(town):
    stop = next(stop for stop in read_feed(TOWN).stops if stop.zone == "A")
    order, alias = '["Mid", "B", "C", "D"]', '\nalias = { A = "Mid" }'
    text = (SHIPPED / "koivula" / "tariff.toml").read_text().replace("{ A = 60", "{ Mid = 60")
    town(ferry=[('alias = { "*" = "F" }', 'alias = { A = "F" }')])
    path = town().parent / "tariff.toml"
    path.write_text(text.replace(ORDER, f"order = {order}{alias}"))
    town_book = read_tariff(path).book
    assert zone_names(town_book, stop) == ("Mid",)
    assert zone_names(town_book.others[0], stop) == ("F",)


# --- short visits ---------------------------------------------------------------------------------


@pytest.mark.requirement("D31", "W-37")
def test_a_short_visit_lies_in_the_zones_around_it_and_is_not_ahead():
    zones = [0x4000, 0x4000, 0x2000, 0x4000, 0x1000]
    plain = segments(range(5), zones.__getitem__)
    brief = segments(range(5), zones.__getitem__, True)
    assert plain[0] == Segment(0, 0x4000, 0x7000)
    assert brief == (
        Segment(0, 0x4000, 0x5000),
        Segment(2, 0x6000, 0x7000),
        Segment(3, 0x4000, 0x5000),
        Segment(4, 0x1000, 0x1000),
    )


@pytest.mark.parametrize(
    "zones",
    [
        [0x4000, 0x2000, 0x2000, 0x4000],  # longer than what is around it
        [0x4000, 0x2000, 0x1000],  # goes on, does not come back
        [0x4000, 0x0000, 0x4000],  # a stop of another authority
        [0x4000, 0x2000],
    ],
)
def test_what_is_no_short_visit_counts(zones):
    of = zones.__getitem__
    assert segments(range(len(zones)), of, True) == segments(range(len(zones)), of)


OUTWARD = "1-weekday-0-0600"  # A4 A3 A1 A2 B1


@pytest.fixture
def visiting(tmp_path):
    """Return a function: Mikkeli, its line 1 visiting zone B at stop A1, and these brief trips."""

    def write(*brief):
        shutil.copytree(SHIPPED / "mikkeli", tmp_path, dirs_exist_ok=True)
        path = tmp_path / "tariff.toml"
        text, zones = path.read_text(), 'stops = { A1 = "B" }\nbrief = ' + str([*brief])
        assert "[zones]\n" in text
        path.write_text(text.replace("[zones]\n", f"[zones]\n{zones}\n"))
        return path

    return write


@pytest.mark.requirement("D31", "W-37", "W-63")
@pytest.mark.parametrize(("brief", "paid"), [((), "A-B"), ((OUTWARD,), "A")])
def test_who_boards_in_a_short_visit_rides_on_his_zones_around_it(visiting, brief, paid):
    path = visiting(*brief)
    authored, feed = read_tariff(path), read_feed(path.parent / "gtfs")
    rater = Rater(authored, feed)
    trip = next(trip for trip in feed.trips if trip.trip_id == OUTWARD)
    place = Place(trip, rater.trip_index[OUTWARD], 2, trip.stops[2])
    card = rater.words.card({"balance": "20.00", "purse": {"product": "value", "zones": "A"}})
    tap = rater.tap(place, rater.second(datetime.datetime.fromisoformat("2025-03-04T06:10")))
    told = Explanation(rater, place, card, tap)
    assert authored.zones.words(told.decision[i.D_ZONES]) == paid
    assert ("a short visit from A (zones.brief)" in told.lines()[1]) is bool(brief)


@pytest.mark.parametrize(
    ("trip", "said"),
    [
        ("no-such-trip", 'the feed has no trip "no-such-trip"'),
        ("1-weekday-1-0607", "trip 1-weekday-1-0607 makes no short visit to a zone"),
    ],
)
def test_a_brief_trip_that_is_none_or_visits_nothing_is_found_by_check(visiting, trip, said):
    path = visiting(trip)
    if trip != "no-such-trip":
        path.write_text(path.read_text().replace('stops = { A1 = "B" }\n', ""))
    (found,) = [f for f in check(path).findings if f.rule == "unreachable"]
    assert found.found == said and found.remedy
    assert path.read_text().splitlines()[found.place.line - 1].startswith("brief")
