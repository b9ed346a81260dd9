"""How long the legs of a journey are, from their lines and the tariff's stops, in whole metres.

In a straight line: each leg from its boarding to the next one, the last to the stop farthest ahead
inside the paid zones. Integers only, so that ledger and auditor get the same metre on any machine.
Left out of the board's image. Source: SPEC_SETTLEMENT.md section 3 "Journeys"; X-12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isqrt

from card_layouts.cards.card_layout import G
from card_layouts.errors import RangeError
from card_layouts.fares import inputs as i
from card_layouts.fares import sections as s
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import u16
from card_layouts.fares.place import book_of, find_trip, zones_in
from card_layouts.records.entries_tap import CALL_NONE, INTENT, STOP_NONE, TRIP_NONE

Point = tuple[int, int]  # latitude, longitude: microdegrees
MICROMETRES = 111_195  # of a microdegree on a great circle of 6,371.0088 km
RADIAN_UNITS = 10**9
NANORADIANS = 17_453_293  # of 10^6 microdegrees
HALF_TURN = 180_000_000
PLACE = ("trip", "call", "stop", "picked", "tariff")


class Kilometres:
    """The lengths of legs by the stops of mounted tariffs; remembers the places it looked up."""

    def __init__(self, tariffs: Mapping[tuple[int, int], Tariff]) -> None:
        self.tariffs = tariffs
        self._places: dict[tuple[int, ...], tuple[Point, Point | None] | None] = {}

    def lengths(self, legs: Sequence[bytes]) -> list[int] | None:
        """Return the metres of each leg from the facts of their INTENTs, oldest first.

        None where a length cannot be told: no stop, no coordinates, no trip to go on with.
        """
        places = [self._place(facts) for facts in legs]
        points = [place[0] for place in places if place]
        if len(points) < len(legs) or places[-1] is None or places[-1][1] is None:
            return None
        ends = [*points[1:], places[-1][1]]
        return [metres(start, end) for start, end in zip(points, ends)]

    def _place(self, facts: bytes) -> tuple[Point, Point | None] | None:
        """Return (boarding, stop farthest ahead or None); None when the boarding is not known."""
        place = [INTENT.get(facts, name) for name in PLACE]
        key = (G.get(facts, "authority"), G.get(facts, "zones"), *place)
        if key not in self._places:
            self._places[key] = self._look_up(*key)
        return self._places[key]

    def _look_up(self, authority, zones, trip, call, stop, picked, version):
        tap = i.new_tap()
        tap[i.T_TRIP] = -1 if trip == TRIP_NONE else trip
        tap[i.T_CALL] = -1 if call == CALL_NONE else call
        tap[i.T_STOP] = -1 if stop == STOP_NONE else stop
        for tariff in self._asked(authority, version):
            try:
                if find_trip(tariff, tap):
                    continue
                found = self._in(tariff, tap, book_of(tariff, authority), zones)
            except RangeError:
                continue  # the trip or stop is none of this package
            if found:
                return found
        return None

    def _asked(self, authority, version):
        """Return the tariffs that may have priced it, the authority's own first."""
        names = sorted(self.tariffs, key=lambda name: (name[0] != authority, name))
        asked = [self.tariffs[name] for name in names if name[1] == version]
        return [tariff for tariff in asked if book_of(tariff, authority) >= 0]

    def _in(self, t, tap, book, zones):
        if tap[i.T_TRIP] < 0 or tap[i.T_CALL] < 0:
            at = _point(t, tap[i.T_STOP]) if tap[i.T_STOP] >= 0 else None
            return (at, None) if at else None
        first, calls = u16(t.pattern, 0), t.pattern[6]
        at = _point(t, _stop_of(t, first + t.call))
        ahead, boarded = at, t.call
        for call in range(boarded + 1, calls):
            t.call = call
            if zones_in(t, book) & zones:
                ahead = _point(t, _stop_of(t, first + call)) or ahead
        return (at, ahead) if at else None


def metres(start: Point, end: Point) -> int:
    """Return the metres between two points, rounded down; good for the length of a bus ride."""
    north = (end[0] - start[0]) * MICROMETRES
    east = ((end[1] - start[1] + HALF_TURN) % (2 * HALF_TURN) - HALF_TURN) * MICROMETRES
    east = east * _cosine((start[0] + end[0]) // 2) // RADIAN_UNITS
    return isqrt(north * north + east * east) // 10**6


def _cosine(microdegrees: int) -> int:
    """Return the cosine in units of 10^-9, by its series."""
    angle = microdegrees * NANORADIANS // 10**6
    term = total = RADIAN_UNITS
    for step in range(1, 12):
        term = -term * angle * angle // RADIAN_UNITS**2 // ((2 * step - 1) * (2 * step))
        total += term
    return total


def _stop_of(t: Tariff, place: int) -> int:
    t.read(s.PATTERN_STOPS, place, t.two)
    return u16(t.two, 0)


def _point(t: Tariff, stop: int) -> Point | None:
    """Return where a stop is; None without coordinates (0, 0)."""
    t.read(s.STOPS, stop, t.stop)
    latitude, longitude = _signed(t.stop[8:12]), _signed(t.stop[12:16])
    return (latitude, longitude) if latitude or longitude else None


def _signed(data: bytes | bytearray) -> int:
    return int.from_bytes(data, "little", signed=True)
