"""Rides without their cards, and when they counted (`ride_tables.py`)."""

from alembic import op

from backend_sync.ledger.ride_tables import RIDE_BOOKS

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for table in RIDE_BOOKS:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
