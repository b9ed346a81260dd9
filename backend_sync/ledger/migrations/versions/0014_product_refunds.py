"""Products given back, and who agreed (`backend_sync/sales/refund_tables.py`).

`agreements` is for every payment that takes two people: refunds, payouts of cards, goodwill.
"""

from alembic import op

from backend_sync.sales.refund_tables import REFUND_BOOKS

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    for table in REFUND_BOOKS:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
