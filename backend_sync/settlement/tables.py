"""Closed batches and their lines: books, so nothing of them is ever changed.

A batch is the ranges of rows that came since the one before, so each row is in exactly one (I10).
Source: trust.md I10; decision D25.
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

CODE_LENGTH, PARTY_LENGTH = 64, 96
REFERENCE_LENGTH, WORDS_LENGTH = 140, 200

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

# Batches that books put back from an older copy had lost, taken over as they were signed. The books
# hold their entries again, or will: `net.py` says once what both tell of.
settlement_adoptions = append_only(
    Table(
        "settlement_adoptions",
        metadata,
        id_column(),  # the batch
        number_column("adopted"),
    )
)
# Their lines about slots, by slot.
settlement_told = append_only(
    Table(
        "settlement_told",
        metadata,
        id_column(),
        Column("batch", Big, nullable=False, index=True),
        number_column("device"),
        number_column("epoch"),
        number_column("seq"),
        number_column("sign"),  # -1, 0, 1
        bytes_column("line"),  # 120 B
        Index(None, "device", "epoch", "seq"),
    )
)

ADOPTED_BOOKS = (settlement_adoptions, settlement_told)

# What each batch brought for passes and packs, and who carried their holders: the next one divides
# a pool again over all of it (card_layouts/settlement/passes.py).
settlement_paid = append_only(
    Table(
        "settlement_paid",
        metadata,
        id_column(),
        Column("batch", Big, nullable=False),
        number_column("authority"),
        number_column("product"),
        number_column("month"),
        number_column("tariff"),
        word_column("code", CODE_LENGTH),
        number_column("permille"),
        number_column("cents"),
        Index(None, "authority", "product", "month"),
    )
)
settlement_taps = append_only(
    Table(
        "settlement_taps",
        metadata,
        id_column(),
        Column("batch", Big, nullable=False),
        number_column("authority"),
        number_column("product"),
        number_column("month"),
        number_column("area"),
        number_column("operator"),
        word_column("code", CODE_LENGTH),
        number_column("permille"),
        number_column("taps"),
        Index(None, "authority", "product", "month"),
    )
)

PASS_BOOKS = (settlement_paid, settlement_taps)

# What a bank was told to pay or collect: what is left is the statements less these.
bank_orders = append_only(
    Table(
        "bank_orders",
        metadata,
        id_column(),
        number_column("batch"),  # the newest that it settles
        number_column("authority"),
        word_column("kind", 8),  # pay, collect
        bytes_column("body"),  # the file, so that it is never made a second time
    )
)
bank_lines = append_only(
    Table(
        "bank_lines",
        metadata,
        id_column(),
        Column("bank_order", Big, ForeignKey("bank_orders.id"), nullable=False),
        number_column("authority"),
        word_column("party", PARTY_LENGTH),
        number_column("cents"),  # above 0: paid to it, below 0: collected from it
        Index(None, "authority", "party"),
    )
)

BANK_BOOKS = (bank_orders, bank_lines)

# What banks said: every booked line once, whatever files tell of it, and whom it paid.
bank_statements = append_only(
    Table(
        "bank_statements",
        metadata,
        id_column(),
        word_column("digest", 64),  # SHA-256 of the file
        number_column("received"),
        UniqueConstraint("digest"),
    )
)
bank_movements = append_only(
    Table(
        "bank_movements",
        metadata,
        id_column(),
        Column("statement", Big, ForeignKey("bank_statements.id"), nullable=False),
        word_column("key", 64),  # the bank's own name of the line, hashed
        number_column("authority"),  # whose account
        number_column("cents"),  # above 0: it came in
        number_column("day"),  # booked; 0 = not said
        word_column("reference", REFERENCE_LENGTH),  # the first one; never a name or a text
        word_column("target", PARTY_LENGTH),  # what it pays; "" = a case for a person
        word_column("party", PARTY_LENGTH),
        number_column("settles"),  # cents of what is outstanding that an order had not taken
        UniqueConstraint("key"),
        Index(None, "target"),
    )
)
bank_decisions = append_only(
    Table(
        "bank_decisions",
        metadata,
        id_column(),
        Column("movement", Big, ForeignKey("bank_movements.id"), nullable=False),
        word_column("party", PARTY_LENGTH),  # "" = none of ours
        word_column("words", WORDS_LENGTH),
        word_column("by_user", 64),
        number_column("decided"),
        UniqueConstraint("movement"),
    )
)

STATEMENT_BOOKS = (bank_statements, bank_movements, bank_decisions)
