"""No operation searches the books: what databases say of each query that a request makes."""

import pytest

from simulator.bench.plans import Planner, listening
from tests import figures
from tests.backend_sync.api.test_api_rights import ROWS, Asking, wanted


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    made = Asking(tmp_path_factory.mktemp("reach"))
    yield made
    made.world.close()


@pytest.fixture(scope="module")
def planner():
    with Planner() as made:
        yield made


@pytest.mark.requirement("T20", "W-144")
@pytest.mark.parametrize("operation", sorted(ROWS))
def test_an_operation_reads_by_index_only(asking, planner, operation):
    user = next(name for (one, name), digit in wanted().items() if (one, digit) == (operation, 2))
    asking.world.client(user)
    with listening() as heard:
        assert asking.status(operation, user) == 2
    assert planner.scans(heard) == {}
    figures.add("queries of /api/v1 whose plan was read", len(heard.queries))


def test_a_planted_search_is_found(asking, planner):
    url = asking.world.place.url()
    sql = "SELECT p.id FROM postings p JOIN accounts a ON a.id = p.account WHERE p.cents = ?"
    assert planner.plan(url, sql, (7,)).through == {"postings"}
    assert planner.plan(url, "SELECT id FROM entries WHERE id > ? LIMIT 5", (7,)).through == set()
