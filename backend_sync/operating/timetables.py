"""What a feed says to people: stops found by words, departures of a stop, timetables of a route.

A day type is a set of services that run on the same dates; it is named by its first date. Pure.
"""

import datetime
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from backend_sync.tariffs.feed import Feed, Line, Stop, Trip


class DayType(NamedTuple):
    """Dates on which the same services run."""

    day: datetime.date  # the first of them: its name
    weekdays: tuple[int, ...]  # 0 = Monday
    dates: int  # how many
    services: frozenset[str]


class Departure(NamedTuple):
    """One vehicle leaves one stop."""

    minute: int  # after midnight of the service's date; may pass 1440
    line: Line
    to: str  # name of its last stop
    trip_id: str


class Table(NamedTuple):
    """The trips of a route and direction that call at the same stops."""

    stops: tuple[Stop, ...]
    trips: tuple[Trip, ...]  # by departure

    def rows(self) -> Iterable[tuple[Stop, list[str]]]:
        """Yield each stop with the clock of every trip there."""
        for call, stop in enumerate(self.stops):
            yield stop, [clock(trip.start_minute + trip.times[call]) for trip in self.trips]


def clock(minute: int) -> str:
    """Return minutes after midnight as 07:05; after midnight of the same service day 24:10."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def day_types(feed: Feed) -> list[DayType]:
    """Return the day types on which trips run, the one with most dates first."""
    used = {trip.service for trip in feed.trips}
    running: dict[datetime.date, set[str]] = {}
    for service in used:
        for day in feed.services.get(service, ()):
            running.setdefault(day, set()).add(service)
    dates: dict[frozenset[str], list[datetime.date]] = {}
    for day in sorted(running):
        dates.setdefault(frozenset(running[day]), []).append(day)
    found = [DayType(days[0], tuple(sorted({day.weekday() for day in days})), len(days), services)
             for services, days in dates.items()]  # fmt: skip
    return sorted(found, key=lambda one: (-one.dates, one.day))


def day_type_of(feed: Feed, day: datetime.date) -> DayType | None:
    """Return the day type of a date, None when nothing runs."""
    types = day_types(feed)
    services = frozenset(service for service in {trip.service for trip in feed.trips}
                         if day in feed.services.get(service, ()))  # fmt: skip
    return next((one for one in types if one.services == services), None)


def find_stops(feed: Feed, words: str) -> list[Stop]:
    """Return the stops whose name or id holds `words`, by name."""
    wanted = words.strip().casefold()
    found = [stop for stop in feed.stops
             if wanted in stop.name.casefold() or wanted in stop.stop_id.casefold()]  # fmt: skip
    return sorted(found, key=lambda stop: (stop.name.casefold(), stop.stop_id))


def departures(feed: Feed, stop: int, services: frozenset[str]) -> list[Departure]:
    """Return what leaves a stop (an index) when these services run, by time."""
    found = []
    for trip in feed.trips:
        if trip.service in services:
            to = feed.stops[trip.stops[-1]].name
            for call, at in enumerate(trip.stops[:-1]):
                if at == stop:
                    minute = trip.start_minute + trip.times[call]
                    found.append(Departure(minute, feed.lines[trip.line], to, trip.trip_id))
    return sorted(found, key=lambda one: (one.minute, one.line.name, one.trip_id))


def tables(feed: Feed, line: int, direction: int, services: frozenset[str]) -> list[Table]:
    """Return the timetables of a route (an index), the one with most trips first."""
    patterns: dict[tuple[int, ...], list[Trip]] = {}
    for trip in feed.trips:
        if (trip.line, trip.direction) == (line, direction) and trip.service in services:
            patterns.setdefault(trip.stops, []).append(trip)
    found = [
        Table(tuple(feed.stops[stop] for stop in stops),
              tuple(sorted(trips, key=lambda trip: (trip.start_minute, trip.trip_id))))
        for stops, trips in patterns.items()
    ]  # fmt: skip
    return sorted(found, key=lambda one: (-len(one.trips), one.trips[0].start_minute))


def trips_of_lines(feed: Feed) -> Counter:
    """Return {index of a route: how many trips it has}."""
    return Counter(trip.line for trip in feed.trips)
