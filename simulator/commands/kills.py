"""Kill the edge agent and the ledger at every write and fsync, and see that nothing is lost.

Real processes, real SQLite, SIGKILL at each boundary of a dock session of 1,000 entries and of a
group of 1,000 entries at the ledger, 25 a commit; then the disk fails, is full, read-only, damaged.
After each: start again, go on, compare with what everybody holds. Source: trust.md T17, T24, I12.
"""

import argparse
import json
import sys
import tempfile
import time
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from simulator.kills.at_random import drill_at_random
from simulator.kills.disk import Case, disk_cases
from simulator.kills.drill import DRILLS, FAULT_SPAN, Killed, drill, strace_count
from simulator.kills.inland_disk import inland_disk_cases
from simulator.kills.plants import PLANTS
from simulator.kills.tracing import KillsError

EXIT_CODES = "Exit codes: 0 nothing wrong, 1 something is wrong or cannot be done, 2 wrong use."
AGAIN = "A finding of --random again: --program PROGRAM --random 1 --seed SEED --session SESSION."
EXAMPLES_MAX = 8
PROGRAMS = (*DRILLS, "disk")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim kills`."""
    plants = [f"  {name:<12}{plant.what} ({plant.program})" for name, plant in PLANTS.items()]
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(["planted mistakes:", *plants, "", AGAIN, "", EXIT_CODES])
    parser.add_argument(
        "--program", choices=("all", *PROGRAMS), default="all", metavar="PROGRAM",
        help="edge, ledger, or disk: a full, read-only or damaged one under edge, ledger, keyring"
        " (all)",
    )  # fmt: skip
    parser.add_argument(
        "--every", type=_count, default=1, metavar="N", help="each Nth boundary only (1)"
    )
    parser.add_argument(
        "--random", type=_count, metavar="N",
        help="so many kills of each program at boundaries drawn from the seed, again and again in"
        " one session, instead of one at each boundary",
    )  # fmt: skip
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="what --random draws from (1)"
    )
    parser.add_argument(
        "--session", type=_count, default=0, metavar="N",
        help="only this session of --random: a finding names its own",
    )  # fmt: skip
    parser.add_argument("--jobs", type=_count, default=2, metavar="N", help="processes (2)")
    parser.add_argument("--plant", choices=tuple(PLANTS), help="plant a mistake; it must be found")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Kill, print, return 0 if nothing was wrong."""
    programs = PROGRAMS if options.program == "all" else (options.program,)
    if options.random:
        programs = tuple(name for name in programs if name in DRILLS)
    if options.plant:
        programs = (PLANTS[options.plant].program,)
    tree: dict[str, Any] = {"programs": [], "disk": []}
    try:
        for name in programs:
            if name == "disk":
                tree["disk"] = _disk(options)
            elif options.random:
                tree["programs"].append(_at_random(name, options))
            else:
                tree["programs"].append(_program(name, options))
    except KillsError as error:
        print(error, file=sys.stderr)
        return 1
    wrong = [words for row in (*tree["programs"], *tree["disk"]) for words in row["findings"]]
    if options.json:
        print(json.dumps(tree, indent=1))
    else:
        print(f"\nlost, doubled, or otherwise wrong: {len(wrong)}")
        print("\n".join(f"  {words}" for words in wrong[:EXAMPLES_MAX]), end="\n" if wrong else "")
    return 1 if wrong else 0


def _program(name: str, options: argparse.Namespace) -> dict[str, Any]:
    meter = Meter(name)
    found = drill(name, options.every, options.jobs, options.plant or "", meter.step)
    meter.end()
    found.strace = None if options.plant else strace_count(name)
    if found.strace not in (None, found.total):
        found.findings.append(f"{name}: strace counts {found.strace} boundaries, we {found.total}")
    row = as_row(found)
    if not options.json:
        print(_line(row), flush=True)
    return row


def _at_random(name: str, options: argparse.Namespace) -> dict[str, Any]:
    meter, began = Meter(name), time.monotonic()
    drilled = partial(drill_at_random, name, options.random, options.seed, options.session)
    found = drilled(options.jobs, options.plant or "", meter.step)
    meter.end()
    minutes = (time.monotonic() - began) / 60
    row = {**as_row(found), "seed": options.seed, "kills_a_minute": round(found.kills / minutes)}
    if not options.json:
        print(
            f"{name:<8}killed {found.kills} times at random (seed {options.seed}) in"
            f" {found.sessions} sessions of {found.total} boundaries, {row['kills_a_minute']} kills"
            f" a minute: {len(found.findings)} wrong",
            flush=True,
        )
    return row


def _disk(options: argparse.Namespace) -> list[dict[str, Any]]:
    rows = []
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        cases = (disk_cases, inland_disk_cases)
        for case in chain.from_iterable(held(Path(folder), options.every) for held in cases):
            rows.append({**case._asdict(), "findings": list(case.findings)})
            if not options.json:
                print(_case_line(case), flush=True)
    return rows


def as_row(found: Killed) -> dict[str, Any]:
    """Return one program's figures."""
    return {
        "program": found.name,
        "boundaries": found.total,
        "strace": found.strace,
        "by_call": dict(found.boundaries),
        "kills": found.kills,
        "disk_failures": found.faults,
        "restarts": found.restarts,
        "sessions": found.sessions,
        "findings": found.findings,
    }


def _line(row: dict[str, Any]) -> str:
    calls = ", ".join(f"{name} {count}" for name, count in row["by_call"].items())
    strace = "not installed" if row["strace"] is None else row["strace"]
    return (
        f"{row['program']:<8}{row['boundaries']} boundaries ({calls}); strace counts {strace}\n"
        f"{'':<8}killed {row['kills']} times, disk failed {row['disk_failures']} times for"
        f" {FAULT_SPAN} calls (ENOSPC, EIO), {row['restarts']} restarts:"
        f" {len(row['findings'])} wrong"
    )


def _case_line(case: Case) -> str:
    if case.skipped:
        return f"disk    {case.name}: left out, {case.skipped}"
    return f"disk    {case.name}: {len(case.findings)} wrong; it said: {case.said}"


class Meter:
    """How far it is, on a terminal's error stream."""

    def __init__(self, name: str) -> None:
        self.name, self.count = name, 0

    def step(self) -> None:
        """One more is done."""
        self.count += 1
        if sys.stderr.isatty():
            print(f"\r{self.name}: {self.count} ", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Wipe the line."""
        if sys.stderr.isatty():
            print("\r" + " " * 30 + "\r", end="", file=sys.stderr, flush=True)


def _count(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: wanted a number from 1 on")
    return int(text)
