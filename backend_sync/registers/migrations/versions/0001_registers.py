"""Cards, places, users, proposals and the trail (`tables.py`)."""

from alembic import op

from backend_sync.registers import tables
from backend_sync.storage.append_only import POSTGRESQL_FUNCTION

revision = "0001"
down_revision = None


def upgrade() -> None:
    bind = op.get_bind()
    if bind.dialect.name != "sqlite":
        bind.exec_driver_sql(POSTGRESQL_FUNCTION)
    for table in (
        tables.card_documents,
        tables.card_ranges,
        tables.places,
        tables.users,
        tables.proposals,
        tables.proposal_steps,
        tables.trail,
    ):
        table.create(bind)


def downgrade() -> None:
    raise NotImplementedError("registers are not thrown away; restore a backup of before instead")
