"""Bench rows of the ledger: speed of posting, against one bare table, and growth of the WAL.

The whole way is timed: opening seals, chain, re-rating, resolving, postings, the durable commit and
the checkpoint. Making the entries is not. Source: decisions.md D28; limits.md section 4.
"""

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger import Ledger
from simulator.bench import choices as bench_choices
from simulator.bench.books import StandingClock
from simulator.bench.ledger_traffic import AUTHORITY, VERSION, Batch, Traffic
from simulator.bench.row import BenchError, Row

ENTRIES = 1_000_000
WINDOW = 100_000  # entries at the start and at the end whose WAL frames are compared
COMPARED_GROUPS = 20  # groups that a bare table takes too, right after the ledger
FRAME_BYTES = 4096 + 24
BARE = (
    "CREATE TABLE bare (device INTEGER NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " slot BLOB NOT NULL, PRIMARY KEY (device, epoch, seq))"
)


def rows(plant: str | None = None, entries: int = ENTRIES) -> Iterator[Row]:
    """Yield the ledger's rows; `entries` below a million is for a first look."""
    with tempfile.TemporaryDirectory(prefix="tornello-bench-") as name:
        folder = Path(name)
        write_keys(folder / "keys.json", make_keys([AUTHORITY], seed="bench"))
        keyring = LocalKeyring(folder)
        traffic = Traffic(keyring)
        ledger = Ledger(
            f"sqlite:///{folder / 'ledger.db'}",
            StandingClock(),
            keyring,
            {(AUTHORITY, VERSION): traffic.tariff},
            AUTHORITY,
        )
        ledger.import_issues(traffic.issues())
        run = _Run(ledger, folder)
        for group in traffic.groups(entries):
            run.post(group)
        _check(ledger, run.count)
        ledger.close()
        keyring.close()
    yield Row("ledger.entries_per_s", round(median(run.speeds)), "entries/s", limit=">= 10000")
    bare = f"one bare table, {round(median(run.bare_speeds)):,}/s"
    yield Row("ledger.ratio_to_bare_insert", round(median(run.ratios), 3), "", bare, 1.0)
    early, late = run.frames_early(), run.frames_late()
    before = f"{early:.3f} frames an entry before"
    yield Row("ledger.wal_frames_1m_over_100k", round(late / early, 3), "", before, 1.0, "<= 1.3")
    yield from bench_choices.rows()


class _Run:
    """Posts groups and keeps what each took."""

    def __init__(self, ledger: Ledger, folder: Path) -> None:
        self.ledger = ledger
        self.wal = folder / "ledger.db-wal"
        self.bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
        for sql in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", BARE):
            self.bare.execute(sql)
        # Frames are counted from the file's size, so the WAL starts anew after every group.
        ledger.database.rows("PRAGMA wal_autocheckpoint=0")
        self._checkpoint()
        self.count = 0
        self.speeds: list[float] = []
        self.bare_speeds: list[float] = []
        self.ratios: list[float] = []
        self.frames: list[tuple[int, int]] = []  # entries, frames of each group

    def post(self, group: list[Batch]) -> None:
        size = sum(len(run[4]) for _, runs in group for run in runs)
        start = time.perf_counter()
        self.ledger.post(group)
        posted = time.perf_counter()
        self.frames.append((size, self.wal.stat().st_size // FRAME_BYTES))
        counted = time.perf_counter()
        self._checkpoint()
        took = time.perf_counter() - counted + posted - start
        self.speeds.append(size / took)
        self.count += size
        if len(self.ratios) < COMPARED_GROUPS:
            bare = size / self._post_bare(group)
            self.bare_speeds.append(bare)
            self.ratios.append(self.speeds[-1] / bare)

    def frames_early(self) -> float:
        return _per_entry(self.frames)

    def frames_late(self) -> float:
        return _per_entry(self.frames[::-1])

    def _post_bare(self, group: list[Batch]) -> float:
        rows_of_group = [
            (run[0], run[1], seq, slot)
            for _, runs in group
            for run in runs
            for seq, slot in enumerate(run[4], run[2])
        ]
        start = time.perf_counter()
        self.bare.execute("BEGIN IMMEDIATE")
        self.bare.executemany("INSERT INTO bare VALUES (?, ?, ?, ?)", rows_of_group)
        self.bare.execute("COMMIT")
        self.bare.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return time.perf_counter() - start

    def _checkpoint(self) -> None:
        connection = self.ledger.database.connection.connection.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _per_entry(frames: list[tuple[int, int]]) -> float:
    """Return frames per entry over the first WINDOW entries of a list of groups."""
    count = written = 0
    for size, number in frames:
        if count >= WINDOW:
            break
        count += size
        written += number
    return written / count


def _check(ledger: Ledger, count: int) -> None:
    found = ledger.report()
    wrong = {name: found[name] for name in ("lost", "doubled", "forks", "trial_balance_cents")}
    if found["entries"] != count or any(wrong.values()) or found["rerated"]["differences"]:
        raise BenchError(f"ledger: the posted city does not reconcile: {found}")
