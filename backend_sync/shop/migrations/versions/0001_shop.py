"""Who proved which card, what was ordered for it, what was paid."""

from alembic import op

from backend_sync.shop.tables import TABLES

revision = "0001"
down_revision = None


def upgrade() -> None:
    for table in TABLES:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("orders are not thrown away; restore a backup of before instead")
