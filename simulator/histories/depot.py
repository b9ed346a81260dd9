"""A depot: the edge agent with its real database, docks, and what may kill it.

`Killed` is a BaseException: nothing of the agent may catch it, as nothing catches SIGKILL. The
database's connection is replaced by one that dies at a chosen statement; SQLite then rolls back
what was not committed, as it does after a crash.
"""

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from backend_sync.status import StatusFile
from edge_agent.app import EdgeAgent
from edge_agent.config import BrokerConfig, EdgeConfig
from edge_agent.dock_session import DockSession
from edge_agent.store import Store, StoreRefused
from simulator.clock import WorldClock
from simulator.histories.broker import EdgeSide, Post
from simulator.histories.cable import DockEnd
from simulator.histories.places import LEDGER, edge_name
from simulator.histories.town import AUTHORITY, town
from simulator.prng import Prng

DOCKS = 2
REPORT_EVERY = 100
# An agent with nothing in hand is woken by mail, by bytes in a dock, by a flight that is late.
ACTIVE_MS = 300  # longer than a lone entry waits for company
IDLE_MS = 1_800_000
WRITES = ("BEGIN", "INSERT", "UPDATE", "DELETE", "COMMIT")


class Killed(BaseException):
    """The process is gone."""


class DyingConnection:
    """A connection whose process dies before or after its `at`-th write statement."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self.real = real
        self.left = -1  # statements until death; -1 = lives
        self.after = False
        self.is_dead = False

    def execute(self, sql: str, *values: Any) -> Any:
        return self._do(sql, lambda: self.real.execute(sql, *values))

    def executemany(self, sql: str, rows: Any) -> Any:
        return self._do(sql, lambda: self.real.executemany(sql, rows))

    @property
    def in_transaction(self) -> bool:
        return not self.is_dead and self.real.in_transaction

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def _do(self, sql: str, work: Any) -> Any:
        if self.is_dead:
            raise Killed
        if self.left >= 0 and sql.startswith(WRITES):
            self.left -= 1
            if self.left < 0:
                if self.after:
                    work()
                self.is_dead = True
                raise Killed
        return work()


class QuietAgent(EdgeAgent):
    """The edge agent, writing its status file for people only now and then."""

    reports = 0

    def report(self, running: bool = True) -> None:
        self.reports += 1
        if self.reports % REPORT_EVERY == 1:
            super().report(running)


class QuietStatus(StatusFile):
    """The ledger's status file, likewise."""

    asked = 0

    def write(self, status: Mapping[str, Any], now_ms: int, at_once: bool = False) -> None:
        self.asked += 1
        if self.asked % REPORT_EVERY == 1:
            super().write(status, now_ms, at_once)


class MachineClock:
    """The edge's and the ledger's Clock port; `wrong_s` is how far its calendar is off."""

    def __init__(self, clock: WorldClock) -> None:
        self.clock = clock
        self.wrong_s = 0

    def utc_seconds(self) -> int:
        return self.clock.utc_seconds() + self.wrong_s

    def monotonic_ms(self) -> int:
        return self.clock.now_ms


class Depot:
    """One edge: its files, its docks, and the agent while it lives."""

    def __init__(
        self, number: int, folder: Path, clock: WorldClock, post: Post, prng: Prng, keep_days: int
    ) -> None:
        self.name = edge_name(number)
        self.clock, self.post, self.prng = clock, post, prng
        self.machine = MachineClock(clock)
        self.broker = EdgeSide(post, self.name, LEDGER)
        self.config = EdgeConfig(
            edge=self.name,
            authority=AUTHORITY,
            data=folder / self.name,
            broker=BrokerConfig(),
            docks=(),
            publics=town().publics,
            retention_seconds=keep_days * 86_400,
        )
        self.docks = [DockEnd(f"{self.name}/{place}") for place in range(DOCKS)]
        self.agent: EdgeAgent | None = None
        self.connection: DyingConnection | None = None
        self.problem = ""
        self.wake_ms = 0
        self.active_until_ms = 0
        self.starts = 0
        self.was_wiped = False
        self.refusals = 0  # turns in which the store did not take what came

    # Life -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start the agent on what is on its disk."""
        self.starts += 1
        self.broker.reconnect()
        try:
            store = Store(self.config.database)
        except StoreRefused as refused:
            self.problem = str(refused)
            return
        self.problem = ""
        connection = DyingConnection(store.db.conn)
        store.db.conn = connection  # type: ignore[assignment]
        self.connection = connection
        entropy = _Entropy(self.prng.fork(f"life {self.starts}"))
        docks: Any = [
            (
                DockSession(
                    dock.port,
                    self.name,
                    dock,
                    store,
                    self.machine,
                    entropy,
                    self.config.dock_pace_ms,
                ),
                dock,
            )
            for dock in self.docks
        ]
        self.store = store
        self.agent = QuietAgent(self.config, store, docks, self.broker, self.machine, entropy)
        self.busy()

    def die(self) -> None:
        """End as a killed process does: nothing is flushed, SQLite rolls back at the next start."""
        if self.agent is not None:
            self.store.close()
            self.agent = None
        for dock in self.docks:
            dock.waiting = b""

    def stop(self) -> None:
        """End cleanly."""
        if self.agent is not None:
            self.agent.close()
            self.agent = None

    def kill_at(self, statement: int, after: bool) -> None:
        """Die at a write statement to come."""
        if self.connection is not None:
            self.connection.left, self.connection.after = statement, after

    def fill_disk(self, pages: int) -> None:
        """Leave room for so many pages more; below 0 takes the limit away."""
        if self.agent is None:
            return
        real = self.store.connection
        now = int(real.execute("PRAGMA page_count").fetchone()[0])
        limit = now + pages if pages >= 0 else 1 << 30
        real.execute(f"PRAGMA max_page_count={limit}")

    # Ticks ----------------------------------------------------------------------------

    def busy(self) -> None:
        """Look again soon."""
        self.active_until_ms = self.clock.now_ms + ACTIVE_MS
        self.wake_ms = self.clock.now_ms

    def tick(self) -> bool:
        """Give the agent its turn; False when it died of it."""
        if self.agent is None:
            self.wake_ms = self.clock.now_ms + IDLE_MS
            return True
        try:
            moved = self.agent.tick(self.clock.now_ms)
        except Killed:
            self.die()
            return False
        self.refusals += bool(self.agent.store_problem)
        if moved:
            self.active_until_ms = self.clock.now_ms + ACTIVE_MS
        self.wake_ms = self.clock.now_ms + self._rest_ms(moved)
        return True

    def next_ms(self) -> int:
        """Return when the agent wants its turn."""
        mail = self.post.next_ms(self.name)
        listens = self.agent is not None and not self.agent.store_problem
        if mail is not None and listens and self.broker.connected:
            return min(self.wake_ms, max(mail, self.clock.now_ms))
        return self.wake_ms

    def _rest_ms(self, moved: bool) -> int:
        assert self.agent is not None
        if moved:
            return 20
        if self.agent.store_problem:
            return 5000
        if self.clock.now_ms < self.active_until_ms:
            return 250
        if any(dock.board is not None for dock in self.docks):
            return 500
        flights = self.agent.uplink.flights
        if flights and self.broker.connected:
            return max(20, min(flight.due_ms for flight in flights) - self.clock.now_ms)
        return IDLE_MS

    # What happened, without asking the agent ------------------------------------------

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """Return the rows of a query over the database as it is on the disk now.

        Raises: sqlite3.DatabaseError for one that is damaged there.
        """
        if self.agent is not None and self.connection is not None:
            return _all(self.connection.real, sql, values)
        if not self.config.database.exists():
            return []
        with closing(sqlite3.connect(self.config.database)) as connection:
            return _all(connection, sql, values)

    def held(self) -> dict[tuple[int, int], bytes]:
        """Return every entry stored here, by (device, seq)."""
        try:
            rows = self.rows("SELECT device, seq, slot FROM entries")
        except sqlite3.DatabaseError:
            return {}  # damaged: what it held counts as lost
        # A page damaged in place can read well, with NULL where bytes were: that one is lost too.
        return {(device, seq): bytes(slot) for device, seq, slot in rows if slot is not None}

    def chain_at(self, device: int, seq: int) -> bytes:
        """Return the chain value after an entry stored here, b"" if nobody can read it."""
        try:
            rows = self.rows("SELECT H FROM entries WHERE device = ? AND seq = ?", device, seq)
        except sqlite3.DatabaseError:
            return b""
        return bytes(rows[0][0] or b"") if rows else b""

    def wipe(self) -> None:
        """Lose the disk."""
        self.die()
        self.was_wiped = True
        shutil.rmtree(self.config.data, ignore_errors=True)


def _all(connection: sqlite3.Connection, sql: str, values: tuple[Any, ...]) -> list[Any]:
    """Return all rows. Raises: sqlite3.DatabaseError, of bytes that are no text too."""
    try:
        return connection.execute(sql, values).fetchall()
    except UnicodeDecodeError as error:
        raise sqlite3.DatabaseError(f"text that is not UTF-8: {error}") from None


class _Entropy:
    def __init__(self, prng: Prng) -> None:
        self.random_bytes = prng.bytes
