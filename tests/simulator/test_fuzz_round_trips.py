"""What a writer of ours wrote is read back as it was, whatever is drawn: parse(write(x)) == x."""

import csv
import importlib
import io
import pkgutil
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import card_layouts
from backend_sync.tariffs.gtfs import read_feed
from card_layouts.codec.bits import Layout
from simulator.fuzzing.tariff_targets import FEED

pytestmark = pytest.mark.requirement("T22", "T23")
MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(card_layouts.__path__, "card_layouts.")
]
LAYOUTS = sorted(
    {id(value): value for module in MODULES for value in vars(module).values()
     if isinstance(value, Layout)}.values(),
    key=lambda layout: layout.name,
)  # fmt: skip
drawn = settings(
    max_examples=20, deadline=None, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@drawn
@given(st.binary(min_size=256, max_size=256), st.integers(0, 999))
def test_what_a_layout_packs_it_unpacks_and_no_field_touches_another(data, number):
    assert len(LAYOUTS) > 40, "the layouts of card, journal, link and packages are all here"
    for layout in LAYOUTS:
        values = layout.unpack(data * (1 + layout.size // 256))
        packed = layout.pack(values)
        assert len(packed) == layout.size and layout.unpack(packed) == values, layout.name
        name = sorted(values)[number % len(values)]
        others = {other: value for other, value in values.items() if other != name}
        buffer = bytearray(layout.pack(others))
        layout.put(buffer, name, values[name])
        assert bytes(buffer) == packed, f"{layout.name}.{name}"


letters = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12
)
stops = st.lists(
    st.tuples(letters, st.text(st.characters(codec="utf-8", exclude_categories=("C",)),
                               min_size=1, max_size=20).filter(str.strip)),
    min_size=3, max_size=9, unique_by=lambda stop: stop[0],
)  # fmt: skip


@drawn
@given(stops, st.integers(0, 27 * 60), st.lists(st.integers(1, 90), min_size=8, max_size=8))
def test_a_feed_written_as_csv_is_read_with_every_name_quoted_or_not(tmp_path, rows, start, waits):
    minutes = [start + sum(waits[:at]) for at in range(len(rows))]
    clock = [f"{minute // 60:02}:{minute % 60:02}:00" for minute in minutes]
    calls = [("t", row[0], at, clock[at], clock[at]) for at, row in enumerate(rows)]
    places = [(*row, "A", "62", "27") for row in rows]
    files = {**FEED, "stops.txt": _csv(FEED["stops.txt"], places),
             "stop_times.txt": _csv(FEED["stop_times.txt"], calls)}  # fmt: skip
    path = tmp_path / "feed.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    feed = read_feed(path)
    assert {s.stop_id: s.name for s in feed.stops} == {row[0]: row[1].strip() for row in rows}
    (trip,) = feed.trips
    assert trip.start_minute == start
    assert [feed.stops[at].stop_id for at in trip.stops] == [row[0] for row in rows]
    assert list(trip.times) == [minute - start for minute in minutes]


def _csv(like, rows):
    """Return a table with the titles of another, as the standard library writes it."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(like.splitlines()[0].split(","))
    writer.writerows(rows)
    return out.getvalue()
