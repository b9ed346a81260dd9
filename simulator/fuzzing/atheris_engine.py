"""The same targets under atheris, which follows the lines a case reaches: `--engine atheris`.

atheris ends its process when it is done, so each target runs in one of its own: this file as a
program. It is no part of what the programs need; `./tornello test` brings it where it has wheels.
"""

import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from simulator.fuzzing.engine import Fault, Result
from simulator.fuzzing.mutation import CASE_BYTES_MAX
from simulator.fuzzing.shrinking import smallest
from simulator.fuzzing.target import Target, outcome_of

FOUND, COUNTS = "found", "counts.json"
BY_ATHERIS = -1  # the number of a case that no seed gives


class NoAtheris(Exception):
    """atheris is not installed here."""


def run_atheris(target: Target, runs: int, seed: int, plant: str = "") -> Result:
    """Run a target under atheris, with a planted mistake if one is named. Raises: NoAtheris.

    The result's lines are atheris's own edges of the parser's modules and of what they call.
    """
    if importlib.util.find_spec("atheris") is None:
        raise NoAtheris("atheris is not installed here: `./tornello test` brings it, or leave out"
                        " --engine")  # fmt: skip
    result = Result(target, seed)
    with tempfile.TemporaryDirectory(prefix="tornello-atheris-") as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        work = target.make()
        try:
            for at, case in enumerate(work.seeds):
                (corpus / str(at)).write_bytes(case)
            start = time.perf_counter()
            command = [sys.executable, "-m", "simulator.fuzzing.atheris_engine", target.name]
            command += [folder, str(runs), str(seed), plant, ",".join(target.modules)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            result.seconds = time.perf_counter() - start
            counts = Path(folder) / COUNTS
            if not counts.exists():
                raise NoAtheris(f"atheris ended with {done.returncode}: {done.stderr[-300:]}")
            told = json.loads(counts.read_text())
            result.executions = told["executions"]
            result.outcomes = {tuple(key): count for key, count in told["outcomes"]}
            result.lines_reached = _covered(done.stderr)
            found = Path(folder) / FOUND
            if found.exists():
                case = found.read_bytes()
                outcome = outcome_of(work, case)
                small = smallest(work, case, outcome)
                said = str(outcome.error or "")
                result.faults.append(Fault(BY_ATHERIS, outcome, case, small, said))
        finally:
            work.close()
    return result


def _covered(said: str) -> int:
    """Return the edges of the last "cov: N" that libFuzzer printed."""
    words = said.split()
    at = [i for i, said_word in enumerate(words[:-1]) if said_word == "cov:"]
    return int(words[at[-1] + 1]) if at else 0


def main(name: str, folder: str, runs: int, seed: int, plant: str, modules: str) -> None:
    """Run inside atheris's process; leave what was found and counted in the folder."""
    atheris: Any = importlib.import_module("atheris")
    # The parser's own modules only: all of the programs would take atheris half a minute.
    with atheris.instrument_imports(include=modules.split(",")):
        targets = importlib.import_module("simulator.fuzzing.targets")
    if plant:
        plants = importlib.import_module("simulator.fuzzing.plants")
        planted = plants.PLANTS[plant].planted()  # held: it ends with its last reference
        planted.__enter__()
    work = targets.NAMES[name].make()
    outcomes: dict[tuple[str, str, str], int] = {}
    executions = [0]

    def one(case: bytes) -> None:
        executions[0] += 1
        outcome = outcome_of(work, bytes(case))
        key = (outcome.kind, outcome.name, outcome.where)
        outcomes[key] = outcomes.get(key, 0) + 1
        last = executions[0] >= runs
        if outcome.failed:
            (Path(folder) / FOUND).write_bytes(bytes(case))
        if outcome.failed or last:
            _tell(folder, executions[0], outcomes)
            work.close()
            sys.stderr.flush()
            # Its own end would call this case a crash; the parent judges what was found.
            os._exit(0)

    atheris.Setup(
        [sys.argv[0], f"-seed={seed or 1}", f"-max_len={min(CASE_BYTES_MAX, 1 << 16)}",
         f"-artifact_prefix={folder}/", "-print_final_stats=1", f"{folder}/corpus"],
        one,
    )  # fmt: skip
    atheris.Fuzz()


def _tell(folder: str, executions: int, outcomes: dict[tuple[str, str, str], int]) -> None:
    rows = [[list(key), count] for key, count in outcomes.items()]
    (Path(folder) / COUNTS).write_text(json.dumps({"executions": executions, "outcomes": rows}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:7])
