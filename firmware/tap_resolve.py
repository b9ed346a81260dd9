"""What became of an entry that was announced and never ended: ask the card, never the clock.

Rule (trust.md 4.2 RESOLVE, V3): the record with the announced counter is ours: committed. The card
counts lower, or has another's record there: aborted. The counter is further away than the card's
log reaches: nobody here can know, the ledger settles it.
"""

from card_layouts.cards.card_layout import G
from card_layouts.cards.transit_app import RECORDS_SEEN, read_record
from card_layouts.cards.transit_record import wrote
from card_layouts.records.entries_tap import OUTCOME_ABORTED, OUTCOME_COMMITTED, OUTCOME_ORPHAN


def settle(session, seen, n, seq, device, epoch):
    """Return the OUTCOME_... of this device's open entry `seq`, announced as record `n`.

    Shape: a conversation; 0 exchanges, or 1 when other devices wrote to the card since.
    """
    if seen.n < n:
        return OUTCOME_ABORTED
    record = seen.newest
    if seen.n > n:
        if seen.n - n >= RECORDS_SEEN:
            return OUTCOME_ORPHAN
        raw = yield from read_record(session, seen.n - n)
        record = G.unpack(raw)
        if record["n"] != n:
            return OUTCOME_ORPHAN
    return OUTCOME_COMMITTED if wrote(record, device, epoch, seq) else OUTCOME_ABORTED
