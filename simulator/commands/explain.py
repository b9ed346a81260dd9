"""Tell one history: a line an event, a column for every actor, faults in brackets."""

import argparse

from simulator.histories.choices import add_choice, chosen, count
from simulator.histories.play import play
from simulator.histories.trace import table


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim explain`."""
    add_choice(parser)
    parser.add_argument("--last", type=count, metavar="N", help="only the last N lines")
    parser.add_argument(
        "--about", metavar="TEXT", help='only lines with this text, e.g. "card 3" or "ledger"'
    )


def run(options: argparse.Namespace) -> int:
    """Play, print the table, return 0 if everything held."""
    found = play(*chosen(options))
    lines = found.lines
    if options.about:
        wanted = options.about
        lines = [row for row in lines if wanted in row.said or wanted in (row.actor, row.fault)]
    print(table(lines[-options.last :] if options.last else lines))
    return 1 if found.violation else 0
