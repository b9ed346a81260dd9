"""Feeds that cannot be used, or mean harm: each is named by file and line, none hurts."""

import io
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend_sync.tariffs.gtfs import GtfsError, read_feed
from backend_sync.tariffs.gtfs_source import Bounds
from tests import figures
from tests.backend_sync.feed_files import SMALL, archive, calls, folder

ROOT = Path(__file__).parents[2]


# --- what cannot be used ---

BROKEN = [
    ({"stops": None}, "no stops.txt"),
    ({"stop_times": None}, "no stop_times.txt"),
    ({"stops": ""}, "stops.txt:1: column stop_id is missing"),
    ({"stops": "stop_id,stop_name\n,x\n"}, "stops.txt:2: column stop_id"),
    ({"stops": "stop_id,stop_id\na,a\n"}, "stops.txt:1: column 'stop_id' stands twice"),
    ({"stops": "stop_id\na\nb\na\nc\n"}, "stops.txt:4: stop_id 'a' stands twice, first in line 2"),
    ({"stops": "stop_id,stop_name\na,Quay, old\nb,\n"}, "stops.txt:2: 3 values under 2 columns"),
    ({"stops": 'stop_id\n"a\nb\nc\n'}, "stops.txt:4: unexpected end of data"),
    ({"stops": 'stop_id\n"a"x\n'}, "stops.txt:2: .*expected after"),
    ({"stops": 'stop_id\n"' + "a\n" * 999}, "one row over 50 lines; a quote is not closed"),
    ({"stops": "stop_id\na\0\n"}, "stops.txt:2: a NUL character"),
    ({"stops": b"\xff\xfes\0t\0o\0p\0"}, "stops.txt:1: (not UTF-8|a NUL)"),
    ({"stops": "stop_id,stop_name\na,Ä\n".encode("latin-1")}, "stops.txt:2: not UTF-8"),
    ({"stops": "stop_id\n" + "x" * 5000}, "stops.txt:2: column stop_id holds .*5000 characters"),
    ({"stops": "stop_id\n" + "x" * 70000}, "stops.txt:2: a line of more than 65,536"),
    ({"stops": ",".join(f"c{i}" for i in range(300))}, "stops.txt:1: 300 columns"),
    ({"stops": "stop_id,stop_lat\na,91\n"}, "stops.txt:2: stop_lat '91'; wanted degrees"),
    ({"stops": "stop_id,stop_lon\na,nan\n"}, "stops.txt:2: stop_lon 'nan'"),
    ({"stops": "stop_id,location_type\na,1\n"}, "no stop at which a vehicle calls"),
    ({"stop_areas": "area_id,stop_id\nX,a\n"}, "stop_areas.txt:2: area_id 'X' is not an area"),
    (
        {"areas": "area_id\nX\n", "stop_areas": "area_id,stop_id\nX,z\n"},
        "stop_areas.txt:2: stop_id 'z' is not a stop",
    ),
    ({"agency": "agency_name\n"}, "agency.txt:2: no agency"),
    ({"agency": "agency_id\n1\n1\n"}, "agency.txt:3: agency_id '1' stands twice"),
    (
        {"agency": "agency_id,agency_timezone\n1,Europe/Paris\n2,Europe/Rome\n"},
        "agency.txt:3: a second agency_timezone",
    ),
    (
        {"agency": "agency_id,agency_timezone\n1,Europe\n"},
        "agency.txt:2: agency_timezone 'Europe'; wanted",
    ),
    ({"routes": "route_id\n"}, "routes.txt:2: no route"),
    ({"routes": "route_id\nr\nr\n"}, "routes.txt:3: route_id 'r' stands twice"),
    ({"routes": "route_id,agency_id\nr,9\n"}, "routes.txt:2: agency_id '9' is not an agency"),
    ({"route_networks": "network_id,route_id\nN,z\n"}, "route_id 'z' is not a route"),
    ({"trips": "route_id,trip_id\nz,t\n"}, "trips.txt:2: route_id 'z' is not a route"),
    ({"trips": "route_id,trip_id\nr,t\nr,t\n"}, "trips.txt:3: trip_id 't' stands twice, .* line 2"),
    ({"trips": "route_id,trip_id,direction_id\nr,t,2\n"}, "trips.txt:2: direction_id '2'"),
    ({"stop_times": calls("t,nowhere,1,8:00:00")}, "stop_times.txt:2: stop_id 'nowhere' is not"),
    ({"stop_times": calls("t,a,one,8:00:00")}, "stop_sequence 'one', wanted a whole"),
    ({"stop_times": calls("t,a,-1,8:00:00")}, "stop_sequence '-1', wanted a whole"),
    ({"stop_times": calls("t,a,²,8:00:00")}, "stop_sequence .* wanted a whole"),
    ({"stop_times": calls("t,a,99999999999,8:00:00")}, "wanted a whole"),
    ({"stop_times": calls("t,a,1,8:00:00")}, "no trip calls at two stops"),
    (
        {"stop_times": calls("t,a,1,8:00:00", "t,b,1,8:10:00")},
        "stop_times.txt:3: stop_sequence 1 of trip 't' stands in line 2 too",
    ),
    (
        {"stop_times": calls("t,a,1,8:00:00", "t,b,2,7:59:00")},
        "stop_times.txt:3: trip 't' leaves at 07:59, before 08:00 of line 2",
    ),
    ({"stop_times": calls("t,a,1,", "t,b,2,8:00:00")}, "no time at the first call of trip 't'"),
    ({"stop_times": calls("t,a,1,8:00:00", "t,b,2,")}, "stop_times.txt:3: no time at the last"),
    *(
        ({"stop_times": calls(f"t,a,1,{time}")}, "stop_times.txt:2: time .*wanted H:MM:SS")
        for time in ("8:60:00", "8:00", "-1:00:00", "96:00:00", "9999:00:00", "8:0:0", "noon")
    ),
    (
        {"calendar": SMALL["calendar.txt"] + SMALL["calendar.txt"].split("\n")[1] + "\n"},
        "calendar.txt:3: service_id 'daily' stands twice",
    ),
    ({"calendar": SMALL["calendar.txt"].replace("20260101", "20260230")}, "start_date '20260230'"),
    ({"calendar": SMALL["calendar.txt"].replace("20260107", "20251231")}, "before it starts"),
    ({"calendar": SMALL["calendar.txt"].replace("daily,1", "daily,2")}, "monday '2'; wanted 0 or"),
    (
        {
            "calendar": SMALL["calendar.txt"]
            + "".join(f"s{i},1,1,1,1,1,1,1,00010101,99991231\n" for i in range(3))
        },
        "calendar.txt:3: .*dates|calendar.txt:3: .*at most",
    ),
    (
        {"calendar_dates": "service_id,date,exception_type\ndaily,20260101,3\n"},
        "calendar_dates.txt:2: exception_type '3'",
    ),
    ({"calendar_dates": "service_id,date,exception_type\nx,2026-1-1,1\n"}, "wanted a date such as"),
]


@pytest.mark.requirement("T22")
@pytest.mark.parametrize(("change", "message"), BROKEN)
@pytest.mark.parametrize("kind", [folder, archive])
def test_a_bad_feed_says_where_and_what(tmp_path, change, message, kind):
    with pytest.raises(GtfsError, match=message) as refused:
        read_feed(kind(tmp_path / "feed", **change))
    assert "\n" not in str(refused.value) and str(refused.value).isprintable()


# --- hostile archives and folders ---


def test_what_is_no_zip_is_refused_by_name(tmp_path):
    path = tmp_path / "feed.zip"
    path.write_bytes(b"rubbish")
    with pytest.raises(GtfsError, match="feed.zip: not a readable zip"):
        read_feed(path)
    with pytest.raises(GtfsError, match="no such file"):
        read_feed(tmp_path / "absent.zip")


@pytest.mark.requirement("T22")
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    with pytest.raises(GtfsError, match="stops.txt: .* would unpack to 2097152"):
        read_feed(archive(tmp_path / "feed.zip", stops="x" * (2 << 20)))


@pytest.mark.requirement("T22")
def test_a_bomb_that_lies_about_its_size_is_refused(tmp_path):
    path = archive(tmp_path / "feed.zip", stops="stop_id\n" + "a\n" * 200_000)
    body = path.read_bytes()
    size = (8 + 400_000).to_bytes(4, "little")
    assert body.count(size) == 2  # the local header and the central one
    path.write_bytes(body.replace(size, (90).to_bytes(4, "little")))
    with pytest.raises(GtfsError, match="stops.txt"):
        read_feed(path)


@pytest.mark.requirement("T22")
@pytest.mark.parametrize(
    "name", ["../../stops.txt", "/etc/stops.txt", "a/../../stops.txt", "..\\stops.txt", "C:/s.txt"]
)
def test_an_archive_with_a_path_out_of_it_is_refused_and_nothing_written(tmp_path, name):
    path = archive(tmp_path / "feed.zip")
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr(name, "stop_id\nevil\n")
    with pytest.raises(GtfsError, match="feed.zip: holds .*, a path out of the archive"):
        read_feed(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["feed.zip"]


@pytest.mark.requirement("T22")
def test_folders_inside_an_archive_are_passed_over(tmp_path):
    path = archive(tmp_path / "feed.zip")
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("notes/stops.txt", "stop_id\nother\n")
    assert [s.stop_id for s in read_feed(path).stops] == ["a", "b", "c"]


@pytest.mark.requirement("T22")
@pytest.mark.parametrize(
    ("name", "data", "mode", "message"),
    [
        ("areas.txt", "/etc/passwd", stat.S_IFLNK | 0o777, "areas.txt: a symbolic link"),
        ("stops.txt", "stop_id\nz\n", stat.S_IFREG | 0o644, "stops.txt: 2 files of that name"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_links_and_second_files_in_an_archive_are_refused(tmp_path, name, data, mode, message):
    path = archive(tmp_path / "feed.zip")
    with zipfile.ZipFile(path, "a") as packed:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, mode << 16
        packed.writestr(info, data)
    with pytest.raises(GtfsError, match=message):
        read_feed(path)


@pytest.mark.requirement("T22")
def test_a_link_out_of_the_folder_and_a_pipe_are_refused(tmp_path):
    feed = folder(tmp_path / "feed")
    (feed / "areas.txt").symlink_to("/etc/passwd")
    with pytest.raises(GtfsError, match="areas.txt: a link out of feed"):
        read_feed(feed)
    (feed / "areas.txt").unlink()
    os.mkfifo(feed / "areas.txt")
    with pytest.raises(GtfsError, match="areas.txt: not a regular file"):
        read_feed(feed)
    (feed / "areas.txt").unlink()
    (feed / "networks.txt").write_text("unused")
    (feed / "stops2.txt").write_text(SMALL["stops.txt"])
    (feed / "stops.txt").unlink()
    (feed / "stops.txt").symlink_to("stops2.txt")
    assert len(read_feed(feed).stops) == 3


@pytest.mark.requirement("T22")
def test_an_archive_with_a_huge_list_of_files_is_refused(tmp_path):
    path = archive(tmp_path / "feed.zip")
    with zipfile.ZipFile(path, "a") as packed:
        for i in range(40):
            packed.writestr(f"f{i}", "")
    with pytest.raises(GtfsError, match="a list of files of"):
        read_feed(path, Bounds(directory_bytes=2048))
    assert len(read_feed(path).stops) == 3


def test_an_enciphered_file_is_refused(tmp_path):
    path = archive(tmp_path / "feed.zip")
    body = bytearray(path.read_bytes())
    central = body.rindex(b"PK\x01\x02", 0, body.index(b"agency.txt", body.index(b"PK\x01\x02")))
    body[central + 8] |= 1
    path.write_bytes(body)
    with pytest.raises(GtfsError, match="agency.txt: enciphered"):
        read_feed(path)


@pytest.mark.parametrize("cut", [10, 200, 400, 700])
def test_a_broken_off_archive_is_refused(tmp_path, cut):
    path = archive(tmp_path / "feed.zip")
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(GtfsError, match="not a readable zip"):
        read_feed(path)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        (Bounds(rows=2), "stops.txt:4: more than 2 rows"),
        (Bounds(calls=2), "stop_times.txt:4: more than 2 rows"),
        (Bounds(file_bytes=60), "unpacks to more than 60 bytes|would unpack"),
        (Bounds(service_days=6), "calendar.txt:2: .* dates together"),
    ],
)
def test_bounds_are_kept(tmp_path, bounds, message):
    for kind in (folder, archive):
        with pytest.raises(GtfsError, match=message):
            read_feed(kind(tmp_path / kind.__name__), bounds)


# --- any bytes at all ---

TABLES = ["agency", "stops", "routes", "trips", "stop_times", "calendar", "calendar_dates",
          "areas", "stop_areas", "route_networks", "frequencies"]  # fmt: skip
words = st.sampled_from(
    ["a", "b", "c", "t", "r", "1", "2", "daily", "08:00:00", "24:00:00", "99:00:00", "20260101",
     "00010101", "99991231", "", '"', '""', "\0", "Ä", "\ufeff", " ", "\r", "x" * 4097, "nan"]
)  # fmt: skip
rows = st.lists(st.lists(words, max_size=8).map(",".join), max_size=6).map("\n".join)


@st.composite
def rubbish(draw):
    """Some of SMALL's files replaced: by any bytes, by odd words, or by one flipped character."""
    changes = {}
    for name in draw(st.lists(st.sampled_from(TABLES), min_size=1, max_size=3, unique=True)):
        text = SMALL.get(f"{name}.txt", "").encode()
        how = draw(st.integers(0, 3))
        if how == 0:
            changes[name] = draw(st.binary(max_size=200))
        elif how == 1:
            changes[name] = text.split(b"\n")[0] + b"\n" + draw(rows).encode()
        elif how == 2 and text:
            at = draw(st.integers(0, len(text) - 1))
            changes[name] = text[:at] + draw(st.binary(max_size=3)) + text[at + 1 :]
        else:
            changes[name] = draw(rows).encode()
    return changes


@pytest.mark.requirement("T22")
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=rubbish())
def test_any_bytes_give_a_feed_or_a_sentence(tmp_path, changes):
    path = archive(tmp_path / "feed.zip", **changes)
    try:
        feed = read_feed(path)
    except GtfsError as refused:
        assert str(refused).isprintable()
        return
    for trip in feed.trips:
        assert len(trip.stops) == len(trip.times) >= 2 and trip.times[0] == 0
        assert all(0 <= stop < len(feed.stops) for stop in trip.stops)
        assert list(trip.times) == sorted(trip.times)
        assert 0 <= trip.line < len(feed.lines)


@pytest.mark.requirement("T22")
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_flipped_bytes_of_the_archive_give_a_feed_or_a_sentence(tmp_path, data):
    path = archive(tmp_path / "feed.zip")
    body = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(body)
    try:
        read_feed(path)
    except GtfsError:
        pass


# --- size ---

MEASURE = """
import sys, time
from pathlib import Path
from backend_sync.tariffs.gtfs import read_feed
from tests.peak_memory import peak_kib
start = time.perf_counter()
feed = read_feed(Path(sys.argv[1]))
print(len(feed.trips), peak_kib() // 1024,
      round(1000 * (time.perf_counter() - start)))
"""


def measured(path: Path) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=280,
    )  # fmt: skip
    trips, mebibytes, _ms = map(int, done.stdout.split())
    return trips, mebibytes


@pytest.mark.system
@pytest.mark.requirement("T22")
def test_kuopio_is_read_in_far_less_than_256_mebibytes(real_data):
    trips, mebibytes = measured(real_data / "kuopio" / "gtfs_kuopio_finland.zip")
    figures.add("MiB to read Kuopio's feed", mebibytes)
    assert trips == 2149 and mebibytes < 128


@pytest.mark.full
@pytest.mark.system
@pytest.mark.requirement("T22")
def test_a_million_calls_are_read_in_256_mebibytes(tmp_path):
    trips, table = io.StringIO(), io.StringIO()
    trips.write("route_id,trip_id,service_id\n")
    table.write("trip_id,stop_id,stop_sequence,departure_time\n")
    for trip in range(25_000):
        trips.write(f"r,t{trip},daily\n")
        for call in range(40):
            minute = trip % 1000 + call
            table.write(f"t{trip},{'abc'[call % 3]},{call},{minute // 60}:{minute % 60:02}:00\n")
    path = folder(tmp_path, trips=trips.getvalue(), stop_times=table.getvalue())
    count, mebibytes = measured(path)
    figures.add("MiB to read a million calls", mebibytes)
    assert count == 25_000 and mebibytes < 256
