"""Versions of operating data, what is in force from when, and blocks chained by hand."""

from alembic import op

from backend_sync.operating.tables import chains, in_force, versions
from backend_sync.storage.append_only import POSTGRESQL_FUNCTION

revision = "0001"
down_revision = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(POSTGRESQL_FUNCTION)
    for table in (versions, in_force, chains):
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("versions are not thrown away; restore a backup of before instead")
