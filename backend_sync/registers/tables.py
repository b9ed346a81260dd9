"""The tables of `registers.db`: where every card is, who may do what, and who did it.

A card is its printed number (authority, serial); no column holds a UID, a pseudonym, a customer or
money. Books never change; a user never goes. Source: trust.md section 5; W-123..W-126, W-149,
W-150, X-14; decisions D1, D11.
"""

from sqlalchemy import Column, Index, MetaData, String, Table, Text

from backend_sync.storage.append_only import append_only, never_deleted
from backend_sync.storage.columns import (
    NAMES,
    Big,
    bytes_column,
    id_column,
    number_column,
    word_column,
)

# Not the ledger's metadata: no table of one register stands in the database of another.
metadata = MetaData(naming_convention=NAMES)


def _key(name: str, words: int = 0) -> Column:
    kind = String(words) if words else Big
    return Column(name, kind, primary_key=True, autoincrement=False)


card_documents = append_only(
    Table(
        "card_documents",
        metadata,
        id_column(),
        number_column("authority"),
        number_column("first"),  # serials, both ends included
        number_column("last"),
        word_column("act", 24),  # of `card_states.ACTS`; deliver, undo
        word_column("state_before"),  # "" = was in no delivery
        word_column("place_before", 40),
        word_column("state_after"),
        word_column("place_after", 40),
        number_column("delivery"),  # the supplier's number; 0 = no delivery
        number_column("undoes"),  # document of which this is the opposite; 0 = none
        word_column("reason", 200),
        word_column("by_user", 32),
        number_column("made"),  # s since 2020
        Index("ix_card_documents_range", "authority", "first", "last"),
    )
)

# Is a document undone? Else every question about a range would read all documents.
UNDONE = Index("ix_card_documents_undoes", card_documents.c.undoes)

# What the documents come to: disjoint ranges, neighbours that are alike are one row.
card_ranges = Table(
    "card_ranges",
    metadata,
    _key("authority"),
    _key("first"),
    number_column("last"),
    word_column("state"),
    word_column("place", 40),  # supplier, stock, point:NAME, customer
)

places = Table(
    "places",
    metadata,
    _key("authority"),
    _key("name", 40),  # stock or point:NAME
    number_column("alarm_below"),  # cards that can be handed out; 0 = no alarm
)

users = never_deleted(
    Table(
        "users",
        metadata,
        _key("name", 32),
        word_column("role", 24),
        number_column("authority"),  # 0, "": not bound to one
        number_column("operator"),
        word_column("point", 34),
        word_column("person", 32),
        Column("rights", Text, nullable=False),  # names by space, sorted
        Column("secret", Text, nullable=False),  # Argon2id as PHC text; "" = cannot sign in
        number_column("wrong"),  # wrong secrets since the last right one
        number_column("disabled"),  # 1 = yes
    )
)

proposals = append_only(
    Table(
        "proposals",
        metadata,
        id_column(),
        word_column("kind"),
        number_column("authority"),
        number_column("amount"),  # entries, cents, or 1: what the kind counts
        word_column("content", 200),  # what will be done, in words; `digest` says it exactly
        word_column("digest", 64),  # SHA-256 of what will be done, hex; "" = the words are all
        word_column("by_user", 32),
        number_column("made"),
        number_column("expires"),
    )
)

proposal_steps = append_only(
    Table(
        "proposal_steps",
        metadata,
        id_column(),
        number_column("proposal"),
        word_column("step"),  # approved, refused, taken
        word_column("by_user", 32),
        number_column("made"),
    )
)

names = append_only(
    Table(
        "names",
        metadata,
        id_column(),
        number_column("authority"),  # which says it
        word_column("kind", 16),  # of `names.MOST`
        number_column("number"),
        word_column("name", 60),
        number_column("from_day"),  # since 2020
        word_column("by_user", 32),
        number_column("made"),
        Index("ix_names_number", "authority", "kind", "number"),
    )
)

trail = append_only(
    Table(
        "trail",
        metadata,
        id_column(),
        number_column("made"),
        word_column("by_user", 32),
        word_column("what", 32),
        Column("subject", String(96), nullable=False, index=True),  # user:anna, document:17
        Column("before", Text, nullable=False),  # JSON; "" = was not there
        Column("after", Text, nullable=False),
        bytes_column("head"),  # 32 B over the row and the head before
    )
)
