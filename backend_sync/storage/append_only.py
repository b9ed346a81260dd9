"""What makes a table a book: a row that was written stays as it was.

Triggers refuse UPDATE and DELETE, whoever asks; seals and trails find what a person did who
dropped them. A module declares its books with `append_only(Table(...))` and makes them in its
revision with `table.create(bind)`: the triggers follow.
"""

from collections.abc import Sequence

from sqlalchemy import DDL, MetaData, Table, event

POSTGRESQL_FUNCTION = (
    "CREATE OR REPLACE FUNCTION ledger_append_only() RETURNS trigger AS $$"
    " BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME; END $$ LANGUAGE plpgsql"
)
MARK = "append_only"
VERBS = ("UPDATE", "DELETE")


def append_only(table: Table) -> Table:
    """Mark a table as a book, so that its triggers are made with it; return it."""
    table.info[MARK] = True
    return refuse(table, VERBS)


def never_deleted(table: Table) -> Table:
    """Let rows of a table change but never go; return it."""
    return refuse(table, VERBS[1:])


def refuse(table: Table, verbs: Sequence[str]) -> Table:
    """Make triggers with the table that refuse `verbs`; return it."""
    for dialect in ("sqlite", "postgresql"):
        for statement in triggers(table.name, dialect, verbs):
            event.listen(table, "after_create", DDL(statement).execute_if(dialect=dialect))
    return table


def books_of(metadata: MetaData) -> list[Table]:
    """Return every table that is a book, by name."""
    return [table for _, table in sorted(metadata.tables.items()) if table.info.get(MARK)]


def triggers(name: str, dialect: str, verbs: Sequence[str] = VERBS) -> list[str]:
    """Return the statements that make table `name` refuse `verbs` in `dialect`."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name}"
            f" BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
            for verb in verbs
        ]
    return [
        f"CREATE TRIGGER {name}_append_only BEFORE {' OR '.join(verbs)} ON {name}"
        " FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only()"
    ]
