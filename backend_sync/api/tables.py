"""The tables of `api.db`: keys, requests that came before, codes of cards, keys of pseudonyms.

No money stands here, and nothing that a key or code could be made from again: only hashes of them.
Source: T20; W-142, W-144, W-148.
"""

from sqlalchemy import Column, Index, Integer, MetaData, PrimaryKeyConstraint, String, Table

from backend_sync.storage.columns import (
    NAMES,
    bytes_column,
    number_column,
    word_column,
)

# Not the ledger's metadata: no table of the interfaces stands in the ledger's database.
metadata = MetaData(naming_convention=NAMES)

keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),  # the part of a key that may be seen
    bytes_column("hash"),  # SHA-256 of the whole key
    word_column("name", 32),  # the user that it belongs to
    word_column("rights", 400),  # "" = all that he has at the moment
    word_column("label", 64),
    word_column("made_by", 32),
    number_column("made"),  # s since 2020
    number_column("expires"),  # 0 = never
    number_column("withdrawn"),  # 0 = it is good
)

requests = Table(
    "api_requests",
    metadata,
    word_column("name", 32),  # the user who asked
    word_column("key", 64),  # his Idempotency-Key
    bytes_column("asked"),  # SHA-256 of method, path and body
    number_column("status"),  # of the answer; 0 = it is not done
    bytes_column("answered"),  # SHA-256 of the answer's body
    bytes_column("answer"),
    number_column("made"),
    PrimaryKeyConstraint("name", "key"),
    Index(None, "made"),
)

codes = Table(
    "card_codes",
    metadata,
    Column("card", Integer, primary_key=True, autoincrement=False),  # account number; one a card
    word_column("hash", 64),  # SHA-256 of the code
    number_column("ends"),
    word_column("made_by", 32),
    Index(None, "hash"),
)

proofs = Table(
    "card_proofs",
    metadata,
    Column("hash", String(64), primary_key=True),  # SHA-256 of the proof
    number_column("card"),
    word_column("name", 32),  # the user who got it: another one's is none
    number_column("ends"),
    Index(None, "ends"),
)

event_keys = Table(
    "event_keys",
    metadata,
    number_column("authority"),
    word_column("purpose"),
    number_column("day"),  # service day, days since 2020
    bytes_column("key"),
    PrimaryKeyConstraint("authority", "purpose", "day"),
)

TABLES = (keys, requests, codes, proofs, event_keys)
