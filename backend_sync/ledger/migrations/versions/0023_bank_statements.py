"""What banks said of the authorities' accounts (`backend_sync/settlement/tables.py`).

Orders tell what a bank was asked to do (revision 0013); these tell what it did.
"""

from alembic import op

from backend_sync.settlement.tables import STATEMENT_BOOKS

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    for table in STATEMENT_BOOKS:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
