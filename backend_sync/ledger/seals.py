"""A seal over every transaction's rows, chained: what was changed beside the ledger is found.

A seal is one row: for each book the numbers of the rows that the transaction wrote, a mark of each
(so that a changed row can be named), and the head: SHA-256 over the head before, the marks, and
every row in full. Who drops the triggers and edits rows contradicts their marks; who edits the
marks too contradicts the head; who makes all heads anew contradicts the head that others keep: the
keyring, and whoever wrote down what `verify-chain` printed. It must not know what rows mean.

Accounts are sealed as they were opened, without what an issue row may change of a card's.
"""

import json
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from sqlalchemy import Table, Text, inspect
from sqlalchemy.schema import Column

from backend_sync.ledger.append_only import MARK, append_only, books_of
from backend_sync.ledger.schema import accounts
from backend_sync.storage.columns import bytes_column, id_column, metadata
from backend_sync.storage.database import Database, Row

MARK_BYTES = 4
ROWS_MAX = 20_000  # of a book in one seal, when rows from before there were seals are sealed
IDENTITY = "ledger"  # of `settings`: made with the tables, different in every ledger
SEALED_OF_ACCOUNTS = ("id", "name", "currency")
Key = int | list[Any]

seals = append_only(
    Table(
        "seals",
        metadata,
        id_column(),
        bytes_column("head"),  # 32 B
        # {"postings": {"first": 17, "marks": hex of 4 B a row, "keys": [if not 17, 18, 19 ...]}}
        Column("books", Text, nullable=False),
    )
)


class Sealed:
    """How the rows of one table are named and summed."""

    def __init__(self, name: str, columns: Sequence[str], key: Sequence[str]) -> None:
        self.name = name
        self.all_columns = list(columns)
        wanted = SEALED_OF_ACCOUNTS if name == accounts.name else columns
        self.columns = [column for column in columns if column in wanted]
        self.key = list(key)
        self._places = [self.all_columns.index(column) for column in self.columns]
        self._key_places = [self.all_columns.index(column) for column in self.key]

    def digests(self, rows: Sequence[Row]) -> list[bytes]:
        """Return a SHA-256 a row: of the sealed columns as Python writes a tuple of them."""
        if len(self.columns) < len(self.all_columns):
            rows = [[row[at] for at in self._places] for row in rows]
        return [sha256(repr(tuple(row)).encode()).digest() for row in rows]

    def keys(self, rows: Sequence[Row]) -> list[Key]:
        """Return what names each row: its number, or a list when it takes several columns."""
        if len(self._key_places) == 1:
            at = self._key_places[0]
            return [row[at] for row in rows]
        return [[row[at] for at in self._key_places] for row in rows]

    def select(self) -> str:
        names = ", ".join(f'"{column}"' for column in self.all_columns)
        return f"SELECT {names} FROM {self.name}"


def sealed(table: Table) -> Sealed:
    key = [column.name for column in table.primary_key.columns]
    return Sealed(table.name, list(table.columns.keys()), key)


def sealed_in(database: Database, name: str) -> Sealed:
    """Return how a table is sealed by what the database says of it, whoever made it."""
    with database.turn:
        if not database.connection.in_transaction():
            with database.connection.begin():
                return sealed_in(database, name)
        found = inspect(database.connection)
        columns = [column["name"] for column in found.get_columns(name)]
        key = found.get_pk_constraint(name)["constrained_columns"]
    return Sealed(name, columns, key)


class Sealer:
    """Sees what a transaction inserts; seals it before the commit. One a database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.seen: dict[Table, list[Row]] = {}
        self._sealed: dict[Table, Sealed] = {}
        if not newest(database)[0]:
            with database.transaction():
                self._seal_what_was_before()

    def inserted(self, table: Table, rows: Sequence[Row]) -> None:
        """Note rows that `Database.insert` wrote, in the order of the table's columns."""
        if table is accounts or (MARK in table.info and table is not seals):
            self.seen.setdefault(table, []).extend(rows)

    def forget(self) -> None:
        """The transaction was rolled back."""
        self.seen = {}

    def seal(self) -> None:
        """Write the seal of the transaction that ends now, if it wrote into a book."""
        if not self.seen:
            return
        seen, self.seen = self.seen, {}
        books: dict[str, Any] = {}
        content = sha256()
        for table in sorted(seen, key=lambda table: str(table.name)):
            how = self._sealed.setdefault(table, sealed(table))
            digests = how.digests(seen[table])
            books[table.name] = _book(how.keys(seen[table]), digests)
            content.update(b"".join(digests))
        number, before = newest(self.database)
        text = json.dumps(books, separators=(",", ":"))
        head = head_of(before, number + 1, text, content.digest())
        self.database.insert(seals, [(number + 1, head, text)])

    def _seal_what_was_before(self) -> None:
        """Seal what a database holds that was made before there were seals."""
        if newest(self.database)[0]:
            return
        for table in [accounts, *(book for book in books_of(metadata) if book is not seals)]:
            for rows in _pages(self.database, sealed(table)):
                self.seen = {table: rows}
                self.seal()


def newest(database: Database) -> tuple[int, bytes]:
    """Return (number, head) of the newest seal; number 0 and the ledger's own head before any."""
    rows = database.rows("SELECT id, head FROM seals ORDER BY id DESC LIMIT 1")
    if rows:
        return rows[0][0], bytes(rows[0][1])
    return 0, first_head(database)


def identity(database: Database) -> str:
    """Return the name that this ledger and every copy of it have, 32 hex digits."""
    return str(database.value("SELECT value FROM settings WHERE name = ?", (IDENTITY,)))


def first_head(database: Database) -> bytes:
    return sha256(b"tornello ledger " + identity(database).encode()).digest()


def head_of(before: bytes, number: int, books: str, content: bytes) -> bytes:
    """Return the head of seal `number`; `content` is SHA-256 over its rows' digests in order."""
    marks = sha256(books.encode()).digest()
    return sha256(before + number.to_bytes(8, "big") + marks + content).digest()


def _book(keys: list[Key], digests: list[bytes]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "first": keys[0],
        "marks": b"".join([digest[:MARK_BYTES] for digest in digests]).hex(),
    }
    first = keys[0]
    if not isinstance(first, int) or keys != list(range(first, first + len(keys))):
        found["keys"] = keys
    return found


def _pages(database: Database, table: Sealed) -> Iterator[list[Row]]:
    """Yield all rows of a table by its key, some at a time."""
    key = ", ".join(table.key)
    after = f" WHERE ({key}) > ({', '.join('?' * len(table.key))})"
    order = f" ORDER BY {key} LIMIT {ROWS_MAX}"
    rows = database.rows(table.select() + order)
    while rows:
        yield [tuple(row) for row in rows]
        last = table.keys(rows[-1:])[0]
        values = last if isinstance(last, list) else [last]
        rows = database.rows(table.select() + after + order, values)
