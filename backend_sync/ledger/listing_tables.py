"""What people decided about cards that the books accuse: one row a decision, for ever.

Source: trust.md 4.7; requirement X-14 (who, when, four eyes).
"""

from sqlalchemy import Column, ForeignKey, Table

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import Big, id_column, metadata, number_column, word_column

listing_decisions = append_only(
    Table(
        "listing_decisions",
        metadata,
        id_column(),
        Column("card", Big, ForeignKey("cards.id"), nullable=False, index=True),
        word_column("cause"),  # CLONE, MONEY, PERSON or CLAIM
        number_column("n"),  # the counter that the case is about; 0 = none
        word_column("decision"),  # listed, dismissed, unlisted
        word_column("action"),  # of the hotlist: refuse, block; "" unless listed
        number_column("g"),  # block generation
        word_column("by", 64),
        word_column("second", 64),  # who agreed, where four eyes are asked for; else ""
        number_column("received"),
    )
)
