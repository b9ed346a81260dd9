"""What people counted and decided at cash-up: books, so nobody can count again unseen.

Source: trust.md T18; requirements W-17, W-21.
"""

from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import (
    Big,
    bytes_column,
    id_column,
    metadata,
    number_column,
    word_column,
)

NAME_LENGTH, WORDS_LENGTH = 64, 200

cash_counts = append_only(
    Table(
        "cash_counts",
        metadata,
        id_column(),
        number_column("device"),
        number_column("epoch"),
        number_column("shift"),
        number_column("clerk"),
        number_column("turn"),  # 1 = the blind count, 2 and on = counted again before a witness
        number_column("cents"),
        word_column("by", NAME_LENGTH),
        word_column("second", NAME_LENGTH),  # the witness of counting again; else ""
        number_column("received"),
        UniqueConstraint("device", "epoch", "shift", "clerk", "turn"),
    )
)

cash_decisions = append_only(
    Table(
        "cash_decisions",
        metadata,
        id_column(),
        Column("count", Big, ForeignKey("cash_counts.id"), nullable=False),
        word_column("decision"),  # paid_in, loss, repaid, surplus, unjudged
        number_column("cents"),
        word_column("by", NAME_LENGTH),
        word_column("second", NAME_LENGTH),
        bytes_column("evidence"),  # SHA-256 of the exported evidence; empty for paid_in
        number_column("received"),
        UniqueConstraint("count", "decision"),
    )
)

CASH_BOOKS = (cash_counts, cash_decisions)

lost_slots = append_only(
    Table(
        "lost_slots",  # of a journal, given up by two people: no later shift waits for them
        metadata,
        id_column(),
        number_column("device"),
        number_column("epoch"),
        number_column("first_seq"),
        number_column("last_seq"),
        word_column("words", WORDS_LENGTH),  # why
        word_column("by", NAME_LENGTH),
        word_column("second", NAME_LENGTH),
        number_column("received"),
        Index(None, "device", "epoch"),
    )
)

till_closings = append_only(
    Table(
        "till_closings",  # what a counter's till says of a clerk's shift
        metadata,
        id_column(),
        number_column("device"),
        number_column("shift"),
        number_column("clerk"),
        number_column("last_slip"),  # the highest number it printed; 0 = none
        word_column("by", NAME_LENGTH),
        number_column("received"),
        UniqueConstraint("device", "shift", "clerk"),
    )
)

TILL_BOOKS = (lost_slots, till_closings)
