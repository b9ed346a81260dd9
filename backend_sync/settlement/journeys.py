"""Finds the leg of a journey before a ride: on the same card, and both tell of one journey.

Only rides that go on with a journey are asked about. The card is known here and stays here: what
leaves is the slot of the leg before. Source: X-12; decision D25.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from backend_sync.settlement.told import Told
from backend_sync.storage.database import Database
from card_layouts.settlement.journeys import goes_on
from card_layouts.settlement.lines import NO_SLOT, Line, Slot
from card_layouts.settlement.shares import Leg

LEGS_MAX = 16
STEPS_MAX = 64  # back along a card's thread: the leg before is among its newest commits
LEG = (
    "r.id, p.card, p.n, r.operator, r.charged_cents + r.billed_cents, r.device, r.epoch, r.seq,"
    " r.facts"
)
DISPLACED = "SELECT 1 FROM displaced d WHERE d.entry = r.id"
RIDES = "FROM rides r JOIN pendings p ON p.id = r.id"
WALK = (
    "WITH RECURSIVE walk(id, older, steps) AS ("
    " SELECT p.id, p.older, 0 FROM pendings p JOIN cards c ON c.newest = p.id WHERE c.id = ?"
    " UNION ALL SELECT p.id, p.older, w.steps + 1 FROM pendings p JOIN walk w ON p.id = w.older"
    f" WHERE w.steps < {STEPS_MAX})"
    f" SELECT {LEG} {RIDES} JOIN walk w ON w.id = r.id WHERE p.n < ?"
    f" AND NOT EXISTS ({DISPLACED}) ORDER BY p.n DESC LIMIT 1"
)


class Ride(NamedTuple):
    """One leg as it is needed here; id, card and n are 0 of one that the books do not hold."""

    id: int
    card: int
    n: int
    operator: int
    cents: int
    device: int
    epoch: int
    seq: int
    facts: bytes

    @property
    def slot(self) -> Slot:
        return self.device, self.epoch, self.seq

    @property
    def leg(self) -> Leg:
        return Leg(self.operator, self.cents, bytes(self.facts))


class Journeys:
    """The legs of every journey that goes on in one batch.

    What an adopted batch told of a ride's leg stands, whatever these books would find.
    """

    def __init__(
        self,
        database: Database,
        entries: tuple[int, int],
        earlier: Sequence[int],
        told: Told,
    ) -> None:
        self.database = database
        self.told = told
        rows = database.rows(
            f"SELECT {LEG} {RIDES} WHERE r.transfers > 0 AND r.id BETWEEN ? AND ?", entries
        )
        rows += database.rows_in(
            f"SELECT {LEG} {RIDES} WHERE r.transfers > 0 AND r.id IN {{}}", earlier
        )
        self.first = entries[0]
        self.going_on = {row[0]: Ride(*row) for row in rows}
        self._by_card: dict[int, list[Ride]] = defaultdict(list)
        self._before: dict[Ride, Ride | None] = {}
        cards = sorted({ride.card for ride in self.going_on.values()})
        for row in database.rows_in(
            f"SELECT {LEG} {RIDES} WHERE r.id BETWEEN {entries[0]} AND {entries[1]}"
            f" AND p.card IN {{}} AND NOT EXISTS ({DISPLACED})",
            cards,
        ):
            self._by_card[row[1]].append(Ride(*row))
        for rides in self._by_card.values():
            rides.sort(key=lambda ride: (ride.n, ride.id))

    def of(self, ride: int) -> tuple[Slot, list[Leg]]:
        """Return (slot of the leg before `ride`, all legs up to it); (NO_SLOT, []) without one."""
        found = self.going_on.get(ride)
        before = self._leg_before(found) if found else None
        if found is None or before is None:
            return NO_SLOT, []
        return before.slot, self._legs(found)

    def of_told(self, line: Line) -> list[Leg]:
        """Return all legs up to the ride that a line of an adopted batch tells of, or []."""
        return self._legs(self._as_told(line)) if line.leg != NO_SLOT else []

    def named(self) -> list[tuple[int, int]]:
        """Return (ride, leg before) of every ride of this batch that has one."""
        found = [(ride, self._leg_before(self.going_on[ride])) for ride in sorted(self.going_on)]
        return [
            (ride, leg.id)
            for ride, leg in found
            if leg is not None and ride >= self.first and not self._told_of(self.going_on[ride])
        ]

    def _legs(self, last: Ride) -> list[Leg]:
        legs: list[Leg] = []
        at: Ride | None = last
        while at is not None and len(legs) < LEGS_MAX:
            legs.append(at.leg)
            at = self._leg_before(at)
        return legs[::-1]

    def _leg_before(self, ride: Ride) -> Ride | None:
        if ride not in self._before:
            told = self._told_of(ride)
            self._before[ride] = self._at(told) if told else self._find(ride)
        return self._before[ride]

    def _told_of(self, ride: Ride) -> Line | None:
        """Return what an adopted batch told of a ride, None where none did."""
        told = [line for line in self.told.of(ride.slot) if line.facts == bytes(ride.facts)]
        return told[-1] if told else None

    def _at(self, told: Line) -> Ride | None:
        """Return the leg before the ride that a line tells of, from the books or as it was told."""
        if told.leg == NO_SLOT:
            return None
        rows = self.database.rows(
            f"SELECT {LEG} {RIDES} JOIN entries e ON e.id = r.id"
            f" WHERE e.device = ? AND e.epoch = ? AND e.seq = ? AND NOT EXISTS ({DISPLACED})",
            told.leg,
        )
        found = [Ride(*row) for row in rows] + [
            self._as_told(line) for line in self.told.of(told.leg)
        ]
        return next((leg for leg in found if goes_on(bytes(leg.facts), told.facts)), None)

    def _as_told(self, line: Line) -> Ride:
        leg = self.told.worths.of(line).leg(line.facts)
        return Ride(0, 0, 0, leg.operator, leg.cents, *line.slot, line.facts)

    def _find(self, ride: Ride) -> Ride | None:
        """Return the leg that an earlier batch named, or the newest ride below this counter.

        A ride that did not leave the journey that was found here is none of its legs.
        """
        if ride.id < self.first:
            rows = self.database.rows(
                f"SELECT {LEG} {RIDES} JOIN settlement_legs l ON l.leg = r.id WHERE l.ride = ?",
                (ride.id,),
            )
            return Ride(*rows[0]) if rows else None
        here = self._by_card.get(ride.card, [])
        place = bisect_left([(other.n, 0) for other in here], (ride.n, 0))
        found = here[place - 1] if place else None
        if found is None or not goes_on(bytes(found.facts), bytes(ride.facts)):
            # Perhaps it came in an earlier batch.
            rows = self.database.rows(WALK, (ride.card, ride.n))
            found = Ride(*rows[0]) if rows else None
        return found if found and goes_on(bytes(found.facts), bytes(ride.facts)) else None
