"""Make a failing history as small as it gets while it still fails in the same way."""

import argparse
from pathlib import Path

from simulator.histories.canary import CANARIES, planted
from simulator.histories.choices import add_choice, chosen, count
from simulator.histories.events import to_json
from simulator.histories.mended import MENDED
from simulator.histories.shrink import PLAYS_MAX, shrink
from simulator.histories.trace import table


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim shrink`."""
    add_choice(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write the history here")
    parser.add_argument(
        "--plays", type=count, default=PLAYS_MAX, metavar="N", help="at most so many"
    )
    parser.add_argument("--canary", choices=(*CANARIES, *MENDED), help="with this bug planted")


def run(options: argparse.Namespace) -> int:
    """Shrink, print what is left; 0 if the history does not fail at all."""
    drawn, events = chosen(options)
    if options.output is not None:
        _can_be_written(options)  # before an hour of work, not after it
    with planted(options.canary):
        small = shrink(drawn, events, options.plays)
    if small is None:
        print(f"nothing to shrink: {len(events)} events, and everything held")
        return 0
    print(f"{len(events)} events became {len(small.events)} in {small.plays} plays:")
    for event in small.events:
        print(f"  {event.at_s:>7} s  {event}")
    print(f"WRONG {small.played.violation}\n")
    print(table(small.played.lines))
    if options.output is not None:
        options.output.write_text(to_json(small.played.options, small.events), encoding="utf-8")
        print(f"\n./tornello sim replay {options.output}")
    return 1


def _can_be_written(options: argparse.Namespace) -> None:
    """End the program with 2 if the file cannot be written; leave everything as it is."""
    output: Path = options.output
    was_there = output.exists()
    try:
        output.open("a").close()
        if not was_there:
            output.unlink()
    except OSError as error:
        options.parser.error(f"-o {output}: {error.strerror}; wanted a file to write")
