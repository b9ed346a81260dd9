"""Dormant value: policies, notices, what moved (`backend_sync/sales/dormancy_tables.py`).

For value that nobody uses, booked as breakage after its notice, and given back when it is used.
"""

from alembic import op

from backend_sync.sales.dormancy_tables import DORMANCY_BOOKS

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    for table in DORMANCY_BOOKS:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
