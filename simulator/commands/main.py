"""`./tornello sim`: the simulated things one may hold in a hand, for other people's programs.

Each part has its own module with `add_options(parser)` and `run(options) -> exit code`.
"""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

# A part's name is its module's here; only the one that is asked for is loaded.
PARTS = {
    "reader": "a PN532 or PC/SC reader with cards, for libnfc, nfcpy, pyscard ...",
    "card": "what the card model answers and why; a random foreign card",
    "pay": "a payment provider for the web shop, to click through; no money moves",
    "cuts": "a validator's power cut at every flash operation of every flow",
    "kills": "edge agent and ledger killed at every write and fsync; failing disks",
    "tears": "a card torn away at every byte and internal write of every flow",
    "fuzz": "wrong bytes for every parser of bytes or text from outside",
    "run": "histories of a whole small system under faults, every invariant checked",
    "replay": "one history again, from its seed or a file",
    "explain": "one history, a line an event, a column an actor",
    "shrink": "the smallest history that still fails",
    "hash": "the hashes of a history; --selftest flips 1,000 bytes",
    "canary": "bugs planted on purpose: all must be found",
    "gate": "overnight: 1,000,000 taps, the tap model, tears, cuts, kills, fuzz",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the part that is asked for; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="./tornello sim", description="A simulated reader and cards for any program."
    )
    parts = parser.add_subparsers(dest="part", metavar="PART", required=True)
    for name, what in PARTS.items():
        part = parts.add_parser(name, help=what)
        if name in arguments[:1]:
            module = import_module(f"simulator.commands.{name}")
            part.description = (module.__doc__ or "").split("\n\n")[0]
            module.add_options(part)
            part.set_defaults(run=module.run)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"sim: {error.strerror}: make room and go on", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("\nsim: ended by Ctrl-C", file=sys.stderr)
        return 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like Ctrl-C
    sys.exit(main())
