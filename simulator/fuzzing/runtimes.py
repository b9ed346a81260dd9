"""The shared parsers on CPython and on MicroPython: the same cases, the same verdicts."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from simulator.boards.board_process import BoardFailed, micropython_path
from simulator.fuzzing.mutation import case_of
from simulator.fuzzing.shared import verdict as shared_verdict
from simulator.fuzzing.shared.readers import reader_of
from simulator.fuzzing.target import Target

ROOT = Path(__file__).parents[2]
VERDICT = Path(shared_verdict.__file__)
AGREE_CASES = 100_000
HEAP_KIB = 768  # most of it the firmware in source, which boards run from flash
GROWN_MAX = 4096  # bytes that may come to live on the heap between the first look and the last
PORTION = 5000  # cases a process: their input is held in memory
EXAMPLES_MAX = 5


class Agreement(NamedTuple):
    """What a comparison found. Units: bytes live on MicroPython's heap, after a collection."""

    target: str
    cases: int
    taken: int
    differ: int
    heap_bytes: int
    grown_bytes: int
    examples: list[str]

    @property
    def failed(self) -> bool:
        """Return whether anything is wrong: another verdict, or a heap that grows."""
        return bool(self.differ) or self.grown_bytes > GROWN_MAX


def compare(target: Target, cases: int, seed: int) -> Agreement:
    """Give both runtimes the first cases of a run. Raises: BoardFailed if one cannot be run."""
    work = target.make()
    make, refusals = reader_of(target.shared)
    read = make(list(work.setup))
    taken = differ = heap = grown = 0
    examples: list[str] = []
    try:
        for first in range(0, cases, PORTION):
            numbers = range(first, min(first + PORTION, cases))
            portion = [case_of(work, seed, number) for number in numbers]
            said, live = _on_micropython(target.shared, work.setup, portion)
            for number, case, theirs in zip(numbers, portion, said, strict=True):
                ours = shared_verdict.verdict(read, refusals, case)
                taken += ours.startswith("taken")
                if ours != theirs:
                    differ += 1
                    if len(examples) < EXAMPLES_MAX:
                        examples.append(
                            f"case {number}: CPython {ours}, MicroPython {theirs}:"
                            f" {case[:48].hex()}"
                        )
            heap, grown = max(heap, live[1]), max(grown, live[1] - live[0])
    finally:
        work.close()
    return Agreement(target.name, cases, taken, differ, heap, grown, examples)


def _on_micropython(
    reader: str, setup: Sequence[bytes], cases: list[bytes]
) -> tuple[list[str], tuple[int, int]]:
    """Return a verdict for each case, and the heap at the first look and the last."""
    blobs = [bytes([len(setup)]), *setup, *cases]
    command = [micropython_path(), "-X", f"heapsize={HEAP_KIB}k", str(VERDICT), str(ROOT), reader]
    done = subprocess.run(
        command,
        input=b"".join(len(blob).to_bytes(3, "big") + blob for blob in blobs),
        capture_output=True,
        check=False,
    )
    lines = done.stdout.decode().splitlines()
    if done.returncode or len(lines) != len(cases) + 1:
        said = (done.stdout[-200:] + done.stderr[-600:]).decode("utf-8", "replace")
        raise BoardFailed(f"MicroPython ended with {done.returncode} in {reader}: {said}")
    _heap, first, last = lines[-1].split()
    return lines[:-1], (int(first), int(last))
