"""What was ridden: taps as rides, who rode, into which journeys rides can be put; and the names.

A relaxation is one rule less that the accountant (`honest.py`) insists on. Imports the oracle's
age classes only.
"""

import datetime
from typing import NamedTuple

from tests.fares.oracle_tariff import CLASSES

FIVE_MINUTES = datetime.timedelta(minutes=5)

GRACE = "five minutes"
HEADS = "heads, not classes"
LEND = "the card is lent"
LET_OFF = "the fee is let off"
FINISH = "a journey is finished"
BESIDE = "beside paying company"
HOUR = "the hour of the upgrade"
JOIN = "latecomers join a journey"
RELAXATIONS = (GRACE, HEADS, LEND, FINISH, BESIDE, LET_OFF, HOUR, JOIN)


class Ride(NamedTuple):
    """One accepted tap, in the order of the taps."""

    minute: int  # UTC minutes since 2020
    wall: datetime.datetime
    here: frozenset  # zones of the stop
    picked: frozenset  # zones asked for besides
    party: tuple  # companions: adults, youths, children
    lent: bool  # another person holds the card


class Held(NamedTuple):
    """A product on the card, as it was before the first ride."""

    product: dict  # of the tariff's text
    zones: frozenset
    start: datetime.date | None = None
    length: int = 0
    day: datetime.date | None = None  # last day counted
    left: int = 0  # travel days or rides
    today: int = 0
    cap_left: int | None = None  # cents left to its cap, None without one


def companions(rides, any_class):
    """Yield (age class, rides) of each companion; `any_class`: a head is paid as its youngest."""
    if any_class:
        heads = max((sum(ride.party) for ride in rides), default=0)
        for head in range(heads):
            own = [ride for ride in rides if sum(ride.party) > head]
            youngest = min(class_of(ride, sum(ride.party) - 1 - head) for ride in own)
            yield CLASSES[youngest], tuple(alone(ride) for ride in own)
        return
    for place, age_class in enumerate(("adult", "youth", "child")):
        for head in range(max((ride.party[place] for ride in rides), default=0)):
            yield age_class, tuple(alone(ride) for ride in rides if ride.party[place] > head)


def class_of(ride, head):
    """Return the age class (0 child .. 2 adult) of the head of this number, the youngest first."""
    adults, youths, children = ride.party
    return ([0] * children + [1] * youths + [2] * adults)[max(head, 0)]


def alone(ride):
    return ride._replace(party=(), lent=False)


def needed(journey):
    """Return the fewest zones in which these rides fit; a stop of several lies in the best."""
    zones = frozenset().union(*(ride.picked for ride in journey))
    for ride in journey:
        if not ride.here & zones:
            zones |= frozenset([min(ride.here)])
    return zones


def covers(right, journey):
    return all(ride.here & right.zones and ride.picked <= right.zones for ride in journey)


def readings(wall, relaxed):
    if GRACE in relaxed:
        return wall, wall - FIVE_MINUTES, wall + FIVE_MINUTES
    return (wall,)


def added(one, way):
    own, used, rest = one
    place, charged, right, days, cost = way
    if place is not None:
        own = {**own, place: own.get(place, 0) + charged}
    if days:
        used = used | {(right, day) for day in days}
    return own, used, rest + cost


def partitions(rides):
    """Yield every way to put rides into journeys, each a tuple of rides in order."""
    if not rides:
        yield ()
        return
    for way in partitions(rides[:-1]):
        last = rides[-1:]
        yield (*way, last)
        for place, journey in enumerate(way):
            yield (*way[:place], journey + last, *way[place + 1 :])
