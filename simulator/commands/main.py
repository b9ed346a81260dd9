"""`./tornello sim`: the simulated things one may hold in a hand, for other people's programs.

Each part has its own module with `add_options(parser)` and `run(options) -> exit code`.
"""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Sequence

from simulator.commands import card as sim_card
from simulator.commands import cuts as sim_cuts
from simulator.commands import fuzz as sim_fuzz
from simulator.commands import gate as sim_gate
from simulator.commands import kills as sim_kills
from simulator.commands import pay as sim_pay
from simulator.commands import reader as sim_reader
from simulator.commands import tears as sim_tears
from simulator.histories.parts import PARTS as HISTORIES

PARTS = (
    ("reader", sim_reader, "a PN532 or PC/SC reader with cards, for libnfc, nfcpy, pyscard ..."),
    ("card", sim_card, "what the card model answers and why; a random foreign card"),
    ("pay", sim_pay, "a payment provider for the web shop, to click through; no money moves"),
    ("cuts", sim_cuts, "a validator's power cut at every flash operation of every flow"),
    ("kills", sim_kills, "edge agent and ledger killed at every write and fsync; failing disks"),
    ("tears", sim_tears, "a card torn away at every byte and internal write of every flow"),
    ("fuzz", sim_fuzz, "wrong bytes for every parser of bytes or text from outside"),
    *HISTORIES,
    ("gate", sim_gate, "overnight: 1,000,000 taps, the tap model, tears, cuts, kills, fuzz"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the part that is asked for; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="./tornello sim", description="A simulated reader and cards for any program."
    )
    parts = parser.add_subparsers(dest="part", metavar="PART", required=True)
    for name, module, what in PARTS:
        part = parts.add_parser(
            name, help=what, description=(module.__doc__ or "").split("\n\n")[0]
        )
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
