"""The edge's one database: opened safely, written in whole transactions, by one process.

WAL with synchronous=FULL: what a commit said is on the disk. One connection, one thread; others
read copies (`Store.copy_to`). Parts: `outbox`, `marks`, `parcels`, `evidence`.
Source: decisions.md D20; dependencies.md finding 3; threat T17.
"""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from edge_agent.evidence import Evidence
from edge_agent.marks import Marks
from edge_agent.outbox import Outbox
from edge_agent.parcels import Parcels
from edge_agent.schema import migrations

BUSY_TIMEOUT_MS = 5000
DAMAGED = "it is damaged: stop the agent and restore or export it"
# SQLite error names start so -> what it means and what a person can do.
HINTS = (
    ("SQLITE_FULL", "the disk is full: make room"),
    ("SQLITE_READONLY", "it cannot be written: check the owner and the mount options"),
    ("SQLITE_IOERR", "the disk failed: check it and its cable"),
    ("SQLITE_CORRUPT", DAMAGED),
    ("SQLITE_NOTADB", "it is not a database: stop the agent and move the file away"),
    ("SQLITE_CANTOPEN", "it cannot be opened: check that the folder exists and may be written"),
    ("SQLITE_BUSY", "another program holds it: only the agent may open it, others read copies"),
)


class StoreRefused(Exception):
    """The database does not take entries. The message says why and what to do.

    Nothing is lost: docks close, and the boards' journals keep what was not stored.
    """


class Store:
    """The open database and its parts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = _lock(path)
        try:
            self.db = _open(path)
        except BaseException:
            self._unlock()
            raise
        self.outbox = Outbox(self)
        self.marks = Marks(self)
        self.parcels = Parcels(self)
        self.evidence = Evidence(self)

    @property
    def connection(self) -> sqlite3.Connection:
        """Return the one connection, for reading; write inside `immediate` only."""
        connection: sqlite3.Connection = self.db.conn
        return connection

    @contextmanager
    def immediate(self) -> Iterator[sqlite3.Connection]:
        """Run the block as one transaction that has the write lock from its first statement.

        A block inside another joins it. Raises: StoreRefused when the disk does not take it;
        then, as after any error, nothing of the block remains.
        """
        with explained(self.path), immediate(self.db) as connection:
            yield connection

    def probe(self) -> None:
        """Write and commit something small. Raises: StoreRefused while the disk refuses."""
        with self.immediate():
            self.evidence.count("probes")

    def copy_to(self, path: Path) -> None:
        """Write a whole copy that any tool may open (VACUUM INTO)."""
        with explained(path):
            self.connection.execute("VACUUM INTO ?", [str(path)])

    def close(self) -> None:
        """Close the database; the WAL is folded into it."""
        self.connection.close()
        self._unlock()

    def _unlock(self) -> None:
        os.close(self._lock)


@contextmanager
def immediate(db: Database) -> Iterator[sqlite3.Connection]:
    """Hold one BEGIN IMMEDIATE transaction: all of the block is committed, or none of it."""
    connection: sqlite3.Connection = db.conn
    if connection.in_transaction:
        yield connection
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # SQLite may have rolled back by itself, for instance when the disk is full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an SQLite failure into one sentence with what to do. Raises: StoreRefused."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        found = damage(path)
        if not found:
            raise  # our mistake, not the disk's
        raise StoreRefused(f"{path}: {DAMAGED} ({found})") from error
    except UnicodeDecodeError as error:  # a message of SQLite that quotes what is damaged
        raise StoreRefused(f"{path}: {DAMAGED} ({error.reason})") from error
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        hint = next((hint for start, hint in HINTS if name.startswith(start)), str(error))
        raise StoreRefused(f"{path}: {hint}{_room(path)} ({name or 'SQLite'})") from error


def damage(path: Path) -> str:
    """Return the first thing wrong with the file, "" if it is sound; this reads all of it.

    A damaged index finds nothing where there is something: then rows break rules that they keep.
    """
    connection = sqlite3.connect(path)
    try:
        said = str(connection.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        return str(error)
    finally:
        connection.close()
    return "" if said == "ok" else said.splitlines()[-1]


def _room(path: Path) -> str:
    try:
        return f"; {shutil.disk_usage(path.parent).free // 1_000_000} MB free"
    except OSError:
        return ""


def _lock(path: Path) -> int:
    """Take the lock file beside the database: D20 allows one process a file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreRefused(
            f"{path.parent}: {error.strerror}; choose a folder that may be written (data)"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StoreRefused(
            f"{path}: another edge agent has it open; stop that one, or use its copy"
        ) from error
    return lock


def _open(path: Path) -> Database:
    with explained(path):
        connection = sqlite3.connect(path, isolation_level=None, cached_statements=200)
        try:
            db = Database(connection)
            connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
            db.enable_wal()
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA foreign_keys=ON")
            migrations.apply(db)
        except BaseException:
            connection.close()
            raise
    os.chmod(path, 0o600)  # it holds dock keys
    return db
