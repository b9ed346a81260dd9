"""Lists that restored books have forgotten (`backend_sync/ledger/action_tables.py`)."""

from alembic import op

from backend_sync.ledger.action_tables import FORGOTTEN_LISTS

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    for table in FORGOTTEN_LISTS:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
