"""Blocks: from the feed, chained by hand, refused where no vehicle could drive them, exported."""

import datetime
import io

import pytest

from backend_sync.operating.block_export import write_with_blocks
from backend_sync.operating.blocks import Blocks, free_trips
from backend_sync.operating.refusals import NotThere, OperatingRefused
from backend_sync.operating.timetables import (
    clock,
    day_type_of,
    day_types,
    departures,
    find_stops,
    tables,
)
from backend_sync.tariffs.gtfs import read_feed
from tests.backend_sync.operating.planners import (
    CALLS,
    DAYS,
    OLLI,
    OTTO,
    TODAY,
    TOWN_FEED,
    TRIPS,
    Planning,
)

WITH_BLOCKS = (
    "route_id,trip_id,service_id,direction_id,block_id\n"
    "r,t1,daily,0,k1\nr,t2,daily,1,k1\nr,t3,daily,0,\n"
)


@pytest.fixture
def planning(tmp_path):
    made = Planning(tmp_path)
    yield made
    made.operating.database.close()


def names(blocks):
    return {name: [trip.trip_id for trip in trips] for name, trips in blocks.items()}


@pytest.mark.requirement("W-121", "W-118", "W-20")
def test_departures_are_chained_by_hand_and_dissolved(planning):
    version, blocks = planning.upload(**TOWN_FEED), Blocks(planning.operating)
    assert names(blocks.of(version)) == {}
    blocks.chain(OLLI, "olli", version.id, "bus-1", ["t2", "t1"])
    assert names(blocks.of(version)) == {"bus-1": ["t1", "t2"]}
    feed = planning.operating.feed(version)
    assert [trip.trip_id for trip in free_trips(feed, blocks.of(version))] == ["t3"]
    before = planning.everything()
    blocks.chain(OLLI, "olli", version.id, "bus-1", ["t1", "t2"])  # the same changes nothing
    assert planning.everything() == before
    blocks.dissolve(OLLI, "olli", version.id, "bus-1")
    assert names(blocks.of(version)) == {}
    assert len(planning.everything()[0][2]) == 2  # nothing was deleted


@pytest.mark.requirement("W-120", "W-118")
def test_blocks_of_depot_systems_come_with_the_feed_and_can_be_changed_by_hand(planning):
    version = planning.upload(**TOWN_FEED | {"trips": WITH_BLOCKS})
    blocks = Blocks(planning.operating)
    assert names(blocks.of(version)) == {"k1": ["t1", "t2"]}
    with pytest.raises(OperatingRefused, match="trip 't2' is in block 'k1'; dissolve"):
        blocks.chain(OLLI, "olli", version.id, "k2", ["t2"])
    blocks.dissolve(OLLI, "olli", version.id, "k1")
    blocks.chain(OLLI, "olli", version.id, "k2", ["t2"])
    assert names(blocks.of(version)) == {"k2": ["t2"]}


@pytest.mark.requirement("W-121")
@pytest.mark.parametrize(
    ("name", "trips", "words"),
    [
        ("k", ["t1", "t3"], "ends at 'Hill', trip 't3' begins at 'Quay'; wanted the same stop"),
        ("k", ["t2", "t3"], "leaves at 08:25, before trip 't2' has arrived at 08:31"),
        ("k", ["t1", "t9"], "no such trip"),
        ("k", [], "no trip was chosen"),
        ("=1+1", ["t1"], "wanted a name"),
        ("", ["t1"], "wanted a name"),
        ("k", ["t1"] * 201, "wanted at most 200"),
    ],
)
def test_a_chain_that_no_vehicle_could_drive_is_refused(planning, name, trips, words):
    version, blocks = planning.upload(**TOWN_FEED), Blocks(planning.operating)
    before = planning.everything()
    with pytest.raises(OperatingRefused, match=words):
        blocks.chain(OLLI, "olli", version.id, name, trips)
    assert planning.everything() == before


@pytest.mark.requirement("W-121")
@pytest.mark.parametrize(("north", "fits"), [("62.9225", True), ("62.9235", False)])
def test_a_vehicle_begins_at_most_a_walk_from_where_it_ended(planning, north, fits):
    stops = TOWN_FEED["stops"] + f"d,Hill yard,C,{north},27.6800\n"
    calls = CALLS.replace("t2,c,1", "t2,d,1")
    version = planning.upload(**TOWN_FEED | {"stops": stops, "stop_times": calls})
    blocks = Blocks(planning.operating)
    if fits:  # 278 m
        assert len(blocks.chain(OLLI, "olli", version.id, "k", ["t1", "t2"])) == 2
        return
    with pytest.raises(OperatingRefused, match="at most 300 m between"):  # 389 m
        blocks.chain(OLLI, "olli", version.id, "k", ["t1", "t2"])


@pytest.mark.requirement("W-121")
def test_trips_that_never_meet_on_one_date_may_share_a_block(planning):
    week = f"{DAYS}\nschool,1,1,1,1,1,0,0,20260101,20261231\nrest,0,0,0,0,0,1,1,20260101,20261231\n"
    trips = TRIPS.replace("t1,daily", "t1,school").replace("t2,daily", "t2,rest")
    trips = trips.replace("t3,daily", "t3,rest")
    version = planning.upload(**TOWN_FEED | {"trips": trips, "calendar": week})
    blocks = Blocks(planning.operating)
    assert len(blocks.chain(OLLI, "olli", version.id, "k", ["t1", "t3"])) == 2
    with pytest.raises(OperatingRefused, match="as on 2026-01-03"):
        blocks.chain(OLLI, "olli", version.id, "k", ["t2"])


@pytest.mark.requirement("W-10", "W-121")
def test_blocks_of_others_are_as_if_not_there(planning):
    version, blocks = planning.upload(**TOWN_FEED), Blocks(planning.operating)
    for act in (lambda: blocks.chain(OTTO, "otto", version.id, "k", ["t1"]),
                lambda: blocks.dissolve(OTTO, "otto", version.id, "k")):  # fmt: skip
        with pytest.raises(NotThere):
            act()
    assert names(blocks.of(version)) == {}


@pytest.mark.requirement("W-119", "W-121", "W-145")
@pytest.mark.parametrize("trips", [TRIPS, WITH_BLOCKS])
def test_blocks_are_exported_as_block_id_and_come_back_the_same(planning, tmp_path, trips):
    version, blocks = planning.upload(**TOWN_FEED | {"trips": trips}), Blocks(planning.operating)
    blocks.chain(OLLI, "olli", version.id, "bus-7", ["t3"])
    wanted = names(blocks.of(version))
    given = {trip: name for name, found in wanted.items() for trip in found}
    bodies = []
    for _ in range(2):
        out = io.BytesIO()
        write_with_blocks(planning.operating.zip_of(OLLI, version.id), given, out)
        bodies.append(out.getvalue())
    assert bodies[0] == bodies[1]
    path = tmp_path / "out.zip"
    path.write_bytes(bodies[0])
    before, after = planning.operating.feed(version), read_feed(path)
    assert after.stops == before.stops and after.services == before.services
    again = planning.upload(body=bodies[0])
    assert names(blocks.of(again)) == wanted


@pytest.mark.requirement("W-118", "W-122")
def test_day_types_departures_and_timetables_are_what_the_feed_says(planning):
    off = "service_id,date,exception_type\ndaily,20260604,2\nlate,20260604,1\n"
    trips = TRIPS + "r,t4,late,0\n"
    calls = CALLS + "t4,a,1,24:10:00,24:10:00\nt4,c,2,24:21:00,24:21:00\n"
    version = planning.upload(**TOWN_FEED | {"trips": trips, "stop_times": calls},
                              calendar_dates=off)  # fmt: skip
    feed = planning.operating.feed(version)
    types = day_types(feed)
    assert [(one.day, one.dates, len(one.weekdays)) for one in types] == [
        (datetime.date(2026, 1, 1), 364, 7),
        (TODAY, 1, 1),
    ]
    assert (
        day_type_of(feed, TODAY) == types[1]
        and day_type_of(feed, datetime.date(2030, 1, 1)) is None
    )
    assert [stop.name for stop in find_stops(feed, "q")] == ["Quay", "Square"]
    quay = feed.stops.index(find_stops(feed, "quay")[0])
    said = [(clock(one.minute), one.to) for one in departures(feed, quay, types[0].services)]
    assert said == [("08:00", "Hill"), ("08:25", "Hill")]
    assert [clock(one.minute) for one in departures(feed, quay, types[1].services)] == ["24:10"]
    (up,) = tables(feed, 0, 0, types[0].services)
    assert [(stop.name, times) for stop, times in up.rows()] == [
        ("Quay", ["08:00", "08:25"]),
        ("Square", ["08:05", "08:30"]),
        ("Hill", ["08:11", "08:36"]),
    ]


@pytest.mark.requirement("W-118", "W-127")
def test_the_feed_of_a_real_city_is_kept_compared_and_shown(planning, real_data):
    """Kuopio: 46 routes, 1,355 stops; its seasons are over, so its differences are looked at."""
    body = (real_data / "kuopio" / "gtfs_kuopio_finland.zip").read_bytes()
    version = planning.upload(body=body)
    assert (version.routes, version.stops, version.trips) == (46, 1355, 2149)
    feed = planning.operating.feed(version)
    types = day_types(feed)
    assert sum(one.dates for one in types) <= (version.last_day - version.first_day).days + 1
    stop = max(range(len(feed.stops)), key=lambda at: sum(at in trip.stops for trip in feed.trips))
    assert len(departures(feed, stop, types[0].services)) > 100
    assert Blocks(planning.operating).of(version) == {}
