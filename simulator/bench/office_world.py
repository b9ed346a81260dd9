"""The two ledgers that `./tornello bench office` asks: one of many entries, one of hardly any.

Fifty days of a town, each but the last closed, with users, tills, keys of machines, a saved query
and a timetable. Both have the same devices and days, so that what differs between their answers is
the number of entries. The clock goes by the traffic.
"""

import asyncio
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_bytes
from time import perf_counter
from typing import Any, NamedTuple

from backend_sync.api.app import add_api, make_api
from backend_sync.api.keys import Keys
from backend_sync.api.opening import open_database as open_api
from backend_sync.api.part import Parts
from backend_sync.api.rates import Policy
from backend_sync.customers.population import FileRegister
from backend_sync.ledger.place import Place
from backend_sync.office.app import make_app
from backend_sync.office.opening import open_database as open_office
from backend_sync.office.tills import Tills
from backend_sync.operating.opening import open_operating
from backend_sync.operating.records import Owner
from backend_sync.registers.card_views import set_place
from backend_sync.registers.cards import Span
from backend_sync.registers.opening import MIGRATIONS, Registers
from backend_sync.registers.passwords import Cost
from backend_sync.registers.rights import ROLES, Scope
from backend_sync.reports.opening import open_database as open_reports
from backend_sync.reports.query import parse
from backend_sync.reports.saved import SavedQueries
from backend_sync.sales.counter import Counter, Sale
from backend_sync.settlement.close import close_day
from backend_sync.storage.database import Database
from simulator.bench.books import Books, StandingClock, opened_books
from simulator.bench.ledger_traffic import AUTHORITY, DAY_SECONDS, OPERATOR
from simulator.bench.row import BenchError

DAYS = 50
TAP_ENTRIES = 1.96  # a tap writes so many entries, the refused and the torn ones counted
LEAST = 400  # entries of the ledger that has hardly any
OTHER, NOBODY = AUTHORITY + 1, OPERATOR + 1  # an authority and an operator without a ride
SLIPS_A_DAY = 4
TILL, CLERK, FIRST_ACTION = 900, 5, 500_000
SECRET = "correct horse battery"
CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
WIDE = Policy("1000000/minute", "1000000/minute", "1000000/minute")
READY = "ready"  # a file that says for how many entries the folder was made
TOWN_FEED = Path(__file__).parents[1] / "example_town" / "gtfs"
QUERY = ('{"source": "rides", "columns": ["day", "operator"], "measures": ["rides", "charged"],'
         ' "period": {"last_days": 7}}')  # fmt: skip
# name, role, authority, operator, point
PEOPLE = (
    ("alma", "authority", AUTHORITY, 0, ""),
    ("olli", "operator", AUTHORITY, OPERATOR, ""),
    ("otto", "operator", AUTHORITY, NOBODY, ""),
    ("ferry", "authority", OTHER, 0, ""),
    ("carl", "sales point", AUTHORITY, 0, "kamppi"),
    ("dora", "service point", AUTHORITY, 0, "kamppi"),
    ("wanda", "online shop", AUTHORITY, 0, "kamppi"),
)
BOSSES = {AUTHORITY: "anna", OTHER: "bea"}
Say = Callable[[str], None]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float  # that the server took

    @property
    def words(self) -> str:
        """Return what a refusal says, of a page or of a problem document."""
        text = self.body.decode(errors="replace")
        return " ".join(re.sub(r"<[^>]*>", " ", text.partition("<main")[2] or text).split())[:300]


class World:
    """A ledger that is served: `ask` is one request to pages or interfaces."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = Place(str(folder))
        self.clock = StandingClock(int((folder / READY).read_text().split()[1]))
        register = f"sqlite:///{folder / 'registers.db'}"
        self.registers = Registers(Database(register, MIGRATIONS), self.clock, token_bytes, CHEAP)
        self.machines, self.office = open_api(folder), open_office(folder)
        parts = Parts(self.place, self.registers, self.machines, self.office, self.clock,
                      token_bytes, FileRegister(folder / "population.csv"))  # fmt: skip
        pages = make_app(self.place, self.registers, self.office, self.clock, token_bytes)
        self.app = add_api(pages, make_api(parts, WIDE, log=lambda line: None))
        self.loop = asyncio.new_event_loop()
        with self.place.ledger(self.clock):
            pass  # what an earlier run made is brought up to date
        self.cookies = {name: self._signed_in(name) for name, *_ in PEOPLE}
        keys = Keys(self.machines, self.registers, self.clock, token_bytes)
        self.keys = {name: keys.add(self.registers.users.get(BOSSES[area]), name, (), "bench", 0)[1]
                     for name, _, area, *_ in PEOPLE}  # fmt: skip

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Hand one request to the server; return what it answered, and after how long."""
        given = {"host": "bench", "origin": "http://bench", "content-length": str(len(body)),
                 **(headers or {})}  # fmt: skip
        place, _, query = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
            "path": place, "raw_path": place.encode(), "query_string": query.encode(),
            "root_path": "", "scheme": "http", "client": ("127.0.0.1", 1), "server": ("bench", 80),
            "headers": [(name.lower().encode(), text.encode()) for name, text in given.items()],
        }  # fmt: skip
        return self.loop.run_until_complete(self._asked(scope, body))

    async def _asked(self, scope: dict[str, Any], body: bytes) -> Answer:
        said: list[dict[str, Any]] = []
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def receive() -> dict[str, Any]:
            return waiting.pop() if waiting else await asyncio.Future()

        async def send(message: dict[str, Any]) -> None:
            said.append(message)

        began = perf_counter()
        try:
            await self.app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - a server would answer 500 and go on
            return Answer(500, {}, repr(error).encode(), perf_counter() - began)
        took = perf_counter() - began
        headers = {name.decode(): text.decode() for name, text in said[0]["headers"]}
        whole = b"".join(part.get("body", b"") for part in said[1:])
        return Answer(said[0]["status"], headers, whole, took)

    def _signed_in(self, name: str) -> str:
        form = f"name={name}&secret={SECRET.replace(' ', '+')}".encode()
        kind = {"content-type": "application/x-www-form-urlencoded"}
        answer = self.ask("POST", "/sign-in", kind, form)
        if answer.status != 303:
            raise BenchError(f"office: {name} could not sign in: {answer.status}")
        return answer.headers["set-cookie"].split(";")[0]

    def close(self) -> None:
        self.loop.close()
        for database in (self.machines, self.office, self.registers.database):
            database.close()


@contextmanager
def opened_world(
    folder: Path, entries: int, devices: int, url: str = "", say: Say = print
) -> Iterator[World]:
    """Open the world in `folder`; make it when the folder is empty. Raises: BenchError."""
    ready = folder / READY
    if ready.exists() and ready.read_text().split()[0] != str(entries):
        raise BenchError(f"{folder}: holds {ready.read_text().split()[0]} entries, wanted {entries}"
                         "; name another folder")  # fmt: skip
    if not ready.exists():
        if folder.exists() and any(folder.iterdir()):
            raise BenchError(f"{folder}: is not empty, and no ledger that was made to its end")
        _make(folder, entries, devices, url, say)
    world = World(folder)
    try:
        yield world
    finally:
        world.close()


def _make(folder: Path, entries: int, devices: int, url: str, say: Say) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if url:
        (folder / "ledger.place").write_text(f"{url}\n")
    taps_a_day = max(int(entries / TAP_ENTRIES / DAYS), 1)
    size = (max(entries // 20, 100), devices)
    with opened_books(folder, size, url, taps_a_day) as books:
        _live(books, entries, say)
        now = books.clock.now
        if url:  # as its own service does by night
            with books.ledger.database.transaction():
                books.ledger.database.execute("ANALYZE")
    _hire(folder, StandingClock(now))
    (folder / READY).write_text(f"{entries} {now}\n")


def _live(books: Books, entries: int, say: Say) -> None:
    """Let the days go by: traffic, sales, and each day closed when the next has begun."""
    day, done, told = books.traffic.second() // DAY_SECONDS, 0, 0
    for group in books.post(entries, max(min(500, entries // 200), 2)):
        books.clock.now = books.traffic.second()
        done += sum(len(run[4]) for _, runs in group for run in runs)
        if books.clock.now // DAY_SECONDS > day:
            _sell(books, day)
            close_day(books.ledger, day, books.hashes)
            day = books.clock.now // DAY_SECONDS
        if done * 20 // entries > told:
            told = done * 20 // entries
            say(f"{done:,} of {entries:,} entries posted")


def _sell(books: Books, day: int) -> None:
    counter = Counter(books.ledger)
    for number in range(SLIPS_A_DAY):
        action = FIRST_ACTION + day * SLIPS_A_DAY + number
        counter.sell(Sale(f"s{action}", TILL + number, "load", action % 100 + 1, action, 0, 2000,
                          "cash", "counter", CLERK + number, day))  # fmt: skip


def _hire(folder: Path, clock: StandingClock) -> None:
    """Found two authorities with their people, their tills and a stock of cards."""
    (folder / "population.csv").write_text("010190-123A;Town\n")
    (folder / "static").mkdir()
    (folder / "static" / f"authority-{AUTHORITY}.zip").write_bytes(town_feed())
    database = Database(f"sqlite:///{folder / 'registers.db'}", MIGRATIONS)
    with Registers(database, clock, token_bytes, CHEAP) as registers:
        bosses = {area: registers.found(area, name, SECRET) for area, name in BOSSES.items()}
        set_place(registers.trail, bosses[AUTHORITY], AUTHORITY, "point:kamppi", 0)
        for name, role, area, operator, point in PEOPLE:
            rights = next(one.rights for one in ROLES if one.name == role)
            registers.users.add(bosses[area], name, role, Scope(area, operator, point), rights,
                                SECRET)  # fmt: skip
        registers.cards.deliver(bosses[AUTHORITY], Span(AUTHORITY, 1000, 1009), 17)
        registers.cards.move(bosses[AUTHORITY], [Span(AUTHORITY, 1000, 1009)], "stock")
        users = registers.users
        with open_office(folder) as office:
            tills = Tills(office, clock)
            for place, name in enumerate(("carl", "dora", "wanda")):
                tills.give(users.get("alma"), users.get(name), TILL + place, CLERK + place)
        with open_reports(folder) as reports:
            saved = SavedQueries(reports, clock)
            saved.save(bosses[AUTHORITY], AUTHORITY, "weekly", parse(QUERY))
            saved.produce(users.get("alma"), AUTHORITY, "weekly", 1)
    with open_operating(folder, clock) as operating:
        scope = Scope(AUTHORITY, OPERATOR)
        operating.upload(scope, "olli", Owner(AUTHORITY, OPERATOR), io.BytesIO(town_feed()))


def town_feed() -> bytes:
    """Return the timetable of the example town as a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(TOWN_FEED.iterdir()):
            file.write(path, path.name)
    return out.getvalue()
