"""The ledger's tables in PostgreSQL, and the rights of those who use them.

`tornello deploy database` is run by the tables' owner; services have less (roles.sql, rights.sql).
Source: T21, T24; D21.
"""

from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from backend_sync.ledger.opening import open_database
from backend_sync.ledger.place import DRIVER, reason
from backend_sync.storage.database import Database
from backend_sync.storage.disk import shown

RIGHTS = Path(__file__).with_name("rights.sql")
LEDGER = "tornello_ledger"
MAY = (
    "SELECT count(*), sum(CASE WHEN has_table_privilege(?, c.oid, 'UPDATE')"
    " OR has_table_privilege(?, c.oid, 'DELETE') THEN 0 ELSE 1 END) FROM pg_class c"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'"
)


class DatabaseError(Exception):
    """The database is not made ready; the message says why."""


def make_ready(url: str) -> tuple[int, int]:
    """Bring the tables to this version and give rights; return (tables, books of no change).

    Raises: DatabaseError.
    """
    if not url.startswith(DRIVER):
        raise DatabaseError(f"{shown(url)}: wanted a URL {DRIVER}tornello_owner:...@host/tornello")
    try:
        with open_database(url) as database:
            return _give_rights(database)
    except SQLAlchemyError as error:
        words = reason(error).splitlines()[0]
        raise DatabaseError(
            f"{shown(url)}: {words}; roles.sql first, then as tornello_owner"
        ) from None


def _give_rights(database: Database) -> tuple[int, int]:
    with database.transaction():
        database.execute(RIGHTS.read_text(encoding="utf-8"))
    tables, kept = database.rows(MAY, (LEDGER, LEDGER))[0]
    return int(tables), int(kept)
