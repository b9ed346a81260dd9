"""What the cards of a delivery were given when they were made: one head (file S) a batch.

ISSUE rows name their batch, so a head is said once, for cards that are entered before or after it.
Source: decisions.md D5, D11; SPEC.md table S.
"""

from collections.abc import Sequence
from typing import NamedTuple

from backend_sync.ledger.holdings import shared_head
from backend_sync.ledger.poster import Poster
from backend_sync.ledger.resolve import Alarm
from backend_sync.ledger.results import ALARM_BATCH_DIFFERS, BEGIN_AGAIN
from backend_sync.ledger.schema import batches
from backend_sync.storage.database import Database
from card_layouts.cards.card_layout import S
from card_layouts.errors import LayoutError


class CardBatch(NamedTuple):
    """One delivery of cards. `head`: 44 bytes of S, without serial and day of issue."""

    authority: int
    batch: int
    head: bytes


def import_batches(database: Database, poster: Poster, rows: Sequence[CardBatch]) -> int:
    """Enter batches; return how many were new. A changed repeat is an alarm, the first stands.

    Raises: LayoutError for a head that is a single card's, or another authority's.
    """
    known = {
        (row[0], row[1]): bytes(row[2])
        for row in database.rows_of(
            "SELECT b.authority, b.batch, b.head FROM {keys} JOIN batches b"
            " ON b.authority = k.authority AND b.batch = k.batch",
            ("authority", "batch"),
            sorted({row[:2] for row in rows}),
        )
    }
    fresh: list[CardBatch] = []
    for row in rows:
        head = shared_head(row.head)
        if S.get(head, "authority") != row.authority:
            raise LayoutError(f"batch {row.batch}: not a head of authority {row.authority}")
        before = known.setdefault(row[:2], head)
        if before is head:
            fresh.append(row)
        elif before != head:
            poster.alarms.append(_differs(row))
    number = database.next_id(batches)
    database.insert(batches, [(number + at, *row) for at, row in enumerate(fresh)])
    database.run(
        "UPDATE cards SET unaudited = ? WHERE id IN"
        " (SELECT card FROM issues WHERE authority = ? AND batch = ?)",
        [(BEGIN_AGAIN, *row[:2]) for row in fresh],
    )
    return len(fresh)


def _differs(row: CardBatch) -> Alarm:
    words = f"batch {row.batch} of {row.authority}: sent again with another head; the first stands"
    return Alarm(ALARM_BATCH_DIFFERS, None, None, None, None, None, words)
