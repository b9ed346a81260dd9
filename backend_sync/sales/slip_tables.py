"""Every sale of a counter, as the slip that the customer got: numbered without gaps per device.

Source: requirements X-15, W-112, X-2, X-8.
"""

from sqlalchemy import Column, ForeignKey, Index, Table, UniqueConstraint

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import Big, id_column, metadata, number_column, word_column

KEY_LENGTH = 64

slips = append_only(
    Table(
        "slips",
        metadata,
        id_column(),
        number_column("device"),  # the point of sale
        number_column("place"),  # 1, 2, 3 ... of this device
        word_column("key", KEY_LENGTH),  # the channel's own: sent again, it is one sale
        word_column("kind"),  # load, product, fee, void, refund, deposit, payout
        number_column("of"),  # the slip that a void or refund is about; 0 = a sale
        Column("card", Big, ForeignKey("cards.id"), nullable=True),
        number_column("action"),  # that brings it onto the card; 0 = none
        number_column("product"),  # 0 = a load
        number_column("cents"),  # the price; below 0: given back
        number_column("rounding"),  # what rounding to coins added
        word_column("paid"),  # cash, card
        word_column("channel", 32),
        number_column("clerk"),
        number_column("shift"),
        word_column("fiscal", 64),  # what the fiscal device said of it
        number_column("received"),
        UniqueConstraint("device", "place"),
        UniqueConstraint("key"),
        Index(None, "action"),
    )
)

SLIP_BOOKS = (slips,)
