"""The tables of `reports.db`: queries people saved, and statistics that were released.

Books all: a version, a step and a release stay as they were. No figure of the ledger stands here
but what was released to the public, which must never be made again in another way.
Source: W-153; X-14; trust.md section 5.
"""

from sqlalchemy import Column, ForeignKey, Index, MetaData, Table, Text, UniqueConstraint

from backend_sync.storage.append_only import append_only
from backend_sync.storage.columns import NAMES, Big, id_column, number_column, word_column

# Not the ledger's metadata: no table of reports stands in the ledger's database.
metadata = MetaData(naming_convention=NAMES)
NAME_LENGTH = 64

saved_queries = append_only(
    Table(
        "saved_queries",
        metadata,
        id_column(),
        number_column("authority"),
        word_column("name", NAME_LENGTH),
        number_column("version"),  # 1, 2, 3 ... of this name
        Column("body", Text, nullable=False),  # the JSON of query.py
        word_column("made_by", NAME_LENGTH),
        number_column("made"),  # s since 2020
        UniqueConstraint("authority", "name", "version"),
    )
)

saved_steps = append_only(
    Table(
        "saved_steps",
        metadata,
        id_column(),
        Column("saved", Big, ForeignKey("saved_queries.id"), nullable=False),
        word_column("step"),  # produced, withdrawn, day, week, month, unscheduled, made
        number_column("due"),  # made: the instant it was due; else 0
        word_column("made_by", NAME_LENGTH),
        number_column("made"),
        Index(None, "saved"),
    )
)

releases = append_only(
    Table(
        "releases",
        metadata,
        id_column(),
        number_column("authority"),
        number_column("first"),  # service days
        number_column("last"),
        Column("body", Text, nullable=False),  # what the public got, JSON
        word_column("made_by", NAME_LENGTH),
        number_column("made"),
        UniqueConstraint("authority", "first"),
    )
)

BOOKS = (saved_queries, saved_steps, releases)
