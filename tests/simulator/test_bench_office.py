"""`./tornello bench office`: every page is asked; a query that reads a book through is found."""

import json

import pytest

from backend_sync.api.app import ROUTES as OPERATIONS
from backend_sync.office.app import ROUTES as PAGES
from backend_sync.storage.database import Database
from simulator.bench import office as bench_office
from simulator.bench.office_requests import every_request
from simulator.bench.office_world import LEAST, opened_world
from simulator.bench.plans import Planner, listening, stops_early

ENTRIES = 600


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The folder of two small ledgers, as --keep leaves it."""
    folder = tmp_path_factory.mktemp("office") / "kept"
    for name, entries in (("full", ENTRIES), ("empty", LEAST)):
        with opened_world(folder / name, entries, 4, say=lambda words: None):
            pass
    return folder


def run(kept, capsys, *options):
    code = bench_office.main(["--entries", str(ENTRIES), "--keep", str(kept), "--json", *options])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.requirement("D28", "T21")
def test_no_page_and_no_operation_is_forgotten(kept):
    with opened_world(kept / "full", ENTRIES, 4) as world:
        names = {request.name for request in every_request(world)}
    assert {f"{one.method} {one.path}" for one in OPERATIONS} <= names
    plain = {path for method, path, *_ in PAGES if method == "GET" and "{" not in path}
    assert plain - {"/settlement/close"} <= {name.partition("?")[0] for name in names}


@pytest.mark.requirement("D28", "T21")
def test_a_row_says_what_a_page_did_and_a_planted_scan_is_found(kept, capsys):
    code, found = run(kept, capsys, "--only", "/finance/days/{number}/sums")
    assert code == 0 and [row["scans"] for row in found] == [[]]
    assert found[0]["queries"] >= 8 and found[0]["work"] > found[0]["work_empty"] > 0
    code, found = run(kept, capsys, "--only", "/finance/days/{number}/sums", "--plant", "scan")
    assert code == 1 and [row["scans"] for row in found] == [["postings"]]


def test_another_size_than_the_kept_one_is_refused(kept, capsys):
    assert bench_office.main(["--entries", "700", "--keep", str(kept)]) == 2
    assert "holds 600 entries, wanted 700" in capsys.readouterr().err
    assert bench_office.main(["--entries", "7"]) == 2
    assert "wanted 400 or more" in capsys.readouterr().err


@pytest.mark.requirement("T21")
def test_plans_are_read_through_aliases_views_and_orders(kept):
    url = f"sqlite:///{kept / 'full' / 'ledger.db'}"
    with Planner() as planner:
        for sql, through in (
            ("SELECT r.day FROM rides r JOIN pendings p ON p.id = r.id WHERE p.id = 7", set()),
            ("SELECT sum(cents) FROM postings WHERE cents > 0", {"postings"}),
            ("SELECT r.id FROM rides AS r WHERE r.product = 1 LIMIT 1", {"rides"}),
            ("SELECT name, cents FROM balances", {"postings"}),
            ("SELECT id FROM entries WHERE id > 7 LIMIT 5", set()),
            ("SELECT id FROM entries LIMIT 5", set()),
            ("SELECT id FROM entries ORDER BY received LIMIT 5", {"entries"}),
            ("SELECT coalesce(max(id), 0) FROM entries", set()),
            ("UPDATE slips SET cents = 0 WHERE cents = 1", {"slips"}),
        ):  # fmt: skip
            assert planner.plan(url, sql).through == through, sql
    assert stops_early("SELECT id FROM entries LIMIT ?", False)
    assert not stops_early("SELECT id FROM entries WHERE hash = ? LIMIT 1", False)


def test_what_is_heard_ends_with_listening(kept):
    url = f"sqlite:///{kept / 'full' / 'ledger.db'}"
    with listening(count=True) as heard, Database(url) as database:
        database.rows("SELECT count(*) FROM postings WHERE cents > ?", (0,))
    with Database(url) as database:
        database.rows("SELECT 1")
    assert [sql for _, sql in heard.queries][-1].startswith("SELECT count") and heard.steps > 1000


@pytest.mark.full
@pytest.mark.requirement("D28", "T21")
def test_no_page_reads_a_book_through_at_twenty_thousand_entries(tmp_path, capsys):
    assert bench_office.main(["--entries", "20000", "--keep", str(tmp_path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) > 80
