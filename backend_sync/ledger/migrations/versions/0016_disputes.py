"""Disputes and their steps (`backend_sync/sales/dispute_tables.py`).

For cases about rides, charges and loads; a goodwill itself is an action (revision 0007).
"""

from alembic import op

from backend_sync.sales.dispute_tables import DISPUTE_BOOKS

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    for table in DISPUTE_BOOKS:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
