"""Every page and every operation that `./tornello bench office` asks, and who asks it.

Pages and operations come from the office's and the interfaces' own tables of routes, so that none
is forgotten; what stands in braces of a path is said here, else it is 1. Each is asked by everyone
who may: also by who has nothing of his own in the books, for whom a search never ends.
"""

import json
import re
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from secrets import randbelow, token_bytes
from typing import Any, NamedTuple
from urllib.parse import urlencode

from backend_sync.api.app import ROUTES as OPERATIONS
from backend_sync.api.routes import BASE
from backend_sync.api.routes import Route as Operation
from backend_sync.keyring.local import LocalKeyring
from backend_sync.office.app import ROUTES as PAGES
from backend_sync.office.gate import PUBLIC, SIGNED_IN
from backend_sync.reports.catalogue import REPORTS
from card_layouts.cards.card_number import card_number
from card_layouts.link.batches import encode_batch
from card_layouts.records import entries
from card_layouts.records.entries_tap import REFUSAL
from simulator.bench.ledger_traffic import AUTHORITY, DAY_SECONDS, OPERATOR, Journal
from simulator.bench.office_world import PEOPLE, TILL, World, town_feed
from simulator.bench.row import BenchError

FORM = "application/x-www-form-urlencoded"
TYPES = {"take_batch": "application/cbor", "upload_feed": "application/zip"}
MONTH = 30
# What a page's or an operation's path names; a report and its file are asked for every report.
OBJECTS = {
    "/slips/{device}/{place}": f"/slips/{TILL}/1", "/cards/accounts/{card}": "/cards/accounts/1",
    "/sales/shifts/{device}/{epoch}/{shift}/{clerk}": f"/sales/shifts/{TILL}/64/1/5",
    "/devices/{number}": "/devices/1", "/queries/{name}": "/queries/weekly",
    "/queries/{name}/file.{form}": "/queries/weekly/file.csv",
    "/settlement/close": "/settlement/close?day=TODAY",
    "/settlement/{number}": "/settlement/1",
    "/settlement/{number}/{party}.{form}": f"/settlement/1/operator-{AUTHORITY}-{OPERATOR}.txt",
    "/users/{name}": "/users/carl", "/operating/{version}": "/operating/1",
    "/operating/{version}/zip": "/operating/1/zip",
    "/operating/{version}/stops": "/operating/1/stops",
    "/operating/{version}/stop": "/operating/1/stop?id=K001",
    "/operating/{version}/routes": "/operating/1/routes",
    "/operating/{version}/route": "/operating/1/route?id=R1",
    "/operating/{version}/blocks": "/operating/1/blocks",
    "/operating/{version}/blocks/zip": "/operating/1/blocks/zip",
}  # fmt: skip
VALUES = {"device": TILL, "place": 1, "number": 1, "version": 1, "authority": AUTHORITY}
# What reads as much as is asked for, and says how much that is.
WHOLE_DAYS = "every ride of its 30 days"
BY_RIGHT = {
    "/settlement/verify.zip": "every closed line, to be checked outside: a download",
    "GET /finance/days/{number}/bills": "every line of one closed day",
    "GET /finance/days/{number}/journal": "every line of one closed day",
    "GET /finance/days/{number}/journal.csv": "every line of one closed day",
    "GET /finance/days/{number}/sums": "every line of one closed day",
    "GET /events": "events of one day, a page of them",
    "GET /events/file": "every event of one day",
    "/settlement/close": "what came since the last day was closed",
    "/queries/weekly": "every ride of its 7 days",
    "/queries/weekly/file.csv": "every ride of its 7 days",
    "/today": "what came in the last 24 hours",
}


class Request(NamedTuple):
    """`make` returns (path, headers, body) of one request, done for nothing that is measured."""

    name: str
    method: str
    users: tuple[str, ...]  # who may; the first is whose time is taken
    make: Callable[[World, str], tuple[str, dict[str, str], bytes]]
    why: str  # it reads more behind more entries, and rightly


def every_request(world: World) -> list[Request]:
    """Return all of them, pages first."""
    found = [request for route in PAGES if route[0] == "GET"
             for request in _page(world, route[1], route[2])]  # fmt: skip
    found += [_form("/cards/register", _number_form, ("alma", "dora")),
              _form("/sell", _sell_form, ("carl",))]  # fmt: skip
    return found + [_operation(world, operation) for operation in OPERATIONS]


def _page(world: World, path: str, right: str) -> list[Request]:
    users = tuple(name for name, *_ in PEOPLE if _may(world, name, right))
    if right in (PUBLIC, SIGNED_IN):
        users = ("alma",)
    today = date(2020, 1, 1) + timedelta(days=world.clock.now // DAY_SECONDS)
    if path.startswith("/reports/"):
        period = f"from={today - timedelta(days=MONTH - 1)}&to={today}"
        ends = "/file.csv" if "file" in path else ""
        return [_get(f"/reports/{name}{ends}" + f"?{period}" * bool(report.most_days),
                     users, f"/reports/{name}{ends}", WHOLE_DAYS * bool(report.most_days))
                for name, report in REPORTS.items()]  # fmt: skip
    name = OBJECTS.get(path, path).replace("TODAY", today.isoformat())
    name = re.sub(r"\{(\w+)\}", lambda found: str(VALUES.get(found[1], 1)), name)
    return [_get(name, users, name.partition("?")[0], BY_RIGHT.get(name, ""))]


def _may(world: World, name: str, right: str) -> bool:
    return bool(set(right.split("|")) & world.registers.users.get(name).rights)


def _get(path: str, users: tuple[str, ...], name: str, why: str) -> Request:
    def make(world: World, user: str) -> tuple[str, dict[str, str], bytes]:
        return path, {"cookie": world.cookies[user]}, b""

    return Request(name, "GET", users, make, why)


def _form(
    path: str, fields: Callable[[World, str], dict[str, Any]], users: tuple[str, ...]
) -> Request:
    def make(world: World, user: str) -> tuple[str, dict[str, str], bytes]:
        headers = {"cookie": world.cookies[user], "content-type": FORM}
        return path, headers, urlencode(fields(world, user)).encode()

    return Request(f"POST {path}", "POST", users, make, "")


def _number_form(_world: World, _user: str) -> dict[str, Any]:
    return {"number": card_number(AUTHORITY, 1000)}


def _sell_form(world: World, _user: str) -> dict[str, Any]:
    return {
        "key": token_bytes(16).hex(),
        "card": 1,
        "what": "load",
        "euros": "20",
        "paid": "cash",
        "shift": 1,
    }


class _Sender:
    """Makes requests of one operation; each has a key and a thing of its own."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation

    def __call__(self, world: World, user: str) -> tuple[str, dict[str, str], bytes]:
        handler = self.operation.handler
        values, headers = dict(VALUES), self._headers(world, user)
        body = self._body(world, user)
        if handler == "void":
            values["place"] = self._done(world, user, "sell")["place"]
        if handler in ("order_status", "cancel_order"):
            values["action"] = self._done(world, user, "order")["action"]
        if handler == "sale":
            values |= {"device": TILL + ["carl", "dora", "wanda"].index(user)}
            values["place"] = self._done(world, user, "sell")["place"]
        if handler == "card_events":
            headers["card-proof"] = self._done(world, user, "card_proof")["proof"]
        path = re.sub(r"\{(\w+)\}", lambda found: str(values.get(found[1], 1)), self.operation.path)
        return BASE + path, headers, body

    def _headers(self, world: World, user: str) -> dict[str, str]:
        kind = TYPES.get(self.operation.handler, "application/json")
        key = f"bench-{token_bytes(16).hex()}"
        return {"authorization": f"Bearer {world.keys[user]}", "content-type": kind,
                "idempotency-key": key}  # fmt: skip

    def _done(self, world: World, user: str, handler: str) -> dict[str, Any]:
        """Have another operation done, and return what it answered. Raises: BenchError."""
        other = _Sender(next(one for one in OPERATIONS if one.handler == handler))
        path, headers, body = other(world, "dora" if handler == "card_code" else user)
        answer = world.ask(other.operation.method, path, headers, body)
        if answer.status >= 400:
            raise BenchError(f"office: {handler}: {answer.words}")
        made: dict[str, Any] = json.loads(answer.body)
        return made

    def _body(self, world: World, user: str) -> bytes:
        handler = self.operation.handler
        if self.operation.method == "GET":
            return b""
        if handler == "take_batch":
            return _batch(world)
        if handler == "upload_feed":
            return town_feed()
        if handler == "card_proof":
            return json.dumps({"code": self._done(world, user, "card_code")["code"]}).encode()
        tomorrow = date(2020, 1, 1) + timedelta(days=world.clock.now // DAY_SECONDS + 1)
        bodies: dict[str, dict[str, Any]] = {
            "sell": {"card": 1, "choice": "load", "cents": 2000, "paid": "cash", "shift": 1},
            "order": {"card": 2 + randbelow(90), "cents": 1000, "days": 30},
            "card_code": {"card": 1},
            "put_in_force": {"from_day": tomorrow.isoformat()},
            "check_municipality": {"identity": "010190-123A", "municipality": "Town"},
        }
        return json.dumps(bodies[handler]).encode() if handler in bodies else b""


def _operation(world: World, operation: Operation) -> Request:
    name = f"{operation.method} {operation.path}"
    users = tuple(name for name, *_ in PEOPLE if _may(world, name, operation.right))
    if operation.right in (PUBLIC, SIGNED_IN):
        users = ("alma",)
    if operation.interface in ("W-138", "W-143"):  # who sells these cards
        users = tuple(name for name in users if name in ("carl", "dora", "wanda"))
    return Request(name, operation.method, users, _Sender(operation), BY_RIGHT.get(name, ""))


def _batch(world: World) -> bytes:
    """Return a batch of one entry of a device that nobody has heard of yet."""
    with world.place.books() as database:
        device = 10_000 + int(database.value("SELECT max(device) FROM devices"))
    with closing(LocalKeyring(world.folder / "keyring")) as keyring:
        journal = Journal(keyring, device)
    before = journal.chain
    refusal = {"uid": b"\4" + bytes(6), "observed": bytes(44), "reason": 1}
    slot = journal.seal(entries.REFUSAL, REFUSAL.pack(refusal))
    return encode_batch("depot", [(device, 0, 1, before, [slot])])
