"""The books of single tickets: what was sold, where it was shown, and the views that find misuse.

A ticket's name is its seller (a device) and its number there. Source: SPEC.md section 8; trust.md
T14.
"""

from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from backend_sync.storage.columns import (
    Big,
    bytes_column,
    id_column,
    metadata,
    number_column,
    word_column,
)

single_sales = Table(
    "single_sales",
    metadata,
    id_column(),
    word_column("sale", 64),  # "device:epoch:seq", or a counter's own
    Column("entry", Big, ForeignKey("entries.id"), nullable=True),
    number_column("seller"),
    number_column("ticket"),
    number_column("void_of"),  # 0 = a sale
    bytes_column("says"),  # what the ticket says, 33 B
    number_column("cents"),
    number_column("authority"),
    number_column("operator"),
    number_column("at"),  # device time, s since 2020
    word_column("channel", 32),
    number_column("verdict", null=True),  # of repeating the price; null = a void
    UniqueConstraint("sale"),
    Index(None, "seller", "ticket"),
)

single_uses = Table(
    "single_uses",
    metadata,
    Column("id", Big, ForeignKey("entries.id"), primary_key=True, autoincrement=False),
    number_column("seller"),
    number_column("ticket"),
    bytes_column("says"),
    number_column("event"),  # BARCODE.event: 1 used, 2 refused, 3 inspected
    number_column("again"),
    number_column("answer"),
    number_column("at"),
    number_column("ride"),  # the trip; without one, the device below 0
    number_column("operator"),
    number_column("boardings"),  # how many its tariff allows
    Index(None, "seller", "ticket"),
)

SINGLE_BOOKS = (single_sales, single_uses)
SINGLE_VIEWS = {
    # Without what turned out to be forged (`displaced_tables.py`).
    "single_sold": (
        "SELECT * FROM single_sales"
        " WHERE entry IS NULL OR entry NOT IN (SELECT entry FROM displaced)"
    ),
    "single_shown": "SELECT * FROM single_uses WHERE id NOT IN (SELECT entry FROM displaced)",
    # Accepted on one trip more than once; a use that a power cut may have doubled does not count.
    "single_twice": (
        "SELECT seller, ticket, operator, ride, count(*) AS times FROM single_shown"
        " WHERE event = 1 AND again = 0 GROUP BY seller, ticket, operator, ride"
        " HAVING count(*) > 1"
    ),
    "single_often": (
        "SELECT seller, ticket, count(DISTINCT operator * 1048577 + ride) AS rides,"
        " min(boardings) AS boardings FROM single_shown WHERE event = 1"
        " GROUP BY seller, ticket"
        " HAVING count(DISTINCT operator * 1048577 + ride) > min(boardings)"
    ),
    # One number, two tickets: a seller's key is in other hands, or a journal was forged.
    "single_differs": (
        "SELECT seller, ticket, count(*) AS tickets FROM (SELECT seller, ticket, says"
        " FROM single_sold WHERE void_of = 0 UNION SELECT seller, ticket, says FROM single_shown)"
        " told GROUP BY seller, ticket HAVING count(*) > 1"
    ),
    "single_void_used": (
        "SELECT DISTINCT u.seller, u.ticket FROM single_shown u JOIN single_sold v"
        " ON v.seller = u.seller AND v.void_of = u.ticket WHERE u.event = 1"
    ),
    "single_unsold": (
        "SELECT DISTINCT u.seller, u.ticket FROM single_shown u WHERE NOT EXISTS (SELECT 1"
        " FROM single_sold s WHERE s.seller = u.seller AND s.ticket = u.ticket"
        " AND s.void_of = 0)"
    ),
}
