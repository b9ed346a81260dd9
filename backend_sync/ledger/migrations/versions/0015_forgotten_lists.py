"""Action lists that restored books have forgotten (`action_tables.py`, `forgotten_lists.py`).

For books put back to an older copy: until no device can carry such a list out, no money goes back.
"""

from alembic import op

from backend_sync.ledger.action_tables import FORGOTTEN_LISTS

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    for table in FORGOTTEN_LISTS:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
