"""Counts and decisions of cash-up (`backend_sync/sales/cash_tables.py`); sales by entry."""

from alembic import op

from backend_sync.ledger.schema import postings
from backend_sync.sales.cash_tables import CASH_BOOKS

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    for table in CASH_BOOKS:
        table.create(op.get_bind())
    next(i for i in postings.indexes if i.name == "ix_postings_cash_sale").create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
