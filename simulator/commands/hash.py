"""Print the hashes of a history's trace and final state; or show that they notice every byte."""

import argparse

from simulator.histories.choices import add_choice, chosen
from simulator.histories.play import play, state_parts
from simulator.histories.trace import state_hash
from simulator.prng import Prng

FLIPS = 1000
SELFTEST_SEED = 1


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim hash`."""
    add_choice(parser)
    parser.add_argument(
        "--selftest", action="store_true", help=f"flip {FLIPS} bytes of records, one at a time"
    )


def run(options: argparse.Namespace) -> int:
    """Play, print, return 0 if everything held and every flip changed the hash."""
    if options.selftest:
        if options.seed is None:
            options.seed = SELFTEST_SEED
        changed = selftest(options)
        print(f"{FLIPS} bytes flipped, one at a time: the hash changed {changed} times")
        return 0 if changed == FLIPS else 1
    found = play(*chosen(options))
    print(f"trace {found.trace_hash}  state {found.state or '-'}")
    return 1 if found.violation else 0


def selftest(options: argparse.Namespace) -> int:
    """Return how often the hash of the final state changed."""
    parts = state_parts(*chosen(options))
    before, prng, changed = state_hash(parts), Prng(1), 0
    for _ in range(FLIPS):
        number = prng.below(len(parts))
        part = parts[number]
        at = prng.below(len(part))
        parts[number] = part[:at] + bytes([part[at] ^ 1 + prng.below(255)]) + part[at + 1 :]
        changed += state_hash(parts) != before
        parts[number] = part
    return changed
