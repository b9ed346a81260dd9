"""Read what a tariff and its vehicles need from a GTFS feed: stops, lines, services, trips.

Streams a zip or a folder; keeps nothing on disk. Indices are positions in the lists returned,
which are ordered by the feed's own ids, so the same feed always gives the same indices.
Source: the GTFS reference (stops.txt, routes.txt, agency.txt, areas and networks of Fares v2).
"""

import math
from pathlib import Path

from backend_sync.tariffs.feed import Agency, Feed, Line, Stop, Trip
from backend_sync.tariffs.gtfs_archive import open_source
from backend_sync.tariffs.gtfs_calendar import read_services
from backend_sync.tariffs.gtfs_source import BOUNDS, Bounds, GtfsError, Source, shown
from backend_sync.tariffs.gtfs_trips import read_trips
from backend_sync.tariffs.when import time_zone

__all__ = ["Agency", "Feed", "GtfsError", "Line", "Stop", "Trip", "read_feed"]

PLATFORM = "0"  # location_type of a place where a vehicle calls


def read_feed(path: Path, bounds: Bounds = BOUNDS) -> Feed:
    """Return the Feed in the zip file or folder `path`.

    Raises: GtfsError when a file, column or reference is missing or the archive is hostile.
    """
    source = open_source(path, bounds)
    for name in ("agency.txt", "stops.txt", "routes.txt", "trips.txt", "stop_times.txt"):
        source.need(name)
    agencies, timezone = _agencies(source)
    stops = _stops(source)
    lines = _lines(source, agencies)
    services = read_services(source)
    trips = read_trips(source, stops, lines, services)
    return Feed(
        stops, lines, trips, agencies, timezone, services, source.digest(), source.notes.lines()
    )


def _agencies(source: Source) -> tuple[tuple[Agency, ...], str]:
    found: dict[str, Agency] = {}
    zones: dict[str, int] = {}
    for line, (name, zone, agency_id) in source.rows(
        "agency.txt", (), ("agency_name", "agency_timezone", "agency_id")
    ):
        if agency_id in found:
            raise GtfsError(f"agency.txt:{line}: agency_id {shown(agency_id)} stands twice")
        found[agency_id] = Agency(agency_id, name)
        zones.setdefault(zone or "UTC", line)
    if not found:
        raise GtfsError("agency.txt:2: no agency; wanted at least one row")
    if len(zones) > 1:
        raise GtfsError(
            f"agency.txt:{max(zones.values())}: a second agency_timezone; wanted one for the feed: "
            f"{', '.join(shown(zone) for zone in zones)}"
        )
    zone, line = next(iter(zones.items()))
    if time_zone(zone) is None:
        raise GtfsError(
            f"agency.txt:{line}: agency_timezone {shown(zone)}; wanted a name such as"
            " Europe/Helsinki"
        )
    return tuple(sorted(found.values())), zone


def _stops(source: Source) -> list[Stop]:
    known: dict[str, int] = {}
    platforms: list[Stop] = []
    for line, (stop_id, name, zone, lat, lon, kind, parent) in source.rows(
        "stops.txt",
        ("stop_id",),
        ("stop_name", "zone_id", "stop_lat", "stop_lon", "location_type", "parent_station"),
    ):
        at = f"stops.txt:{line}"
        if stop_id in known:
            raise GtfsError(
                f"{at}: stop_id {shown(stop_id)} stands twice, first in line {known[stop_id]}; "
                "wanted it once"
            )
        known[stop_id] = line
        if (kind or PLATFORM) == PLATFORM:
            place = (_degrees(at, "stop_lat", lat, 90), _degrees(at, "stop_lon", lon, 180))
            platforms.append(Stop(stop_id, name, zone, (), *place, parent))
    areas = _areas(source, known)
    if not platforms:
        raise GtfsError("stops.txt:2: no stop at which a vehicle calls; wanted at least one row")
    for stop in platforms:
        if stop.parent and stop.parent not in known:
            source.notes.add(
                f"stops.txt:{known[stop.stop_id]}",
                "parent",
                f"parent_station {shown(stop.parent)} is not a stop of stops.txt; left out",
            )
    return sorted(
        stop._replace(
            areas=areas.get(stop.stop_id) or areas.get(stop.parent, ()),
            parent=stop.parent if stop.parent in known else "",
        )
        for stop in platforms
    )


def _areas(source: Source, stops: dict[str, int]) -> dict[str, tuple[str, ...]]:
    """Return the areas of each stop_id, a station's too: it covers platforms without their own."""
    known = {area for _line, (area,) in source.rows("areas.txt", ("area_id",))}
    found: dict[str, set[str]] = {}
    for line, (area, stop) in source.rows("stop_areas.txt", ("area_id", "stop_id")):
        at = f"stop_areas.txt:{line}"
        if area not in known:
            raise GtfsError(f"{at}: area_id {shown(area)} is not an area of areas.txt")
        if stop not in stops:
            raise GtfsError(f"{at}: stop_id {shown(stop)} is not a stop of stops.txt")
        found.setdefault(stop, set()).add(area)
    return {stop: tuple(sorted(areas)) for stop, areas in found.items()}


def _degrees(at: str, column: str, text: str, limit: int) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= limit:
        raise GtfsError(f"{at}: {column} {shown(text)}; wanted degrees from -{limit} to {limit}")
    return value


def _lines(source: Source, agencies: tuple[Agency, ...]) -> list[Line]:
    ids = {agency.agency_id for agency in agencies}
    only = agencies[0].agency_id if len(agencies) == 1 else ""
    networks = _networks(source)
    found: dict[str, Line] = {}
    for line, (route_id, short, long_name, agency, network) in source.rows(
        "routes.txt",
        ("route_id",),
        ("route_short_name", "route_long_name", "agency_id", "network_id"),
    ):
        at = f"routes.txt:{line}"
        if route_id in found:
            raise GtfsError(f"{at}: route_id {shown(route_id)} stands twice; wanted it once")
        if agency and agency not in ids:
            raise GtfsError(f"{at}: agency_id {shown(agency)} is not an agency of agency.txt")
        if network and route_id in networks:
            source.notes.add(
                at,
                "network",
                f"network {shown(network)} here and {shown(networks[route_id])} in "
                "route_networks.txt; read as the one here; keep one of the two",
            )
        found[route_id] = Line(
            route_id,
            short or long_name,
            long_name,
            agency or only,
            network or networks.get(route_id, ""),
        )
    if not found:
        raise GtfsError("routes.txt:2: no route; wanted at least one row")
    for route_id in sorted(set(networks) - set(found)):
        raise GtfsError(
            f"route_networks.txt: route_id {shown(route_id)} is not a route of routes.txt"
        )
    return sorted(found.values())


def _networks(source: Source) -> dict[str, str]:
    found: dict[str, str] = {}
    for line, (network, route) in source.rows("route_networks.txt", ("network_id", "route_id")):
        if route in found:
            raise GtfsError(
                f"route_networks.txt:{line}: route_id {shown(route)} stands twice; wanted one "
                "network a route"
            )
        found[route] = network
    return found
