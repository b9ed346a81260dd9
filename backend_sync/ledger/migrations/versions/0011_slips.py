"""Sales of counters as numbered slips (`backend_sync/sales/slip_tables.py`)."""

from alembic import op

from backend_sync.sales.slip_tables import SLIP_BOOKS

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    for table in SLIP_BOOKS:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
