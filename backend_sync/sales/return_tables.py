"""Deposits that were taken, and what came of cards that were returned, lost or paid out.

Source: requirements R-5, R-9 to R-12, X-7, X-10; trust.md 4.5.
"""

from sqlalchemy import Column, ForeignKey, Table, UniqueConstraint

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import Big, id_column, metadata, number_column, word_column

KEY_LENGTH = 64

deposits = append_only(
    Table(
        "deposits",
        metadata,
        id_column(),
        word_column("key", KEY_LENGTH),  # of the sale: sent again, it is one deposit
        Column("card", Big, ForeignKey("cards.id"), nullable=False, index=True),
        number_column("cents"),
        word_column("channel", 32),
        number_column("received"),
        UniqueConstraint("key"),
    )
)

claims = append_only(
    Table(
        "claims",
        metadata,
        id_column(),
        word_column("key", KEY_LENGTH),
        word_column("kind"),  # returned, absent, lost
        Column("card", Big, ForeignKey("cards.id"), nullable=False, index=True),
        Column("new_card", Big, ForeignKey("cards.id"), nullable=True),
        number_column("action"),  # of a returned card: the number of its refund; else 0
        word_column("channel", 32),  # whose cash pays
        word_column("by", 64),
        number_column("wait_until"),  # s since 2020: before it nothing is paid; 0 = at once
        number_column("received"),
        UniqueConstraint("key"),
    )
)

claim_steps = append_only(
    Table(
        "claim_steps",
        metadata,
        id_column(),
        Column("claim", Big, ForeignKey("claims.id"), nullable=False),
        word_column("step"),  # paid, deposit, moved, season, loss, rest
        number_column("turn"),  # 1, 2 ...: loss and rest may come again
        number_column("cents"),
        number_column("action"),  # that carries it to the new card; else 0
        number_column("received"),
        UniqueConstraint("claim", "step", "turn"),
    )
)

RETURN_BOOKS = (deposits, claims, claim_steps)
