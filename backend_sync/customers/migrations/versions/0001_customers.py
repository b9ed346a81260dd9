"""Customers as sealed rows; proofs of erasure."""

from alembic import op

from backend_sync.customers.tables import customers, erasures
from backend_sync.storage.append_only import POSTGRESQL_FUNCTION

revision = "0001"
down_revision = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(POSTGRESQL_FUNCTION)
    for table in (customers, erasures):
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("registers are not thrown away; restore a backup of before instead")
