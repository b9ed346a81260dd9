"""Deposits, returned and lost cards (`backend_sync/sales/return_tables.py`)."""

from alembic import op

from backend_sync.sales.return_tables import RETURN_BOOKS

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    for table in RETURN_BOOKS:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
