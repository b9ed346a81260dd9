"""Kill again and again at boundaries drawn from a seed, recoveries included, until all is done.

A session is one whole run of a drill, cut into many lives: each life ends after so many boundaries,
sometimes a few, sometimes hundreds, and the next process goes on from what it left. So a kill costs
its own part of the work only. A session is the same for its seed and number, whoever plays it.
"""

from itertools import count
from pathlib import Path
from typing import Any

from simulator.kills.drill import (
    DRILLS,
    Killed,
    Progress,
    State,
    in_folder,
    shared,
    whole_run,
)
from simulator.kills.tracing import run_traced
from simulator.prng import Prng

LIVES_MAX = 2_000  # of one session, which would otherwise never come to its end


def drill_at_random(
    name: str,
    kills: int,
    seed: int = 1,
    session: int = 0,
    jobs: int = 2,
    plant: str = "",
    progress: Progress | None = None,
) -> Killed:
    """Kill program `name` at least `kills` times in all; with `session` play that one alone."""
    with in_folder(plant) as folder:
        made = DRILLS[name](folder)
        found = Killed(name)
        most = whole_run(made, folder, found)
        numbers = [[session]] if session else [count(1 + job, jobs) for job in range(jobs)]
        share = 1 if session else -(-kills // jobs)

        def work(part: Killed, job: int, tell: Progress) -> None:
            for number in numbers[job]:
                _session(made, folder, part, Prng(seed).fork(f"{name} {number}"), number, tell)
                if part.kills >= share:
                    return

        for part in shared(name, len(numbers), work, progress):
            found.add(part)
        found.boundaries = most
    return found


def _session(
    made: Any, folder: Path, part: Killed, prng: Prng, number: int, tell: Progress
) -> None:
    """Play one session to its end, killed on the way."""
    state: State = made.fresh(folder / f"session-{number}")
    where = f"{made.name} session {number}"
    part.sessions += 1
    try:
        for life in range(1, LIVES_MAX):
            at = _length(prng)
            where = f"{made.name} session {number}, life {life} of {at} boundaries"
            status = run_traced(state.child, kill_at=at).status
            if status == 0:
                part.findings += [f"{where}: {words}" for words in state.at_end()]
                return
            part.kills += 1
            part.restarts += 1
            tell()
            if status != -9:
                part.findings.append(f"{where}: ended with {status}")
                return
            part.findings += [f"{where}: {words}" for words in state.after_kill()]
        part.findings.append(f"{where}: it never came to its end")
    except Exception as error:  # noqa: BLE001 - whatever the look raises is a finding
        part.findings.append(f"{where}: {type(error).__name__} {error}")
    finally:
        state.close()


def _length(prng: Prng) -> int:
    """Draw how long a life is: half of them end while the program still begins."""
    return prng.between(1, 16 << prng.below(6))
