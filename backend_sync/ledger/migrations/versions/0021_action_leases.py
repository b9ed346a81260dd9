"""Which lists each lease opens, and which lines newer lists have not (`actions/tables.py`).

Leases of before are not known one by one: until the last of them has ended it opens every list.
"""

from alembic import op

from backend_sync.actions.tables import ACTION_LEASES

revision = "0021"
down_revision = "0020"

EVERY_LEASE = (1 << 30) - 1  # of before: no newer one that a device reports replaces it


def upgrade() -> None:
    for table in ACTION_LEASES:
        table.create(op.get_bind())
    op.execute(
        "INSERT INTO action_leases (device, epoch, lease, oldest, leased_to)"
        f" SELECT device, epoch, {EVERY_LEASE}, 0, leased_to FROM action_carriers"
    )


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
