"""Disputes about a ride, a charge or a load, and every word that was said about them.

Source: requirements X-9, W-26, W-106.
"""

from sqlalchemy import Column, ForeignKey, Table, UniqueConstraint

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import (
    Big,
    bytes_column,
    id_column,
    metadata,
    number_column,
    word_column,
)

KEY_LENGTH, NAME_LENGTH, WORDS_LENGTH = 64, 64, 200

disputes = append_only(
    Table(
        "disputes",
        metadata,
        id_column(),
        word_column("key", KEY_LENGTH),  # number of the case: opened again, it is the same
        word_column("about"),  # ride, charge, load, other
        Column("card", Big, ForeignKey("cards.id"), nullable=False, index=True),
        Column("entry", Big, ForeignKey("entries.id"), nullable=True, index=True),  # what about
        word_column("words", WORDS_LENGTH),  # what the passenger says
        word_column("by", NAME_LENGTH),
        number_column("received"),
        UniqueConstraint("key"),
    )
)

dispute_steps = append_only(
    Table(
        "dispute_steps",
        metadata,
        id_column(),
        Column("dispute", Big, ForeignKey("disputes.id"), nullable=False),
        number_column("turn"),  # 1, 2 ...
        word_column("step"),  # answered, accepted, refused
        word_column("words", WORDS_LENGTH),
        number_column("cents"),  # of goodwill; else 0
        number_column("action"),  # that brings it to the card; else 0
        word_column("by", NAME_LENGTH),
        bytes_column("evidence"),  # SHA-256 of the bundle as it was then
        number_column("received"),
        UniqueConstraint("dispute", "turn"),
    )
)

DISPUTE_BOOKS = (disputes, dispute_steps)
