"""Documents are found by the one that they undo (`tables.py`)."""

from alembic import op

from backend_sync.registers.tables import UNDONE

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # New registers got it with the table.
    UNDONE.create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    raise NotImplementedError("registers are not thrown away; restore a backup of before instead")
