"""The day each card was last used whose entries are folded (`fold_tables.py`).

For dormant value (revision 0017): folding (0018) takes away the entries that told of the use.
"""

from alembic import op

from backend_sync.ledger.fold_tables import card_uses

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    card_uses.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
