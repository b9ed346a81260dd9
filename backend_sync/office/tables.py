"""The tables of `office.db`: who is signed in, and under which numbers each seller sells.

No money, card or customer stands here. Source: dependencies.md section 3; W-108, X-15.
"""

from sqlalchemy import Column, MetaData, String, Table, UniqueConstraint

from backend_sync.storage.append_only import append_only
from backend_sync.storage.columns import NAMES, number_column, word_column

# Not the ledger's metadata: no table of the office stands in the ledger's database.
metadata = MetaData(naming_convention=NAMES)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 of what the cookie holds
    word_column("name", 32),  # of the user
    word_column("mark"),  # of his secret then: a new secret ends the session
    number_column("made"),  # s since 2020
    number_column("seen"),
    number_column("ended"),  # 0 = it goes on
)

tills = append_only(
    Table(
        "tills",
        metadata,
        Column("name", String(32), primary_key=True),  # the user who sells
        number_column("authority"),
        word_column("point", 34),
        number_column("device"),  # whose slips are numbered without gaps; one point's
        number_column("clerk"),
        word_column("made_by", 32),
        number_column("made"),
        UniqueConstraint("clerk"),
    )
)
