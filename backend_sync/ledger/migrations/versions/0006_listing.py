"""What people decided about cards for the hotlist (`listing_tables.py`)."""

from alembic import op

from backend_sync.ledger.listing_tables import listing_decisions

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    listing_decisions.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
