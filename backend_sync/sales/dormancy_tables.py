"""What was stated about dormant value, who was told, and what was moved: books.

Source: requirement X-10.
"""

from sqlalchemy import Column, ForeignKey, Table, UniqueConstraint

from backend_sync.ledger.append_only import append_only
from backend_sync.storage.columns import Big, id_column, metadata, number_column, word_column

NAME_LENGTH, WORDS_LENGTH = 64, 200

dormancy_policies = append_only(
    Table(
        "dormancy_policies",
        metadata,
        id_column(),
        number_column("issuer"),
        number_column("months"),  # without use, until value is dormant
        number_column("notice_days"),  # between the announcement and the booking
        word_column("words", WORDS_LENGTH),  # where it is stated
        word_column("by", NAME_LENGTH),
        word_column("second", NAME_LENGTH),
        number_column("received"),
    )
)

dormancy_notices = append_only(
    Table(
        "dormancy_notices",
        metadata,
        id_column(),
        Column("card", Big, ForeignKey("cards.id"), nullable=False, index=True),
        number_column("cents"),
        number_column("used"),  # last, s since 2020
        number_column("due"),  # s since 2020: not booked before
        word_column("by", NAME_LENGTH),
        number_column("received"),
    )
)

dormancy_moves = append_only(
    Table(
        "dormancy_moves",
        metadata,
        id_column(),
        Column("card", Big, ForeignKey("cards.id"), nullable=False),
        number_column("turn"),  # 1, 2 ... of this card: there and back again
        number_column("cents"),  # to BREAKAGE; below 0: back to the card
        word_column("why", 16),  # dormant; used, asked, claimed
        number_column("received"),
        UniqueConstraint("card", "turn"),
    )
)

DORMANCY_BOOKS = (dormancy_policies, dormancy_notices, dormancy_moves)
