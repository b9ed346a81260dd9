"""Rides are found by service day and area (`ride_tables.py`): reports and statistics ask for days.

A row of the index is written where the newest rows are, so posting costs nearly what it did.
"""

from alembic import op

from backend_sync.ledger.ride_tables import BY_DAY

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    # New ledgers got it with the table, in revision 0003.
    BY_DAY.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
