"""Bench rows of the fare engine: decisions a second, what they read, and the heap they take.

Cold decisions are asked one after the other, no answer remembered; the reference of a time is a
bare table lookup through the same reader in the same run. Both runtimes answer the same questions
and must give the same answers.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.gtfs import read_feed
from backend_sync.tariffs.memo import Memo
from backend_sync.tariffs.network import derive
from backend_sync.tariffs.package_writer import write_package
from backend_sync.tariffs.zoned import dated_feed
from card_layouts.fares import inputs as i
from card_layouts.fares.engine import rate
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import memory_reader
from simulator.bench.fare_questions import Question, questions
from simulator.bench.row import BenchError, Row
from simulator.boards.board_process import micropython_path

ROOT = Path(__file__).resolve().parents[2]
TARIFF = ROOT / "backend_sync" / "tariffs" / "shipped" / "mikkeli"
QUESTIONS = 3000
ROUNDS = 5
SEED = 7


def rows(plant: str | None) -> Iterator[Row]:
    """Yield the fares.* rows. Raises: BenchError when a runtime is missing or they disagree."""
    body, asked = prepared(QUESTIONS)
    tariff = Tariff(memory_reader(body))
    tariff.mount()
    cold = max(_cold_per_second(tariff, asked) for _ in range(ROUNDS))
    yield Row("fares.cold_decisions", cold, "1/s", limit=">= 12000")
    memo = Memo(tariff)
    for card, tap in asked:
        memo.rate(card, tap)
    warm = max(_warm_per_second(memo, asked) for _ in range(ROUNDS))
    yield Row("fares.memoised_decisions", warm, "1/s", "cold", cold, ">= 50000")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        ours = measure([sys.executable], body, asked, place)
        theirs = measure([micropython_path(), "-X", "heapsize=64m"], body, asked, place)
    if ours.answers != theirs.answers:
        raise BenchError("fares: CPython and MicroPython answered differently")
    yield from _read_rows(theirs)
    for name, found in (("cpython", ours), ("micropython", theirs)):
        yield Row(f"fares.us_{name}", found.rate_us, "us", "bare table lookup", found.lookup_us)
    yield Row("fares.heap", theirs.heap_bytes, "B", "limit of the issue", 8192, "<= 8192")


class Measured:
    """What bench_fares_board.py printed."""

    def __init__(self, line: str) -> None:
        words = line.split()
        self.decisions = int(words[0])
        self.reads_mean = int(words[1]) / 100
        self.reads_p99, self.reads_max = int(words[2]), int(words[3])
        self.rate_us, self.lookup_us = int(words[4]) / 100, int(words[5]) / 100
        self.heap_bytes = int(words[6])
        self.answers = words[7]


def prepared(count: int) -> tuple[bytes, list[Question]]:
    """Return the package measured and the questions asked of it."""
    authored = read_tariff(TARIFF / "tariff.toml")
    feed = dated_feed(authored.source, read_feed(TARIFF / "gtfs"))
    body = write_package(authored.book, feed)
    return body, questions(authored.book, derive(feed), count, SEED)


def measure(runtime: list[str], body: bytes, asked: list[Question], place: Path) -> Measured:
    """Ask the questions under the runtime called so. Raises: BenchError with what it said."""
    (place / "package").write_bytes(body)
    lines = [" ".join(map(str, [*card, *tap])) for card, tap in asked]
    (place / "questions").write_text("\n".join(lines) + "\n")
    command = [*runtime, "simulator/bench/fares_board.py"]
    command += [str(place / "package"), str(place / "questions")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"fares under {runtime[0]}: {(done.stdout + done.stderr).strip()[-500:]}")
    return Measured(done.stdout)


def _read_rows(found: Measured) -> Iterator[Row]:
    yield Row("fares.reads_mean", found.reads_mean, "reads")
    yield Row("fares.reads_p99", found.reads_p99, "reads")
    yield Row("fares.reads_max", found.reads_max, "reads", "design", 30, "<= 40")


def _cold_per_second(tariff: Tariff, asked: list[Question]) -> float:
    decision = i.new_decision()
    start = time.perf_counter()
    for card, tap in asked:
        rate(tariff, card, tap, decision)
    return len(asked) / (time.perf_counter() - start)


def _warm_per_second(memo: Memo, asked: list[Question]) -> float:
    start = time.perf_counter()
    for card, tap in asked:
        memo.rate(card, tap)
    return len(asked) / (time.perf_counter() - start)
