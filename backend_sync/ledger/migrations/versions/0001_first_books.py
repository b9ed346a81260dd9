"""The first books: everything in `schema.py` until the first release freezes it here."""

from alembic import op

from backend_sync.ledger.schema import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    metadata.drop_all(op.get_bind())
