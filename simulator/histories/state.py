"""Everything that outlasts a history: what two plays of one seed have alike, to the byte.

Of chips, tickets and flashes the whole image; of every database in the world's folder every table
that is in it, whoever made it; every other file as it is. What cannot be alike is left out by name.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.histories.world import World

TABLES_LEFT_OUT = {"_sqlite_migrations": "when an edge made its tables, by the wall clock"}
FILES_LEFT_OUT = {
    "*.db-*": "SQLite's own: what they hold is read through the tables",
    "*.lock": "empty",
    "*status.json": "for people, written now and then; it names the process",
    "edge-holdings.json": "for the office, told by edges anew; it names the process",
}


def state_of(world: "World") -> list[bytes]:
    """Return everything durable, part by part."""
    parts = [repr(chip.image).encode() for chips in world.held.values() for chip in chips]
    parts += [repr(ticket.image).encode() for ticket in world.tickets]
    parts += [bytes(board.flash.image) for board in world.boards.values()]
    for path in files(world):
        parts.append(path.relative_to(world.folder).as_posix().encode())
        parts += rows_of(path) if path.suffix == ".db" else [path.read_bytes()]
    return parts


def files(world: "World") -> list[Path]:
    """Return the durable files of a world, the databases among them."""
    found = sorted(path for path in world.folder.rglob("*") if path.is_file())
    return [path for path in found if not any(map(path.match, FILES_LEFT_OUT))]


def rows_of(path: Path) -> list[bytes]:
    """Return the rows of every table of a database, a part each. Raises: DatabaseError."""
    parts: list[bytes] = []
    with closing(sqlite3.connect(path)) as connection:
        for table in tables(connection):
            rows = connection.execute(f'SELECT * FROM "{table}"').fetchall()
            parts.append(f"{table} {rows!r}".encode())
    return parts


def tables(connection: sqlite3.Connection) -> list[str]:
    """Return the names of a database's tables."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return [name for (name,) in rows if name not in TABLES_LEFT_OUT]
