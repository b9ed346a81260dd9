"""The tables of `customers.db`: sealed rows and proofs of erasure, and nothing that has an order.

All that is personal is in one sealed document a customer. Its number is drawn, not counted, and
is the order in which SQLite keeps the rows; on PostgreSQL `Customers.settle` sorts them by it.
So neither table says who came before whom. Source: trust.md section 5; W-146..W-148.
"""

from sqlalchemy import Column, LargeBinary, MetaData, Table

from backend_sync.storage.append_only import append_only
from backend_sync.storage.columns import NAMES, Big, bytes_column, number_column, word_column

metadata = MetaData(naming_convention=NAMES)  # a database of its own: no ledger's table near it

customers = Table(
    "customers",
    metadata,
    Column("customer", Big, primary_key=True, autoincrement=False),  # drawn: 62 bits
    number_column("controller"),  # the authority whose customer this is (W-147)
    word_column("person", 8),  # natural, legal
    bytes_column("document"),  # sealed with the subject's key
)

erasures = append_only(
    Table(
        "erasures",
        metadata,
        # SHA-256 of a code that only the erased person was given.
        Column("proof", LargeBinary, primary_key=True),
        number_column("erased_by"),  # authority
        number_column("erased_day"),  # days since 2020-01-01
        sqlite_with_rowid=False,
    )
)
