"""Lost slots and closed tills (`backend_sync/sales/cash_tables.py`).

For cash-up: a shift waits no more for slots that two people gave up, and a counter's till has an
end. Counts and decisions are of revision 0008.
"""

from alembic import op

from backend_sync.sales.cash_tables import TILL_BOOKS

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    for table in TILL_BOOKS:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
