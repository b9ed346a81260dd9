"""Writes the seals over folded rows again, and says what makes them hold.

A seal's marks of rows that are gone would let a guess be checked (a posting has few unknowns), so
they go too. Its head stays: it was checked before. The chain goes on through it, and the digest of
all folded seals with what is left under them is a row of `folds`, which the fold's own seal covers:
who changes what is left contradicts that row, who changes the row contradicts its seal.
Source: decisions.md D24; `seals.py`.
"""

import json
from collections.abc import Sequence
from typing import Any

from backend_sync.ledger.seals import MARK_BYTES, Key, Sealed, sealed_in
from backend_sync.ledger.verify_chain import FOLDED, fold_digest, keys_of, rows_by_key
from backend_sync.storage.database import Database

# What a fold deletes from or changes; `seals` itself is not sealed.
TABLES = ("action_entries", "alarms", "entries", "pendings", "postings", "quarantine",
          "resolutions", "ticket_results", "ticket_taps", "withdrawn")  # fmt: skip
PAGE = 200


def seal_again(database: Database) -> bytes:
    """Write every seal again whose rows changed; return the digest of all folded seals."""
    tables = {name: sealed_in(database, name) for name in TABLES}
    after = 0
    while rows := database.rows(
        "SELECT id, books FROM seals WHERE id > ? ORDER BY id LIMIT ?", (after, PAGE)
    ):
        after = rows[-1][0]
        news = [(_rewritten(database, tables, text), number, text) for number, text in rows]
        changed = [(text, number) for text, number, before in news if text != before]
        database.run("UPDATE seals SET books = ? WHERE id = ?", changed)
    return fold_digest(database)


def _rewritten(database: Database, tables: dict[str, Sealed], text: str) -> str:
    books = json.loads(text)
    changed = False
    for name in [name for name in books if name in tables]:
        found = _book(database, tables[name], books[name])
        if found != books[name]:
            changed = True
            books[name] = found
    if not changed:
        return text
    left = {name: book for name, book in books.items() if book}
    return json.dumps({FOLDED: 1, **left}, separators=(",", ":"))


def _book(database: Database, table: Sealed, book: dict[str, Any]) -> dict[str, Any]:
    """Return what a seal says of the rows that are left of a book's; {} when none is."""
    keys = keys_of(book)
    rows = rows_by_key(database, table, keys)
    left = [(key, rows[hashable]) for key in keys if (hashable := _hashable(key)) in rows]
    if not left:
        return {}
    digests = table.digests([row for _, row in left])
    marks = b"".join(digest[:MARK_BYTES] for digest in digests).hex()
    found: dict[str, Any] = {"first": left[0][0], "marks": marks}
    kept = [key for key, _ in left]
    if not _in_a_row(kept):
        found["keys"] = kept
    return found


def _in_a_row(keys: Sequence[Key]) -> bool:
    first = keys[0]
    return isinstance(first, int) and list(keys) == list(range(first, first + len(keys)))


def _hashable(key: Key) -> Any:
    return tuple(key) if isinstance(key, list) else key
