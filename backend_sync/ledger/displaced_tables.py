"""Entries that turned out to be forged, evidence that no longer counts, and what is left without.

An entry of a later block may come in an earlier group than the genuine one of its number
(`late_seals.py`). Books forget nothing: the forged entry stays, and a row here says that another
one has its number now. Whoever asks for the entry of a number reads `held_entries`; whoever asks
what is known of a commit reads `evidence`. Source: SPEC.md section 4; trust.md T6, I9.
"""

from sqlalchemy import Column, ForeignKey, Index, SmallInteger, Table

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import Big, id_column, metadata, number_column, word_column

displaced = append_only(
    Table(
        "displaced",
        metadata,
        Column("entry", Big, ForeignKey("entries.id"), primary_key=True, autoincrement=False),
        number_column("by"),  # the entry that has its number now
        number_column("received"),
    )
)

withdrawn = append_only(
    Table(
        "withdrawn",
        metadata,
        id_column(),
        Column("pending", Big, ForeignKey("pendings.id"), nullable=False),
        word_column("rule", 4),
        # -1 it rested on a displaced entry, 1 it is known again: the newest row of a rule counts
        Column("sign", SmallInteger, nullable=False),
        number_column("received"),
        Index(None, "pending", "rule"),
    )
)

DISPLACED_BOOKS = (displaced, withdrawn)
DISPLACED_VIEWS = {
    "held_entries": (
        "SELECT e.id, e.device, e.epoch, e.seq, e.type, e.layout, e.flags, e.card, e.of, e.hash,"
        " e.slot, e.received FROM entries e"
        " WHERE NOT EXISTS (SELECT 1 FROM displaced d WHERE d.entry = e.id)"
    ),
    "evidence": (
        "SELECT r.pending, r.rule, r.entry FROM resolutions r WHERE coalesce((SELECT w.sign"
        " FROM withdrawn w WHERE w.pending = r.pending AND w.rule = r.rule"
        " ORDER BY w.id DESC LIMIT 1), 1) > 0"
    ),
}
