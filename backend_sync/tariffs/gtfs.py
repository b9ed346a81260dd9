"""Read what a tariff and its vehicles need from a GTFS feed: stops, zones, lines, trips.

Streams a zip or a folder; keeps nothing on disk. Indices are positions in the lists returned,
which are ordered by the feed's own ids, so the same feed always gives the same indices.
Source: the GTFS reference (stops.txt, routes.txt, trips.txt, stop_times.txt, agency.txt).
"""

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# T22: a feed is data from outside. The largest national feeds stay below these.
FILE_BYTES_MAX = 512 * 1024 * 1024
RATIO_MAX = 100


class GtfsError(ValueError):
    """A feed that cannot be used: the message says file, line, what was found and wanted."""


class Stop(NamedTuple):
    stop_id: str
    name: str
    zone: str  # "" where the feed names none


class Line(NamedTuple):
    route_id: str
    name: str
    agency: str


class Trip(NamedTuple):
    trip_id: str
    line: int  # index into Feed.lines
    direction: int  # 0 or 1
    stops: tuple[int, ...]  # indices into Feed.stops, in order of travel


class Feed(NamedTuple):
    stops: list[Stop]
    lines: list[Line]
    trips: list[Trip]
    timezone: str
    sha256: bytes

    def zones(self) -> list[str]:
        """Return the names of the feed's zones, sorted; empty where it has none."""
        return sorted({s.zone for s in self.stops if s.zone})


def read_feed(path: Path) -> Feed:
    """Return the Feed in the zip file or folder `path`.

    Raises: GtfsError when a file, column or reference is missing or the archive is hostile.
    """
    source = _Folder(path) if path.is_dir() else _Archive(path)
    stops = sorted(
        Stop(_need(row, "stop_id", at), row.get("stop_name") or "", row.get("zone_id") or "")
        for at, row in source.rows("stops.txt")
        if (row.get("location_type") or "0") == "0"
    )
    lines = sorted(
        Line(
            _need(row, "route_id", at),
            row.get("route_short_name") or row.get("route_long_name") or "",
            row.get("agency_id") or "",
        )
        for at, row in source.rows("routes.txt")
    )
    zone_names = [row.get("agency_timezone") or "" for _at, row in source.rows("agency.txt")]
    if not stops or not lines or not zone_names:
        raise GtfsError(
            f"{path.name}: no stops, routes or agency rows; wanted at least one of each"
        )
    trips = _trips(
        source,
        {s.stop_id: i for i, s in enumerate(stops)},
        {r.route_id: i for i, r in enumerate(lines)},
    )
    return Feed(stops, lines, trips, zone_names[0] or "UTC", source.digest())


def _trips(source: "_Source", stop_index: dict[str, int], line_index: dict[str, int]) -> list[Trip]:
    calls: dict[str, list[tuple[int, int]]] = {}
    for at, row in source.rows("stop_times.txt"):
        stop = stop_index.get(_need(row, "stop_id", at))
        if stop is None:
            raise GtfsError(f"{at}: stop_id {row['stop_id']!r} is not a stop of stops.txt")
        try:
            order = int(_need(row, "stop_sequence", at))
        except ValueError:
            raise GtfsError(
                f"{at}: stop_sequence {row['stop_sequence']!r}, wanted a whole number"
            ) from None
        calls.setdefault(_need(row, "trip_id", at), []).append((order, stop))
    trips = []
    for at, row in source.rows("trips.txt"):
        line = line_index.get(_need(row, "route_id", at))
        if line is None:
            raise GtfsError(f"{at}: route_id {row['route_id']!r} is not a route of routes.txt")
        called = sorted(calls.get(_need(row, "trip_id", at), ()))
        if len(called) >= 2:
            trips.append(
                Trip(
                    row["trip_id"],
                    line,
                    int(row.get("direction_id") or 0),
                    tuple(stop for _order, stop in called),
                )
            )
    if not trips:
        raise GtfsError("trips.txt: no trip calls at two stops or more; wanted at least one")
    return sorted(trips)


def _need(row: dict[str, str], column: str, at: str) -> str:
    value = row.get(column)
    if not value:
        raise GtfsError(f"{at}: column {column} is missing or empty")
    return value


class _Source:
    """A feed's files as rows; remembers what it read for the feed's hash."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digests: dict[str, bytes] = {}

    def read(self, name: str) -> bytes:
        raise NotImplementedError

    def rows(self, name: str) -> Iterator[tuple[str, dict[str, str]]]:
        """Yield ("file line N", row) for each row of `name`."""
        raw = self.read(name)
        self._digests[name] = hashlib.sha256(raw).digest()
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise GtfsError(f"{name}: not UTF-8 at byte {error.start}") from None
        reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
        try:
            for row in reader:
                yield f"{name} line {reader.line_num}", row
        except csv.Error as error:
            raise GtfsError(f"{name} line {reader.line_num}: {error}") from None

    def digest(self) -> bytes:
        joined = b"".join(k.encode() + v for k, v in sorted(self._digests.items()))
        return hashlib.sha256(joined).digest()


class _Folder(_Source):
    def read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            raise GtfsError(f"{self.path.name}: no {name}; a GTFS feed has one") from None


class _Archive(_Source):
    def read(self, name: str) -> bytes:
        try:
            with zipfile.ZipFile(self.path) as archive:
                info = archive.getinfo(name)
                if info.file_size > FILE_BYTES_MAX or (
                    info.file_size > RATIO_MAX * max(info.compress_size, 1)
                    and info.file_size > 1 << 20
                ):
                    raise GtfsError(
                        f"{name}: {info.compress_size} bytes would unpack to {info.file_size}; "
                        f"refused above {FILE_BYTES_MAX} bytes or {RATIO_MAX}:1"
                    )
                return archive.read(name)
        except KeyError:
            raise GtfsError(f"{self.path.name}: no {name}; a GTFS feed has one") from None
        except FileNotFoundError:
            raise GtfsError(f"{self.path}: no such file; wanted a GTFS zip or folder") from None
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
            raise GtfsError(f"{self.path.name}: not a readable zip ({error})") from None
