"""What a version changes for passengers and drivers: stops, routes, departures, blocks.

Departures are compared by what they are (route, direction, time, calls, weekdays), never by
trip_id: planning systems give new ids with every export. Pure.
"""

import datetime
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from backend_sync.operating.places import metres
from backend_sync.tariffs.feed import Feed, Line, Stop, Trip

MOVED_METRES = 1  # planning systems round coordinates
Days = tuple[datetime.date, datetime.date]
ADDED, REMOVED, CHANGED = "added", "removed", "changed"


class Change(NamedTuple):
    """One stop or route; `fields`: (what, before, after), empty unless it is CHANGED."""

    kind: str
    id: str
    name: str
    fields: tuple[tuple[str, str, str], ...] = ()


class RouteDepartures(NamedTuple):
    """The departures of a route, each counted once however often it runs."""

    route: str
    name: str
    before: int
    after: int
    gone: int
    new: int


class Differences(NamedTuple):
    """Between what is in force (nothing: before is None) and another version."""

    before: Days | None
    after: Days
    stops: list[Change]
    routes: list[Change]
    departures: list[RouteDepartures]  # of the routes where any is gone or new
    blocks: tuple[int, int]  # number of blocks before and after

    @property
    def gone(self) -> int:
        return sum(row.gone for row in self.departures)

    @property
    def new(self) -> int:
        return sum(row.new for row in self.departures)


def compare(before: Feed | None, after: Feed) -> Differences:
    """Return what changes when `after` comes in force instead of `before`."""
    stops = (
        {stop.stop_id: stop for stop in feed.stops} if feed else {} for feed in (before, after)
    )
    lines = (
        {line.route_id: line for line in feed.lines} if feed else {} for feed in (before, after)
    )
    return Differences(
        service_period(before) if before else None,
        service_period(after),
        list(_changes(*stops)),
        list(_changes(*lines)),
        _departures(before, after),
        (_blocks(before), _blocks(after)),
    )


def service_period(feed: Feed) -> Days:
    """Return the first and last date on which a trip runs; some trip of every version does."""
    used = {trip.service for trip in feed.trips}
    days = [day for service in used for day in feed.services.get(service, ())]
    return min(days), max(days)


def _changes(
    before: Mapping[str, Stop | Line], after: Mapping[str, Stop | Line]
) -> Iterable[Change]:
    for key in sorted(before.keys() | after.keys()):
        one, two = before.get(key), after.get(key)
        if one is None or two is None:
            there = one or two
            assert there is not None
            yield Change(REMOVED if two is None else ADDED, key, there.name)
        elif fields := tuple(_fields(one, two)):
            yield Change(CHANGED, key, two.name, fields)


def _fields(one: Stop | Line, two: Stop | Line) -> Iterable[tuple[str, str, str]]:
    if isinstance(one, Line) or isinstance(two, Line):
        names: tuple[str, ...] = ("name", "long_name", "agency", "network")
    else:
        names = ("name", "zone", "parent")
        moved = metres(one, two)
        if moved is None and (one.lat, one.lon) != (two.lat, two.lon):
            yield "place", _place(one), _place(two)
        elif moved is not None and moved >= MOVED_METRES:
            yield "moved", "", f"{moved:,.0f} m"
    for name in names:
        values = getattr(one, name), getattr(two, name)
        if values[0] != values[1]:
            yield name, *values


def _place(stop: Stop) -> str:
    return "" if stop.lat is None else f"{stop.lat}, {stop.lon}"


def _departures(before: Feed | None, after: Feed) -> list[RouteDepartures]:
    one, two = (_by_route(feed) if feed else {} for feed in (before, after))
    names = {line.route_id: line.name for feed in (before, after) if feed for line in feed.lines}
    found = []
    for route in sorted(one.keys() | two.keys()):
        old, new = one.get(route, Counter()), two.get(route, Counter())
        row = RouteDepartures(route, names[route], old.total(), new.total(),
                              (old - new).total(), (new - old).total())  # fmt: skip
        if row.gone or row.new:
            found.append(row)
    return found


def _by_route(feed: Feed) -> dict[str, Counter]:
    """Return {route_id: how often each departure, by what it is}."""
    weekdays = {service: frozenset(day.weekday() for day in days)
                for service, days in feed.services.items()}  # fmt: skip
    found: dict[str, Counter] = {}
    for trip in feed.trips:
        kind = (trip.direction, trip.start_minute, _stop_ids(feed, trip), trip.times,
                weekdays.get(trip.service, frozenset()))  # fmt: skip
        found.setdefault(feed.lines[trip.line].route_id, Counter())[kind] += 1
    return found


def _stop_ids(feed: Feed, trip: Trip) -> tuple[str, ...]:
    return tuple(feed.stops[stop].stop_id for stop in trip.stops)


def _blocks(feed: Feed | None) -> int:
    return len({trip.block for trip in feed.trips if trip.block}) if feed else 0
