"""Products that are to be given back, and who agreed to what was paid above the limit.

A refund is asked for once; it is paid by a slip (`slip_tables.py`) whose key is the refund's.
Source: requirements X-8, X-14.
"""

from sqlalchemy import Column, ForeignKey, Table, UniqueConstraint

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import Big, id_column, metadata, number_column, word_column

KEY_LENGTH = 64

product_refunds = append_only(
    Table(
        "product_refunds",
        metadata,
        id_column(),
        word_column("key", KEY_LENGTH),  # the counter's own: asked again, it is one refund
        Column("slip", Big, ForeignKey("slips.id"), nullable=False),  # the sale
        number_column("action"),  # that takes the product off the card
        number_column("slot"),  # of P, where the product is
        number_column("used"),
        number_column("total"),
        number_column("cents"),  # that will be given back
        number_column("clerk"),
        number_column("received"),
        UniqueConstraint("key"),
        UniqueConstraint("slip"),
        UniqueConstraint("action"),
    )
)

agreements = append_only(
    Table(
        "agreements",
        metadata,
        id_column(),
        word_column("key", 96),  # of the booking that was agreed to
        number_column("cents"),
        word_column("digest", 64),
        number_column("proposal"),  # in the register of users
        word_column("asked_by", 64),
        word_column("agreed_by", 64),
        number_column("received"),
        UniqueConstraint("key", "digest"),
    )
)

REFUND_BOOKS = (product_refunds, agreements)
