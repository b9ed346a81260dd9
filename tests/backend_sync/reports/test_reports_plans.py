"""No report, query or statistic scans postings, entries or rides, however many there are."""

import pytest

from backend_sync.ledger.opening import open_database
from backend_sync.registers.rights import Scope
from backend_sync.reports.asking_books import Reader, answer
from backend_sync.reports.catalogue import REPORTS
from backend_sync.reports.query import read
from backend_sync.reports.sources import SOURCES
from backend_sync.reports.statistics import Statistics
from backend_sync.reports.suppression import TOTAL
from backend_sync.storage.database import Database
from simulator.bench.plans import Planner, let_seem_large, listening
from tests import figures
from tests.backend_sync.ledger_databases import make_database
from tests.backend_sync.reports.reports_world import TOWN, Reported
from tests.backend_sync.settled_worlds import DAY

JUNE = {"from": "2026-06-01", "to": "2026-06-30"}
MILLION = 1_000_000


def lived(folder, url):
    made = Reported(folder / "keyring", url)
    made.live()
    made.url = url
    return made


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plans")
    made = lived(folder, f"sqlite:///{folder / 'ledger.db'}")
    yield made
    made.close()


@pytest.fixture(scope="module")
def planner():
    with Planner() as made:
        yield made


def report_of(world, name, scope):
    """Return what is asked for a report of one's own."""
    with listening() as heard:
        world.table(name, Scope(TOWN) if REPORTS[name].whole else scope)
    return heard


def query_of(world, name, scope):
    """Return what is asked for a query of a source with its first columns and all its figures."""
    source = SOURCES[name]
    scope = Scope(TOWN) if source.whole else scope
    query = {"source": name, "columns": list(source.columns)[:6],
             "measures": list(source.measures)}  # fmt: skip
    if source.most_days:
        query["period"] = JUNE
    with Reader(world.url, world.clock) as reader, listening() as heard:
        answer(read(query), reader, world.tariffs, scope)
    assert heard.queries
    return heard


def read_whole(heard):
    """Return the plans that read every ride of an authority: an index, and no scan by its name."""
    found = []
    for (url, sql), values in heard.queries.items():
        with Database(url) as database:
            plan = [row[3] for row in database.rows(f"EXPLAIN QUERY PLAN {sql}", values)]
        found += [line for line in plan if "ix_rides_day" in line and "day>?" not in line]
    return found


@pytest.mark.requirement("W-155", "W-151")
@pytest.mark.parametrize("scope", [Scope(TOWN), Scope(TOWN, 10)], ids=["authority", "operator"])
@pytest.mark.parametrize("name", sorted(REPORTS))
def test_a_report_reads_by_index_only(world, planner, name, scope):
    heard = report_of(world, name, scope)
    figures.add("plans of reports looked at", heard.sent)
    assert planner.scans(heard) == {} and read_whole(heard) == []


@pytest.mark.requirement("W-153", "W-155")
@pytest.mark.parametrize("scope", [Scope(TOWN), Scope(TOWN, 10)], ids=["authority", "operator"])
@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_query_of_ones_own_reads_by_index_only(world, planner, name, scope):
    heard = query_of(world, name, scope)
    assert planner.scans(heard) == {} and read_whole(heard) == []


def test_statistics_read_by_index_only(world, planner):
    with listening() as heard:
        counts, labels = Statistics(world.ledger.database, None, world.clock)._counts(
            TOWN, DAY, DAY, "operator"
        )
    assert counts[TOTAL, TOTAL].shown == 4 and labels == [10, 11]
    assert planner.scans(heard) == {} and read_whole(heard) == []


@pytest.mark.requirement("W-151", "W-153", "W-155", "D20")
def test_postgresql_reads_large_books_by_index_only_too(postgresql, tmp_path):
    """Its planner is told that the tables hold a million rows; it would read small ones whole."""
    url = make_database(postgresql)
    open_database(url).close()
    world = lived(tmp_path, url)
    with world.ledger.database.transaction():
        let_seem_large(world.ledger.database)
    found = {}
    with Planner() as planner:
        for scope in (Scope(TOWN), Scope(TOWN, 10)):
            for name in REPORTS:
                found |= planner.scans(report_of(world, name, scope))
            for name in SOURCES:
                found |= planner.scans(query_of(world, name, scope))
        planted = "SELECT sum(cents) FROM postings WHERE cents > ?"
        assert planner.plan(url, planted, (0,)).through == {"postings"}
    world.close()
    assert found == {}


def test_a_planted_scan_is_found(world, planner):
    sums, lone = "SELECT sum(cents) FROM postings WHERE cents > ?", "WHERE r.product = ? LIMIT 1"
    assert planner.plan(world.url, sums, (1,)).through == {"postings"}
    assert planner.plan(world.url, f"SELECT r.id FROM rides r {lone}", (1,)).through == {"rides"}
    with listening() as heard:
        world.ledger.database.rows("SELECT count(*) FROM rides WHERE authority = ?", (TOWN,))
    assert len(read_whole(heard)) == 1


@pytest.mark.full
@pytest.mark.requirement("W-155")
def test_a_million_older_rides_cost_a_report_of_today_no_step_more(world, tmp_path):
    """Steps of SQLite's machine, counted: they are the same before and after."""
    database = world.ledger.database

    def steps(name):
        counted = [0]
        database.driver.set_progress_handler(lambda: counted.__setitem__(0, counted[0] + 1), 100)
        world.table(name, **({"from": "2026-06-04"} if REPORTS[name].most_days else {}))
        database.driver.set_progress_handler(None, 0)
        return counted[0]

    before = {name: steps(name) for name in REPORTS}
    first = int(database.value("SELECT max(id) FROM rides")) - MILLION * 2
    with database.transaction():
        names = [row[1] for row in database.rows("PRAGMA table_info(rides)")]
        kept = ", ".join(f'"{name}"' for name in names if name not in ("id", "day"))
        database.execute(
            "INSERT INTO rides SELECT "
            + ", ".join(
                {"id": f"{first} + n.i", "day": f"{DAY} - 400 + n.i / 2600"}.get(name, name)
                for name in names
            )
            + f" FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <"
            f" {MILLION}) SELECT i FROM n) n, (SELECT {kept} FROM rides LIMIT 1)"
        )
        database.execute(
            "INSERT INTO ride_postings SELECT id, id, 1 FROM rides WHERE id <= ?",
            (first + MILLION,),
        )
    for name in REPORTS:
        figures.add(f"steps of report {name} behind a million rides", steps(name))
        assert steps(name) <= before[name] * 1.2 + 20, name
