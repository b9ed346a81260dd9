"""Saved queries, what became of them, and what was released to the public."""

from alembic import op

from backend_sync.reports.tables import BOOKS
from backend_sync.storage.append_only import POSTGRESQL_FUNCTION

revision = "0001"
down_revision = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(POSTGRESQL_FUNCTION)
    for table in BOOKS:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("releases are not thrown away; restore a backup of before instead")
