"""What people call operators, devices and authorities (`names.py`)."""

from alembic import op

from backend_sync.registers.tables import names

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    names.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("registers are not thrown away; restore a backup of before instead")
