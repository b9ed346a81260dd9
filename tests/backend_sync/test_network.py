"""What vehicles carry of a feed, and Kuopio's published counts."""

import datetime

import pytest

from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.network import Segment, derive, segments, service_bitmap
from tests.backend_sync.feed_files import SMALL, folder

MASK = {"A": 1, "B": 2, "C": 4, "D": 8}


def test_trips_stand_by_line_direction_and_start(tmp_path):
    times = SMALL["stop_times.txt"]
    feed = read_feed(
        folder(
            tmp_path,
            routes="route_id\nr\nq\n",
            trips="route_id,trip_id,service_id,direction_id,block_id\n"
            "r,t,daily,0,k1\nr,early,daily,0,k2\nr,back,daily,1,\nq,other,never,0,k1\n",
            stop_times=times
            + times.split("\n", 1)[1].replace("t,", "early,").replace("08:", "07:")
            + "back,c,1,06:00:00,06:00:00\nback,a,2,06:05:00,06:05:00\n"
            + times.split("\n", 1)[1].replace("t,", "other,"),
        )
    )
    network = derive(feed)
    assert [feed.trips[run.trip].trip_id for run in network.trips] == [
        "other",
        "early",
        "t",
        "back",
    ]
    assert network.stop_lists == ((0, 1, 2), (2, 0)) and len(network.patterns) == 3
    assert network.profiles == ((0, 5), (0, 6, 11))
    assert (network.services, network.blocks) == (("daily",), ("k1", "k2"))
    assert [run.service for run in network.trips] == [-1, 0, 0, 0]
    assert [run.block for run in network.trips] == [0, 1, 0, -1]
    assert [network.line_trips(i) for i in range(2)] == [(0, 1), (1, 3)]


def test_segments_join_calls_in_the_same_zones_and_look_ahead():
    zones = [1, 1, 2, 3, 3, 2]
    assert segments(range(6), zones.__getitem__) == (
        Segment(0, 1, 3),
        Segment(2, 2, 3),
        Segment(3, 3, 3),
        Segment(5, 2, 2),
    )
    assert segments((), zones.__getitem__) == ()


def test_a_service_is_a_bitmap_from_any_first_day(tmp_path):
    feed = read_feed(folder(tmp_path))
    assert service_bitmap(feed, "daily", datetime.date(2025, 12, 31), 10) == b"\xfe\x00"
    assert service_bitmap(feed, "daily", datetime.date(2026, 1, 6), 3) == b"\x03"
    assert service_bitmap(feed, "unknown", datetime.date(2026, 1, 6), 9) == b"\0\0"


@pytest.mark.requirement("D31")
def test_kuopio_has_the_counts_the_design_was_measured_on(real_data):
    feed = read_feed(real_data / "kuopio" / "gtfs_kuopio_finland.zip")
    network = derive(feed)
    assert (len(network.patterns), len(network.stop_lists), len(network.profiles)) == (
        212,
        205,
        258,
    )
    assert (len(network.trips), len(network.services)) == (2149, 15)
    assert sum(map(len, network.stop_lists)) == 7113
    assert sum(map(len, network.profiles)) == 9149
    cut = [segments(stops, lambda s: MASK[feed.stops[s].zone]) for stops in network.stop_lists]
    assert (sum(map(len, cut)), max(map(len, cut))) == (363, 5)
    assert len(feed.warnings) == 3
    assert "takes 1,000 minutes from 17:42 to 34:22" in feed.warnings[1]
    assert "leaves at 01:15 on its own date" in feed.warnings[2]
    assert "(and 81 more like it)" in feed.warnings[0]
