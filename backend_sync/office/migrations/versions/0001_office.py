"""Who is signed in, and which till each seller's sales are numbered under."""

from alembic import op

from backend_sync.office.tables import sessions, tills
from backend_sync.storage.append_only import POSTGRESQL_FUNCTION

revision = "0001"
down_revision = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql(POSTGRESQL_FUNCTION)
    for table in (sessions, tills):
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("tills are not thrown away; restore a backup of before instead")
