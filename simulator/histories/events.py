"""Draws a history before it is played: who does what when, and which fault strikes there.

An event carries a `salt` from which its own details are drawn when it is played, so that leaving
other events out (shrink.py) changes nothing about it. Source: house-style.md, "data first".
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from simulator.histories.faults import ATLAS, DOCK, LOAD, TAP, TICKET, WORLD
from simulator.histories.options import Options
from simulator.histories.places import DESK, gate_device
from simulator.histories.prices import day_on_walls, day_starts
from simulator.prng import Prng

DAY_S, HOUR_S = 86_400, 3600
# What people do besides: not faults, but every set of histories must have all of it.
TARIFF, OFFICE, PASS, SINGLE = "tariff", "office", "pass", "single"
ONLINE, REPORTED, DAY_PASS, CLOSING = "online", "reported", "day pass", "day closed"
RESTORED = "ledger-restored"  # of the atlas: after some closings, besides where it strikes
LIFE = (TARIFF, OFFICE, PASS, TICKET, SINGLE, ONLINE, REPORTED, DAY_PASS, CLOSING)
TICKET_RIDES = 5
FIRST_S = 600  # the first tap, after everything was set up
RIDES_AGAIN_S = 1800


class Event(NamedTuple):
    """Something that is to happen; `card` and `device` are -1 where there is none."""

    at_s: int
    what: str  # tap, load, dock, one of LIFE, or the name of a fault of the world
    card: int = -1
    device: int = -1
    fault: str = ""
    salt: int = 0

    def __str__(self) -> str:
        whose = "" if self.what == TICKET else " card"
        card = f"{whose} {self.card + 1}" if self.card >= 0 else ""
        device = f" device {self.device}" if self.device >= 0 else ""
        fault = f" [{self.fault}]" if self.fault else ""
        return f"{self.what}{card}{device}{fault}"


def draw(options: Options) -> list[Event]:
    """Return the events of a history, in order."""
    prng = Prng(options.seed).fork("events")
    events = _taps(options, prng) + _docks(options, prng)
    events = [_struck(event, options, prng) for event in events]
    events += _world(options, prng, len(events))
    events += _life(options, Prng(options.seed).fork("life"))
    online = Prng(options.seed).fork("online")
    for _ in range(options.online):
        at_s = FIRST_S + online.below(options.days * DAY_S - FIRST_S)
        events.append(Event(at_s, ONLINE, online.below(options.cards), salt=online.u32()))
    events += _closings(options, Prng(options.seed).fork("day closed"))
    return sorted(events + _lost_and_over(options, Prng(options.seed).fork("lost and over")))


def _life(options: Options, prng: Prng) -> list[Event]:
    """Return what authorities and their customers do: new tariffs, looks at the books, passes."""
    last_s = options.days * DAY_S
    events = [
        Event(FIRST_S + prng.below(last_s - FIRST_S), TARIFF, salt=prng.u32())
        for _ in range(options.tariffs * options.areas)
    ]
    events += [
        Event(FIRST_S + prng.below(last_s // 2), PASS, prng.below(options.cards), DESK,
              salt=prng.u32())
        for _ in range(options.passes)
    ]  # fmt: skip
    torn = Prng(options.seed).fork("torn tickets")
    for number in range(options.tickets * TICKET_RIDES):
        gate = gate_device(prng.below(options.gates))
        at_s, ticket = FIRST_S + prng.below(last_s - FIRST_S), number % options.tickets
        event = Event(at_s, TICKET, ticket, gate, salt=prng.u32())
        events.append(_struck(event, options, torn))
    for _ in range(options.singles):
        events.append(Event(FIRST_S + prng.below(last_s - FIRST_S), SINGLE, salt=prng.u32()))
    step_s = options.office_hours * HOUR_S
    return events + [Event(at_s, OFFICE, salt=prng.u32()) for at_s in range(step_s, last_s, step_s)]


def _lost_and_over(options: Options, prng: Prng) -> list[Event]:
    """Return cards reported lost, and passes for a day with a ride of the day after."""
    first_s, last_s = FIRST_S, options.days * DAY_S
    events = [
        Event(first_s + prng.below(last_s // 2), REPORTED, prng.below(options.cards),
              salt=prng.u32())
        for _ in range(options.reported)
    ]  # fmt: skip
    for _ in range(options.day_passes):
        card, at_s = prng.below(options.cards), first_s + prng.below(last_s - DAY_S)
        events.append(Event(at_s, DAY_PASS, card, DESK, salt=prng.u32()))
        over_s = day_starts(day_on_walls(at_s) + 1)
        ride_s = over_s + HOUR_S + prng.below(DAY_S - 2 * HOUR_S)
        if ride_s < last_s:
            events.append(Event(ride_s, TAP, card, gate_device(0), salt=prng.u32()))
    return events


def _closings(options: Options, prng: Prng) -> list[Event]:
    """Return when service days are closed: early or late on the day after, and some not at all."""
    last_s = options.days * DAY_S
    nights = [day_starts(day) for day in range(day_on_walls(0) + 1, day_on_walls(last_s) + 1)]
    drawn = [Event(at_s + prng.below(DAY_S), CLOSING) for at_s in nights if prng.chance(3, 4)]
    return [event for event in drawn + _lost_closings(drawn, options) if event.at_s < last_s]


def _lost_closings(closings: Sequence[Event], options: Options) -> list[Event]:
    """Return books put back soon after a closing, from a copy that lacks it."""
    if RESTORED not in options.faults:
        return []
    prng = Prng(options.seed).fork("lost closings")
    return [Event(closing.at_s + prng.below(HOUR_S), RESTORED, salt=prng.u32())
            for closing in closings if prng.chance(1, 2)]  # fmt: skip


def _taps(options: Options, prng: Prng) -> list[Event]:
    """Return journeys of one to three taps a card, and loads in between."""
    events = []
    left = options.taps
    while left > 0:
        card = prng.below(options.cards)
        at_s = FIRST_S + prng.below(options.days * DAY_S - FIRST_S)
        if prng.chance(1, options.load_every):
            events.append(Event(at_s, LOAD, card, DESK, salt=prng.u32()))
        for _ in range(min(left, prng.between(1, 3))):
            device = gate_device(prng.below(options.gates))
            at_s += prng.choice((4, 9, 40, 300, RIDES_AGAIN_S, 2 * HOUR_S))
            events.append(Event(at_s, TAP, card, device, salt=prng.u32()))
            left -= 1
    return events


def _docks(options: Options, prng: Prng) -> list[Event]:
    events = []
    for device in (DESK, *map(gate_device, range(options.gates))):
        at_s = prng.below(options.sync_hours * HOUR_S)
        while at_s < options.days * DAY_S:
            events.append(Event(at_s, DOCK, device=device, salt=prng.u32()))
            at_s += options.sync_hours * HOUR_S // 2 + prng.below(options.sync_hours * HOUR_S)
    return events


def _struck(event: Event, options: Options, prng: Prng) -> Event:
    """Return the event with the fault that strikes it, if one does."""
    for fault in ATLAS:
        chance = options.faults.get(fault.name, 0)
        if event.what in fault.on and chance and prng.chance(chance, 1000):
            return event._replace(fault=fault.name)
    return event


def _world(options: Options, prng: Prng, others: int) -> list[Event]:
    """Return the faults that strike at any moment; one chance for every ten other events."""
    events = []
    for fault in ATLAS:
        chance = options.faults.get(fault.name, 0) if WORLD in fault.on else 0
        for _ in range(others // 10):
            if chance and prng.chance(chance, 1000):
                at_s = FIRST_S + prng.below(options.days * DAY_S - FIRST_S)
                card, device = prng.below(options.cards), gate_device(prng.below(options.gates))
                events.append(Event(at_s, fault.name, card, device, fault.name, prng.u32()))
    return events


def to_json(options: Options, events: Sequence[Event]) -> str:
    """Return a history as text that `from_json` reads."""
    return json.dumps({"options": options._asdict(), "events": [list(e) for e in events]})


def from_json(text: str) -> tuple[Options, list[Event]]:
    """Return a written history. Raises: ValueError for a file that is none."""
    try:
        found: dict[str, Any] = json.loads(text)
        return Options(**found["options"]), [Event(*row) for row in found["events"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no history: {error}") from None
