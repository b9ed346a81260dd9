"""What makes a table a book: a row that was written stays as it was.

Triggers refuse UPDATE and DELETE, whoever asks; `seals.py` finds what a person did who dropped
them. A module declares its books with `append_only(Table(...))` and makes them in its revision
with `table.create(bind)`: the triggers follow.
"""

from sqlalchemy import DDL, MetaData, Table, event

POSTGRESQL_FUNCTION = (
    "CREATE OR REPLACE FUNCTION ledger_append_only() RETURNS trigger AS $$"
    " BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql"
)
MARK = "append_only"


def append_only(table: Table) -> Table:
    """Mark a table as a book, so that its triggers are made with it; return it."""
    table.info[MARK] = True
    for dialect in ("sqlite", "postgresql"):
        for statement in triggers(table.name, dialect):
            event.listen(table, "after_create", DDL(statement).execute_if(dialect=dialect))
    return table


def books_of(metadata: MetaData) -> list[Table]:
    """Return every table that is a book, by name."""
    return [table for _, table in sorted(metadata.tables.items()) if table.info.get(MARK)]


def triggers(name: str, dialect: str) -> list[str]:
    """Return the statements that make table `name` append-only in `dialect`."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name}"
            f" BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE ON {name}"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only()"
    ]
