"""Is an uploaded zip a feed that can be handed on? Every file of it is read to its end.

The tariff compiler reads what it needs; here also what it never opens must be harmless, because
depots and journey planners unpack the same zip, and people open its tables in spreadsheets.
Nothing is unpacked to disk. Source: W-20, W-140; T22; the GTFS reference, "File requirements".
"""

import re
import zipfile
from pathlib import Path

from backend_sync.operating.refusals import OperatingRefused
from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.gtfs_archive import open_source
from backend_sync.tariffs.gtfs_source import Bounds, GtfsError, Source, shown

ZIP_BYTES = 24 << 20  # a city's feed is one or two MiB
UNPACKED_BYTES = 256 << 20  # of all files together
FILES_MOST = 100
BOUNDS = Bounds(file_bytes=128 << 20, calls=1_000_000, service_days=500_000, warnings=20)
TABLE = re.compile(r"[A-Za-z0-9_]{1,60}\.txt")
SHAPES = "locations.geojson"
# A spreadsheet runs what begins so; numbers, telephone numbers and a lone dash are none.
FORMULA = re.compile(r"(?![+-][0-9 ().-]*$)[=+@-]")


def read_upload(path: Path) -> Feed:
    """Return the feed in the zip `path`. Raises: OperatingRefused naming file, line and column."""
    try:
        source = open_source(path, BOUNDS)
        for name in _names(path):
            if name == SHAPES:
                _read_through(source, name)
            else:
                _read_table(source, name)
        feed = read_feed(path, BOUNDS)
    except GtfsError as error:
        raise OperatingRefused(str(error)) from None
    if not any(feed.services.get(trip.service) for trip in feed.trips):
        raise OperatingRefused(
            "trips.txt: no trip runs on any date; wanted services with dates in calendar.txt or"
            " calendar_dates.txt"
        )
    return feed


def _names(path: Path) -> list[str]:
    """Return the files of the archive, sorted. Raises: OperatingRefused."""
    with zipfile.ZipFile(path) as packed:
        members = packed.infolist()
    for member in members:
        if not TABLE.fullmatch(member.filename) and member.filename != SHAPES:
            raise OperatingRefused(
                f"the zip holds {shown(member.filename)}; wanted tables of GTFS (NAME.txt) and"
                " nothing else, none of them in a folder; take it out of the zip"
            )
    if len(members) > FILES_MOST:
        raise OperatingRefused(
            "the zip holds {count} files; wanted at most {most}",
            count=len(members),
            most=FILES_MOST,
        )
    size = sum(member.file_size for member in members)
    if size > UNPACKED_BYTES:
        raise OperatingRefused(
            "the zip would unpack to {size:,} bytes; wanted at most {most:,}: the feed "
            "of one operator",
            size=size,
            most=UNPACKED_BYTES,
        )
    return sorted({member.filename for member in members})


def _read_table(source: Source, name: str) -> None:
    columns = source.columns(name)
    for line, values in source.rows(name, (), columns, BOUNDS.calls):
        for place, value in enumerate(values):
            if value[:1] in ("=", "+", "-", "@") and FORMULA.match(value):
                raise OperatingRefused(
                    "{place}:{line}: {column} {value} begins like a formula of a spreadsheet; "
                    "wanted text or a number; write it without the first sign",
                    place=name,
                    line=line,
                    column=shown(columns[place]),
                    value=shown(value),
                )


def _read_through(source: Source, name: str) -> None:
    """Unpack a file that is no table, for its checksum alone."""
    stream = source.open(name)
    assert stream is not None  # it is in the archive's list
    size = 0
    with stream:
        try:
            while part := stream.read(1 << 16):
                size += len(part)
        except (zipfile.BadZipFile, OSError, EOFError) as error:
            raise OperatingRefused(
                f"{name}: the archive breaks off after {size:,} bytes ({error}); wanted a whole"
                " file; make the zip again"
            ) from None
