"""What adopted batches told: those that books put back from an older copy had lost.

Their lines name slots; the books may hold the entries again, not yet, or never more.
Source: decision 91; trust.md I10.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from backend_sync.settlement.streaming import stream
from backend_sync.storage.database import Database
from card_layouts.settlement.batch import decode_body
from card_layouts.settlement.lines import (
    LINE_BYTES,
    LINE_LAYOUT,
    OTHER,
    Line,
    Slot,
    decode_line,
)
from card_layouts.settlement.pricing import DayTerms
from card_layouts.settlement.worth import Worths

OTHER_BYTE = LINE_LAYOUT << 4 | OTHER
OWN = (
    "SELECT coalesce(max(b.id), 0) FROM settlement_batches b"
    " WHERE NOT EXISTS (SELECT 1 FROM settlement_adoptions a WHERE a.id = b.id)"
)
COLUMNS = "t.device, t.epoch, t.seq, t.id, t.batch, t.line"
SAME_SLOT = "t.device = x.device AND t.epoch = x.epoch AND t.seq = x.seq"
SINCE = f"SELECT {COLUMNS} FROM settlement_told t WHERE t.batch > ?"
AGAIN = (
    f"SELECT {COLUMNS} FROM entries x JOIN settlement_told t ON {SAME_SLOT}"
    " WHERE x.id BETWEEN ? AND ?"
    f" UNION SELECT {COLUMNS} FROM quarantine x JOIN settlement_told t ON {SAME_SLOT}"
    " WHERE x.id BETWEEN ? AND ?"
)
ORDER = "ORDER BY 1, 2, 3, 4"


def own_batch(database: Database) -> int:
    """Return the number of the last batch that these books closed themselves; 0 = none."""
    return int(database.value(OWN))


def adopted_batches(database: Database) -> set[int]:
    """Return the numbers of all batches that were adopted."""
    return {row[0] for row in database.rows("SELECT id FROM settlement_adoptions")}


class Told:
    """The adopted batches of a database; `own` is the last batch that its books closed."""

    def __init__(self, database: Database, terms: DayTerms) -> None:
        self.database = database
        self.worths = Worths(terms)
        self.own = own_batch(database)
        self.any = bool(database.rows("SELECT 1 FROM settlement_adoptions LIMIT 1"))

    @cached_property
    def bodies(self) -> list[dict[str, Any]]:
        """The batches that were adopted since the books closed one, oldest first."""
        rows = self.database.rows(
            "SELECT body FROM settlement_batches WHERE id > ? ORDER BY id", (self.own,)
        )
        return [decode_body(bytes(row[0])) for row in rows]

    def lines(
        self, entries: tuple[int, int], quarantine: tuple[int, int]
    ) -> Iterator[tuple[bool, Line]]:
        """Yield (told since the books closed a batch, line) in order of slots, oldest first.

        Of batches before that only what came again in these rows of the books.
        """
        sql, values = AGAIN, [*entries, *quarantine]
        if self.bodies:
            sql, values = f"{SINCE} UNION {AGAIN}", [self.own, *values]
        for row in stream(self.database, f"{sql} {ORDER}", values):
            yield row[4] > self.own, decode_line(bytes(row[5]))

    def since(self) -> Iterator[Line]:
        """Yield every line of batches since the books closed one."""
        for data in self._since():
            for at in range(0, len(data), LINE_BYTES):
                yield decode_line(data[at : at + LINE_BYTES])

    def others(self) -> Iterator[Line]:
        """Yield those of them that no slot tells of."""
        for data in self._since():
            for at in range(0, len(data), LINE_BYTES):
                if data[at] == OTHER_BYTE:
                    yield decode_line(data[at : at + LINE_BYTES])

    def _since(self) -> Iterator[bytes]:
        for (row,) in self.database.rows(
            "SELECT id FROM settlement_lines WHERE batch > ? ORDER BY batch, place", (self.own,)
        ):
            yield bytes(
                self.database.value("SELECT lines FROM settlement_lines WHERE id = ?", (row,))
            )

    def of(self, slot: Slot) -> list[Line]:
        """Return what was told of a slot, oldest first."""
        if not self.any:
            return []
        rows = self.database.rows(
            "SELECT line FROM settlement_told WHERE device = ? AND epoch = ? AND seq = ?"
            " ORDER BY id", slot,
        )  # fmt: skip
        return [decode_line(bytes(row[0])) for row in rows]
