"""The audit trail as its reader may see it: from the newest end, each row's head checked.

A row belongs to whom its subject belongs to, which its content says. Source: W-10, X-14.
"""

import json
from typing import Any, NamedTuple

from backend_sync.registers.rights import User, may
from backend_sync.registers.trail import (
    COLUMNS,
    FIRST_HEAD,
    TrailRow,
    content_in,
    head_of,
    scope_of,
)
from backend_sync.storage.database import Database

AT_ONCE = 50
LOOKED_AT_MOST = 5_000  # rows a page: who filters sharply goes on by the link
CHUNK = 500
DAY_S = 86_400


class Wanted(NamedTuple):
    """What the reader looks for; "" and None: anything. `day`: days since 2020."""

    by: str = ""
    what: str = ""
    day: int | None = None


class Change(NamedTuple):
    """One row of the trail and what changed: (field, before, after); `holds`: its head is right."""

    row: TrailRow
    fields: list[tuple[str, str, str]]
    holds: bool


def changes(
    database: Database, user: User, wanted: Wanted, before: int
) -> tuple[list[Change], int]:
    """Return (changes below row `before`, newest first; where to go on or 0)."""
    found: list[Change] = []
    below = last = before or 1 << 53
    looked = 0
    while looked < LOOKED_AT_MOST:
        rows = _below(database, below)
        for row, head in rows:
            looked += 1
            if not _is_wanted(row, wanted) or not may(user, "trail.see", scope_of(content_in(row))):
                last = row.number
                continue
            if len(found) == AT_ONCE:
                return found, last
            found.append(Change(row, _fields(row), head_of(head, row[:7]) == row.head))
            last = row.number
        if len(rows) < CHUNK:
            return found, 0
        below = rows[-1][0].number
    return found, last


def kinds(database: Database) -> list[str]:
    """Return the kinds of change among the newest rows."""
    rows = database.rows(
        "SELECT DISTINCT what FROM trail WHERE id >"
        f" (SELECT coalesce(max(id), 0) FROM trail) - {LOOKED_AT_MOST} ORDER BY what"
    )
    return [row[0] for row in rows]


def _below(database: Database, below: int) -> list[tuple[TrailRow, bytes]]:
    """Return (row, head of the row before) of the newest rows below a number."""
    rows = [TrailRow(*row)._replace(head=bytes(row[7])) for row in database.rows(
        f"SELECT {COLUMNS} FROM trail WHERE id < ? ORDER BY id DESC LIMIT ?", (below, CHUNK + 1)
    )]  # fmt: skip
    heads = [row.head for row in rows[1:]] + [FIRST_HEAD]
    return list(zip(rows, heads, strict=True))[:CHUNK]


def _is_wanted(row: TrailRow, wanted: Wanted) -> bool:
    return (
        wanted.by in ("", row.by)
        and wanted.what in ("", row.what)
        and wanted.day in (None, row.made // DAY_S)
    )


def _fields(row: TrailRow) -> list[tuple[str, str, str]]:
    """Return the fields that the change made different."""
    before = _content(row.before)
    after = _content(row.after)
    return [(name, str(before.get(name, "")), str(after.get(name, "")))
            for name in sorted(before | after) if before.get(name) != after.get(name)]  # fmt: skip


def _content(text: str) -> dict[str, Any]:
    return dict(json.loads(text)) if text else {}
