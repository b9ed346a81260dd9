"""No operation searches the books: what databases say of each query that a request makes."""

import re

import pytest

from backend_sync.storage.database import Database
from tests import figures
from tests.backend_sync.api.test_api_rights import ROWS, Asking, wanted

# Books that grow with every tap or sale. A sum of what is open or newest is not among them.
LARGE = ("entries", "postings", "pendings", "rides", "ride_postings", "resolutions", "cards",
         "accounts", "slips", "sales", "actions", "action_entries", "issues", "bookings",
         "settlement_lines", "card_codes", "card_proofs", "api_requests", "api_keys",
         "event_keys")  # fmt: skip
ALIASES = re.compile(r"(?:FROM|JOIN)\s+(\w+)(?:\s+(?:AS\s+)?(?!ON\b|WHERE\b|ORDER\b|LEFT\b|JOIN\b"
                     r"|GROUP\b|LIMIT\b|UNION\b)(\w+))?", re.IGNORECASE)  # fmt: skip
# Changes of the books make what a command makes: their own tests hold those (test_ledger_*).
WRITERS = {"take_batch", "sell", "void", "order", "cancel_order", "upload_feed", "put_in_force",
           "chain_block", "dissolve_block"}  # fmt: skip


class Listening:
    """Keeps every query that goes to a database while it is on."""

    def __init__(self, monkeypatch):
        self.queries = {}
        ask = Database._rows

        def listen(database, sql, values=()):
            self.queries.setdefault(sql, (database.url, tuple(values)))
            return ask(database, sql, values)

        monkeypatch.setattr(Database, "_rows", listen)


def scans(url, sql, values):
    """Return the large tables that SQLite would read from end to end."""
    if not re.match(r"\s*(SELECT|WITH)", sql):
        return []
    names = {}
    for table, alias in ALIASES.findall(sql):
        names[alias or table] = table
    with Database(url) as database:
        plan = [row[3] for row in database.rows(f"EXPLAIN QUERY PLAN {sql}", values)]
    read = [re.match(r"SCAN (\w+)", line) for line in plan]
    found = [names.get(one[1], one[1]) for one in read if one]
    # `max(id)` reads one row from the end of its index.
    newest = re.fullmatch(r"SELECT coalesce\(max\(id\), 0\) FROM \w+", sql)
    return [] if newest else [table for table in found if table in LARGE]


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    made = Asking(tmp_path_factory.mktemp("reach"))
    yield made
    made.world.close()


@pytest.mark.requirement("T20", "W-144")
@pytest.mark.parametrize("operation", sorted(ROWS.keys() - WRITERS))
def test_an_operation_reads_by_index_only(asking, operation, monkeypatch):
    user = next(name for (one, name), digit in wanted().items() if (one, digit) == (operation, 2))
    asking.world.client(user)
    heard = Listening(monkeypatch)
    assert asking.status(operation, user) == 2
    monkeypatch.undo()
    found = {sql: scans(url, sql, values) for sql, (url, values) in heard.queries.items()}
    assert {sql: tables for sql, tables in found.items() if tables} == {}
    figures.add("queries of /api/v1 whose plan was read", len(found))


def test_a_planted_search_is_found(asking):
    url = asking.world.place.url()
    sql = "SELECT p.id FROM postings p JOIN accounts a ON a.id = p.account WHERE p.cents = ?"
    assert scans(url, sql, (7,)) == ["postings"]
    assert scans(url, "SELECT id FROM entries WHERE id > ? LIMIT 5", (7,)) == []
