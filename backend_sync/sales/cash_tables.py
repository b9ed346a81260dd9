"""What people counted and decided at cash-up: books, so nobody can count again unseen.

Source: trust.md T18; requirements W-17, W-21.
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

NAME_LENGTH = 64

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
        word_column("decision"),  # paid_in, loss, repaid, surplus
        number_column("cents"),
        word_column("by", NAME_LENGTH),
        word_column("second", NAME_LENGTH),
        bytes_column("evidence"),  # SHA-256 of the exported evidence; empty for paid_in
        number_column("received"),
        UniqueConstraint("count", "decision"),
    )
)

CASH_BOOKS = (cash_counts, cash_decisions)
