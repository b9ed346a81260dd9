"""What is left of old detail: where each card stood, where each chain stood, and what was folded.

Source: decisions.md D24; SPEC.md section 10.
"""

from sqlalchemy import Column, ForeignKey, PrimaryKeyConstraint, Table

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import (
    Big,
    bytes_column,
    id_column,
    metadata,
    number_column,
    word_column,
)

checkpoints = Table(  # the newest folded commit of a card; one row, so that it is no history
    "checkpoints",
    metadata,
    Column("card", Big, ForeignKey("cards.id"), primary_key=True, autoincrement=False),
    number_column("n"),
    number_column("d"),
    number_column("l"),
    bytes_column("h"),
    number_column("b"),
    number_column("a"),  # actions up to this one are told of, though their entries are folded
)

folded_chains = Table(  # H behind the newest folded slot below the watermark
    "folded_chains",
    metadata,
    number_column("device"),
    number_column("epoch"),
    number_column("seq"),
    bytes_column("chain"),
    PrimaryKeyConstraint("device", "epoch"),
)

kept_detail = Table(  # a dispute touches these cards: their detail stays
    "kept_detail",
    metadata,
    Column("card", Big, ForeignKey("cards.id"), primary_key=True, autoincrement=False),
    word_column("reason", 200),
)

card_uses = Table(  # the day after a card's newest folded entry: dormancy asks, nobody else
    "card_uses",
    metadata,
    Column("card", Big, ForeignKey("cards.id"), primary_key=True, autoincrement=False),
    number_column("used"),  # s since 2020, 00:00 UTC
)

folds = append_only(
    Table(
        "folds",
        metadata,
        id_column(),
        number_column("until"),  # what was received up to here, s since 2020
        number_column("cards"),
        number_column("entries"),
        bytes_column("digest"),  # of all folded seals with what is left under them, 32 B
        number_column("received"),
    )
)

FOLD_TABLES = (checkpoints, folded_chains, kept_detail, folds)
