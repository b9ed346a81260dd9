"""Plant bugs on purpose and see that histories find them: the checkers must not sleep.

Each bug is planted alone, and seeds are played until one fails. With --invariants one violation of
each of I1 to I16 is made by hand and must be noticed.
"""

import argparse
import json
import secrets
from statistics import median

from simulator.histories.canary import CANARIES, planted
from simulator.histories.choices import EXIT_CODES, count, some
from simulator.histories.options import draw_options
from simulator.histories.play import play
from simulator.histories.violations import VIOLATIONS, fires
from simulator.prng import Prng

SEEDS = 40
SHUFFLES = 1 << 32
WIDTH = max(map(len, CANARIES))
MISFITS = ("crash: TypeError", "crash: AttributeError", "crash: NameError")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim canary`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    rows = [f"  {name:<{WIDTH}}  {canary.what}" for name, canary in CANARIES.items()]
    parser.epilog = "\n".join(["planted bugs:", *rows, "", EXIT_CODES])
    parser.add_argument("names", nargs="*", metavar="BUG", help="only these (all)")
    parser.add_argument("--seeds", type=some, default=SEEDS, help=f"at most so many ({SEEDS})")
    parser.add_argument("--blind", action="store_true", help="hide which bug is planted")
    parser.add_argument("--seed", type=count, metavar="N", help="the order of --blind (a new one)")
    parser.add_argument("--invariants", action="store_true", help="one violation of each, by hand")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(parser=parser)


def run(options: argparse.Namespace) -> int:
    """Plant, play, print; 0 if everything planted was found."""
    if options.seed is not None and not options.blind:
        options.parser.error("--seed is the order of --blind: say both")
    if options.invariants:
        return _invariants(options)
    for name in options.names:
        if name not in CANARIES:
            options.parser.error(f"{name}: the planted bugs are {', '.join(CANARIES)}")
    names = list(options.names or CANARIES)
    shown, order = {name: name for name in names}, None
    if options.blind:
        order = options.seed if options.seed is not None else secrets.randbelow(SHUFFLES)
        Prng(order).shuffle(names)
        shown = {name: f"bug {number:>2}" for number, name in enumerate(names, 1)}
        if not options.json:
            print(f"in the order of --seed {order}", flush=True)
    found: dict[str, tuple[int, str]] = {}
    for name in names:
        seed, said = search(name, options.seeds)
        why = said if not options.blind else said.split(":")[0]
        found[shown[name]] = seed, why
        if not options.json:
            print(f"{shown[name]:<{WIDTH}}  {f'seed {seed:>3}' if seed else 'NOT FOUND'}  {why}",
                  flush=True)  # fmt: skip
    tries = [seed for seed, _ in found.values() if seed]
    if options.json:
        print(json.dumps({"order": order, "bugs": found}, indent=1))
    else:
        print(f"{len(tries)} of {len(names)} found; seeds to find: median"
              f" {median(tries or [0]):g}, maximum {max(tries, default=0)}")  # fmt: skip
    return 0 if len(tries) == len(names) else 1


def search(name: str, seeds: int) -> tuple[int, str]:
    """Return the first seed that fails with this bug planted, and how; (0, "") if none does.

    A plant that no longer fits the program it is planted in breaks every history and finds nothing.
    """
    with planted(name):
        for seed in range(1, seeds + 1):
            found = play(draw_options(seed))
            if found.violation:
                return 0 if found.violation.startswith(MISFITS) else seed, found.violation
    return 0, ""


def _invariants(options: argparse.Namespace) -> int:
    fired = {name: fires(name) for name in VIOLATIONS}
    silent = {name.split()[0] for name, said in fired.items() if not said}
    invariants = {name.split()[0] for name in VIOLATIONS}
    if options.json:
        print(json.dumps(fired, indent=1))
    else:
        width = max(map(len, fired))
        for name, said in fired.items():
            print(f"{name:<{width}}  {said or 'DID NOT FIRE'}")
        print(f"{len(invariants - silent)} of {len(invariants)} fire, in {len(fired)} ways")
    return 1 if silent else 0
