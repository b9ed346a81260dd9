"""The audit trail: who, when, what, before and after; each row's head is over the row before too.

Who drops the triggers and edits a row contradicts its head; who makes all heads anew contradicts
the head that somebody wrote down (`verify` prints it). Of a subject it knows only whose it is.
Source: X-14; trust.md section 5.
"""

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

from backend_sync.ports import Clock
from backend_sync.registers.rights import Scope
from backend_sync.registers.tables import trail
from backend_sync.storage.database import Database, Row

FIRST_HEAD = sha256(b"tornello registers").digest()
COLUMNS = "id, made, by_user, what, subject, before, after, head"
PAGE = 5_000
Content = Mapping[str, Any]


class TrailRow(NamedTuple):
    """One change. `made`: s since 2020; `before`, `after`: JSON, "" when there was nothing."""

    number: int
    made: int
    by: str
    what: str
    subject: str
    before: str
    after: str
    head: bytes


class Trail:
    """Written inside the transaction of the change that it tells of."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock

    def write(
        self, by: str, what: str, subject: str, before: Content | None, after: Content | None
    ) -> None:
        """Add the row of one change."""
        number, head = newest(self.database)
        texts = (text_of(before), text_of(after))
        values = (number + 1, self.clock.utc_seconds(), by, what, subject, *texts)
        self.database.insert(trail, [(*values, head_of(head, values))])


def text_of(content: Content | None) -> str:
    """Return a subject's content as it stands in the trail."""
    if content is None:
        return ""
    return json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def newest(database: Database) -> tuple[int, bytes]:
    """Return (number, head) of the newest row; number 0 before any."""
    rows = database.rows("SELECT id, head FROM trail ORDER BY id DESC LIMIT 1")
    return (rows[0][0], bytes(rows[0][1])) if rows else (0, FIRST_HEAD)


def head_of(before: bytes, values: Row) -> bytes:
    """Return the head of a row: SHA-256 over the head before and the row as Python writes it."""
    return sha256(before + repr(tuple(values)).encode()).digest()


def every_row(database: Database) -> Iterator[TrailRow]:
    """Yield the rows by number."""
    last = 0
    while rows := database.rows(
        f"SELECT {COLUMNS} FROM trail WHERE id > ? ORDER BY id LIMIT {PAGE}", (last,)
    ):
        for row in rows:
            yield TrailRow(*row)._replace(head=bytes(row[7]))
        last = rows[-1][0]


def broken_chain(database: Database) -> str:
    """Return a sentence that names the first changed or missing row, "" when there is none."""
    number, head = 0, FIRST_HEAD
    for row in every_row(database):
        if row.number != number + 1:
            return f"trail: row {number + 1} is missing; found row {row.number} after {number}"
        number, head = row.number, head_of(head, row[:7])
        if row.head != head:
            return (
                f"trail: row {number} ({row.what} of {row.subject} by {row.by}) is not what was"
                f" written: its head is {row.head.hex()[:16]}, wanted {head.hex()[:16]}"
            )
    return ""


def content_in(row: TrailRow) -> dict[str, Any]:
    """Return what the subject of a row was after it, or before when nothing came after."""
    content: dict[str, Any] = json.loads(row.after or row.before)
    return content


def scope_of(content: Mapping[str, Any]) -> Scope:
    """Return to whom the subject with this content belongs; one that does not say so: to nobody.

    What is nobody's is seen by who is bound to no authority. Keys of machines were written so.
    """
    operator, point = content.get("operator", 0), content.get("point", "")
    return Scope(content.get("authority", 0), operator, point, content.get("person", ""))
