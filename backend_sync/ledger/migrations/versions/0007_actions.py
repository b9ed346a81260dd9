"""Actions (`backend_sync/actions/tables.py`) and what entries tell of them (`action_tables.py`)."""

from alembic import op

from backend_sync.actions.tables import ACTION_TABLES
from backend_sync.ledger.action_tables import ACTION_EVIDENCE

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    for table in (*ACTION_EVIDENCE, *ACTION_TABLES):
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
