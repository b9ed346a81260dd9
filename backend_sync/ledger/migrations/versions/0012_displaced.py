"""Several entries may have one number, and one of them counts (`displaced_tables.py`).

For an entry forged ahead of the genuine one: `entries` loses the constraint that let the first win.
SQLite cannot take a constraint away: the table of entries is written anew, row by row as it was.
"""

from alembic import op

from backend_sync.ledger.append_only import triggers
from backend_sync.ledger.displaced_tables import DISPLACED_BOOKS, DISPLACED_VIEWS
from backend_sync.ledger.single_tables import SINGLE_VIEWS
from backend_sync.ledger.views import VIEWS

revision = "0012"
down_revision = "0011"

TOLD_ANEW = ("intents", "ticket_uses", "ticket_twice")
ENTRIES_ANEW = """
CREATE TABLE entries_anew (
    id INTEGER NOT NULL,
    device INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    type INTEGER NOT NULL,
    layout INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    card INTEGER,
    "of" INTEGER,
    hash BLOB NOT NULL,
    slot BLOB NOT NULL,
    received INTEGER NOT NULL,
    CONSTRAINT pk_entries PRIMARY KEY (id),
    CONSTRAINT uq_entries_device_epoch_seq_hash UNIQUE (device, epoch, seq, hash),
    CONSTRAINT fk_entries_card FOREIGN KEY(card) REFERENCES cards (id)
)"""


def upgrade() -> None:
    bind = op.get_bind()
    first = {name for name in SINGLE_VIEWS if name not in ("single_sold", "single_shown")}
    for name in (*TOLD_ANEW, *first):
        bind.exec_driver_sql(f"DROP VIEW {name}")
    if bind.dialect.name == "sqlite":
        bind.exec_driver_sql(ENTRIES_ANEW)
        bind.exec_driver_sql("INSERT INTO entries_anew SELECT * FROM entries ORDER BY id")
        bind.exec_driver_sql("DROP TABLE entries")
        bind.exec_driver_sql("ALTER TABLE entries_anew RENAME TO entries")
        for statement in triggers("entries", "sqlite"):
            bind.exec_driver_sql(statement)
    else:
        bind.exec_driver_sql("ALTER TABLE entries DROP CONSTRAINT uq_entries_device_epoch_seq")
        bind.exec_driver_sql(
            "ALTER TABLE entries ADD CONSTRAINT uq_entries_device_epoch_seq_hash"
            " UNIQUE (device, epoch, seq, hash)"
        )
    for table in DISPLACED_BOOKS:
        table.create(bind)
    told = {**DISPLACED_VIEWS, **{name: VIEWS[name] for name in TOLD_ANEW}, **SINGLE_VIEWS}
    for name, query in told.items():
        text = query if bind.dialect.name == "sqlite" else query.replace("%", "%%")
        bind.exec_driver_sql(f"CREATE VIEW {name} AS {text}")


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
