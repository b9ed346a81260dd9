"""What the card model answers to which command, and how sure that is.

`coverage` runs the trial of every cell (command x status) on a fresh card and prints the table.
"""

import argparse
from collections import Counter

from simulator.desfire_answers import EVIDENCE, NAMES, NEVER_GIVEN, Cell
from simulator.desfire_trial_list import trials
from simulator.desfire_trials import TrialFailed, run_trial

MEANINGS = {
    "S": "libfreefare's own tests, run on real cards",
    "T": "byte for byte in a transcript of a real card",
    "L": "libfreefare's source",
    "P": "public text or common knowledge",
    "?": "our decision: the hardware script asks a real card",
}
UNSURE = "P?"
UNTESTED, FAILED = "-", "!"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim card`."""
    parser.add_argument("what", choices=("coverage",), help="the table of commands and answers")


def run(options: argparse.Namespace) -> int:
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
