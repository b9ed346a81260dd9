"""Plays a history: event after event, with its checks, then the healing and the agreement."""

import gc
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from simulator.histories import (
    agreement,
    dockings,
    heal,
    invariants,
    people,
    settled_days,
    tourists,
)
from simulator.histories.control_room import LIFE
from simulator.histories.events import Event, draw
from simulator.histories.faults import DOCK, LOAD, TAP
from simulator.histories.options import Options
from simulator.histories.state import state_of
from simulator.histories.trace import Line, state_hash
from simulator.histories.world import Violation, World
from simulator.histories.world_faults import WORLD_FAULTS

CHECK_EVERY = 25  # events between two looks at everything


class Played(NamedTuple):
    """What came of one history; `violation` "" when everything held."""

    options: Options
    events: Sequence[Event]
    violation: str
    invariant: str
    taps: int
    seconds: float
    trace_hash: str
    state: str
    injected: Counter[str]
    lived: Counter[str]
    checked: Counter[str]
    answers: Counter[str]
    lines: list[Line]


def play(options: Options, events: Sequence[Event] | None = None) -> Played:
    """Play a history; `events` None draws them from the options' seed."""
    events = draw(options) if events is None else events
    world = World(options)
    started = time.process_time()
    invariant = violation = state = ""
    try:
        live(world, events)
        state = state_hash(state_of(world))
    except Violation as found:
        invariant, violation = found.invariant, str(found)
        world.say("check", str(found))
    except Exception as error:  # noqa: BLE001 - whatever a program raises is what was looked for
        invariant, violation = "crash", _crash(error)
        world.say("check", violation)
    finally:
        world.close()
    return Played(
        options,
        events,
        violation,
        invariant,
        world.taps,
        time.process_time() - started,
        world.trace.hash(),
        state,
        world.injected,
        world.lived,
        world.checked,
        world.answers,
        world.trace.lines,
    )


def live(world: World, events: Sequence[Event]) -> None:
    """Live through everything in a world, to its agreement. Raises: Violation."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.freeze()  # a validator collects after every tap: only what is new since then
    gc.disable()
    try:
        _live(world, events)
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()


def _live(world: World, events: Sequence[Event]) -> None:
    world.run_until(1)
    tourists.arrive(world)
    for device in world.boards:
        dockings.dock(world, Event(0, DOCK, device=device, salt=3))
        world.run_for(30_000)
    for number, event in enumerate(events):
        world.run_until(max(world.clock.now_ms, event.at_s * 1000))
        happen(world, event)
        world.check()
        gc.freeze()
        if number % CHECK_EVERY == CHECK_EVERY - 1:
            invariants.checkpoint(world)
    heal.heal(world)
    _agree(world)
    if world.post.is_carrying:
        heal.wait_for_mail(world)
        _agree(world)


def _agree(world: World) -> None:
    settled_days.close_all(world)
    invariants.checkpoint(world)
    agreement.agreement(world)


def _crash(error: Exception) -> str:
    """Return what a program raised, and the innermost line of ours."""
    frames = traceback.extract_tb(error.__traceback__)
    place = next((f for f in reversed(frames) if ".venv" not in f.filename), frames[-1])
    where = "/".join(Path(place.filename).parts[-2:])
    return f"crash: {type(error).__name__}: {error} in {where}:{place.lineno}"


def happen(world: World, event: Event) -> None:
    """Let one event happen."""
    if event.what == TAP:
        people.tap(world, event)
    elif event.what == LOAD:
        people.load(world, event)
    elif event.what == DOCK:
        dockings.dock(world, event)
    elif event.what in LIFE:
        LIFE[event.what](world, event)
    else:
        WORLD_FAULTS[event.what](world, event)
