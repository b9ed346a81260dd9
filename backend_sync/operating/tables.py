"""The tables of `operating.db`: versions of feeds, what is in force from when, blocks by hand.

The feeds themselves are files beside it (`zips.py`). No row changes or goes: what was in force on
a day can be asked for ever. Days are ISO dates. Source: W-20, W-118..W-121; X-14.
"""

from sqlalchemy import Column, Index, MetaData, Table, Text, UniqueConstraint

from backend_sync.storage.append_only import append_only
from backend_sync.storage.columns import NAMES, id_column, number_column, word_column

# Not the ledger's metadata: no table of operating data stands in the ledger's database.
metadata = MetaData(naming_convention=NAMES)

versions = append_only(
    Table(
        "versions",
        metadata,
        id_column(),
        number_column("authority"),
        number_column("operator"),
        number_column("number"),  # 1, 2 ... of this operator
        word_column("digest", 64),  # SHA-256 of the zip, in hex: its file's name
        number_column("size"),  # bytes of the zip
        word_column("first_day", 10),  # on which a trip runs
        word_column("last_day", 10),
        word_column("timezone", 64),
        number_column("stops"),
        number_column("routes"),
        number_column("trips"),
        Column("agencies", Text, nullable=False),  # JSON list of agency_id
        word_column("made_by", 32),
        number_column("made"),  # s since 2020
        UniqueConstraint("authority", "operator", "number"),
        UniqueConstraint("authority", "operator", "digest"),
    )
)

# Of the rows that begin on or before a day the one that begins last holds, of two the newer one.
in_force = append_only(
    Table(
        "in_force",
        metadata,
        id_column(),
        number_column("authority"),
        number_column("operator"),
        number_column("version"),  # versions.id; 0 = nothing from then on
        word_column("from_day", 10),
        word_column("made_by", 32),
        number_column("made"),
        Index(None, "authority", "operator", "from_day"),
    )
)

# What a person chained; the newest row of a version and name holds, before the feed's block_id.
chains = append_only(
    Table(
        "chains",
        metadata,
        id_column(),
        number_column("version"),
        word_column("name", 32),  # block_id
        Column("trips", Text, nullable=False),  # JSON list of trip_id by departure; [] = dissolved
        word_column("made_by", 32),
        number_column("made"),
        Index(None, "version", "name"),
    )
)
