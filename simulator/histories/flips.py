"""Flips a byte of a world's records where they lie, and puts it back: `sim hash --selftest`.

Images and tables are found in the world itself and not taken from the state: what it leaves out is
flipped all the same, and the hash does not notice. What may be left out has its name in `state.py`.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from simulator.histories.state import TABLES_LEFT_OUT, files
from simulator.histories.world import World
from simulator.prng import Prng

Flip = Callable[[Prng], AbstractContextManager[None]]
TRIES_MAX = 100


def flips(world: World) -> dict[str, Flip]:
    """Return what flips a byte for as long as it is open: by record kind, whatever holds a byte."""
    found: dict[str, Flip] = {}
    for chip in (chip for chips in world.held.values() for chip in chips):
        found[f"chip {chip.number}"] = partial(_image, chip.desfire)
    for number, ticket in enumerate(world.tickets):
        found[f"ticket {number}"] = partial(_image, ticket)
    for board in world.boards.values():
        found[f"flash of {board.name}"] = partial(_image, board.flash)
    for path in files(world):
        name = path.relative_to(world.folder).as_posix()
        if path.suffix != ".db":
            found[name] = partial(_file, path)
            continue
        for table in _tables(path):
            found[f"{name} {table}"] = partial(_row, path, table)
    return found


def _tables(path: Path) -> list[str]:
    """Return the tables that have rows, and let all of them take changes from now on."""
    with closing(sqlite3.connect(path)) as connection, connection:
        made = connection.execute("SELECT type, name FROM sqlite_master ORDER BY name").fetchall()
        for _, name in (row for row in made if row[0] == "trigger"):
            connection.execute(f'DROP TRIGGER "{name}"')
        tables = [name for kind, name in made if kind == "table" and name not in TABLES_LEFT_OUT]
        return [t for t in tables if connection.execute(f'SELECT 1 FROM "{t}"').fetchone()]


@contextmanager
def _image(holder: Any, prng: Prng) -> Iterator[None]:
    before = holder.image
    holder.image = flipped(before, prng)
    try:
        yield
    finally:
        holder.image = before


@contextmanager
def _file(path: Path, prng: Prng) -> Iterator[None]:
    before = path.read_bytes()
    path.write_bytes(flipped(before, prng))
    try:
        yield
    finally:
        path.write_bytes(before)


@contextmanager
def _row(path: Path, table: str, prng: Prng) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        row = prng.choice(connection.execute(f'SELECT * FROM "{table}"').fetchall())
        for _ in range(TRIES_MAX):
            other = flipped(row, prng)
            try:
                _replace(connection, table, row, other)
                break
            except sqlite3.IntegrityError:  # another row has that key
                continue
        else:
            raise RuntimeError(f"{path.name} {table}: no byte of a row can be another one")
        try:
            yield
        finally:
            _replace(connection, table, other, row)


def _replace(
    connection: sqlite3.Connection, table: str, row: tuple[Any, ...], other: tuple[Any, ...]
) -> None:
    names = [f'"{said[1]}"' for said in connection.execute(f'PRAGMA table_info("{table}")')]
    puts = ", ".join(f"{name} = ?" for name in names)
    finds = " AND ".join(f"{name} IS ?" for name in names)
    connection.execute(f'UPDATE "{table}" SET {puts} WHERE {finds}', (*other, *row))


def flipped(value: Any, prng: Prng) -> Any:
    """Return a copy of a value in which one byte somewhere is another one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value ^ 1 + prng.below(255)
    if isinstance(value, str):
        at = prng.below(len(value))
        return value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
    if isinstance(value, bytes | bytearray):
        at = prng.below(len(value))
        return value[:at] + bytes([value[at] ^ 1 + prng.below(255)]) + value[at + 1 :]
    if is_dataclass(value) and not isinstance(value, type):
        name = prng.choice([f.name for f in fields(value) if _holds(getattr(value, f.name))])
        return replace(value, **{name: flipped(getattr(value, name), prng)})
    if isinstance(value, dict):
        key = prng.choice([key for key, held in value.items() if _holds(held)])
        return {**value, key: flipped(value[key], prng)}
    at = prng.choice([at for at, held in enumerate(value) if _holds(held)])
    return type(value)((*value[:at], flipped(value[at], prng), *value[at + 1 :]))


def _holds(value: Any) -> bool:
    return value is not None and value not in (b"", "", (), [], {})
