"""Batches that restored books had lost, and what they told (`settlement/tables.py`)."""

from alembic import op

from backend_sync.settlement.tables import ADOPTED_BOOKS

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    for table in ADOPTED_BOOKS:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
