"""What products actions put on cards (`product_tables.py`); sales by their action."""

from alembic import op

from backend_sync.ledger.product_tables import product_entries
from backend_sync.ledger.schema import sales

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    product_entries.create(op.get_bind())
    next(i for i in sales.indexes if i.name == "ix_sales_action").create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
