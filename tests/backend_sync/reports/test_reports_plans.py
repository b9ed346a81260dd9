"""No report, query or statistic scans postings, entries or rides, however many there are."""

import re

import pytest

from backend_sync.registers.rights import Scope
from backend_sync.reports.asking_books import Reader, answer
from backend_sync.reports.catalogue import REPORTS
from backend_sync.reports.query import read
from backend_sync.reports.sources import SOURCES
from backend_sync.reports.statistics import Statistics
from backend_sync.reports.suppression import TOTAL
from tests import figures
from tests.backend_sync.reports.reports_world import TOWN, Reported
from tests.backend_sync.settled_worlds import DAY

LARGE = "postings|entries|rides|ride_postings|pendings|resolutions|slips|cards|accounts"
SCAN = re.compile(rf"SCAN (TABLE )?(p|r|e|x|s|c|a|{LARGE})\b(?! USING (COVERING )?INDEX)")
JUNE = {"from": "2026-06-01", "to": "2026-06-30"}
MILLION = 1_000_000


class Watched:
    """A database that keeps every statement that it is asked."""

    def __init__(self, database):
        self.database = database
        self.asked = []

    def __getattr__(self, name):
        return getattr(self.database, name)

    def rows(self, sql, values=()):
        self.asked.append((sql, tuple(values)))
        return self.database.rows(sql, values)

    def value(self, sql, values=()):
        return self.rows(sql, values)[0][0]

    def plans(self):
        """Return the lines of SQLite's plans of all that was asked."""
        found = []
        for sql, values in self.asked:
            for row in self.database.rows(f"EXPLAIN QUERY PLAN {sql}", values):
                found.append((row[3], sql))
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plans")
    made = Reported(folder / "keyring", f"sqlite:///{folder / 'ledger.db'}")
    made.live()
    made.url = f"sqlite:///{folder / 'ledger.db'}"
    yield made
    made.close()


def scans(watched):
    return [line for line, _ in watched.plans() if SCAN.search(line) and "LIMIT 1" not in line]


def asked_of(world, name, scope=Scope(TOWN)):  # noqa: B008
    """Return the database after a report was made of it, with what it was asked."""
    watched = Watched(world.ledger.database)
    world.ledger.database = watched
    try:
        world.table(name, scope)
    finally:
        world.ledger.database = watched.database
    return watched


@pytest.mark.requirement("W-155", "W-151")
@pytest.mark.parametrize("scope", [Scope(TOWN), Scope(TOWN, 10)], ids=["authority", "operator"])
@pytest.mark.parametrize("name", sorted(REPORTS))
def test_a_report_reads_by_index_only(world, name, scope):
    scope = Scope(TOWN) if REPORTS[name].whole else scope
    watched = asked_of(world, name, scope)
    figures.add("plans of reports looked at", len(watched.asked))
    allowed = [line for line in scans(watched) if not few(line, watched)]
    assert allowed == [] == read_whole(watched)


def read_whole(watched):
    """Return the plans that read every ride of an authority: an index, and no scan by its name."""
    return [line for line, _ in watched.plans() if "ix_rides_day" in line and "day>?" not in line]


def few(line, watched):
    """Say whether a scan stops at its first row: the currency, the newest number."""
    sqls = [sql for found, sql in watched.plans() if found == line]
    return all(sql.endswith("LIMIT 1") and " WHERE " not in sql or "coalesce(max(id)" in sql
               for sql in sqls)  # fmt: skip


@pytest.mark.requirement("W-153", "W-155")
@pytest.mark.parametrize("scope", [Scope(TOWN), Scope(TOWN, 10)], ids=["authority", "operator"])
@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_query_of_ones_own_reads_by_index_only(world, name, scope):
    source = SOURCES[name]
    scope = Scope(TOWN) if source.whole else scope
    query = {"source": name, "columns": list(source.columns)[:6],
             "measures": list(source.measures)}  # fmt: skip
    if source.most_days:
        query["period"] = JUNE
    with Reader(world.url, world.clock) as reader:
        reader.database = watched = Watched(reader.database)
        answer(read(query), reader, world.tariffs, scope)
        assert watched.asked
        assert [line for line in scans(watched) if not few(line, watched)] == []
        assert read_whole(watched) == []


def test_statistics_read_by_index_only(world):
    watched = Watched(world.ledger.database)
    counts, labels = Statistics(watched, None, world.clock)._counts(TOWN, DAY, DAY, "operator")
    assert counts[TOTAL, TOTAL].shown == 4 and labels == [10, 11]
    assert scans(watched) == [] == read_whole(watched)


def test_a_planted_scan_is_found(world):
    watched = Watched(world.ledger.database)
    watched.rows("SELECT sum(cents) FROM postings WHERE cents > ?", (0,))
    watched.rows("SELECT r.id FROM rides r WHERE r.product = ? LIMIT 1", (1,))
    assert len(scans(watched)) == 2 and not any(few(line, watched) for line in scans(watched))


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
