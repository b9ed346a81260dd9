"""Play one history again, by its seed or from a file that `sim shrink` wrote."""

import argparse

from simulator.commands.run import counted, told
from simulator.histories.choices import add_choice, chosen
from simulator.histories.play import play


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim replay`."""
    add_choice(parser)


def run(options: argparse.Namespace) -> int:
    """Play, print, return 0 if everything held."""
    found = play(*chosen(options))
    print(told(found))
    print("faults   " + counted(found.injected))
    print("answers  " + counted(found.answers))
    if found.violation:
        print(f"WRONG {found.violation}")
    return 1 if found.violation else 0
