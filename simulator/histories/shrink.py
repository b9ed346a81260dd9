"""The smallest history that still fails: events are left out while the same invariant breaks.

Delta debugging (Zeller, Hildebrandt 2002) over the list of events, then faults are taken off the
events that are left. An event's details come from its own salt, so leaving others out does not
change it.
"""

from collections.abc import Sequence
from typing import NamedTuple

from simulator.histories.events import Event
from simulator.histories.options import Options
from simulator.histories.play import Played, play

PLAYS_MAX = 400


class Small(NamedTuple):
    """What is left, how it fails, and how many plays it took."""

    events: list[Event]
    played: Played
    plays: int


class _Search:
    """Plays candidates and remembers the smallest that failed as the first did."""

    def __init__(self, options: Options, first: Played, plays_max: int) -> None:
        self.options, self.best, self.plays_max = options, first, plays_max
        self.plays = 1

    def fails(self, events: list[Event]) -> bool:
        """Say whether these events break the same invariant."""
        if self.plays >= self.plays_max:
            return False
        self.plays += 1
        found = play(self.options, events)
        if found.invariant != self.best.invariant:
            return False
        self.best = found
        return True


def shrink(options: Options, events: Sequence[Event], plays_max: int = PLAYS_MAX) -> Small | None:
    """Return the smallest failing history found, or None if it does not fail."""
    first = play(options, events)
    if not first.violation:
        return None
    search = _Search(options, first, plays_max)
    left = _fewer(list(events), search)
    left = _fewer_faults(left, search)
    left = _fewer(left, search)
    return Small(left, search.best, search.plays)


def _fewer(events: list[Event], search: _Search) -> list[Event]:
    """Leave out ever smaller pieces as long as it still fails."""
    pieces = 2
    while len(events) >= 1:
        size = max(1, len(events) // pieces)
        for at in range(0, len(events), size):
            without = events[:at] + events[at + size :]
            if search.fails(without):
                events, pieces = without, max(2, pieces - 1)
                break
        else:
            if size == 1:
                return events
            pieces = min(len(events), pieces * 2)
    return events


def _fewer_faults(events: list[Event], search: _Search) -> list[Event]:
    """Take the fault off every event that fails without it too."""
    for number, event in enumerate(events):
        if event.fault and event.what != event.fault:
            plain = [*events[:number], event._replace(fault=""), *events[number + 1 :]]
            if search.fails(plain):
                events = plain
    return events
