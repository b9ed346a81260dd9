"""Print the hashes of a history's trace and final state; or show that they notice every byte."""

import argparse
from contextlib import closing

from simulator.histories.choices import add_choice, chosen
from simulator.histories.flips import flips
from simulator.histories.play import live, play
from simulator.histories.state import state_of
from simulator.histories.trace import state_hash
from simulator.histories.world import World
from simulator.prng import Prng

FLIPS = 1000
SELFTEST_SEED = 12  # tickets, sightings, a hotlist, three edges


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim hash`."""
    add_choice(parser)
    parser.add_argument(
        "--selftest", action="store_true", help=f"flip {FLIPS} bytes of a world, one at a time"
    )


def run(options: argparse.Namespace) -> int:
    """Play, print, return 0 if everything held and every flip changed the hash."""
    if options.selftest:
        if options.seed is None:
            options.seed = SELFTEST_SEED
        kinds, unnoticed = selftest(options)
        changed = FLIPS - len(unnoticed)
        print(f"{FLIPS} bytes of {kinds} records flipped where they lie, one at a time:"
              f" the hash changed {changed} times")  # fmt: skip
        for name in sorted(set(unnoticed)):
            print(f"WRONG {name}: a byte of it was flipped, and the hash is the same")
        return 1 if unnoticed else 0
    found = play(*chosen(options))
    print(f"trace {found.trace_hash}  state {found.state or '-'}")
    return 1 if found.violation else 0


def selftest(options: argparse.Namespace) -> tuple[int, list[str]]:
    """Flip bytes of a world that was lived through, as many of each record, and look again.

    Return how many records there are, and the name of each flip that the hash did not notice.
    """
    drawn, events = chosen(options)
    with closing(World(drawn)) as world:
        live(world, events)
        prng, unnoticed, places = Prng(1), [], list(flips(world).items())
        before = state_hash(state_of(world))
        for number in range(FLIPS):
            name, flip = places[number % len(places)]
            with flip(prng):
                unnoticed += [name] * (state_hash(state_of(world)) == before)
        assert state_hash(state_of(world)) == before, "every byte was put back"
    return len(places), unnoticed
