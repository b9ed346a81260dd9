"""What lies beside the books in a ledger's folder, and what of it no backup holds.

Sessions, kept answers, codes and proofs pass by: a backup without them can bring none back, and
books that are put back forget them, because an answer may tell of a sale that the books no longer
know, and a code may name an account number that is another card's by then. Keys of pseudonyms are
thrown away after thirteen weeks for good, so no backup holds one. Source: T20; D11, D24; W-144.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

HEAD = b"SQLite format 3"
ZIPS, TARIFFS = "operating", "tariffs"  # folders of files


class Part(NamedTuple):
    """A database beside the books. `tables`: without them it is another one.

    `passing`: tables that no backup holds and that are emptied when books are put back; `secret`:
    tables that no backup holds. `after`: what is to be done when an older copy was put back.
    """

    file: str
    tables: tuple[str, ...]
    passing: tuple[str, ...]
    secret: tuple[str, ...]
    after: str


PARTS = (
    Part("office.db", ("tills", "sessions"), ("sessions",), (),
         "tills given since are given again, with the numbers that their slips carry"),
    Part("operating.db", ("versions", "in_force", "chains"), (), (),
         "timetables uploaded since are uploaded again, in the same order"),
    Part("reports.db", ("saved_queries", "saved_steps", "releases"), (), (),
         "statistics released since are published: release none of their days again"),
    Part("api.db", ("api_keys", "api_requests"), ("api_requests", "card_codes", "card_proofs"),
         ("event_keys",), "cards have new names in events; keys made since are made again"),
    Part("shop.db", ("orders", "payments", "visits"), ("visits",), (),
         "ask the provider for the payments since: tornello shop reconcile"),
)  # fmt: skip


def wrong_with(path: Path, part: Part) -> str:
    """Return what is wrong with a database, "" when it is whole."""
    try:
        with path.open("rb") as file:
            if file.read(len(HEAD)) != HEAD:
                return "no SQLite database"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            said = str(database.execute("PRAGMA integrity_check").fetchone()[0])
            lacking = sorted(set(part.tables) - _tables(database))
    except OSError as error:
        return str(error.strerror)
    except sqlite3.Error as error:
        return f"damaged: {error}"
    if said != "ok":
        return f"damaged: {said.splitlines()[0]}"
    return f"not what it is called: no table {lacking[0]}" if lacking else ""


def copy_out(source: Path, target: Path, part: Part) -> None:
    """Write a copy without what no backup holds. Raises: sqlite3.Error, OSError."""
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as database:
        database.execute("VACUUM INTO ?", (str(target),))
    forget(target, (*part.passing, *part.secret))
    sync(target)


def forget(path: Path, tables: tuple[str, ...]) -> int:
    """Empty tables, so that no page of the file holds their rows; return how many there were."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        there = [name for name in tables if name in _tables(database)]
        rows = sum(database.execute(f"DELETE FROM {name}").rowcount for name in there)
        if rows:
            database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return rows


def digests(path: Path) -> list[str]:
    """Return the SHA-256 of every zip that the versions of an operating.db name."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return [str(row[0]) for row in database.execute("SELECT DISTINCT digest FROM versions")]


def sync(path: Path) -> None:
    """Make a file or a folder durable."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _tables(database: sqlite3.Connection) -> set[str]:
    rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {str(row[0]) for row in rows}
