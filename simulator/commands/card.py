"""What the card model answers to which command, and how sure that is; and a random foreign card.

`coverage` runs the trial of every cell (command x status) on a fresh card and prints the table.
`random` makes a DESFire card of unknown applications from a seed and prints what is on it.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from edge_agent.counter.silicon_answers import EVIDENCE, NAMES, NEVER_GIVEN, Cell
from edge_agent.counter.silicon_trials import trials
from simulator.desfire_card.image_json import image_to_json
from simulator.desfire_trials import TrialFailed, run_trial
from simulator.random_card import RandomCard, listing, text_of

MEANINGS = {
    "S": "libfreefare's own tests, run on real cards",
    "T": "byte for byte in a transcript of a real card",
    "L": "libfreefare's source",
    "P": "public text or common knowledge",
    "?": "our decision: the hardware script asks a real card",
}
UNSURE = "P?"
UNTESTED, FAILED = "-", "!"
EXIT_CODES = "Exit codes: 0 done, 1 a cell fails or is untested, or no file, 2 wrong use."


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim card`."""
    parser.epilog = EXIT_CODES
    whats = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    table = "the table of commands and answers, each with its evidence"
    whats.add_parser("coverage", help=table, description=f"Print {table}.", epilog=EXIT_CODES)
    what = "a card of unknown applications, and what is on it"
    chance = whats.add_parser("random", help=what, description=f"Make {what}.", epilog=EXIT_CODES)
    chance.add_argument("--seed", type=int, default=1, help="the same seed, the same card (1)")
    chance.add_argument("-o", type=Path, metavar="IMAGE", dest="image", help="write its image")
    chance.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Print what is asked for; return the exit code."""
    return random_card(options) if options.what == "random" else coverage()


def random_card(options: argparse.Namespace) -> int:
    """Make a random card, write its image if asked to, print what is on it."""
    image = RandomCard(options.seed).image
    made = listing(image)
    if options.image is not None:
        try:
            options.image.write_text(image_to_json(image), encoding="ascii")
        except OSError as error:
            print(f"sim card: {options.image}: {error.strerror}", file=sys.stderr)
            return 1
    print(json.dumps(made, indent=1) if options.json else text_of(made), end="")
    return 0


def coverage() -> int:
    """Print the table; return 0 if every cell's trial brought its status."""
    marks = tried()
    for native in (True, False):
        print_table([c for c in NAMES if c.startswith("iso") is not native], marks)
    for tag, meaning in MEANINGS.items():
        print(f"{tag}  {meaning}")
    print(f"never given by the model: {', '.join(f'{s} {w}' for s, w in NEVER_GIVEN.items())}")
    print_unsure()
    counts = Counter(marks.values())
    tested = len(marks) - counts[UNTESTED] - counts[FAILED]
    sure = sum(tag not in UNSURE for tag in EVIDENCE.values())
    print(f"\n{len(NAMES)} commands, {len(marks)} cells, {sure} seen on silicon or in L")
    print(f"{tested} tested, {counts[FAILED]} failed, {counts[UNTESTED]} untested")
    return 0 if tested == len(marks) else 1


def tried() -> dict[Cell, str]:
    """Run every trial; return each cell's evidence, or UNTESTED, or FAILED."""
    marks = dict.fromkeys(EVIDENCE, UNTESTED)
    for command, status, scene, steps in trials():
        try:
            fine = run_trial(scene, steps) == status
        except TrialFailed:
            fine = False
        cell = (command, status)
        if not fine:
            marks[cell] = FAILED
        elif marks.get(cell) != FAILED:
            marks[cell] = EVIDENCE.get(cell, UNTESTED)
    return marks


def print_table(commands: list[str], marks: dict[Cell, str]) -> None:
    """Print commands down, statuses across."""
    statuses = sorted({status for command, status in marks if command in commands})
    print(f"{'':<32}" + " ".join(statuses))
    for command in commands:
        row = " ".join(f"{marks.get((command, status), ''):>{len(status)}}" for status in statuses)
        print(f"{command.removeprefix('iso '):<5}{NAMES[command]:<27}{row}".rstrip())
    print()


def print_unsure() -> None:
    """Print the cells that rest on public text or on nothing but our decision."""
    for tag in UNSURE:
        print(f"\nresting on [{tag}]:")
        for command, name in NAMES.items():
            found = [s for (c, s), evidence in EVIDENCE.items() if (c, evidence) == (command, tag)]
            if found:
                print(f"  {command:<7}{name:<25}{' '.join(found)}")
