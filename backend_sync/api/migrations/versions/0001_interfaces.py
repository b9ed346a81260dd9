"""Keys of the interfaces, requests that came before, codes and proofs of cards, event keys."""

from alembic import op

from backend_sync.api.tables import TABLES

revision = "0001"
down_revision = None


def upgrade() -> None:
    for table in TABLES:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("keys are not thrown away; restore a backup of before instead")
