"""Closed batches and their lines: books, so nothing of them is ever changed.

A batch is the ranges of rows that came since the one before, so each row is in exactly one (I10).
Source: trust.md I10; decision D25.
"""

from sqlalchemy import Column, ForeignKey, Table, UniqueConstraint

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import (
    Big,
    bytes_column,
    id_column,
    metadata,
    number_column,
)

settlement_batches = append_only(
    Table(
        "settlement_batches",
        metadata,
        id_column(),  # 1, 2, 3 ...
        number_column("day"),  # service day that was closed
        number_column("closed_at"),
        number_column("entries_last"),  # the last row of each book that is in it
        number_column("ride_postings_last"),
        number_column("postings_last"),
        number_column("quarantine_last"),
        number_column("lines"),
        bytes_column("body"),  # what is signed: card_layouts/settlement/batch.py
        bytes_column("signature"),  # key id 4 | Ed25519 64
        UniqueConstraint("day"),
    )
)

# Kept whole and for ten years (D24), when the detail of taps is long folded.
settlement_lines = append_only(
    Table(
        "settlement_lines",
        metadata,
        id_column(),
        Column("batch", Big, nullable=False, index=True),  # which is written after its lines
        number_column("place"),  # of the first line here, from 0
        bytes_column("lines"),  # up to LINES_A_ROW of 120 B, in the tree's order
    )
)
LINES_A_ROW = 1000

# What the first line of a ride said of its journey: a later line must say the same.
settlement_legs = append_only(
    Table(
        "settlement_legs",
        metadata,
        Column("ride", Big, ForeignKey("rides.id"), primary_key=True, autoincrement=False),
        Column("leg", Big, ForeignKey("rides.id"), nullable=False),
    )
)

SETTLEMENT_BOOKS = (settlement_batches, settlement_lines, settlement_legs)
