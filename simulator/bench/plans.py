"""What databases say of the queries that a request sends: which tables they would read through.

Used by `./tornello bench office` and by the tests of pages, interfaces and reports. A step that
reads a book from end to end is a scan, with or without an index; one that stops after its first
rows is none. Source: issue 7; decision D28.
"""

import json
import re
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from backend_sync.storage.database import Database

# Books that grow with every tap, card or sale.
LARGE = frozenset(
    ("entries", "postings", "pendings", "resolutions", "evidence", "rides", "ride_postings",
     "action_entries", "displaced", "cards", "accounts", "slips", "sales", "actions", "issues",
     "bookings", "settlement_lines", "settlement_legs", "settlement_told", "choices", "differences",
     "ticket_taps", "card_codes", "card_proofs", "api_requests", "api_keys", "event_keys", "trail",
     "card_documents")
)  # fmt: skip
# `FROM t a`, `JOIN t AS a`, `, t a`: what an alias of a plan stands for.
NAMED = re.compile(
    r"(?:\bFROM|\bJOIN|,)\s+(\w+)(?:\s+(?:AS\s+)?(?!(?:ON|WHERE|ORDER|LEFT|CROSS|JOIN|INNER|GROUP"
    r"|LIMIT|UNION|SET)\b)(\w+))?",
    re.IGNORECASE,
)
NEWEST = re.compile(r"SELECT (coalesce\()?(max|min)\(id\)(, 0\))?( \+ 1)? FROM \w+", re.IGNORECASE)
READING = re.compile(r"\s*(SELECT|WITH)\b", re.IGNORECASE)
PLANNED = re.compile(r"\s*(SELECT|WITH|UPDATE|DELETE)\b", re.IGNORECASE)
# Of these a whole city has none or a few: what PostgreSQL keeps in a hash table while it looks.
FEW = frozenset(("displaced",))
SHORT = 10_000  # rows: a step that looked at fewer stopped early
SEEMING = 1_000_000  # rows; a page of the disk seems to hold them all
STEPS_AT_ONCE = 10  # of SQLite's machine, between two calls of the counter


class Plan(NamedTuple):
    """`through`: the large tables that are read from end to end; `small`: the others."""

    through: frozenset[str]
    small: frozenset[str]

    @property
    def words(self) -> str:
        """Return the worst step in words."""
        if self.through:
            return f"SCAN {', '.join(sorted(self.through))}"
        if self.small:
            names = sorted(self.small)
            return f"all {names[0]}" + (f" and {len(names) - 1} more" if names[1:] else "")
        return "by index"


class Heard:
    """What was asked while `listening`: {(URL, statement): its first values}, and the work."""

    def __init__(self) -> None:
        self.queries: dict[tuple[str, str], Sequence[Any]] = {}
        self.sent = 0
        self.steps = 0  # of SQLite's machine; only when they are counted

    def note(self, url: str, sql: str, values: Sequence[Any]) -> None:
        self.sent += 1
        self.queries.setdefault((url, sql), tuple(values))

    def pause(self) -> None:
        """Forget what was heard so far."""
        self.queries, self.sent, self.steps = {}, 0, 0

    def count(self) -> None:
        self.steps += STEPS_AT_ONCE


@contextmanager
def listening(count: bool = False) -> Iterator[Heard]:
    """Hear every statement that goes to any database; `count` SQLite's steps, which slows it."""
    heard, turn = Heard(), threading.Lock()
    ask, run = Database._rows, Database.run

    def asked(database: Database, sql: str, values: Sequence[Any]) -> list[Any]:
        with turn:
            heard.note(database.url, sql, values)
        with _counted(database, heard, count):
            return ask(database, sql, values)

    def ran(database: Database, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            with turn:
                heard.note(database.url, sql, rows[0])
        with _counted(database, heard, count):
            run(database, sql, rows)

    try:
        Database._rows = asked  # type: ignore[method-assign, assignment]
        Database.run = ran  # type: ignore[method-assign, assignment]
        yield heard
    finally:
        Database._rows = ask  # type: ignore[method-assign]
        Database.run = run  # type: ignore[method-assign]


@contextmanager
def _counted(database: Database, heard: Heard, count: bool) -> Iterator[None]:
    if not (count and database.sqlite):
        yield
        return
    database.driver.set_progress_handler(heard.count, STEPS_AT_ONCE)
    try:
        yield
    finally:
        database.driver.set_progress_handler(None, 0)


class Planner:
    """Reads plans; a database is opened once. `large`: tables that must not be read through.

    `asked`: PostgreSQL answers the query once more, and a step that in truth looked at few rows is
    no scan; what a plan alone says is for tests.
    """

    def __init__(self, large: Collection[str] = LARGE, asked: bool = False) -> None:
        self.large = frozenset(large)
        self.asked = asked
        self.databases: dict[str, Database] = {}

    def __enter__(self) -> "Planner":
        return self

    def __exit__(self, *_: object) -> None:
        for database in self.databases.values():
            database.close()

    def plan(self, url: str, sql: str, values: Sequence[Any] = ()) -> Plan:
        """Return what one statement reads through; one that only inserts reads nothing."""
        if not PLANNED.match(sql):
            return Plan(frozenset(), frozenset())
        database = self._database(url)
        if database.sqlite:
            found, large = _of_sqlite(database, sql, values), self.large
        else:
            how = "ANALYZE, TIMING OFF, " if self.asked and READING.match(sql) else ""
            plan = _explained(database, how, sql, values)
            found, large = _of_postgresql(plan, self.asked), self.large - FEW
        return Plan(frozenset(found & large), frozenset(found - large))

    def worst(self, heard: Heard) -> Plan:
        """Return what all statements together read through."""
        plans = [self.plan(url, sql, values) for (url, sql), values in heard.queries.items()]
        return Plan(frozenset().union(*(plan.through for plan in plans)),
                    frozenset().union(*(plan.small for plan in plans)))  # fmt: skip

    def scans(self, heard: Heard) -> dict[str, frozenset[str]]:
        """Return {statement: large tables that it reads through}."""
        found = {sql: self.plan(url, sql, values).through
                 for (url, sql), values in heard.queries.items()}  # fmt: skip
        return {sql: tables for sql, tables in found.items() if tables}

    def rows_read(self, heard: Heard) -> int:
        """Return the rows that PostgreSQL looks at for all queries; they are asked once more."""
        total = 0
        for (url, sql), values in heard.queries.items():
            database = self._database(url)
            if not database.sqlite and READING.match(sql):
                total += _rows_of(_explained(database, "ANALYZE, TIMING OFF, ", sql, values))
        return total

    def _database(self, url: str) -> Database:
        if url not in self.databases:
            self.databases[url] = Database(url)
        return self.databases[url]


def let_seem_large(database: Database) -> None:
    """Let PostgreSQL plan as if the large tables held a million rows, from its next session on.

    Its planner knows a table by its last ANALYZE and its size on the disk. How many rows a range
    has it cannot know here, so it may join row by row only: what still scans has no other way.
    """
    names = ", ".join(repr(name) for name in sorted(LARGE - FEW))
    database.execute(
        "UPDATE pg_class SET relpages = 1, reltuples = CASE WHEN pg_relation_size(oid) = 0 THEN -1"
        f" ELSE {SEEMING} END WHERE relkind = 'r' AND relname IN ({names})"
    )
    own = database.value("SELECT current_database()")
    for way in ("seqscan", "hashjoin", "mergejoin"):
        database.execute(f"ALTER DATABASE {own} SET enable_{way} = off")


def _of_sqlite(database: Database, sql: str, values: Sequence[Any]) -> set[str]:
    plan = [str(row[3]) for row in database.rows(f"EXPLAIN QUERY PLAN {sql}", values)]
    # An index that SQLite makes for one query reads its whole table first.
    scanned = [
        line.split()[1] for line in plan if re.match(r"SCAN \w|SEARCH \w.* AUTOMATIC ", line)
    ]
    is_sorted = any("TEMP B-TREE" in line for line in plan)
    if not scanned or stops_early(sql, is_sorted):
        return set()
    rows = database.rows("SELECT name, type, sql FROM sqlite_master")
    views = {name: text for name, kind, text in rows if kind == "view"}
    tables = {name for name, kind, _ in rows if kind == "table"}
    names = _aliases(_with_views(sql, views))
    found: set[str] = set()
    for one in scanned:
        found |= {one} & tables or names.get(one, set()) & tables
    return found


def stops_early(sql: str, is_sorted: bool) -> bool:
    """Say whether a query reads its first rows only: nothing is filtered out and nothing sorted."""
    if NEWEST.fullmatch(sql.strip()):
        return True
    return not is_sorted and "WHERE" not in sql.upper() and re.search(
        r"\bLIMIT (\d+|\?)\s*$", sql, re.IGNORECASE) is not None  # fmt: skip


def _with_views(sql: str, views: dict[str, str]) -> str:
    """Return a query's text with the text of the views that it names."""
    texts, waiting = [sql], dict(views)
    for text in texts:
        for name in [name for name in waiting if re.search(rf"\b{name}\b", text)]:
            texts.append(waiting.pop(name))
    return " ".join(texts)


def _aliases(text: str) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {}
    for table, alias in NAMED.findall(text):
        names.setdefault(alias or table, set()).add(table)
    return names


def _explained(database: Database, how: str, sql: str, values: Sequence[Any]) -> dict[str, Any]:
    answer = database.rows(f"EXPLAIN ({how}FORMAT JSON) {sql}", values)[0][0]
    made = json.loads(answer) if isinstance(answer, str) else answer
    found: dict[str, Any] = made[0]["Plan"]
    return found


def _of_postgresql(plan: dict[str, Any], asked: bool) -> set[str]:
    """Return the tables that a plan reads whole. `asked`: it was carried out and says so itself.

    Without that a walk through an index is none: in a table that only seems to be large it is
    planned where a search would be.
    """
    found: set[str] = set()

    def look(node: dict[str, Any], limited: bool) -> None:
        kind = node["Node Type"]
        walks = asked and kind.startswith("Index") and "Index Cond" not in node
        is_short = "Actual Rows" in node and _looked_at(node) < SHORT
        if (kind == "Seq Scan" or walks) and not is_short and not (
            limited and "Filter" not in node
        ):  # fmt: skip
            found.add(node["Relation Name"])
        inner = kind == "Limit" or (limited and kind in ("Result", "Subquery Scan"))
        for one in node.get("Plans", ()):
            look(one, inner)

    look(plan, False)
    return found


def _rows_of(node: dict[str, Any]) -> int:
    """Return the rows that the scans of a plan looked at."""
    total = sum(_rows_of(one) for one in node.get("Plans", ()))
    return total + (_looked_at(node) if "Relation Name" in node else 0)


def _looked_at(node: dict[str, Any]) -> int:
    names = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
    return int(sum(node.get(name, 0) for name in names) * node.get("Actual Loops", 1))
