"""Bookings are found by the transfer that they made (`book_tables.py`): what a posting was for."""

from alembic import op

from backend_sync.ledger.book_tables import BY_TRANSFER

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    # New ledgers got it with the table.
    BY_TRANSFER.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
