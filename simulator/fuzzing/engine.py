"""A run over one target: cases by number, what became of them, and the smallest that fails.

The cases of a run are its seed's alone. A sample of them is run again with its lines and its memory
counted. An alarm guards against a case that never ends: it is then run again under the line bound,
and only that verdict counts.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from simulator.fuzzing.coverage import Lines, within_memory, within_steps
from simulator.fuzzing.mutation import case_of
from simulator.fuzzing.shrinking import smallest
from simulator.fuzzing.target import Outcome, Target, Work, outcome_of

SAMPLE = 1000  # cases whose lines are counted, and a quarter of them their memory
FAULTS_MAX = 5  # different ones: then the run of a target ends
HANG_CPU_S = 20
CHUNK = 256  # cases under one alarm


class Hung(BaseException):
    """The alarm went off inside a case; no parser catches this."""


@dataclass
class Fault:
    """A case that fails, as found and as small as it gets."""

    number: int
    outcome: Outcome
    case: bytes
    small: bytes = b""
    said: str = ""  # the exception's words


@dataclass
class Result:
    """A row of the report. `outcomes` counts the ways in which cases ended, by (kind, name, where).

    Units: seconds by the clock, of the plain executions; lines_most executed by one case.
    """

    target: Target
    seed: int
    executions: int = 0
    seconds: float = 0.0
    outcomes: dict[tuple[str, str, str], int] = field(default_factory=dict)
    lines_reached: int = 0
    lines_all: int = 0
    lines_most: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def taken(self) -> int:
        """Return how many cases the parser took."""
        return sum(n for (kind, _name, _where), n in self.outcomes.items() if kind == "taken")

    def add(self, other: "Result") -> None:
        """Take in what another piece of the same run found."""
        self.executions += other.executions
        self.seconds += other.seconds
        for key, count in other.outcomes.items():
            self.outcomes[key] = self.outcomes.get(key, 0) + count
        self.lines_reached = max(self.lines_reached, other.lines_reached)
        self.lines_all = max(self.lines_all, other.lines_all)
        self.lines_most = max(self.lines_most, other.lines_most)
        for fault in other.faults:
            if not any(fault.outcome.same_fault(known.outcome) for known in self.faults):
                self.faults.append(fault)

    @property
    def is_over(self) -> bool:
        """Return whether enough different faults are found: the run of this target ends."""
        return len(self.faults) >= FAULTS_MAX


def run_target(
    target: Target,
    runs: int,
    seed: int,
    sample: int = SAMPLE,
    tell: Callable[[int], None] = lambda done: None,
) -> Result:
    """Run `runs` cases of a target, fewer once FAULTS_MAX different faults are found."""
    work = target.make()
    try:
        return run_piece(target, work, range(runs), seed, sample, tell)
    finally:
        work.close()


def run_piece(
    target: Target,
    work: Work,
    numbers: range,
    seed: int,
    sample: int = SAMPLE,
    tell: Callable[[int], None] = lambda done: None,
) -> Result:
    """Run the cases `numbers` of a target; the piece with case 0 counts lines and memory too."""
    result = Result(target, seed)
    start = time.perf_counter()
    with _alarm():
        for first in range(numbers.start, numbers.stop, CHUNK):
            _chunk(result, work, range(first, min(first + CHUNK, numbers.stop)))
            tell(result.executions)
            if result.is_over:
                break
    result.seconds = time.perf_counter() - start
    if numbers.start == 0:
        _count(result, work, min(sample, result.executions))
    for fault in result.faults:
        fault.small = smallest(work, fault.case, fault.outcome)
        fault.said = str(fault.outcome.error or "")
    return result


def _chunk(result: Result, work: Work, numbers: range) -> None:
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_CPU_S) if _in_main() else None
    outcomes = result.outcomes
    for number in numbers:
        case = case_of(work, result.seed, number)
        try:
            outcome = outcome_of(work, case)
        except Hung:
            outcome = outcome_of(within_steps(Lines(()), work, case), case)
        result.executions += 1
        key = (outcome.kind, outcome.name, outcome.where)
        outcomes[key] = outcomes.get(key, 0) + 1
        if outcome.failed and outcomes[key] == 1:
            result.faults.append(Fault(number, outcome, case))


def _count(result: Result, work: Work, sample: int) -> None:
    """Run a sample again, its lines and its memory counted; what is too much is a fault too."""
    lines = Lines(result.target.modules)
    for number in range(sample):
        case = case_of(work, result.seed, number)
        counted = outcome_of(within_steps(lines, work, case), case)
        if not counted.failed and number % 4 == 0:
            counted = outcome_of(within_memory(work, case), case)
        known = any(fault.outcome.same_fault(counted) for fault in result.faults)
        if counted.failed and not known:
            result.faults.append(Fault(number, counted, case))
    result.lines_reached, result.lines_all = lines.reached(), len(lines.all)
    result.lines_most = lines.most


def _in_main() -> bool:
    return threading.current_thread() is threading.main_thread()


@contextmanager
def _alarm() -> Iterator[None]:
    """Raise Hung after HANG_CPU_S of the processor's time in one chunk."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise Hung

    if not _in_main():
        yield
        return
    before = signal.signal(signal.SIGVTALRM, ring)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
