"""What was sold by the actions that put products on cards: tax and settlement ask for it.

Source: decisions.md D9, D21; X-1.
"""

from sqlalchemy import Column, ForeignKey, Table

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import Big, metadata, number_column

product_entries = append_only(
    Table(
        "product_entries",
        metadata,
        # The number of its ACTION entry.
        Column("id", Big, ForeignKey("entries.id"), primary_key=True, autoincrement=False),
        number_column("authority"),  # area of use: in whose numbers `product` is
        number_column("product"),
    )
)
