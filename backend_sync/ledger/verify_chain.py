"""Reads every sealed row again and says which were changed, deleted, inserted or swapped.

A cut-off end is consistent in itself: only a head that was kept elsewhere tells. Source: X-14;
`seals.py` says what a seal is.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from backend_sync.ledger.accounts import card_name, unknown_name
from backend_sync.ledger.append_only import books_of
from backend_sync.ledger.explain_row import explained
from backend_sync.ledger.schema import accounts, metadata
from backend_sync.ledger.seals import (
    MARK_BYTES,
    Key,
    Sealed,
    first_head,
    head_of,
    identity,
    newest,
    sealed_in,
    seals,
)
from backend_sync.storage.database import Database

PAGE = 200  # seals
FOLDED = "folded"  # in a seal's list of rows: written again by `fold_seals.py`
HEAD_DIGITS = 64


class Head(NamedTuple):
    """A place in the chain, as it is printed: ledger, number of a seal, its head in hex."""

    ledger: str
    seal: int
    head: str

    def __str__(self) -> str:
        return ":".join(map(str, self))


def head_from(text: str) -> Head:
    """Return the head that was printed as `text`. Raises: ValueError for anything else."""
    parts = text.strip().split(":")
    if len(parts) != 3 or not parts[1].isdigit() or len(parts[2]) != HEAD_DIGITS:
        raise ValueError(f"head {text!r}: wanted 'ledger:seal:head' as verify-chain prints it")
    return Head(parts[0], int(parts[1]), parts[2])


def newest_head(database: Database) -> Head:
    number, head = newest(database)
    return Head(identity(database), number, head.hex())


class Finding(NamedTuple):
    """One row that is not what was sealed."""

    table: str
    row: Any
    what: str


def verify_chain(database: Database, kept: Head | None = None) -> dict[str, Any]:
    """Return {seals, rows, head, wrong}; `kept` is a head from outside that must lie on the chain.

    `wrong` lists {table, row, what}; it is empty when every row is as it was sealed.
    """
    check = _Check(database)
    check.seals(kept)
    check.folds()
    check.rows_nobody_sealed()
    check.kinds()
    wrong = [finding._asdict() for finding in check.wrong]
    head = str(newest_head(database))
    return {"seals": check.number, "rows": check.rows, "head": head, "wrong": wrong}


class _Check:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.tables: dict[str, Sealed] = {}
        self.counts: dict[str, int] = {}
        self.wrong: list[Finding] = []
        self.number = 0
        self.rows = 0
        self.folded = sha256()
        self.folded_seals = 0

    def seals(self, kept: Head | None) -> None:
        """Walk the chain from the first seal on."""
        before = first_head(self.database)
        if kept and kept.ledger != identity(self.database):
            self._say("seals", kept.seal, f"the kept head is of another ledger, {kept.ledger}")
            kept = None
        for number, head, text in self.all_seals():
            for missing in range(self.number + 1, min(number, self.number + 100)):
                self._say("seals", missing, "is gone")
            self.number, head = number, bytes(head)
            if is_folded(text):
                self.take_folded(number, head, text)
                before = head
                continue
            whole, content = self._content(number, text)
            if whole and head_of(before, number, text, content) != head:
                self._say("seals", number, "its head is not that of its rows and the seal before:"
                          " a seal was changed, or a row together with its mark")  # fmt: skip
            if kept and kept.seal == number and kept.head != head.hex():
                self._say("seals", number, f"head {head.hex()}, wanted the kept {kept.head}")
            before = head
        if kept and kept.seal > self.number:
            self._say("seals", self.number, f"is the last; a head of seal {kept.seal} was kept:"
                      " the end was cut off, or an older copy put in place")  # fmt: skip

    def take_folded(self, number: int, head: bytes, text: str) -> None:
        """Add a folded seal to the digest that the newest fold sealed."""
        self.folded_seals += 1
        _, content = self._content(number, text)
        marks = sha256(text.encode()).digest()
        self.folded.update(number.to_bytes(8, "big") + head + marks + content)

    def folds(self) -> None:
        """Compare what is left under folded seals with what the newest fold says."""
        if not self.folded_seals:
            return
        rows = self.database.rows("SELECT id, digest FROM folds ORDER BY id DESC LIMIT 1")
        wanted = bytes(rows[0][1]) if rows else sha256().digest()
        if self.folded.digest() != wanted:
            self._say("folds", rows[0][0] if rows else 0, "what is left under the folded seals is"
                      " not what was sealed when they were folded")  # fmt: skip

    def rows_nobody_sealed(self) -> None:
        """Find rows that are in a book without having been written by the ledger."""
        names = {table.name for table in books_of(metadata)} - {seals.name} | self.counts.keys()
        suspect = {finding.table for finding in self.wrong}
        for name in sorted(names | {accounts.name}):
            count = int(self.database.value(f"SELECT count(*) FROM {name}"))
            if count != self.counts.get(name, 0) or name in suspect:
                self._strangers(name)

    def kinds(self) -> None:
        """Find accounts whose kind is not what their name says: the trial balance goes by kind."""
        rows = self.database.rows("SELECT id, kind, name FROM accounts")
        for number, kind, name in rows:
            if kind != name.partition(":")[0]:
                self._say(accounts.name, number, f"kind {kind}, but its name is {name}")

    def all_seals(self) -> Iterator[Any]:
        after = 0
        while rows := self.database.rows(
            "SELECT id, head, books FROM seals WHERE id > ? ORDER BY id LIMIT ?", (after, PAGE)
        ):
            yield from rows
            after = rows[-1][0]

    def _content(self, number: int, text: str) -> tuple[bool, bytes]:
        """Return (whether all rows of a seal are there as marked, SHA-256 of their digests)."""
        content = sha256()
        try:
            books = json.loads(text)
            books.pop(FOLDED, None)
            found = [(name, keys_of(book), bytes.fromhex(book["marks"]))
                     for name, book in books.items()]  # fmt: skip
        except (ValueError, KeyError, TypeError) as error:
            self._say("seals", number, f"its list of rows cannot be read: {error!r}")
            return False, b""
        whole = True
        for name, keys, marks in found:
            self.counts[name] = self.counts.get(name, 0) + len(keys)
            self.rows += len(keys)
            whole = self._book(name, keys, marks, content) and whole
        return whole, content.digest()

    def _book(self, name: str, keys: list[Key], marks: bytes, content: Any) -> bool:
        table, whole = self._table(name), True
        rows = rows_by_key(self.database, table, keys)
        for at, key in enumerate(keys):
            mark = marks[at * MARK_BYTES : (at + 1) * MARK_BYTES]
            row = rows.get(_hashable(key))
            if row is None:
                whole = self._say(name, key, f"is gone; wanted a row with mark {mark.hex()}")
                continue
            digest = table.digests([row])[0]
            if digest[:MARK_BYTES] != mark and name == accounts.name:
                digest = self._as_opened(table, row) or digest
            if digest[:MARK_BYTES] != mark:
                said = explained(
                    self.database, name, dict(zip(table.all_columns, row, strict=True))
                )
                whole = self._say(name, key, f"was changed: mark {digest[:MARK_BYTES].hex()},"
                                  f" wanted {mark.hex()}; {said}")  # fmt: skip
            content.update(digest)
        return whole

    def _as_opened(self, table: Sealed, row: Any) -> bytes | None:
        """Return the digest of a card's account from before its issue row named the card."""
        values = dict(zip(table.all_columns, row, strict=True))
        issued = self.database.rows("SELECT authority FROM issues WHERE card = ?", (values["id"],))
        pseudonym = bytes.fromhex(values["name"].rpartition(":")[2]) if issued else b""
        if not issued or values["name"] != card_name(issued[0][0], pseudonym):
            return None
        values["name"] = unknown_name(pseudonym)
        return table.digests([list(values.values())])[0]

    def _strangers(self, name: str) -> None:
        known = set()
        for _, _, text in self.all_seals():
            book = json.loads(text).get(name) if text.startswith("{") else None
            known |= {_hashable(key) for key in keys_of(book)} if book else set()
        table = self._table(name)
        for row in self.database.rows(f"SELECT {', '.join(table.key)} FROM {name}"):
            key = row[0] if len(table.key) == 1 else tuple(row)
            if key not in known:
                self._say(name, key, "no seal names it: the ledger did not write it")

    def _table(self, name: str) -> Sealed:
        if name not in self.tables:
            self.tables[name] = sealed_in(self.database, name)
        return self.tables[name]

    def _say(self, table: str, row: Any, what: str) -> bool:
        self.wrong.append(Finding(table, row, what))
        return False


def rows_by_key(database: Database, table: Sealed, keys: list[Key]) -> dict[Any, Any]:
    """Return the rows of a seal that are there; keys of several columns as tuples."""
    column = table.key[0]
    first = keys[0]
    if isinstance(first, int) and keys[-1] == first + len(keys) - 1:
        where = f" WHERE {column} >= ? AND {column} <= ?"
        rows = database.rows(table.select() + where, (first, keys[-1]))
    else:
        values = sorted({key[0] if isinstance(key, list) else key for key in keys})
        rows = database.rows_in(table.select() + f" WHERE {column} IN {{}}", values)
    return {_hashable(key): row for key, row in zip(table.keys(rows), rows, strict=True)}


def fold_digest(database: Database) -> bytes:
    """Return SHA-256 over all folded seals, with what is left under them."""
    check = _Check(database)
    for number, head, text in check.all_seals():
        if is_folded(text):
            check.take_folded(number, bytes(head), text)
    return check.folded.digest()


def is_folded(text: str) -> bool:
    """Say whether the list of rows of a seal was written again by a fold."""
    return text.startswith(f'{{"{FOLDED}":')


def keys_of(book: dict[str, Any]) -> list[Key]:
    first, count = book["first"], len(book["marks"]) // (2 * MARK_BYTES)
    keys: list[Key] = book.get("keys") or list(range(first, first + count))
    if len(keys) != count or not keys:
        raise ValueError(f"{len(keys)} rows and {count} marks")
    return keys


def _hashable(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key
