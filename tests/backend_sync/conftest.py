"""Fixtures of the ledger's tests: a world on each of the two databases."""

import shutil
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import make_url

from backend_sync.ledger.seals import IDENTITY
from backend_sync.ledger.verify_chain import verify_chain
from backend_sync.storage import database
from tests.backend_sync.audited_worlds import open_keyring, open_ledger
from tests.backend_sync.builders import World
from tests.backend_sync.card_traces import traces
from tests.backend_sync.ledger_databases import empty_ledger, make_database, server_url
from tests.backend_sync.service_desk import Desk


@pytest.fixture(scope="session", autouse=True)
def new_files_are_copies():
    """A new SQLite file begins as a copy of the first that Alembic made from the same folder.

    Two dozen revisions take 0.1 s, and the run makes a thousand files. The product still looks at
    each, and brings what is older, or not new, to its newest tables itself.
    """
    migrate, made = database._migrate, {}

    def copied(connection, migrations):
        driver = connection.connection.driver_connection
        is_new = isinstance(driver, sqlite3.Connection) and not _tables(driver)
        if is_new and migrations in made:
            made[migrations].backup(driver)
            if "settings" in _tables(driver):  # a ledger draws its name when its tables are made
                named = "UPDATE settings SET value = lower(hex(randomblob(16))) WHERE name = ?"
                driver.execute(named, (IDENTITY,))
        migrate(connection, migrations)
        if is_new and migrations not in made:
            made[migrations] = sqlite3.connect(":memory:", check_same_thread=False)
            driver.backup(made[migrations])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "_migrate", copied)
        yield
    for pages in made.values():
        pages.close()


def _tables(driver):
    return [row[0] for row in driver.execute("SELECT name FROM sqlite_master").fetchall()]


@pytest.fixture(scope="session")
def postgresql():
    # Not among pytest's folders: each new run closes them to the user that the server runs as.
    with TemporaryDirectory(prefix="tornello-pg-", ignore_cleanup_errors=True) as folder:
        url, stop = server_url(Path(folder))
        yield url
        stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request, tmp_path):
    """The URL of a database without any table."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bare.db'}"
    return make_database(request.getfixturevalue("postgresql"))


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory):
    made = tmp_path_factory.mktemp("empty") / "ledger.db"
    empty_ledger(f"sqlite:///{made}")
    return made


@pytest.fixture(scope="session")
def empty_copy(postgresql):
    return make_url(empty_ledger(make_database(postgresql))).database


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request, tmp_path):
    """The URL of a ledger that holds nothing yet."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("empty_file"), tmp_path / "ledger.db")
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    server = request.getfixturevalue("postgresql")
    return make_database(server, request.getfixturevalue("empty_copy"))


@pytest.fixture
def world(tmp_path, ledger_url):
    """A world that is looked through when its test is over: its seals, and for cards' numbers."""
    made = World(tmp_path, ledger_url)
    yield made
    named = traces(made.ledger.database, made.cards, range(len(made.cards))) if made.is_open else []
    wrong = [] if getattr(made, "tampered", False) else verify_chain(made.ledger.database)["wrong"]
    made.close()
    assert (wrong, named) == ([], [])


@pytest.fixture
def ring(tmp_path):
    made = open_keyring(tmp_path / "keyring")
    yield made
    made.close()


@pytest.fixture
def books(ring, ledger_url):
    """A ledger on each of the two databases."""
    ledger = open_ledger(ledger_url, ring)
    yield ledger
    ledger.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def desk(request, tmp_path):
    """A service point whose registers are on each of the two databases."""
    if request.param == "sqlite":
        made = Desk(tmp_path, lambda name: f"sqlite:///{tmp_path / name}.db")
    else:
        urls = {name: make_database(request.getfixturevalue("postgresql"))
                for name in ("customers", "links")}  # fmt: skip
        made = Desk(tmp_path, urls.get)
    yield made
    made.close()
