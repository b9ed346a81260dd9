"""The tables of `links.db`: sealed links, and the audit of every question.

Places and marks are keyed hashes: without the keys of this folder the tables name nobody. No row
says when a link was made, and none has an order. Source: trust.md section 5.
"""

from sqlalchemy import Column, Index, LargeBinary, MetaData, Table, UniqueConstraint

from backend_sync.storage.append_only import append_only
from backend_sync.storage.columns import NAMES, Big, bytes_column, number_column, word_column

metadata = MetaData(naming_convention=NAMES)
CLERK_LENGTH = 64

links = Table(
    "links",
    metadata,
    Column("handle_place", LargeBinary, primary_key=True),
    bytes_column("card_place"),
    bytes_column("link"),  # sealed with the link's own key
    UniqueConstraint("card_place"),
    sqlite_with_rowid=False,
)

link_audit = append_only(
    Table(
        "link_audit",
        metadata,
        Column("line", Big, primary_key=True, autoincrement=False),
        number_column("asked"),  # s since 2020
        word_column("clerk", CLERK_LENGTH),
        word_column("purpose"),
        bytes_column("subject"),  # mark of the link's key, 16 B; b"" = nobody was found
        number_column("span_from"),  # s since 2020
        number_column("span_until"),
        word_column("approvers", 2 * CLERK_LENGTH + 1),
        word_column("outcome", 24),
        bytes_column("line_before"),  # hash of the line before, 32 B
        bytes_column("line_hash"),
        Index(None, "clerk", "asked"),
    )
)
