"""What passes brought and who carried them; orders to the bank (`settlement/tables.py`).

For later batches, which correct how a pass was shared, and so that nothing is ordered paid twice.
"""

from alembic import op

from backend_sync.settlement.tables import BANK_BOOKS, PASS_BOOKS

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    for table in (*PASS_BOOKS, *BANK_BOOKS):
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
