"""What a changed row says now, and what the rest of the books say it should.

A seal cannot tell what a row said before; for money the books often can: from the announced commit,
or from the other lines of the transfer.
"""

from typing import Any

from backend_sync.storage.database import Database

SHOWN = 60  # characters of a value


def explained(database: Database, table: str, row: dict[str, Any]) -> str:
    """Return the row as it is now, and for postings the cents that others wait for."""
    now = ", ".join(f"{name} {_shown(value)}" for name, value in row.items())
    wanted = _cents_wanted(database, row) if table == "postings" else ""
    return f"now {now}{wanted}"


def _cents_wanted(database: Database, row: dict[str, Any]) -> str:
    if row["pending"] is not None:
        found = database.rows("SELECT cents, source FROM pendings WHERE id = ?", (row["pending"],))
        if found:
            sign = -1 if (found[0][1] == row["account"]) != (row["rule"] == "FORK") else 1
            return f"; its pending says cents {sign * found[0][0]}"
    others = database.value(
        "SELECT coalesce(sum(cents), 0) FROM postings WHERE transfer = ? AND id <> ?",
        (row["transfer"], row["id"]),
    )
    return f"; the other lines of its transfer want cents {-int(others)}"


def _shown(value: Any) -> str:
    text = value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
