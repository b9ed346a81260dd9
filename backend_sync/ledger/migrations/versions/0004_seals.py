"""Seals over every transaction (`seals.py`), and the ledger's own name: all its copies have it."""

from alembic import op

from backend_sync.ledger.seals import IDENTITY, seals

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    bind = op.get_bind()
    seals.create(bind)
    name = "lower(hex(randomblob(16)))"
    if bind.dialect.name != "sqlite":
        name = "replace(CAST(gen_random_uuid() AS VARCHAR), '-', '')"
    op.execute(f"INSERT INTO settings (name, value) SELECT '{IDENTITY}', {name}")


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
