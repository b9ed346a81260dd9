"""An adversary with one card tries every short sequence of taps, to pay less than is honest.

He chooses stop, waiting time, zones picked, company and who holds the card. What he paid is the
engine's doing; what he owed is the accountant's (`honest.py`). A gain is explained by the fewest
relaxations under which the accountant would have asked no more; one that none explains is a bug.
"""

import datetime
import zoneinfo
from typing import NamedTuple

from card_layouts.fares import engine
from card_layouts.fares import inputs as i
from tests.card_layouts.fare_world import write
from tests.fares import oracle, oracle_tariff
from tests.fares.honest import NEVER, USE_CENTS
from tests.fares.oracle_tariff import numbered
from tests.fares.ridden import RELAXATIONS, Ride

RIGHTS = (i.KIND_PASS, i.KIND_ACTIVATION)
USES = {i.RULE_TRAVEL_DAY, i.RULE_SCHOOL_TRIP, i.RULE_RIDE}


class Move(NamedTuple):
    """What the adversary does next."""

    wait: int  # minutes since the last tap
    stop: str
    picked: frozenset = frozenset()  # zone names
    party: tuple = (0, 0, 0)  # companions: adults, youths, children
    lent: bool = False

    def __str__(self):
        adults, youths, children = self.party
        company = "".join(
            f" +{count} {name}"
            for count, name in ((adults, "adult"), (youths, "youth"), (children, "child"))
            if count
        )
        picked = f" picked {'+'.join(sorted(self.picked))}" if self.picked else ""
        return f"{self.wait} min {self.stop}{picked}{company}{' (lent)' if self.lent else ''}"


class Gain(NamedTuple):
    """A sequence that pays less than is honest, and why it can."""

    moves: tuple
    paid: int
    owed: int
    names: tuple  # relaxations that explain it, () if none does


class Adversary:
    """One card of one rider at one time, and every sequence of moves with it."""

    def __init__(self, side, world, card, terms, accountant, start):
        self.side, self.world, self.card, self.terms = side, world, card, terms
        self.accountant, self.start = accountant, start
        self.tried = self.kept = 0
        self._stops = {}
        self._zone = zoneinfo.ZoneInfo(world["book"]["timezone"])

    def search(self, moves, length):
        """Yield every Gain among the sequences of up to `length` moves, shorter ones first seen.

        A sequence whose beginning is a gain by the same names is not told again.
        """
        yield from self._from(list(self.card), self.start, (), (), 0, moves, length, frozenset())

    def _from(self, card, second, done, rides, paid, moves, left, told):
        for move in moves:
            if not done and move.wait != moves[0].wait:
                continue  # nothing waits before the first tap
            then = second + (60 * move.wait if done else 0)
            after, d = self._tap(card, move, then)
            self.tried += 1
            if after is None:
                continue
            taken = paid + _taken(d)
            ridden = (*rides, self._ride(move, then))
            gain = self._gain((*done, move), ridden, taken)
            names = told | set(gain.names) if gain else told
            if gain and (not gain.names or not set(gain.names) <= told):
                yield gain
            if left > 1 and (gain is None or gain.names):
                yield from self._from(
                    after, then, (*done, move), ridden, taken, moves, left - 1, names
                )

    def _tap(self, card, move, second):
        """Return (card after, decision); (None, decision) if the tap is refused."""
        tap = i.new_tap()
        tap[i.T_SECONDS], tap[i.T_STOP] = second, self.side.stops[move.stop]
        tap[i.T_PICKED] = sum(1 << (15 - z) for z in numbered(self.world["book"], move.picked))
        tap[i.T_ADULTS : i.T_CHILDREN + 1] = move.party
        d = i.new_decision()
        engine.rate(self.side.tariff, card, tap, d)
        if d[i.D_ACTIVATES]:
            engine.activate(d, *self.terms[d[i.D_ACTIVATES]])
        if d[i.D_KIND] == i.KIND_REFUSED:
            return None, d
        card = list(card)
        write(card, tap, d)
        return card, d

    def _ride(self, move, second):
        book, feed = self.world["book"], self.world["feed"]
        if move.stop not in self._stops:
            self._stops[move.stop] = oracle_tariff.stop_zones(book, feed, move.stop)
        moment = oracle.EPOCH + datetime.timedelta(seconds=second)
        wall = moment.astimezone(self._zone).replace(tzinfo=None, second=0, microsecond=0)
        here = self._stops[move.stop]
        return Ride(second // 60, wall, here, move.picked, move.party, move.lent)

    def _gain(self, moves, rides, paid):
        """Return the Gain of these rides, None if they were paid honestly."""
        owed = self.accountant.fare(rides)
        if paid >= owed or owed >= NEVER:
            return None
        return Gain(moves, paid, owed, self._explained(rides, paid))

    def _explained(self, rides, paid):
        """Return the relaxations without which the gain stays: one, else as few as can be left."""
        for name in RELAXATIONS:
            if paid >= self.accountant.fare(rides, frozenset([name])):
                return (name,)
        names = frozenset(RELAXATIONS)
        if paid < self.accountant.fare(rides, names):
            return ()
        for name in reversed(RELAXATIONS):
            if paid >= self.accountant.fare(rides, names - {name}):
                names -= {name}
        return tuple(name for name in RELAXATIONS if name in names)


def _taken(d):
    """Return what a tap cost: out of the purse, on a bill, or used up of a right."""
    billed = d[i.D_PAID_BY] == i.PAID_BILLED and d[i.D_KIND] not in RIGHTS
    uses = d[i.D_RULE] % 16 in USES
    starts = d[i.D_KIND] == i.KIND_ACTIVATION and d[i.D_T_DAY]
    return d[i.D_FULL if billed else i.D_AMOUNT] + (USE_CENTS if uses or starts else 0)
