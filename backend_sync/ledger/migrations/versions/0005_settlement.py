"""Closed batches and their lines (`backend_sync/settlement/tables.py`)."""

from alembic import op

from backend_sync.settlement.tables import SETTLEMENT_BOOKS

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for table in SETTLEMENT_BOOKS:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
