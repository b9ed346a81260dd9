"""The feed reader: what it gives, and what it reads with a warning."""

import datetime
import re

import pytest

from backend_sync.tariffs.gtfs import read_feed
from tests.backend_sync.feed_files import SMALL, archive, calls, folder

# --- what a feed gives ---


def test_a_trip_knows_its_service_block_start_and_minutes(tmp_path):
    feed = read_feed(folder(tmp_path))
    (trip,) = feed.trips
    assert (trip.service, trip.block, trip.start_minute) == ("daily", "k1", 480)
    assert (trip.stops, trip.times) == ((0, 1, 2), (0, 6, 11))
    assert feed.services["daily"][0] == datetime.date(2026, 1, 1)
    assert len(feed.services["daily"]) == 7
    assert (feed.timezone, feed.agencies[0].name) == ("Europe/Helsinki", "Harbour Bus")
    assert feed.lines[0].agency == "1"
    assert feed.warnings == ()


def test_a_folder_and_a_zip_of_the_same_files_are_the_same_feed(tmp_path):
    assert read_feed(folder(tmp_path / "f")) == read_feed(archive(tmp_path / "f.zip"))


def test_the_order_of_rows_changes_no_index(tmp_path):
    def shuffled(text: str) -> str:
        head, *rows = text.splitlines(keepends=True)
        return head + "".join(reversed(rows))

    turned = {name[:-4]: shuffled(text) for name, text in SMALL.items()}
    plain, other = read_feed(folder(tmp_path / "a")), read_feed(folder(tmp_path / "b", **turned))
    assert plain._replace(sha256=b"") == other._replace(sha256=b"")
    assert plain.sha256 != other.sha256


def test_dates_are_added_and_removed_after_the_weekdays(tmp_path):
    dates = "service_id,date,exception_type\ndaily,20260103,2\ndaily,20260201,1\nonce,20260301,1\n"
    week = SMALL["calendar.txt"].replace("1,1,1,1,1,1,1,", "1,1,1,1,1,0,0,")
    feed = read_feed(folder(tmp_path, calendar=week, calendar_dates=dates))
    assert [d.isoformat()[5:] for d in feed.services["daily"]] == [
        "01-01", "01-02", "01-05", "01-06", "01-07", "02-01",
    ]  # fmt: skip
    assert feed.services["once"] == (datetime.date(2026, 3, 1),)


@pytest.mark.requirement("W-37")
def test_a_stop_lies_in_its_own_areas_or_else_in_its_stations(tmp_path):
    feed = read_feed(
        folder(
            tmp_path,
            stops="stop_id,stop_name,location_type,parent_station\n"
            "s,Station,1,\na,P1,0,s\nb,P2,0,s\nc,Hill,0,\n",
            areas="area_id\nX\nY\nZ\n",
            stop_areas="area_id,stop_id\nY,s\nX,s\nZ,b\nZ,c\nX,c\n",
        )
    )
    assert [(s.stop_id, s.areas, s.parent) for s in feed.stops] == [
        ("a", ("X", "Y"), "s"),
        ("b", ("Z",), "s"),
        ("c", ("X", "Z"), ""),
    ]


def test_networks_come_from_either_file_and_two_answers_are_named(tmp_path):
    either = "network_id,route_id\nN,r\n"
    assert read_feed(folder(tmp_path / "a", route_networks=either)).lines[0].network == "N"
    feed = read_feed(
        folder(
            tmp_path / "b",
            route_networks=either,
            routes="route_id,route_long_name,network_id\nr,Quay - Hill,M\n",
        )
    )
    assert (feed.lines[0].network, feed.lines[0].name) == ("M", "Quay - Hill")
    assert "routes.txt:2: network 'M' here and 'N' in route_networks.txt" in feed.warnings[0]


def test_calls_without_a_time_lie_evenly_between_their_neighbours(tmp_path):
    times = calls("t,a,1,8:00:00", "t,b,2,", "t,c,5,", "t,a,9,8:31:59")
    (trip,) = read_feed(folder(tmp_path, stop_times=times)).trips
    assert trip.times == (0, 10, 20, 31)


def test_byte_order_mark_quotes_crlf_and_spaces_are_read(tmp_path):
    stops = (
        '\ufeffstop_id,stop_name,zone_id\r\n"a", "Quay, ""old""",A\r\nb,Square,B\r\n\r\nc,H,C\r\n'
    )
    assert read_feed(folder(tmp_path, stops=stops)).stops[0].name == 'Quay, "old"'


# --- what is odd but can be used ---


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (
            {"stop_times": calls("t,a,1,05:00:00", "t,b,2,21:40:00")},
            r"stop_times.txt:3: trip 't' takes 1,000 minutes from 05:00 to 21:40",
        ),
        (
            {"stop_times": calls("t,a,1,23:50:00", "t,b,2,24:05:00")},
            r"stop_times.txt:2: trip 't' runs to or past 24:00, to 24:05",
        ),
        (
            {"stop_times": calls("t,a,1,01:15:00", "t,b,2,01:25:00")},
            r"stop_times.txt:2: trip 't' leaves at 01:15 on its own date, not at 25:15",
        ),
        ({"calendar": None}, r"trips.txt:2: service_id 'daily' is in no calendar"),
        (
            {"trips": SMALL["trips.txt"] + "r,empty,daily,1,\n"},
            r"trips.txt:3: trip 'empty' calls at fewer than two stops; left out",
        ),
        (
            {"stop_times": SMALL["stop_times.txt"] + "ghost,a,1,08:00:00,08:00:00\n"},
            r"stop_times.txt:5: trip_id 'ghost' is not a trip of trips.txt",
        ),
        (
            {"stops": "stop_id,stop_name,zone_id\na,Quay\nb,Square,B\nc,Hill,C\n"},
            r"stops.txt:2: 2 values under 3 columns, read as if",
        ),
        (
            {"stops": SMALL["stops.txt"].replace("A\n", "A,\n").replace("B\n", "B,,\n")},
            r"stops.txt:2: 4 values under 3 columns.*\(and 1 more like it\)",
        ),
        (
            {"stops": "stop_id,parent_station\na,station\nb,\nc,\n"},
            r"stops.txt:2: parent_station 'station' is not a stop",
        ),
        (
            {"frequencies": "trip_id,start_time,end_time,headway_secs\nt,06:00:00,09:00:00,600\n"},
            r"frequencies.txt:2: trip 't' repeats by headway",
        ),
    ],
)
def test_what_is_odd_is_read_and_noted(tmp_path, change, warning):
    (found,) = read_feed(folder(tmp_path, **change)).warnings
    assert re.search(warning, found), found


def test_a_kind_of_warning_is_told_once_with_its_count(tmp_path):
    many = "".join(f"r,e{i},daily,0,\n" for i in range(1000))
    feed = read_feed(folder(tmp_path, trips=SMALL["trips.txt"] + many))
    assert len(feed.warnings) == 1 and "(and 999 more like it)" in feed.warnings[0]
