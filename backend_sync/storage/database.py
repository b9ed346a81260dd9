"""One connection, one writer: how the backend talks to SQLite and PostgreSQL.

SQL is written once, with `?` for bound values. Statements go to the driver as they are, on SQLite
past SQLAlchemy: its own work costs several times SQLite's. The two databases differ in that, in how
a transaction starts and in how a set of keys is handed over. It must not know accounts or cards.
Source: decisions D20; limits.md section 4; dependencies.md section 4.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import RLock
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Table, create_engine, event, inspect
from sqlalchemy.pool import StaticPool

from backend_sync.storage.disk import RESTORE_LEDGER, explain_errors, explained

CHUNK = 500
# One poster at a time, whatever the number of processes: numbers of rows are given out by it.
LOCK = 0x546F726E
# Deferred transactions that read and then write die of "database is locked".
BEGIN_WRITING = "BEGIN IMMEDIATE"
REVISIONS = "SELECT version_num FROM alembic_version"
Row = Sequence[Any]


class Witness(Protocol):
    """Sees what is inserted, and is asked before each commit."""

    def inserted(self, table: Table, rows: Sequence[Row]) -> None: ...

    def seal(self) -> None: ...

    def forget(self) -> None: ...


class Database:
    """One database, brought to the newest schema by the Alembic folder `migrations`.

    Without `migrations` it is only read. `restore` says what to do about a damaged file.
    """

    def __init__(
        self, url: str, migrations: Path | None = None, restore: str = RESTORE_LEDGER
    ) -> None:
        self.url = url
        self.restore = restore
        self._begin = "BEGIN" if migrations is None else BEGIN_WRITING
        self.engine = _engine(url, migrations is None, restore)
        self.connection: Connection = self.engine.connect()
        self.sqlite = self.engine.dialect.name == "sqlite"
        # SQLite's own connection under `connection`: they share its transactions.
        self.driver: Any = self.connection.connection.driver_connection
        # Threads take turns: a transaction is one thread's, and so is what it has not committed.
        self.turn = RLock()
        self.witness: Witness | None = None
        if migrations:
            _migrate(self.connection, migrations)

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.connection.close()
        self.engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do everything inside or, on any exception, nothing; durable when it returns."""
        with self.turn, self.connection.begin():
            if not self.sqlite:
                self.connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            try:
                yield
                if self.witness:
                    self.witness.seal()
            finally:
                if self.witness:
                    self.witness.forget()

    def rows(self, sql: str, values: Row = ()) -> list[Any]:
        """Return the rows of a query. Outside `transaction` it reads the last commit."""
        with self._reading():
            return self._rows(sql, values)

    def value(self, sql: str, values: Row = ()) -> Any:
        return self.rows(sql, values)[0][0]

    def run(self, sql: str, rows: Sequence[Row]) -> None:
        """Run one statement for each row of values."""
        if not rows:
            return
        if not self.sqlite:
            self.connection.exec_driver_sql(_for_psycopg(sql), list(map(tuple, rows)))
            return
        try:
            self.driver.executemany(sql, rows)
        except sqlite3.Error as error:
            raise explained(error, sql, self.engine.url.database, self.restore) from error

    def execute(self, sql: str, values: Row = ()) -> None:
        """Run one statement of any kind inside a transaction."""
        if self.sqlite:
            self._rows(sql, values)
        else:
            self.connection.exec_driver_sql(_for_psycopg(sql), tuple(values))

    def insert(self, table: Table, rows: Sequence[Row], extra: str = "") -> None:
        """Insert rows given in the order of the table's columns."""
        if rows:
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            marks = ", ".join("?" * len(table.columns))
            self.run(f"INSERT INTO {table.name} ({names}) VALUES ({marks}) {extra}", rows)
            if self.witness:
                self.witness.inserted(table, rows)

    def rows_in(self, sql: str, values: Iterable[Any]) -> list[Any]:
        """Return the rows of a query that ends in `IN {}`, for a set of single values."""
        wanted = list(values)
        with self._reading():
            if self.sqlite:
                return self._rows_in_parts(sql, wanted)
            return self._rows(sql.replace("IN {}", "= ANY(?)"), (wanted,)) if wanted else []

    def _rows_in_parts(self, sql: str, wanted: list[Any]) -> list[Any]:
        found: list[Any] = []
        for at in range(0, len(wanted), CHUNK):
            part = wanted[at : at + CHUNK]
            # Always one of two sizes, so that SQLite prepares the statement once.
            room = CHUNK if len(part) > 16 else 16
            part += part[-1:] * (room - len(part))
            found += self._rows(sql.replace("{}", f"({','.join('?' * room)})"), part)
        return found

    def rows_of(self, sql: str, names: Sequence[str], keys: Sequence[Row]) -> list[Any]:
        """Return the rows of a query over `{keys}`: a table `k` of integer columns `names`."""
        if not keys:
            return []
        if self.sqlite:
            columns = ", ".join(
                f"json_extract(value, '$[{i}]') AS {name}" for i, name in enumerate(names)
            )
            source = f"(SELECT {columns} FROM json_each(?)) AS k"
            return self._rows(sql.replace("{keys}", source), (json.dumps(list(map(list, keys))),))
        source = f"unnest({', '.join(['?::bigint[]'] * len(names))}) AS k({', '.join(names)})"
        lists = [list(column) for column in zip(*keys, strict=True)]
        return self._rows(sql.replace("{keys}", source), lists)

    def is_newest(self, migrations: Path) -> bool:
        """Say whether the tables are those of the newest revision of a folder of migrations."""
        return [row[0] for row in self.rows(REVISIONS)] == [newest(migrations)]

    def next_id(self, table: Table) -> int:
        """Return the number after the highest of a table."""
        return int(self.value(f"SELECT coalesce(max(id), 0) FROM {table.name}")) + 1

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Read the transaction that is open, or the last commit."""
        with self.turn:
            if self.connection.in_transaction():
                yield
            elif not self.sqlite:
                with self.connection.begin():
                    yield
            else:
                self._rows(self._begin, ())
                try:
                    yield
                finally:
                    self.driver.rollback()

    def _rows(self, sql: str, values: Row) -> list[Any]:
        if not self.sqlite:
            return list(self.connection.exec_driver_sql(_for_psycopg(sql), tuple(values)))
        try:
            return self.driver.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise explained(error, sql, self.engine.url.database, self.restore) from error


def _for_psycopg(sql: str) -> str:
    return sql.replace("%", "%%").replace("?", "%s")


def _engine(url: str, read_only: bool, restore: str) -> Engine:
    if not url.startswith("sqlite"):
        options = "-c default_transaction_read_only=on" if read_only else ""
        return create_engine(url, connect_args={"options": options} if options else {})
    engine = create_engine(
        url, poolclass=StaticPool, connect_args={"check_same_thread": False, "timeout": 30}
    )

    explain_errors(engine, restore)

    @event.listens_for(engine, "connect")
    def _settle(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        # Foreign keys are for readers and PostgreSQL; here each check would read a random page.
        if read_only:
            connection.execute("PRAGMA query_only=ON")
            return
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=OFF",
            "cache_size=-131072",
            "wal_autocheckpoint=8192",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else BEGIN_WRITING)

    return engine


@cache
def newest(migrations: Path) -> str:
    """Return the newest revision there is: a migration's file begins with its own."""
    return max(path.name for path in migrations.glob("versions/[0-9]*_*.py")).split("_")[0]


def _migrate(connection: Connection, migrations: Path) -> None:
    with connection.begin():
        if _revisions(connection) == [newest(migrations)]:
            return
    # Loaded when there is something to do: it would be a quarter of every command's start.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    if connection.in_transaction():
        connection.commit()


def _revisions(connection: Connection) -> list[str]:
    """Return what Alembic's table says, [] in an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return []
    return [row[0] for row in connection.exec_driver_sql(REVISIONS)]
