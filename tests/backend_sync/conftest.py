"""Fixtures of the ledger's tests: a world on each of the two databases."""

import pytest

from tests.backend_sync.audited_worlds import open_keyring, open_ledger
from tests.backend_sync.builders import World
from tests.backend_sync.ledger_databases import make_database, server_url


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory):
    url, stop = server_url(tmp_path_factory.mktemp("postgresql"))
    yield url
    stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return make_database(request.getfixturevalue("postgresql"))


@pytest.fixture
def world(tmp_path, ledger_url):
    made = World(tmp_path, ledger_url)
    yield made
    made.close()


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
