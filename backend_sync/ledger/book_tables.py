"""The tables of `books.py`: every booking by its key, what holds reserve, and how they ended.

The lines of a transfer are its postings; those of a hold are in `hold_lines` and move nothing until
it is posted. Source: decisions.md D21; trust.md 4.4 (two-phase transfers).
"""

from sqlalchemy import Column, ForeignKey, Index, SmallInteger, Table, UniqueConstraint

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import Big, id_column, metadata, number_column, word_column

KEY_LENGTH = 96

bookings = append_only(
    Table(
        "bookings",
        metadata,
        id_column(),
        word_column("key", KEY_LENGTH),  # "<module>:<id>", unique for ever
        word_column("rule", 8),
        Column("held", SmallInteger, nullable=False),  # 1 = a hold, 0 = a transfer
        number_column("transfer", null=True),  # of its postings; null = a hold, or of 0 cents
        number_column("first"),  # its lines: so many rows from here on
        number_column("lines"),
        number_column("received"),
        UniqueConstraint("key"),
    )
)

# Who asks what a posting was for: reports and the closing of a day would read all bookings.
BY_TRANSFER = Index("ix_bookings_transfer", bookings.c.transfer)

hold_lines = append_only(
    Table(
        "hold_lines",
        metadata,
        id_column(),
        Column("booking", Big, ForeignKey("bookings.id"), nullable=False),
        Column("account", Big, ForeignKey("accounts.id"), nullable=False, index=True),
        number_column("cents"),
        word_column("currency", 3),
        number_column("authority"),
    )
)

hold_ends = append_only(
    Table(
        "hold_ends",
        metadata,
        Column("booking", Big, ForeignKey("bookings.id"), primary_key=True, autoincrement=False),
        Column("posted", SmallInteger, nullable=False),  # 1 = posted, 0 = released
        number_column("transfer", null=True),
        number_column("received"),
    )
)

BOOKINGS = (bookings, hold_lines, hold_ends)
BOOKING_VIEWS = {
    "held": (
        "SELECT b.id AS booking, b.key, b.rule, b.received AS since, l.account, a.name,"
        " l.cents, l.currency, l.authority FROM bookings b JOIN hold_lines l ON l.booking = b.id"
        " JOIN accounts a ON a.id = l.account"
        " WHERE NOT EXISTS (SELECT 1 FROM hold_ends e WHERE e.booking = b.id)"
    ),
}
