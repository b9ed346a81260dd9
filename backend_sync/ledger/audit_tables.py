"""The audit's working tables: what each card holds, what waits, and the verdicts.

All of it follows from the books: `tornello ledger audit --again` makes it anew. Source: SPEC.md
section 7; decisions.md D14, D22.
"""

from sqlalchemy import Column, ForeignKey, Table

from backend_sync.storage.columns import Big, bytes_column, metadata, number_column, word_column

holdings = Table(  # what each card is known to hold, after its commit n
    "holdings",
    metadata,
    Column("card", Big, ForeignKey("cards.id"), primary_key=True, autoincrement=False),
    number_column("n"),
    bytes_column("head"),  # S, rows of P, T: 44, 96 and 44 B
    bytes_column("rights"),
    bytes_column("usage"),
    bytes_column("h"),  # of the newest record, 8 B
    bytes_column("record"),  # what stands before it, 36 B; empty at n = 0
    number_column("doubt"),
    number_column("newest", null=True),  # cards.newest when it was audited
)

waiting_taps = Table(  # commits behind the counter that their card's audit has come to
    "waiting_taps",
    metadata,
    Column("pending", Big, ForeignKey("pendings.id"), primary_key=True, autoincrement=False),
    Column("card", Big, ForeignKey("cards.id"), nullable=False, index=True),
    number_column("n"),
)

choices = Table(  # verdicts on the whole card; they stand before pendings.verdict
    "choices",
    metadata,
    Column("pending", Big, ForeignKey("pendings.id"), primary_key=True, autoincrement=False),
    number_column("verdict"),
)

differences = Table(
    "differences",
    metadata,
    Column("pending", Big, ForeignKey("pendings.id"), primary_key=True, autoincrement=False),
    word_column("validator", 200),
    word_column("ledger", 400),
)

AUDIT = (holdings, waiting_taps, choices, differences)
