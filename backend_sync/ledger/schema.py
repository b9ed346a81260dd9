"""The tables of taps, said once for SQLite and PostgreSQL; made by the Alembic migrations.

Two sorts of tables. *Books* are append-only (a trigger refuses UPDATE and DELETE): entries,
pendings, resolutions, postings, quarantine, batches, issues, sales, alarms. *Working tables* hold
what is not settled or only repeats the books for speed: cards, devices, open_intents, sightings,
early_outcomes, accounts; and the audit's (audit_tables.py).

No table holds a UID or a printed card number (D11; a test scans it), and no index lies on
(card, n) over history (D22): a card's row keeps its head and its holes, and the pendings of a card
hang on a thread (`older`) that is walked only when two commits claim one counter.

Signs: a posting above 0 is what is owed or earned, below 0 what is held. So LIAB sums to the money
on the cards, CASH is negative, and everything sums to 0. Source: decisions.md D21, D22.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

import backend_sync.ledger.audit_tables
import backend_sync.ledger.displaced_tables
import backend_sync.ledger.fold_tables
import backend_sync.ledger.product_tables  # noqa: F401 - all stand in the same metadata
from backend_sync.ledger.append_only import append_only
from backend_sync.ledger.single_tables import SINGLE_BOOKS
from backend_sync.storage.columns import (
    Big,
    bytes_column,
    id_column,
    number_column,
    word_column,
)
from backend_sync.storage.columns import metadata as metadata

accounts = Table(
    "accounts",
    metadata,
    id_column(),
    word_column("kind"),
    word_column("name", 64),
    number_column("authority"),
    word_column("currency", 3),
    UniqueConstraint("name"),
)

cards = Table(
    "cards",
    metadata,
    # The number of the card's account: LIAB, or UNALLOCATED while no issue row names the card.
    Column("id", Big, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    bytes_column("pseudonym"),  # P_L, 16 B
    number_column("issuer"),
    Column("issued", SmallInteger, nullable=False),
    bytes_column("h0"),
    number_column("n"),  # head: the highest commit known to be on the card, posted or only read
    number_column("d"),
    number_column("l"),
    bytes_column("h"),
    number_column("b"),
    number_column("balance_cents"),
    number_column("debits_cents"),
    number_column("loads_cents"),
    number_column("posted"),
    number_column("voided"),
    Column("missing", Text, nullable=False),  # counters below n that no known commit holds
    number_column("newest", null=True),  # end of the thread through pendings.older
    Column("unaudited", SmallInteger, nullable=False),  # UNAUDITED, BEGIN_AGAIN of results.py; 0
    UniqueConstraint("pseudonym"),
)

devices = Table(
    "devices",
    metadata,
    number_column("device"),
    number_column("epoch"),
    number_column("first_seq"),  # 0 = the beginning has not come yet
    number_column("seq"),  # watermark: everything up to here is held
    bytes_column("chain"),  # H at the watermark, 32 B
    number_column("head_seq"),  # highest authentic seq
    Column("held", Text, nullable=False),  # what is held above the watermark
    Column("poisoned", Text, nullable=False),  # quarantined slots in the chain: "seq:H,..."
    number_column("quarantined"),
    PrimaryKeyConstraint("device", "epoch"),
)

entries = Table(
    "entries",
    metadata,
    id_column(),
    number_column("device"),
    number_column("epoch"),
    number_column("seq"),
    number_column("type"),
    number_column("layout"),
    number_column("flags"),
    Column("card", Big, ForeignKey("cards.id"), nullable=True),
    number_column("of", null=True),  # OUTCOME: the seq it ends
    bytes_column("hash"),  # SHA-256 of header and ciphertext
    bytes_column("slot"),  # as sealed by the device, 128 B
    number_column("received"),
    # The same bytes once. Of several with one number one counts: view `held_entries`.
    UniqueConstraint("device", "epoch", "seq", "hash"),
)

pendings = Table(
    "pendings",
    metadata,
    Column("id", Big, ForeignKey("entries.id"), primary_key=True, autoincrement=False),
    Column("card", Big, ForeignKey("cards.id"), nullable=False),
    number_column("n"),
    number_column("kind"),
    number_column("at"),  # device time, s since 2020
    Column("source", Big, ForeignKey("accounts.id"), nullable=False),
    Column("target", Big, ForeignKey("accounts.id"), nullable=False),
    number_column("cents"),
    word_column("currency", 3),
    number_column("authority"),  # area of use
    number_column("d"),
    number_column("l"),
    number_column("b"),
    bytes_column("h"),
    number_column("verdict", null=True),  # of re-rating; null = not an entry that has a price
    number_column("older", null=True),
)

resolutions = Table(
    "resolutions",
    metadata,
    Column("pending", Big, ForeignKey("pendings.id"), nullable=False),
    word_column("rule", 4),
    number_column("entry", null=True),  # the entry that is the evidence
    number_column("received"),
    PrimaryKeyConstraint("pending", "rule"),
    CheckConstraint("rule IN ('P1','P2','P3','V1','V2','V3','EQ','X')", name="rule"),
    sqlite_with_rowid=False,
)

postings = Table(
    "postings",
    metadata,
    id_column(),
    number_column("transfer"),  # lines of one transfer sum to 0
    Column("account", Big, ForeignKey("accounts.id"), nullable=False),
    number_column("cents"),
    word_column("currency", 3),
    number_column("authority"),
    word_column("rule", 8),
    number_column("pending", null=True),
    number_column("entry", null=True),
    number_column("sale", null=True),  # rule TICKET: of ticket_sales; SALE: of single_sales
    # Of cash sales only: what belongs to a card is found by its pending.
    Index("ix_postings_cash_sale", "entry",
          sqlite_where=text("pending IS NULL AND entry IS NOT NULL"),
          postgresql_where=text("pending IS NULL AND entry IS NOT NULL")),
)  # fmt: skip

quarantine = Table(
    "quarantine",
    metadata,
    id_column(),
    number_column("device"),
    number_column("epoch"),
    number_column("seq"),
    word_column("reason"),
    bytes_column("hash"),
    bytes_column("slot", null=True),  # null when `entries` has it
    word_column("edge", 24),
    number_column("received"),
    UniqueConstraint("device", "epoch", "seq", "hash", "reason"),
)

batches = Table(
    "batches",
    metadata,
    id_column(),
    number_column("authority"),
    number_column("batch"),
    bytes_column("head"),  # S as all its cards got it, 44 B
    UniqueConstraint("authority", "batch"),
)

issues = Table(
    "issues",
    metadata,
    Column("card", Big, ForeignKey("cards.id"), primary_key=True, autoincrement=False),
    number_column("authority"),
    number_column("batch"),
    number_column("device"),
    number_column("time"),
    number_column("limit_cents"),
    number_column("deposit_cents"),
    bytes_column("h0"),
)

sales = Table(
    "sales",
    metadata,
    id_column(),
    word_column("sale", 64),
    number_column("action"),
    number_column("cents"),
    word_column("channel", 32),
    number_column("time"),
    number_column("authority"),
    UniqueConstraint("sale"),
    Index(None, "action"),
)

alarms = Table(
    "alarms",
    metadata,
    id_column(),
    word_column("kind", 24),
    number_column("device", null=True),
    number_column("epoch", null=True),
    number_column("seq", null=True),
    number_column("card", null=True),
    number_column("n", null=True),
    word_column("detail", 200),
    number_column("received"),
)

open_intents = Table(
    "open_intents",
    metadata,
    Column("pending", Big, ForeignKey("pendings.id"), primary_key=True, autoincrement=False),
    Column("card", Big, ForeignKey("cards.id"), nullable=False, index=True),
    number_column("device"),
    number_column("epoch"),
    number_column("seq"),
    number_column("bits"),
    Column("answered", SmallInteger, nullable=False),  # an OUTCOME told the record before it
    bytes_column("first"),  # first 36 bytes of its card record
    number_column("since"),
)

sightings = Table(
    "sightings",
    metadata,
    id_column(),
    Column("card", Big, ForeignKey("cards.id"), nullable=False, index=True),
    number_column("n"),
    number_column("device"),
    number_column("epoch"),
    number_column("low"),  # seq mod 2^26
    bytes_column("record"),  # as read, 44 B
    Column("rival", SmallInteger, nullable=False),
    number_column("entry"),
    Index(None, "device", "epoch", "low"),
)

early_outcomes = Table(
    "early_outcomes",
    metadata,
    Column("entry", Big, ForeignKey("entries.id"), nullable=False),
    number_column("device"),
    number_column("epoch"),
    number_column("of"),
    number_column("bit"),  # of results.py; 0 = neither committed nor aborted
    bytes_column("observed"),
    PrimaryKeyConstraint("entry", "of", "bit"),
    Index(None, "device", "epoch", "of"),
)

ticket_taps = Table(
    "ticket_taps",
    metadata,
    Column("id", Big, ForeignKey("entries.id"), primary_key=True, autoincrement=False),
    bytes_column("ticket"),  # P_L, 16 B
    number_column("n"),  # the count it brings the ticket to
    number_column("at"),  # device time, s since 2020
    number_column("authority"),
    number_column("operator"),
    number_column("product"),
    number_column("zone"),
    bytes_column("was"),  # slot found, slot written: 12 B each
    bytes_column("made"),
    Index(None, "ticket", "n"),
)

ticket_results = Table(
    "ticket_results",
    metadata,
    Column("tap", Big, ForeignKey("ticket_taps.id"), nullable=False),
    word_column("rule", 4),
    number_column("entry"),  # the OUTCOME
    number_column("received"),
    PrimaryKeyConstraint("tap", "rule"),
    CheckConstraint("rule IN ('P1','V1','V3')", name="rule"),
)

ticket_sales = Table(
    "ticket_sales",
    metadata,
    id_column(),
    word_column("sale", 64),
    bytes_column("ticket"),
    bytes_column("header"),  # ULC_HEADER, 12 B
    word_column("channel", 32),
    number_column("time"),
    number_column("cents"),
    number_column("authority"),
    UniqueConstraint("sale"),
    Index(None, "ticket"),
)

settings = Table(
    "settings",
    metadata,
    Column("name", String(32), primary_key=True),
    word_column("value", 200),
)

BOOKS = (
    *(entries, pendings, resolutions, postings, quarantine, batches, issues, sales, alarms),
    *(ticket_taps, ticket_results, ticket_sales),
    *SINGLE_BOOKS,
)
for _book in BOOKS:
    append_only(_book)
