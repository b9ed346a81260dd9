"""The tables, said once for SQLite and PostgreSQL; made by the Alembic migrations.

Two sorts of tables. *Books* are append-only (a trigger refuses UPDATE and DELETE): entries,
pendings, resolutions, postings, quarantine, batches, issues, sales, alarms. *Working tables* hold
what is not settled or only repeats the books for speed: cards, devices, open_intents, sightings,
early_outcomes, accounts; and the audit's: holdings, waiting_taps, choices, differences.

No table holds a UID or a printed card number (D11; a test scans it), and no index lies on
(card, n) over history (D22): a card's row keeps its head and its holes, and the pendings of a card
hang on a thread (`older`) that is walked only when two commits claim one counter.

Signs: a posting above 0 is what is owed or earned, below 0 what is held. So LIAB sums to the money
on the cards, CASH is negative, and everything sums to 0. Source: decisions.md D21, D22.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

from backend_sync.ledger.views import VIEWS

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)
Big = BigInteger().with_variant(Integer, "sqlite")


def _id() -> Column[int]:
    # Numbers are given out by the ledger, one poster at a time, so that rows of one group can
    # point at each other before they are written.
    return Column("id", Big, primary_key=True, autoincrement=False)


def _bytes(name: str, null: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=null)


def _number(name: str, null: bool = False) -> Column[int]:
    return Column(name, Big, nullable=null)


def _word(name: str, size: int = 16, null: bool = False) -> Column[str]:
    return Column(name, String(size), nullable=null)


accounts = Table(
    "accounts",
    metadata,
    _id(),
    _word("kind"),
    _word("name", 64),
    _number("authority"),
    _word("currency", 3),
    UniqueConstraint("name"),
)

cards = Table(
    "cards",
    metadata,
    # The number of the card's account: LIAB, or UNALLOCATED while no issue row names the card.
    Column("id", Big, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    _bytes("pseudonym"),  # P_L, 16 B
    _number("issuer"),
    Column("issued", SmallInteger, nullable=False),
    _bytes("h0"),
    _number("n"),  # head: the highest commit known to be on the card, posted or only read
    _number("d"),
    _number("l"),
    _bytes("h"),
    _number("b"),
    _number("balance_cents"),
    _number("debits_cents"),
    _number("loads_cents"),
    _number("posted"),
    _number("voided"),
    Column("missing", Text, nullable=False),  # counters below n that no known commit holds
    _number("newest", null=True),  # end of the thread through pendings.older
    Column("unaudited", SmallInteger, nullable=False),  # UNAUDITED, BEGIN_AGAIN of results.py; 0
    UniqueConstraint("pseudonym"),
)

devices = Table(
    "devices",
    metadata,
    _number("device"),
    _number("epoch"),
    _number("first_seq"),  # 0 = the beginning has not come yet
    _number("seq"),  # watermark: everything up to here is held
    _bytes("chain"),  # H at the watermark, 32 B
    _number("head_seq"),  # highest authentic seq
    Column("held", Text, nullable=False),  # what is held above the watermark
    Column("poisoned", Text, nullable=False),  # quarantined slots in the chain: "seq:H,..."
    _number("quarantined"),
    PrimaryKeyConstraint("device", "epoch"),
)

entries = Table(
    "entries",
    metadata,
    _id(),
    _number("device"),
    _number("epoch"),
    _number("seq"),
    _number("type"),
    _number("layout"),
    _number("flags"),
    Column("card", Big, ForeignKey("cards.id"), nullable=True),
    _number("of", null=True),  # OUTCOME: the seq it ends
    _bytes("hash"),  # SHA-256 of header and ciphertext
    _bytes("slot"),  # as sealed by the device, 128 B
    _number("received"),
    UniqueConstraint("device", "epoch", "seq"),
)

pendings = Table(
    "pendings",
    metadata,
    Column("id", Big, ForeignKey("entries.id"), primary_key=True, autoincrement=False),
    Column("card", Big, ForeignKey("cards.id"), nullable=False),
    _number("n"),
    _number("kind"),
    _number("at"),  # device time, s since 2020
    Column("source", Big, ForeignKey("accounts.id"), nullable=False),
    Column("target", Big, ForeignKey("accounts.id"), nullable=False),
    _number("cents"),
    _word("currency", 3),
    _number("authority"),  # area of use
    _number("d"),
    _number("l"),
    _number("b"),
    _bytes("h"),
    _number("verdict", null=True),  # of re-rating; null = not an entry that has a price
    _number("older", null=True),
)

resolutions = Table(
    "resolutions",
    metadata,
    Column("pending", Big, ForeignKey("pendings.id"), nullable=False),
    _word("rule", 4),
    _number("entry", null=True),  # the entry that is the evidence
    _number("received"),
    PrimaryKeyConstraint("pending", "rule"),
    CheckConstraint("rule IN ('P1','P2','P3','V1','V2','V3','EQ','X')", name="rule"),
    sqlite_with_rowid=False,
)

postings = Table(
    "postings",
    metadata,
    _id(),
    _number("transfer"),  # lines of one transfer sum to 0
    Column("account", Big, ForeignKey("accounts.id"), nullable=False),
    _number("cents"),
    _word("currency", 3),
    _number("authority"),
    _word("rule", 8),
    _number("pending", null=True),
    _number("entry", null=True),
    _number("sale", null=True),
)

quarantine = Table(
    "quarantine",
    metadata,
    _id(),
    _number("device"),
    _number("epoch"),
    _number("seq"),
    _word("reason"),
    _bytes("hash"),
    _bytes("slot", null=True),  # null when `entries` has it
    _word("edge", 24),
    _number("received"),
    UniqueConstraint("device", "epoch", "seq", "hash", "reason"),
)

batches = Table(
    "batches",
    metadata,
    _id(),
    _number("authority"),
    _number("batch"),
    _bytes("head"),  # S as all its cards got it, 44 B
    UniqueConstraint("authority", "batch"),
)

issues = Table(
    "issues",
    metadata,
    Column("card", Big, ForeignKey("cards.id"), primary_key=True, autoincrement=False),
    _number("authority"),
    _number("batch"),
    _number("device"),
    _number("time"),
    _number("limit_cents"),
    _number("deposit_cents"),
    _bytes("h0"),
)

sales = Table(
    "sales",
    metadata,
    _id(),
    _word("sale", 64),
    _number("action"),
    _number("cents"),
    _word("channel", 32),
    _number("time"),
    _number("authority"),
    UniqueConstraint("sale"),
)

alarms = Table(
    "alarms",
    metadata,
    _id(),
    _word("kind", 24),
    _number("device", null=True),
    _number("epoch", null=True),
    _number("seq", null=True),
    _number("card", null=True),
    _number("n", null=True),
    _word("detail", 200),
    _number("received"),
)

open_intents = Table(
    "open_intents",
    metadata,
    Column("pending", Big, ForeignKey("pendings.id"), primary_key=True, autoincrement=False),
    Column("card", Big, ForeignKey("cards.id"), nullable=False, index=True),
    _number("device"),
    _number("epoch"),
    _number("seq"),
    _number("bits"),
    Column("answered", SmallInteger, nullable=False),  # an OUTCOME told the record before it
    _bytes("first"),  # first 36 bytes of its card record
    _number("since"),
)

sightings = Table(
    "sightings",
    metadata,
    _id(),
    Column("card", Big, ForeignKey("cards.id"), nullable=False, index=True),
    _number("n"),
    _number("device"),
    _number("epoch"),
    _number("low"),  # seq mod 2^26
    _bytes("record"),  # as read, 44 B
    Column("rival", SmallInteger, nullable=False),
    _number("entry"),
    Index(None, "device", "epoch", "low"),
)

early_outcomes = Table(
    "early_outcomes",
    metadata,
    Column("entry", Big, ForeignKey("entries.id"), nullable=False),
    _number("device"),
    _number("epoch"),
    _number("of"),
    _number("bit"),  # of results.py; 0 = neither committed nor aborted
    _bytes("observed"),
    PrimaryKeyConstraint("entry", "of", "bit"),
    Index(None, "device", "epoch", "of"),
)

ticket_taps = Table(
    "ticket_taps",
    metadata,
    Column("id", Big, ForeignKey("entries.id"), primary_key=True, autoincrement=False),
    _bytes("ticket"),  # P_L, 16 B
    _number("n"),  # the count it brings the ticket to
    _number("at"),  # device time, s since 2020
    _number("authority"),
    _number("operator"),
    _number("product"),
    _number("zone"),
    _bytes("was"),  # slot found, slot written: 12 B each
    _bytes("made"),
    Index(None, "ticket", "n"),
)

ticket_results = Table(
    "ticket_results",
    metadata,
    Column("tap", Big, ForeignKey("ticket_taps.id"), nullable=False),
    _word("rule", 4),
    _number("entry"),  # the OUTCOME
    _number("received"),
    PrimaryKeyConstraint("tap", "rule"),
    CheckConstraint("rule IN ('P1','V1','V3')", name="rule"),
)

ticket_sales = Table(
    "ticket_sales",
    metadata,
    _id(),
    _word("sale", 64),
    _bytes("ticket"),
    _bytes("header"),  # ULC_HEADER, 12 B
    _word("channel", 32),
    _number("time"),
    _number("cents"),
    _number("authority"),
    UniqueConstraint("sale"),
    Index(None, "ticket"),
)

holdings = Table(  # what each card is known to hold, after its commit n
    "holdings",
    metadata,
    Column("card", Big, ForeignKey("cards.id"), primary_key=True, autoincrement=False),
    _number("n"),
    _bytes("head"),  # S, rows of P, T: 44, 96 and 44 B
    _bytes("rights"),
    _bytes("usage"),
    _bytes("record"),  # the newest record without its h, 36 B; empty at n = 0
    _number("doubt"),
    _number("newest", null=True),  # cards.newest when it was audited
)

waiting_taps = Table(  # commits behind the counter that their card's audit has come to
    "waiting_taps",
    metadata,
    Column("pending", Big, ForeignKey("pendings.id"), primary_key=True, autoincrement=False),
    Column("card", Big, ForeignKey("cards.id"), nullable=False, index=True),
    _number("n"),
)

choices = Table(  # verdicts on the whole card; they stand before pendings.verdict
    "choices",
    metadata,
    Column("pending", Big, ForeignKey("pendings.id"), primary_key=True, autoincrement=False),
    _number("verdict"),
)

differences = Table(
    "differences",
    metadata,
    Column("pending", Big, ForeignKey("pendings.id"), primary_key=True, autoincrement=False),
    _word("validator", 200),
    _word("ledger", 400),
)

settings = Table(
    "settings",
    metadata,
    Column("name", String(32), primary_key=True),
    _word("value", 200),
)

BOOKS = (
    *(entries, pendings, resolutions, postings, quarantine, batches, issues, sales, alarms),
    *(ticket_taps, ticket_results, ticket_sales),
)

for _book in BOOKS:
    for _verb in ("UPDATE", "DELETE"):
        event.listen(
            _book,
            "after_create",
            DDL(
                f"CREATE TRIGGER {_book.name}_no_{_verb.lower()} BEFORE {_verb} ON {_book.name}"
                f" BEGIN SELECT RAISE(ABORT, '{_book.name} is append-only'); END"
            ).execute_if(dialect="sqlite"),
        )
    event.listen(
        _book,
        "after_create",
        DDL(
            f"CREATE TRIGGER {_book.name}_append_only BEFORE UPDATE OR DELETE ON {_book.name}"
            " FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only()"
        ).execute_if(dialect="postgresql"),
    )

event.listen(
    metadata,
    "before_create",
    DDL(
        "CREATE OR REPLACE FUNCTION ledger_append_only() RETURNS trigger AS $$"
        " BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql"
    ).execute_if(dialect="postgresql"),
)
for _name, _query in VIEWS.items():
    event.listen(
        metadata, "after_create", DDL(f"CREATE VIEW {_name} AS {_query.replace('%', '%%')}")
    )
