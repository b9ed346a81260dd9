"""Bookings under idempotency keys, holds, and how holds ended (`book_tables.py`)."""

from alembic import op

from backend_sync.ledger.book_tables import BOOKING_VIEWS, BOOKINGS

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    bind = op.get_bind()
    for table in BOOKINGS:
        table.create(bind)
    for name, query in BOOKING_VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
