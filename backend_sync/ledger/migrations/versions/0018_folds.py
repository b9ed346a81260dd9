"""Old detail is folded (`fold_tables.py`): checkpoints of cards, folds, detail kept for a dispute.

For retention (D24): what is gone is said by a fold's row, which the chain of seals goes on over.
"""

from alembic import op

from backend_sync.ledger.fold_tables import FOLD_TABLES

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    for table in FOLD_TABLES:
        table.create(op.get_bind())


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
