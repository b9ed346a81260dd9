"""What a tariff and its vehicles need of a GTFS feed, as plain records.

Indices are positions in the lists, which are ordered by the feed's own ids: the same feed always
gives the same indices. `gtfs.py` reads a Feed, `network.py` derives what vehicles carry.
"""

import datetime
from typing import NamedTuple


class Stop(NamedTuple):
    stop_id: str
    name: str
    zone: str  # "" where the feed names none
    areas: tuple[str, ...] = ()  # sorted; its station's where it has none of its own
    lat: float | None = None  # degrees, WGS 84
    lon: float | None = None
    parent: str = ""  # stop_id of its station


class Line(NamedTuple):
    route_id: str
    name: str  # the short one, else the long one
    long_name: str
    agency: str
    network: str


class Trip(NamedTuple):
    trip_id: str
    line: int  # index into Feed.lines
    direction: int  # 0 or 1
    service: str  # key of Feed.services, "" where the feed gives none
    block: str
    start_minute: int  # leaves its first call, after midnight of its service's date; may pass 1440
    stops: tuple[int, ...]  # indices into Feed.stops, in order of travel
    times: tuple[int, ...]  # minutes after start_minute at which it leaves each call, never falling


class Agency(NamedTuple):
    agency_id: str
    name: str


class Feed(NamedTuple):
    stops: list[Stop]
    lines: list[Line]
    trips: list[Trip]
    agencies: tuple[Agency, ...]
    timezone: str
    services: dict[str, tuple[datetime.date, ...]]
    sha256: bytes
    warnings: tuple[str, ...]  # "file:line: what was found; what it was read as or what to do"

    def zones(self) -> list[str]:
        """Return the names of the feed's zones, sorted; empty where it has none."""
        return sorted({s.zone for s in self.stops if s.zone})
