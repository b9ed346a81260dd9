"""Feed every parser of outside bytes with wrong ones: it takes them, or refuses by name.

Each target's cases follow from the seed: a failure is played again by its number. A whole run of
1,000,000 cases a target takes hours on two processes: --for bounds it, --resume goes on with it.
Shown are lines reached of the parser's own modules, and ways in which cases ended.
"""

import argparse
import json
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from simulator.boards.board_process import BoardFailed
from simulator.fuzzing.atheris_engine import BY_ATHERIS, NoAtheris, run_atheris
from simulator.fuzzing.engine import Fault, Result
from simulator.fuzzing.mutation import case_of
from simulator.fuzzing.pieces import Run
from simulator.fuzzing.plants import PLANTS
from simulator.fuzzing.runtimes import AGREE_CASES, Agreement, compare
from simulator.fuzzing.target import Target, outcome_of
from simulator.fuzzing.targets import NAMES, TARGETS

RUNS = 1_000_000
TIME_UNITS = {"s": 1, "m": 60, "h": 3600}
EXIT_CODES = "Exit codes: 0 nothing wrong, 1 something is wrong, 2 wrong use."
SHOWN_BYTES = 512
SHARED_CASES = 4000  # below it another process is not worth its start


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim fuzz`."""
    rows = [f"  {target.name:<16}{target.title}" for target in TARGETS]
    plants = [f"  {name:<16}{plant.what}" for name, plant in PLANTS.items()]
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(["targets:", *rows, "", "planted mistakes:", *plants, "", EXIT_CODES])
    parser.add_argument(
        "--target", choices=("all", *NAMES), action="append", metavar="TARGET",
        help="which one (all); may be said again",
    )  # fmt: skip
    parser.add_argument(
        "--runs", type=_count, metavar="N", help=f"cases a target ({RUNS}; on MicroPython 100000)"
    )
    parser.add_argument("--jobs", type=_jobs, default=2, metavar="N", help="processes (2)")
    parser.add_argument(
        "--for", type=_time, default=0.0, metavar="TIME", dest="for_s",
        help="begin nothing after this time, as 90s, 30m or 8h; all targets take turns",
    )  # fmt: skip
    parser.add_argument(
        "--resume", type=Path, metavar="FILE", help="keep there what is done, and go on from it"
    )
    parser.add_argument("--seed", type=_count, default=1, metavar="N", help="of the cases (1)")
    parser.add_argument("--case", type=_count, metavar="K", help="only this case of one target")
    parser.add_argument("--input", type=_hex, metavar="HEX", help="only these bytes, in hex")
    parser.add_argument(
        "--show", action="store_true", help="with --case or --input: bytes and error"
    )
    parser.add_argument("--save", type=Path, metavar="DIR", help="write failing cases there")
    parser.add_argument("--plant", choices=tuple(PLANTS), help="plant a mistake; it must be found")
    parser.add_argument(
        "--micropython", action="store_true",
        help="give the shared parsers the same cases on MicroPython and compare the verdicts",
    )  # fmt: skip
    parser.add_argument(
        "--engine", choices=("own", "atheris"), default="own",
        help="who makes the cases: our own numbers, or atheris guided by coverage (own)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(parser=parser)


def run(options: argparse.Namespace) -> int:
    """Fuzz, print, return 0 if nothing was wrong."""
    plant = PLANTS[options.plant] if options.plant else None
    names = options.target or [plant.target if plant else "all"]
    targets = list(TARGETS) if "all" in names else [NAMES[name] for name in dict.fromkeys(names)]
    one = options.case is not None or options.input is not None
    if one and len(targets) != 1:
        options.parser.error("--case and --input need one target: --target NAME")
    try:
        with plant.planted() if plant else nullcontext():
            if one:
                return _one(targets[0], options)
            if options.micropython:
                return _agree(targets, options)
            return _all(targets, options)
    except (BoardFailed, NoAtheris) as error:
        print(f"sim fuzz: {error}", file=sys.stderr)
        return 1


def _all(targets: list[Target], options: argparse.Namespace) -> int:
    cases = options.runs if options.runs is not None else RUNS
    report = Report(options)
    if options.engine == "atheris":
        for target in targets:
            report.add(run_atheris(target, cases, options.seed, options.plant or ""))
        return report.end()
    jobs = min(options.jobs, max(1, len(targets) * cases // SHARED_CASES))
    run = Run(targets, cases, options.seed, jobs, options.for_s, options.resume)
    progress = Progress()

    def tell(run: Run, result: Result) -> None:
        progress.tell(run, result)
        if run.is_done(result):
            progress.clear()
            report.add(result)

    try:
        with _stoppable():
            run.go(tell)
    except KeyboardInterrupt:
        report.say("stopped")
    progress.clear()
    return report.end([row for row in run.results.values() if not run.is_done(row)], cases)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let `kill` end a run as Ctrl-C does, which a shell's background jobs are born deaf to."""
    stops = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(stop, signal.default_int_handler) for stop in stops]
    try:
        yield
    finally:
        for stop, handler in zip(stops, before, strict=True):
            signal.signal(stop, handler)


def _one(target: Target, options: argparse.Namespace) -> int:
    work = target.make()
    try:
        case, said = options.input, "input"
        if case is None:
            case, said = case_of(work, options.seed, options.case), f"case {options.case}"
        outcome = outcome_of(work, case)
        if options.show:
            print(shown(case))
            if outcome.error is not None:
                print("".join(traceback.format_exception(outcome.error)).rstrip())
        print(f"{target.name} {said}: {outcome.kind} {outcome.name} {outcome.where}".rstrip())
    finally:
        work.close()
    return 1 if outcome.failed else 0


def _agree(targets: list[Target], options: argparse.Namespace) -> int:
    runs = options.runs if options.runs is not None else AGREE_CASES
    shared = [target for target in targets if target.shared]
    if not shared:
        options.parser.error(f"--micropython: {targets[0].name} runs on servers only")
    rows = []
    if not options.json:
        print(f"{'target':<16}{'cases':>9}{'taken':>9}{'differ':>8}{'heap KiB':>10}{'grown':>7}")
    for target in shared:
        row = compare(target, runs, options.seed)
        rows.append(row)
        if not options.json:
            print(_agreement_line(row), flush=True)
            for line in row.examples:
                print(f"  {line}")
    if options.json:
        print(json.dumps([row._asdict() for row in rows], indent=1))
    return 1 if any(row.failed for row in rows) else 0


def _agreement_line(row: Agreement) -> str:
    return (
        f"{row.target:<16}{row.cases:>9}{row.taken:>9}{row.differ:>8}"
        f"{row.heap_bytes // 1024:>10}{row.grown_bytes:>7}"
    )


class Progress:
    """A line on a terminal that is written over."""

    def __init__(self) -> None:
        self.on = sys.stderr.isatty()

    def tell(self, run: Run, result: Result) -> None:
        """Say how far it is and how long the rest takes."""
        if not self.on:
            return
        done = sum(row.executions for row in run.results.values())
        left = "" if run.left_s is None else f", {spoken(run.left_s)} left"
        part = 100 * done // max(1, run.cases * len(run.targets))
        line = f"{result.target.name}: {result.executions} of {run.cases}; all: {part} %{left}"
        print("\r" + line.ljust(78), end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Take the line away."""
        if self.on:
            print("\r" + " " * 78 + "\r", end="", file=sys.stderr, flush=True)


class Report:
    """Rows as they come, or one JSON text at the end."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.results: list[Result] = []
        self.say(
            f"{'target':<16}{'cases':>9}{'a second':>10}{'taken':>9}{'endings':>9}"
            f"{'lines':>12}{'longest':>9}{'faults':>8}"
        )

    def add(self, result: Result) -> None:
        """Print a target's row, and its faults below it."""
        self.results.append(result)
        rate = round(result.executions / result.seconds) if result.seconds else 0
        lines = f"{result.lines_reached}/{result.lines_all}"
        if result.lines_reached and not result.lines_all:
            lines = f"{result.lines_reached} edges"
        self.say(
            f"{result.target.name:<16}{result.executions:>9}{rate:>10}{result.taken:>9}"
            f"{len(result.outcomes):>9}{lines:>12}{result.lines_most:>9}{len(result.faults):>8}"
        )
        for fault in result.faults:
            for line in self._fault(result, fault):
                self.say(line)

    def _fault(self, result: Result, fault: Fault) -> list[str]:
        outcome = fault.outcome
        rows = [
            f"  {outcome.kind}: {outcome.name} {fault.said[:100]} ({outcome.where})",
            f"  smallest: {shown(fault.small or fault.case)[:160]}",
            f"  again: {self.again(result, fault)}",
        ]
        folder = self.options.save
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / f"{result.target.name}-{result.seed}-{fault.number}"
            path.write_bytes(fault.small or fault.case)
            rows.append(f"  saved: {path}")
        return rows

    def again(self, result: Result, fault: Fault) -> str:
        """Return the command that plays a fault again."""
        plant = f" --plant {self.options.plant}" if self.options.plant else ""
        which = f"--seed {result.seed} --case {fault.number}"
        if fault.number == BY_ATHERIS:
            which = f"--input {fault.small.hex()}"
        return f"./tornello sim fuzz --target {result.target.name} {which} --show{plant}"

    def end(self, short: Sequence[Result] = (), asked: int = 0) -> int:
        """Print the sum, and the targets that were not run to their end; return the exit code."""
        for result in short:
            self.add(result)
        faults = sum(len(result.faults) for result in self.results)
        cases = sum(result.executions for result in self.results)
        if self.options.json:
            print(json.dumps([self.as_json(result) for result in self.results], indent=1))
        else:
            print(f"{len(self.results)} targets, {cases} cases, {faults} faults")
            if short:
                how = "" if self.options.resume else ", with --resume FILE from where they are"
                print(f"{len(short)} targets are below {asked} cases: go on{how}")
        return 1 if faults else 0

    def as_json(self, result: Result) -> dict[str, Any]:
        """Return a row as a tree."""
        return {
            "target": result.target.name,
            "seed": result.seed,
            "cases": result.executions,
            "seconds": round(result.seconds, 3),
            "taken": result.taken,
            "endings": {
                " ".join(part for part in key if part): count
                for key, count in sorted(result.outcomes.items())
            },
            "lines_reached": result.lines_reached,
            "lines": result.lines_all,
            "lines_longest_case": result.lines_most,
            "faults": [
                {
                    "case": fault.number,
                    "kind": fault.outcome.kind,
                    "error": f"{fault.outcome.name}: {fault.said}",
                    "where": fault.outcome.where,
                    "smallest_hex": (fault.small or fault.case).hex(),
                    "again": self.again(result, fault),
                }
                for fault in result.faults
            ],
        }

    def say(self, line: str) -> None:
        """Print a line, unless JSON is wanted."""
        if not self.options.json:
            print(line, flush=True)


def shown(case: bytes) -> str:
    """Return a case as people can read it: its text, or its bytes in hex."""
    more = f" ... {len(case)} bytes" if len(case) > SHOWN_BYTES else ""
    part = case[:SHOWN_BYTES]
    if part.isascii() and part.decode().isprintable():
        return repr(part.decode()) + more
    return (part.hex() or "nothing") + more


def _hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:20]}: wanted bytes in hex") from None


def spoken(seconds: float) -> str:
    """Return a time as people say it."""
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 90 else f"{minutes} min"


def _time(text: str) -> float:
    if not (text[:-1].isdigit() and text[-1:] in TIME_UNITS):
        raise argparse.ArgumentTypeError(f"{text}: wanted a time as 90s, 30m or 8h")
    return float(int(text[:-1]) * TIME_UNITS[text[-1]])


def _jobs(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text}: wanted a number from 1 on")
    return int(text)


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text}: wanted a number from 0 on")
    return int(text)
