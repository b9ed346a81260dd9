"""A run in pieces, shared among processes and kept in a file, so that it may be ended and gone on.

A piece is some numbers of cases of one target. First comes a short one of every target, so that a
fault shows early and what is left can be told; then target after target, or by turns where the
time is bounded. A kept piece counts again only while its parser's source is the same.
"""

import hashlib
import importlib
import json
import os
import queue
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from simulator.fuzzing.engine import SAMPLE, Fault, Result, run_piece
from simulator.fuzzing.target import Outcome, Target, Work

FIRST_CASES = 2000
PIECE_CASES = 10_000


class Piece(NamedTuple):
    """Cases first..end-1 of a target."""

    name: str
    first: int
    end: int


@dataclass
class Run:
    """What is asked of all targets, and how far it is. Units: seconds by the clock."""

    targets: Sequence[Target]
    cases: int
    seed: int
    jobs: int = 1
    for_s: float = 0.0  # 0 = until all is done
    kept: Path | None = None
    results: dict[str, Result] = field(default_factory=dict)

    def go(self, tell: Callable[["Run", Result], None]) -> None:
        """Run what is not done yet; `tell(run, result)` after each piece or kept target."""
        end_s = time.monotonic() + self.for_s if self.for_s else None
        self.results = {target.name: Result(target, self.seed) for target in self.targets}
        planned = self._planned()
        done = self._resume(set(planned))
        for result in self.results.values():
            if result.executions:
                tell(self, result)
        waiting = [piece for piece in planned if piece not in done]
        for piece, row in _carried_out(self._going(waiting, end_s), self.targets, self):
            result = self.results[piece.name]
            result.add(from_row(row, result.target, self.seed))
            self._keep(row)
            tell(self, result)

    @property
    def left_s(self) -> float | None:
        """Return how long the rest takes at the pace of each target so far; None if unknown."""
        sum_s = 0.0
        for result in self.results.values():
            if not result.executions and self.cases:
                return None
            if not result.is_over:
                left = self.cases - result.executions
                sum_s += left * result.seconds / max(1, result.executions)
        return sum_s / self.jobs

    def is_done(self, result: Result) -> bool:
        """Return whether nothing of a target is left to do."""
        return result.is_over or result.executions >= self.cases

    def _going(self, waiting: list[Piece], end_s: float | None) -> Iterator[Piece]:
        """Yield the pieces one by one, as long as there is time and reason."""
        for piece in waiting:
            if end_s is not None and time.monotonic() >= end_s:
                return
            if not self.results[piece.name].is_over:
                yield piece

    def _planned(self) -> list[Piece]:
        """Return all pieces in their order."""
        short, long = [], []
        for target in self.targets:
            cuts = [0, *range(FIRST_CASES, self.cases, PIECE_CASES), self.cases]
            pieces = [Piece(target.name, *pair) for pair in zip(cuts, cuts[1:], strict=False)]
            short += pieces[:1]
            long += pieces[1:]
        if self.for_s:
            long.sort(key=lambda piece: piece.first)  # by turns: all get as far
        return short + long

    def _resume(self, planned: set[Piece]) -> set[Piece]:
        """Take over what the file has of this run; return its pieces.

        What ended with a fault is done again: its mend may lie outside the parser's own modules.
        """
        done: set[Piece] = set()
        if self.kept is None or not self.kept.exists():
            return done
        codes = {target.name: code_of(target) for target in self.targets}
        whole, newline, _begun = self.kept.read_bytes().rpartition(b"\n")
        os.truncate(self.kept, len(whole + newline))  # killed in a line: its piece is done again
        for line in whole.splitlines():
            row = json.loads(line)
            piece = Piece(row["target"], row["first"], row["end"])
            ours = codes.get(piece.name) == row["code"] and row["seed"] == self.seed
            if ours and not row["faults"] and piece in planned and piece not in done:
                done.add(piece)
                result = self.results[piece.name]
                result.add(from_row(row, result.target, self.seed))
        return done

    def _keep(self, row: dict[str, Any]) -> None:
        if self.kept is not None:
            with self.kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def _carried_out(
    pieces: Iterator[Piece], targets: Sequence[Target], run: Run
) -> Iterator[tuple[Piece, dict[str, Any]]]:
    """Yield (piece, row) as pieces are done, in this process or in `jobs` forked ones."""
    bench = _Bench({target.name: target for target in targets}, run.seed)
    if run.jobs == 1:
        try:
            for piece in pieces:
                yield piece, bench.do(piece)
        finally:
            bench.close()
        return
    global _bench
    _bench = bench
    done: queue.SimpleQueue[Any] = queue.SimpleQueue()
    with get_context("fork").Pool(run.jobs, _begin) as pool:

        def hand_out() -> int:
            piece = next(pieces, None)
            if piece is not None:
                pool.apply_async(_do, (piece,), callback=done.put, error_callback=done.put)
            return piece is not None

        out = sum(hand_out() for _ in range(run.jobs))
        while out:
            found = done.get()
            if isinstance(found, BaseException):
                raise found
            yield found
            out += hand_out() - 1
        pool.map(_end, range(run.jobs))
        pool.close()
        pool.join()  # or they would be ended by a signal, with a traceback


class _Bench:
    """One process's targets: the last one stays made, because its next piece comes soon."""

    def __init__(self, targets: dict[str, Target], seed: int) -> None:
        self.targets, self.seed = targets, seed
        self.name = ""
        self.work: Work | None = None

    def do(self, piece: Piece) -> dict[str, Any]:
        """Run one piece; return its row."""
        target = self.targets[piece.name]
        if self.name != piece.name or self.work is None:
            self.close()
            self.name, self.work = piece.name, target.make()
        numbers = range(piece.first, piece.end)
        result = run_piece(target, self.work, numbers, self.seed, min(SAMPLE, len(numbers)))
        return {**as_row(result), "first": piece.first, "end": piece.end, "code": code_of(target)}

    def close(self) -> None:
        """Give back what the last target holds."""
        if self.work is not None:
            self.work.close()
        self.name, self.work = "", None


_bench: _Bench


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends them
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _do(piece: Piece) -> tuple[Piece, dict[str, Any]]:
    return piece, _bench.do(piece)


def _end(number: int) -> None:
    _bench.close()


def as_row(result: Result) -> dict[str, Any]:
    """Return a result as a tree that JSON holds."""
    return {
        "target": result.target.name,
        "seed": result.seed,
        "cases": result.executions,
        "seconds": round(result.seconds, 3),
        "endings": [[*key, count] for key, count in sorted(result.outcomes.items())],
        "lines": [result.lines_reached, result.lines_all, result.lines_most],
        "faults": [
            [fault.number, fault.outcome.kind, fault.outcome.name, fault.outcome.where,
             fault.said, fault.case.hex(), fault.small.hex()]
            for fault in result.faults
        ],
    }  # fmt: skip


def from_row(row: dict[str, Any], target: Target, seed: int) -> Result:
    """Return the result of a row."""
    result = Result(target, seed, row["cases"], row["seconds"])
    result.outcomes = {(kind, name, where): n for kind, name, where, n in row["endings"]}
    result.lines_reached, result.lines_all, result.lines_most = row["lines"]
    for number, kind, name, where, said, case, small in row["faults"]:
        outcome = Outcome(kind, name, where)
        result.faults.append(
            Fault(number, outcome, bytes.fromhex(case), bytes.fromhex(small), said)
        )
    return result


def code_of(target: Target) -> str:
    """Return a mark of the source of a target's parser, another one after every change."""
    digest = hashlib.sha256()
    for name in target.modules:
        digest.update(Path(str(importlib.import_module(name).__file__)).read_bytes())
    return digest.hexdigest()[:16]
