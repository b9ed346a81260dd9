"""What the commands about histories have in common: which history is meant, on a command line."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from simulator.histories.events import Event, draw, from_json
from simulator.histories.faults import BY_NAME
from simulator.histories.options import TAPS, Options, draw_options

EXIT_CODES = "Exit codes: 0 everything held, 1 something is wrong, 2 wrong use."


def add_choice(parser: argparse.ArgumentParser, needs_one: bool = True) -> None:
    """Declare --seed, --taps, --faults, --no-faults and FILE."""
    if needs_one:
        parser.add_argument("file", nargs="?", type=Path, help="a history that `sim shrink` wrote")
    parser.add_argument("--seed", type=count, metavar="N", help="the history of this seed")
    parser.add_argument("--taps", type=count, metavar="N", help=f"taps of a history ({TAPS})")
    parser.add_argument(
        "--faults", type=fault_names, metavar="A,B", help="only these of the atlas (sim run --list)"
    )
    parser.add_argument(
        "--no-faults", dest="faults", action="store_const", const=(), help="let nothing go wrong"
    )
    parser.epilog = EXIT_CODES
    parser.set_defaults(parser=parser)


def chosen(options: argparse.Namespace) -> tuple[Options, Sequence[Event]]:
    """Return the history that is meant; a wrong one ends the program with 2."""
    if options.file is not None:
        try:
            return from_json(options.file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            options.parser.error(f"{options.file}: {error}; wanted a file that `sim shrink` wrote")
    if options.seed is None:
        options.parser.error("which history? --seed N, or a file that `sim shrink` wrote")
    drawn = draw_options(options.seed, options.taps, options.faults)
    return drawn, draw(drawn)


def replay_line(options: argparse.Namespace, seed: int) -> str:
    """Return the command that plays one history again."""
    taps = f" --taps {options.taps}" if options.taps is not None else ""
    faults = ""
    if options.faults is not None:
        faults = f" --faults {','.join(options.faults)}" if options.faults else " --no-faults"
    return f"./tornello sim replay --seed {seed}{taps}{faults}"


def count(text: str) -> int:
    """Read a whole number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text}: wanted a number from 0 on")
    return int(text)


def some(text: str) -> int:
    """Read a whole number from 1 on: of nothing, nothing can be found wrong."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text}: wanted a number from 1 on")
    return int(text)


def fault_names(text: str) -> tuple[str, ...]:
    """Read names of the atlas, separated by commas."""
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        if name not in BY_NAME:
            raise argparse.ArgumentTypeError(f"{name}: the atlas has {', '.join(BY_NAME)}")
    return names
