"""What the settlement reads of taps: each ride's facts without the card, and when it counted.

Source: decisions.md D14, D25; requirements W-23, W-59, W-148.
"""

from sqlalchemy import Column, ForeignKey, Index, SmallInteger, Table

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import (
    Big,
    bytes_column,
    id_column,
    metadata,
    number_column,
    word_column,
)

PAYER_LENGTH = 64

rides = append_only(
    Table(
        "rides",
        metadata,
        # The number of its INTENT or CASH_SALE; of an INTENT's pending too, if it has one.
        Column("id", Big, ForeignKey("entries.id"), primary_key=True, autoincrement=False),
        number_column("device"),
        number_column("epoch"),
        number_column("seq"),
        Column("type", SmallInteger, nullable=False),
        number_column("authority"),  # area of use: whose tariff priced it
        number_column("operator"),
        number_column("issuer"),
        number_column("day"),  # service day, days since 2020
        number_column("tariff"),  # version
        number_column("product"),  # in the area's numbers
        number_column("rider"),  # group that the price was taken for
        number_column("concession"),
        number_column("zones"),
        number_column("rule"),
        Column("transfers", SmallInteger, nullable=False),  # above 0: its journey goes on
        word_column("payer", PAYER_LENGTH),  # who owes `billed_cents`; "" = nobody
        word_column("channel", 32),  # "" = by card
        number_column("full_cents"),
        number_column("charged_cents"),
        number_column("billed_cents"),
        number_column("verdict", null=True),
        bytes_column("facts"),  # the payload with the card's fields blanked, 96 B
    )
)

# Reports ask for an authority's service days; new rides lie at its end, so it costs little. The
# day stands first: by the authority alone SQLite would take it for what asks by number.
BY_DAY = Index("ix_rides_day", rides.c.day, rides.c.authority)

ride_postings = append_only(
    Table(
        "ride_postings",
        metadata,
        id_column(),
        Column("ride", Big, ForeignKey("rides.id"), nullable=False),
        Column("sign", SmallInteger, nullable=False),  # 1 it counts from now on, -1 no longer
        Index(None, "ride"),
    )
)

RIDE_BOOKS = (rides, ride_postings)
