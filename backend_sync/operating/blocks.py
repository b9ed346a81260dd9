"""Vehicle blocks: which trips one vehicle drives one after the other on a day.

A feed brings blocks as `block_id`, which depot systems made (W-120). What a person chains (W-121)
stands before them: the newest row of a block's name holds, an empty one dissolves it. On no date
may a vehicle be at two places: each trip ends before the next one of its block begins, and where
that begins. Source: W-118, W-120, W-121; the GTFS reference, trips.txt `block_id`.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from backend_sync.operating.operating import Operating
from backend_sync.operating.places import WALK_METRES, are_one_place
from backend_sync.operating.records import Version
from backend_sync.operating.refusals import OperatingRefused
from backend_sync.operating.tables import chains
from backend_sync.operating.timetables import clock, day_types
from backend_sync.registers.rights import Scope
from backend_sync.tariffs.feed import Feed, Trip
from backend_sync.tariffs.gtfs_source import shown

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")  # and no formula
TRIPS_MOST = 200  # of one block


class Blocks:
    """The blocks of versions of one ledger's operating data."""

    def __init__(self, operating: Operating) -> None:
        self.operating = operating
        self.database = operating.database

    def of(self, version: Version) -> dict[str, tuple[Trip, ...]]:
        """Return {name: trips by departure} of a version, by name."""
        feed = self.operating.feed(version)
        return _blocks(feed, self._by_hand(version))

    def chain(
        self, scope: Scope, by: str, number: int, name: str, trips: Sequence[str]
    ) -> tuple[Trip, ...]:
        """Add trips to a block, which begins to be when it is not there; return its trips.

        The same again changes nothing. Raises: NotThere, OperatingRefused.
        """
        version = self.operating.version(scope, number)
        if not NAME.fullmatch(name):
            raise OperatingRefused(
                "block {name}: wanted a name of letters, digits, _ . - that begins with a "
                "letter or digit, at most 32",
                name=shown(name),
            )
        feed = self.operating.feed(version)
        with self.database.transaction():
            blocks = _blocks(feed, self._by_hand(version))
            before = blocks.get(name, ())
            chosen = _chosen(feed, name, trips, blocks)
            after = _in_order({*before, *chosen})
            if not chosen or after == before:
                if not after:
                    raise OperatingRefused("block {name}: no trip was chosen", name=name)
                return before
            if fault := first_fault(feed, after):
                raise OperatingRefused(f"block {name}: {fault}")
            self._keep(version, name, by, after)
        return after

    def dissolve(self, scope: Scope, by: str, number: int, name: str) -> None:
        """Let the trips of a block be in none. Raises: NotThere, OperatingRefused."""
        version = self.operating.version(scope, number)
        feed = self.operating.feed(version)
        with self.database.transaction():
            if name not in _blocks(feed, self._by_hand(version)):
                raise OperatingRefused("block {name}: there is none of that name", name=shown(name))
            self._keep(version, name, by, ())

    def _keep(self, version: Version, name: str, by: str, trips: Iterable[Trip]) -> None:
        text = json.dumps([trip.trip_id for trip in trips])
        now = self.operating.clock.utc_seconds()
        row = (self.database.next_id(chains), version.id, name, text, by, now)
        self.database.insert(chains, [row])

    def _by_hand(self, version: Version) -> dict[str, list[str]]:
        """Return {name: trip_ids} of what people decided about a version's blocks."""
        rows = self.database.rows(
            "SELECT name, trips FROM chains WHERE version = ? ORDER BY id", (version.id,)
        )
        return {name: json.loads(trips) for name, trips in rows}


def free_trips(feed: Feed, blocks: Mapping[str, Iterable[Trip]]) -> list[Trip]:
    """Return the trips that are in no block, by departure."""
    taken = {trip.trip_id for trips in blocks.values() for trip in trips}
    return list(_in_order(trip for trip in feed.trips if trip.trip_id not in taken))


def first_fault(feed: Feed, trips: Sequence[Trip]) -> str:
    """Return why one vehicle cannot drive these trips, "" when it can, on every day type."""
    for trip in trips:
        if not feed.services.get(trip.service):
            return f"trip {shown(trip.trip_id)} runs on no date; wanted trips of the timetable"
    for kind in day_types(feed):
        there = [trip for trip in trips if trip.service in kind.services]
        for one, two in pairwise(there):
            if fault := _fault(feed, one, two):
                return f"{fault} (as on {kind.day})"
    return ""


def end_minute(trip: Trip) -> int:
    return trip.start_minute + trip.times[-1]


def _fault(feed: Feed, one: Trip, two: Trip) -> str:
    if end_minute(one) > two.start_minute:
        return (
            f"trip {shown(two.trip_id)} leaves at {clock(two.start_minute)}, before trip"
            f" {shown(one.trip_id)} has arrived at {clock(end_minute(one))}; wanted one after the"
            " other"
        )
    last, first = feed.stops[one.stops[-1]], feed.stops[two.stops[0]]
    if not are_one_place(last, first):
        return (
            f"trip {shown(one.trip_id)} ends at {shown(last.name)}, trip {shown(two.trip_id)}"
            f" begins at {shown(first.name)}; wanted the same stop or station, or at most"
            f" {WALK_METRES} m between them"
        )
    return ""


def _chosen(
    feed: Feed, name: str, wanted: Sequence[str], blocks: Mapping[str, Iterable[Trip]]
) -> list[Trip]:
    """Return the trips of these ids. Raises: OperatingRefused for one that is not to be had."""
    if len(wanted) > TRIPS_MOST:
        raise OperatingRefused(
            "block {name}: {count} trips; wanted at most {most}",
            name=name,
            count=len(wanted),
            most=TRIPS_MOST,
        )
    taken = {trip.trip_id: other for other, trips in blocks.items() for trip in trips}
    known = {trip.trip_id: trip for trip in feed.trips}
    for trip_id in wanted:
        if trip_id not in known:
            raise OperatingRefused("trip {trip}: the version has no such trip", trip=shown(trip_id))
        if taken.get(trip_id, name) != name:
            raise OperatingRefused(
                "trip {trip} is in block {block}; dissolve that first",
                trip=shown(trip_id),
                block=shown(taken[trip_id]),
            )
    return [known[trip_id] for trip_id in wanted]


def _blocks(feed: Feed, by_hand: Mapping[str, Sequence[str]]) -> dict[str, tuple[Trip, ...]]:
    """Return what holds: the feed's blocks where nobody decided, without trips chained by hand."""
    known = {trip.trip_id: trip for trip in feed.trips}
    chained = {trip_id for trips in by_hand.values() for trip_id in trips}
    found: dict[str, list[Trip]] = {
        name: [known[trip_id] for trip_id in trips] for name, trips in by_hand.items() if trips
    }
    for trip in feed.trips:
        if trip.block and trip.block not in by_hand and trip.trip_id not in chained:
            found.setdefault(trip.block, []).append(trip)
    return {name: _in_order(found[name]) for name in sorted(found)}


def _in_order(trips: Iterable[Trip]) -> tuple[Trip, ...]:
    return tuple(
        sorted(trips, key=lambda trip: (trip.start_minute, end_minute(trip), trip.trip_id))
    )
