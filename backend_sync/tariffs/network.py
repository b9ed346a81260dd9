"""What vehicles carry of a feed: patterns, shared time profiles, trips in the package's order.

Derived from a Feed alone. A trip's place in `Network.trips` is the trip index of packages and
journals. Zone masks come from outside, since they are the tariff's: see `segments`.
Source: tariff-model.md section 4 (routes to time profiles); counts for Kuopio stand there.
"""

import datetime
from collections.abc import Callable, Sequence
from typing import NamedTuple

from backend_sync.tariffs.feed import Feed

DAY_MINUTES = 24 * 60


class Pattern(NamedTuple):
    """One way a line is driven: all trips of a line and direction with the same stops."""

    line: int  # index into Feed.lines
    direction: int  # 0 or 1
    stop_list: int  # index into Network.stop_lists


class Run(NamedTuple):
    """One trip as vehicles know it."""

    trip: int  # index into Feed.trips
    pattern: int  # index into Network.patterns
    profile: int  # index into Network.profiles
    start_minute: int  # after midnight of the service's date
    service: int  # index into Network.services, -1 for a trip that never runs
    block: int  # index into Network.blocks, -1 for none


class Network(NamedTuple):
    stop_lists: tuple[tuple[int, ...], ...]  # distinct; indices into Feed.stops, in travel order
    patterns: tuple[Pattern, ...]  # by line, direction, stop list
    profiles: tuple[tuple[int, ...], ...]  # distinct; minutes after the start at each call
    services: tuple[str, ...]  # the ids that trips use, sorted
    blocks: tuple[str, ...]  # the ids that trips use, sorted
    trips: tuple[Run, ...]  # by line, direction, start minute, trip_id

    def line_trips(self, line: int) -> tuple[int, int]:
        """Return (first, count): where the trips of `line` stand in `trips`."""
        at = [i for i, run in enumerate(self.trips) if self.patterns[run.pattern].line == line]
        return (at[0], len(at)) if at else (0, 0)


class Segment(NamedTuple):
    """Calls in a row that lie in the same zones."""

    first_call: int  # position in the stop list
    here: int  # mask of these calls
    ahead: int  # mask of these calls and all later ones of the trip


def derive(feed: Feed) -> Network:
    """Return the Network of `feed`; the same feed gives the same numbers."""
    stop_lists = tuple(sorted({trip.stops for trip in feed.trips}))
    list_index = {stops: i for i, stops in enumerate(stop_lists)}
    patterns = tuple(
        sorted({Pattern(t.line, t.direction, list_index[t.stops]) for t in feed.trips})
    )
    profiles = tuple(sorted({trip.times for trip in feed.trips}))
    services = tuple(sorted({t.service for t in feed.trips if t.service in feed.services}))
    blocks = tuple(sorted({trip.block for trip in feed.trips if trip.block}))
    pattern_index = {pattern: i for i, pattern in enumerate(patterns)}
    profile_index = {times: i for i, times in enumerate(profiles)}
    service_index = {service: i for i, service in enumerate(services)}
    block_index = {block: i for i, block in enumerate(blocks)}
    order = sorted(
        range(len(feed.trips)),
        key=lambda i: (
            feed.trips[i].line,
            feed.trips[i].direction,
            feed.trips[i].start_minute,
            feed.trips[i].trip_id,
        ),
    )
    trips = tuple(
        Run(
            i,
            pattern_index[Pattern(trip.line, trip.direction, list_index[trip.stops])],
            profile_index[trip.times],
            trip.start_minute,
            service_index.get(trip.service, -1),
            block_index.get(trip.block, -1),
        )
        for i in order
        for trip in (feed.trips[i],)
    )
    return Network(stop_lists, patterns, profiles, services, blocks, trips)


def segments(
    stop_list: Sequence[int], mask: Callable[[int], int], is_brief: bool = False
) -> tuple[Segment, ...]:
    """Return the segments of `stop_list`, where `mask(stop index)` is the zones of that stop.

    `is_brief`: short visits are not counted (`zones.brief`). A visit is a stretch between two
    stretches of the same zones; it is short if neither has fewer calls. Its stops then lie in the
    zones around it, too, and nobody who boards before it has its zones ahead.
    """
    masks = [mask(stop) for stop in stop_list]
    firsts = [call for call in range(len(masks)) if not call or masks[call] != masks[call - 1]]
    ends = [*firsts[1:], len(masks)]
    found: list[Segment] = []
    later = 0
    for at in range(len(firsts) - 1, -1, -1):
        around = _around(masks, firsts, ends, at) if is_brief else 0
        here = masks[firsts[at]]
        found.append(Segment(firsts[at], here | around, here | around | later))
        later |= around or here
    return tuple(reversed(found))


def _around(masks: list[int], firsts: list[int], ends: list[int], at: int) -> int:
    """Return the zones around stretch `at` if it is a short visit, else 0."""
    if not 0 < at < len(firsts) - 1 or not masks[firsts[at]]:
        return 0
    before, own, after = (ends[n] - firsts[n] for n in (at - 1, at, at + 1))
    around = masks[firsts[at - 1]]
    return around if around == masks[firsts[at + 1]] and own <= min(before, after) else 0


def service_bitmap(feed: Feed, service: str, first: datetime.date, days: int) -> bytes:
    """Return ceil(days / 8) bytes: bit d % 8 of byte d // 8 says it runs on `first` + d days."""
    bits = bytearray((days + 7) // 8)
    for date in feed.services.get(service, ()):
        day = (date - first).days
        if 0 <= day < days:
            bits[day >> 3] |= 1 << (day & 7)
    return bytes(bits)
