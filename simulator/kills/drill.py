"""Kill at every boundary, restart, finish, compare; then let the disk fail at boundaries instead.

Two processes share the work. A finding names the boundary, so that one is tried again alone.
"""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from simulator.kills.edge import EdgeDrill
from simulator.kills.ledger import LedgerDrill
from simulator.kills.plants import planted
from simulator.kills.tracing import BOUNDARIES, ERRORS, Fault, KillsError, run_free, run_traced

ROOT = Path(__file__).resolve().parent.parent.parent
DRILLS: dict[str, type[Any]] = {"edge": EdgeDrill, "ledger": LedgerDrill}
FAULT_EVERY = 10  # kills
FAULT_SPAN = 6  # boundaries that fail before the disk works again
RESTARTS_MAX = 3
Progress = Callable[[], object]


class State(Protocol):
    """What a drill works on: see EdgeState and LedgerState."""

    @property
    def child(self) -> Callable[[], int]:
        """What the process does."""

    def after_kill(self) -> list[str]:
        """What is wrong right after a kill."""

    def at_end(self) -> list[str]:
        """What is wrong when all is done."""

    def close(self) -> None:
        """Throw it away."""


@dataclass
class Killed:
    """What one program was put through."""

    name: str
    boundaries: Counter[str] = field(default_factory=Counter)
    strace: int | None = None
    kills: int = 0
    faults: int = 0
    restarts: int = 0
    sessions: int = 0  # of kills at random
    findings: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many boundaries there are."""
        return sum(self.boundaries.values())

    def add(self, part: "Killed") -> None:
        """Take what another process did."""
        self.kills += part.kills
        self.faults += part.faults
        self.restarts += part.restarts
        self.sessions += part.sessions
        self.findings += part.findings


def drill(
    name: str, every: int = 1, jobs: int = 2, plant: str = "", progress: Progress | None = None
) -> Killed:
    """Kill program `name` at each `every`th boundary; at each tenth of those the disk fails.

    A planted mistake is looked for by kills alone.
    """
    with in_folder(plant) as folder:
        made = DRILLS[name](folder)
        found = Killed(name)
        found.boundaries = whole_run(made, folder, found)
        chosen = range(every, found.total + 1, every)
        cases: list[tuple[str, int]] = [("kill", at) for at in chosen]
        if not plant:
            cases += [(kind, at) for kind in ERRORS for at in list(chosen)[::FAULT_EVERY]]

        def work(part: Killed, job: int, tell: Progress) -> None:
            for kind, at in cases[job::jobs]:
                _case(made, folder / f"{kind}-{at}", part, kind, at)
                tell()

        for part in shared(name, jobs, work, progress):
            found.add(part)
    return found


@contextmanager
def in_folder(plant: str) -> Iterator[Path]:
    """Give a folder for one drill, with a mistake planted while it is used ("" is none)."""
    with tempfile.TemporaryDirectory(prefix="kills-", dir=_fast_folder()) as folder, planted(plant):
        yield Path(folder)


def whole_run(made: Any, folder: Path, found: Killed) -> Counter[str]:
    """Run undisturbed, twice: the boundaries, which are returned, must be the same ones."""
    seen: list[list[str]] = []
    for number in range(2):
        state = made.fresh(folder / f"whole-{number}")
        traced = run_traced(state.child)
        if traced.status:
            raise KillsError(f"sim kills: {made.name} ends with {traced.status} undisturbed")
        found.findings += [f"{made.name} undisturbed: {words}" for words in state.at_end()]
        state.close()
        seen.append(traced.names)
    if seen[0] != seen[1]:
        raise KillsError(f"sim kills: {made.name} has {len(seen[0])} boundaries, then others")
    return Counter(seen[0])


def shared(
    name: str,
    jobs: int,
    work: Callable[[Killed, int, Progress], None],
    progress: Progress | None,
) -> list[Killed]:
    """Let each job do its `work` in a process of its own; every case is told of by one byte."""
    pipes = []
    for job in range(jobs):
        read, write = os.pipe()
        if os.fork() == 0:
            code = 1
            try:
                os.close(read)
                part = Killed(name)
                work(part, job, partial(os.write, write, b"."))
                os.write(write, b"=" + pickle.dumps(part))
                code = 0
            finally:
                os._exit(code)
        os.close(write)
        pipes.append(read)
    parts = [_listen(read, progress) for read in pipes]
    for _ in pipes:
        os.wait()
    return parts


def _listen(read: int, progress: Progress | None) -> Killed:
    said = b""
    while b"=" not in said:
        came = os.read(read, 1)
        if not came:
            raise KillsError("sim kills: a worker died; see what it wrote above")
        said = came
        if progress is not None and came == b".":
            progress()
    with os.fdopen(read, "rb") as rest:
        part: Killed = pickle.loads(rest.read())
    return part


def _case(made: Any, folder: Path, part: Killed, kind: str, at: int) -> None:
    state: State = made.fresh(folder)
    where = f"{made.name} {kind} at boundary {at}"
    try:
        if kind == "kill":
            status = run_traced(state.child, kill_at=at).status
            part.kills += 1
            if status != -9:
                part.findings.append(f"{where}: ended with {status}")
        else:
            status = run_traced(state.child, fault=Fault(at, FAULT_SPAN, ERRORS[kind])).status
            part.faults += 1
        part.findings += [f"{where}: {words}" for words in state.after_kill()]
        for _ in range(RESTARTS_MAX):
            if status == 0:
                break
            status = run_free(state.child)
            part.restarts += 1
        if status:
            part.findings.append(f"{where}: ends with {status} after every restart")
        else:
            part.findings += [f"{where}: {words}" for words in state.at_end()]
    except Exception as error:  # noqa: BLE001 - whatever the look raises is a finding
        part.findings.append(f"{where}: {type(error).__name__} {error}")
    finally:
        state.close()


def strace_count(name: str) -> int | None:
    """Return the boundaries that strace counts in the same run, None where it is not installed."""
    if shutil.which("strace") is None:
        return None
    with tempfile.TemporaryDirectory(prefix="kills-", dir=_fast_folder()) as folder:
        log = Path(folder) / "calls"
        calls = ",".join(sorted(set(BOUNDARIES.values())))
        command = ["strace", "-f", "-qq", "-e", f"trace={calls}", "-e", "signal=none"]
        command += ["-o", str(log), sys.executable, "-m", "simulator.kills.counted", name, folder]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise KillsError(f"sim kills: {name} under strace: {done.stderr.strip()[-300:]}")
        pid = done.stdout.split()[-1]
        return sum(line.split(None, 1)[0] == pid for line in log.read_text().splitlines())


def _fast_folder() -> str | None:
    """SIGKILL takes nothing from the page cache: memory does, and spares the disk."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
