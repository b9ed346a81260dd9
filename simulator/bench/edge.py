"""Bench rows of the edge's outbox: what a dock session costs the disk, and against bare sqlite3.

The reference writes the same slots in the same groups with the standard library alone: same
journal mode, same durability, no check of anything.
"""

import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from card_layouts.records.chain import chain_next, chain_start
from card_layouts.records.entries import REFUSAL
from card_layouts.records.slot import PAYLOAD_BYTES, SLOT_HEADER, SLOT_MAGIC, Sealer
from edge_agent.intake import GROUP_SLOTS, Intake
from edge_agent.store import Store
from simulator.bench.row import BenchError, Row

ROOT = Path(__file__).resolve().parents[2]
DEVICE, EPOCH = 4711, 1
FRAME_SLOTS = 7  # what one answer to a pull holds
ENTRIES = 40 * GROUP_SLOTS
ROUNDS = 5
SYNCS_MAX = 12.0  # entries of a group are one commit; the rest are checkpoints
RATIO_MAX = 4.0  # CRC, header and chain of every slot are checked on the way


class Kept(NamedTuple):
    """A slot as a journal has it, with the chain value before it."""

    slot: bytes
    h_before: bytes


class StillClock:
    """A clock that stands."""

    def utc_seconds(self) -> int:
        return 180_000_000

    def monotonic_ms(self) -> int:
        return 0


def rows(plant: str | None) -> Iterator[Row]:
    """Yield the edge.* rows. Raises: BenchError when strace is not there."""
    few, many = (count_syncs(groups * GROUP_SLOTS) for groups in (20, 40))
    per_thousand = 1000 * (many - few) / (20 * GROUP_SLOTS)
    once = round(1000 / GROUP_SLOTS, 2)
    yield Row("edge.fdatasyncs_per_1000_entries", round(per_thousand, 2), "", "one a commit", once,
              f"<= {SYNCS_MAX:g}")  # fmt: skip
    ours, bare = interleaved(make_slots(ENTRIES))
    yield Row("edge.ratio_to_sqlite3", round(ours / bare, 3), "", "stdlib inserts", 1.0,
              f"<= {RATIO_MAX:g}")  # fmt: skip
    yield Row("edge.entries_per_s", round(ENTRIES / ours), "1/s", "stdlib inserts",
              round(ENTRIES / bare))  # fmt: skip


def make_slots(count: int) -> list[Kept]:
    """Return consecutive sealed slots of one device."""
    sealer, chain, slots = Sealer(bytes(16)), chain_start(DEVICE, EPOCH), []
    for seq in range(1, count + 1):
        header = SLOT_HEADER.pack(
            {"magic": SLOT_MAGIC, "type": REFUSAL, "layout": 1, "epoch": EPOCH, "device": DEVICE,
             "seq": seq, "length": PAYLOAD_BYTES, "slot": (seq - 1) % 30,
             "block": (seq - 1) // 30 % 256}
        )  # fmt: skip
        slot = bytes(sealer.seal(header, bytes(PAYLOAD_BYTES)))
        slots.append(Kept(slot, chain))
        chain = chain_next(chain, slot)
    return slots


def interleaved(slots: list[Kept]) -> tuple[float, float]:
    """Return the median seconds of ours and of the bare inserts, run in turn."""
    ours, bare = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            ours.append(_seconds(take_as_intake, Path(folder) / "edge.db", slots))
            bare.append(_seconds(insert_bare, Path(folder) / "bare.db", slots))
    return statistics.median(ours), statistics.median(bare)


def _seconds(write, path: Path, slots: list[Kept]) -> float:  # type: ignore[no-untyped-def]
    finish = write(path)
    began = time.perf_counter()
    finish(slots)
    return time.perf_counter() - began


def take_as_intake(path: Path):  # type: ignore[no-untyped-def]
    """Return a function that takes slots as a dock session does."""
    store = Store(path)
    intake = Intake(store, StillClock(), DEVICE, EPOCH)
    intake.begin(1, 0)

    def finish(slots: list[Kept]) -> None:
        for at in range(0, len(slots), FRAME_SLOTS):
            part = slots[at : at + FRAME_SLOTS]
            intake.take(at + 1, part[0].h_before, [kept.slot for kept in part])
        intake.flush()
        store.close()

    return finish


def insert_bare(path: Path):  # type: ignore[no-untyped-def]
    """Return a function that inserts slots in the same groups and does nothing else."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(
        "CREATE TABLE entries (device INTEGER, epoch INTEGER, seq INTEGER, slot BLOB,"
        " PRIMARY KEY (device, epoch, seq)) STRICT, WITHOUT ROWID"
    )

    def finish(slots: list[Kept]) -> None:
        for at in range(0, len(slots), GROUP_SLOTS):
            group = enumerate(slots[at : at + GROUP_SLOTS], at + 1)
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "INSERT INTO entries VALUES (?, ?, ?, ?)",
                [(DEVICE, EPOCH, seq, kept.slot) for seq, kept in group],
            )
            connection.execute("COMMIT")
        connection.close()

    return finish


def count_syncs(entries: int) -> int:
    """Return how often a process that takes `entries` asks the disk to be sure."""
    if shutil.which("strace") is None:
        raise BenchError("edge.fdatasyncs_per_1000_entries needs strace: apt-get install -y strace")
    with tempfile.TemporaryDirectory() as folder:
        counts = Path(folder) / "counts"
        command = ["strace", "-f", "-e", "trace=fdatasync,fsync", "-o", str(counts)]
        command += [sys.executable, "-m", "simulator.bench.edge", f"{folder}/edge.db", str(entries)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise BenchError(f"edge: the outbox under strace ended badly: {done.stderr[-300:]}")
        return len(re.findall(r"\b(?:fdatasync|fsync)\(", counts.read_text()))


if __name__ == "__main__":
    take_as_intake(Path(sys.argv[1]))(make_slots(int(sys.argv[2])))
