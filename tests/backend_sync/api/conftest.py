"""Worlds of the interfaces: one that tests only read, and one for each test that changes it."""

import pytest

from backend_sync.ledger.place import Place
from backend_sync.sales.fiscal import FiscalChain, check_slips
from tests.backend_sync.api.api_world import Api


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Rides of a closed day, and a slip of each point behind it; for tests that only read."""
    made = Api(tmp_path_factory.mktemp("api"))
    made.close_day()
    yield made
    made.close()


@pytest.fixture
def world(tmp_path):
    """Nobody has ridden yet; afterwards slips have no gaps and the books sum to 0."""
    made = Api(tmp_path, lived=False)
    yield made
    with Place(str(tmp_path)).books() as database:
        assert check_slips(database, FiscalChain()) == []
        assert database.value("SELECT coalesce(sum(cents), 0) FROM postings") == 0
    made.close()
