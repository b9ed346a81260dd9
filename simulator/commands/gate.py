"""Let everything run overnight: 1,000,000 byte-exact taps, 10,000,000 of the model, tears to fuzz.

Histories of seeds that are always the same, then of seeds nobody has seen before, until there were
enough taps; a seed that fails is told with the line that replays it, and the gate goes on. Ctrl-C
or --for ends it early, --resume goes on with it: what is done is kept in a folder.
"""

import argparse
import json
import math
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from simulator.gate.log import GateLog, GateLogError, Settings
from simulator.gate.parts import COMMANDS, HISTORIES, PARTS, Part, Row, parts
from simulator.gate.report import GateReport, clock
from simulator.histories.canary import CANARIES, planted
from simulator.histories.choices import count
from simulator.histories.town import town
from simulator.tap_model.histories import MUTANTS
from simulator.workers import Workers

TAPS, MODEL_TAPS, FIXED = 1_000_000, 10_000_000, 200
TELL_S = 60  # between two lines of progress; on a terminal one line is rewritten each second
DEAD_MAX = 50  # seeds in a row that played nothing: no more will
TAIL_LINES = 3  # of a command that found something
FIRST_FRESH = 1_000_000  # below it are the seeds that people and tests choose
EXIT_CODES = "Exit codes: 0 nothing wrong, 1 something is wrong or Ctrl-C, 2 wrong use."
ROOT = Path(__file__).resolve().parents[2]
Say = Callable[[str], None]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim gate`."""
    rows = [f"  {name:<24}{canary.what}" for name, canary in CANARIES.items()]
    rows += [f"  {name:<24}the tap model without one of its rules" for name in MUTANTS]
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(["planted bugs:", *rows, "", EXIT_CODES])
    parser.add_argument(
        "--taps", type=count, default=TAPS, metavar="N", help=f"of histories ({TAPS})"
    )
    parser.add_argument(
        "--model-taps",
        type=count,
        default=MODEL_TAPS,
        metavar="N",
        help=f"of the model ({MODEL_TAPS})",
    )
    parser.add_argument(
        "--only", type=_parts, default=PARTS, metavar="A,B", help=f"of {','.join(PARTS)} (all)"
    )
    parser.add_argument(
        "--fixed", type=count, default=FIXED, metavar="N", help=f"seeds 1 to N come first ({FIXED})"
    )
    parser.add_argument("--seed", type=count, metavar="N", help="first of the others (a new one)")
    parser.add_argument("--jobs", type=_jobs, default=2, metavar="N", help="processes (2)")
    parser.add_argument(
        "--for", type=_minutes, default=math.inf, metavar="MINUTES", dest="for_minutes",
        help="begin nothing after so long, in histories and again in the model (no end)",
    )  # fmt: skip
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep there what is done")
    parser.add_argument(
        "--resume",
        type=Path,
        metavar="DIR",
        help="go on with what is kept there; do again what was wrong",
    )
    parser.add_argument(
        "--canary", choices=(*CANARIES, *MUTANTS), metavar="NAME", help="plant a bug: it must fail"
    )
    parser.add_argument("--json", action="store_true", help="print JSON at the end")


def run(options: argparse.Namespace) -> int:
    """Run the parts, print, return 0 if nothing was wrong."""
    try:
        log = _log(options)
    except GateLogError as error:
        print(f"sim gate: {error}", file=sys.stderr)
        return 1
    say: Say = (lambda line: None) if options.json else (lambda line: print(line, flush=True))
    settings = log.settings
    say(f"seeds 1 to {settings.fixed}, then from {settings.seed} on; kept in {log.folder}")
    gate = Gate(log, options.jobs, options.for_minutes * 60, say, time.monotonic)
    stopped = False
    try:
        with planted(settings.canary if settings.canary in CANARIES else None):
            gate.go()
    except KeyboardInterrupt:
        stopped = True
    log.close()
    report = gate.report
    print(json.dumps(report.as_json(), indent=1) if options.json else report.table())
    if stopped:
        print(f"sim gate: ended by Ctrl-C; {report.resume_line()}", file=sys.stderr)
    return 1 if stopped or report.wrong() else 0


class Gate:
    """Does the parts of a gate one after another, and keeps what comes of them."""

    def __init__(
        self, log: GateLog, jobs: int, for_s: float, say: Say, now: Callable[[], float]
    ) -> None:
        self.log, self.jobs, self.for_s, self.say, self.now = log, jobs, for_s, say, now
        self.parts = parts(log.settings.canary)
        self.report = GateReport(log, self.parts)

    def go(self) -> None:
        """Do what is not done yet."""
        for name in self.log.settings.parts:
            if name in COMMANDS:
                self._commands(name)
            elif self.report.taps(name) < self.report.wanted[name]:
                self._play(self.parts[name])

    # Seed by seed ----------------------------------------------------------------------

    def _play(self, part: Part) -> None:
        if part.name == HISTORIES:
            town()  # made once, for all processes
        meter = Meter(part, self.report, self.say, self.now)
        kept_at = self.now()
        with Workers(self.jobs, part.play) as workers:
            for done in workers.do(self._seeds(part.name)):
                if done is not None:
                    row = done[1] or _died(part, done[0])
                    row["wall_s"] = round(self.now() - kept_at, 3)  # they add up to the whole time
                    kept_at = self.now()
                    self.log.add(row)
                    if row["wrong"]:
                        self.say(f"WRONG {row['wrong']}; {part.replay(row)}")
                meter.tell()
        meter.clear()

    def _seeds(self, name: str) -> Iterator[int]:
        until = self.now() + self.for_s
        known = {row["seed"] for row in self.log.of(name)}
        for seed in self.log.settings.seeds():
            if seed in known:
                continue
            if self.now() >= until or self.report.taps(name) >= self.report.wanted[name]:
                return
            newest = self.log.of(name)[-DEAD_MAX:]
            if len(newest) == DEAD_MAX and not any(row["taps"] for row in newest):
                self.say(f"{DEAD_MAX} seeds in a row played nothing: {name} ends here")
                return
            yield seed

    # Commands --------------------------------------------------------------------------

    def _commands(self, name: str) -> None:
        filled = {"jobs": self.jobs, "seed": self.log.settings.seed, "folder": self.log.folder}
        done = {row["command"] for row in self.log.of(name)}
        for arguments in COMMANDS[name]:
            command = " ".join(arguments)
            if command in done:
                continue
            words = [word.format(**filled) for word in arguments]
            self.say(f"./tornello sim {' '.join(words)}")
            began = self.now()
            wrong = _ran(words, self.log.folder / f"{name}.txt")
            wall_s = round(self.now() - began, 1)
            self.log.add({"part": name, "command": command, "wrong": wrong, "wall_s": wall_s})


class Meter:
    """How far a part is: a line on a terminal, else one a minute."""

    def __init__(self, part: Part, report: GateReport, say: Say, now: Callable[[], float]) -> None:
        self.part, self.report, self.say, self.now = part, report, say, now
        self.is_terminal = sys.stderr.isatty()
        self.began = self.told = now()
        self.before = report.taps(part.name)

    def tell(self) -> None:
        """Tell how far it is, if that is long ago."""
        now = self.now()
        if now - self.told < (1 if self.is_terminal else TELL_S):
            return
        self.told = now
        if self.is_terminal:
            print(f"\r{self._line(now)}\033[K", end="", file=sys.stderr, flush=True)
        else:
            self.say(self._line(now))

    def clear(self) -> None:
        """Wipe the line."""
        if self.is_terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)

    def _line(self, now: float) -> str:
        name, report = self.part.name, self.report
        taps, wanted = report.taps(name), report.wanted[name]
        rate = (taps - self.before) / (now - self.began)
        left = f", {clock((wanted - taps) / rate)} left" if rate else ""
        return (
            f"{self.part.title}: {taps:,} of {wanted:,} taps, {len(report.log.of(name)):,} seeds,"
            f" {len(report.wrong())} wrong, {rate:,.0f} taps/s{left}"
        )


def _died(part: Part, seed: int) -> Row:
    wrong = f"the process that played seed {seed} died"
    return {
        "part": part.name, "seed": seed, "taps": 0, "checks": 0, "faults": {}, "wrong": wrong,
    }  # fmt: skip


def _ran(words: list[str], told: Path) -> str:
    """Run a command of ours, its output goes to the end of `told`; return what is wrong."""
    with told.open("ab") as file:
        start = file.tell()
        command = [sys.executable, "-m", "simulator.commands.main", *words]
        done = subprocess.run(command, cwd=ROOT, stdout=file, stderr=file, check=False)
    if done.returncode == 0:
        return ""
    said = told.read_bytes()[start:].decode(errors="replace").split("\n")
    tail = " | ".join([line.strip() for line in said if line.strip()][-TAIL_LINES:])
    return f"exit code {done.returncode}, ./tornello sim {' '.join(words)}: {tail}"


def _log(options: argparse.Namespace) -> GateLog:
    if options.resume is not None:
        return GateLog.resume(options.resume)
    seed = options.seed if options.seed is not None else FIRST_FRESH + secrets.randbelow(10**9)
    folder = options.keep or Path(tempfile.gettempdir()) / f"tornello-gate-{seed}"
    settings = Settings(
        options.only, options.taps, options.model_taps, options.fixed, seed, options.canary or ""
    )
    return GateLog.begin(folder.resolve(), settings)


def _parts(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    for name in names:
        if name not in PARTS:
            raise argparse.ArgumentTypeError(f"{name}: the parts are {', '.join(PARTS)}")
    return names


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: wanted minutes, more than 0")
    return minutes


def _jobs(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: wanted a number from 1 on")
    return int(text)
