"""The first books, frozen: what a ledger of November 2026 holds. Later tables have revisions.

`../first_books.sql` says them in SQLite's words; PostgreSQL has other names for two types, and one
trigger a table instead of two.
"""

from pathlib import Path

from alembic import op

from backend_sync.ledger.append_only import POSTGRESQL_FUNCTION, triggers

revision = "0001"
down_revision = None

TABLES = Path(__file__).parents[1] / "first_books.sql"
APPEND_ONLY = (
    *("entries", "pendings", "resolutions", "postings", "quarantine", "batches", "issues"),
    *("sales", "alarms", "ticket_taps", "ticket_results", "ticket_sales"),
    *("single_sales", "single_uses"),
)


def upgrade() -> None:
    bind = op.get_bind()
    sqlite = bind.dialect.name == "sqlite"
    lines = TABLES.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.startswith("--")).strip().rstrip(";")
    if not sqlite:
        text = text.replace("INTEGER", "BIGINT").replace("BLOB", "BYTEA")
        text = text.replace("WITHOUT ROWID", "").replace("%", "%%")
        bind.exec_driver_sql(POSTGRESQL_FUNCTION)
    for statement in text.split(";\n\n"):
        bind.exec_driver_sql(statement)
    for name in APPEND_ONLY:
        for statement in triggers(name, bind.dialect.name):
            bind.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("books are not thrown away; restore a backup of before instead")
