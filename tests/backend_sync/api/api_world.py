"""A ledger with rides, a closed day, users with keys, and the interfaces over it."""

import json
from secrets import token_bytes

from starlette.testclient import TestClient

from backend_sync.api.app import make_api
from backend_sync.api.keys import Keys
from backend_sync.api.opening import open_database
from backend_sync.api.part import Parts
from backend_sync.api.rates import Policy
from backend_sync.customers.population import FileRegister
from backend_sync.keyring.keyfile import make_keys
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger.place import Place
from backend_sync.registers.card_views import set_place
from backend_sync.registers.rights import Scope, role_of
from backend_sync.settlement.close import close_day
from backend_sync.settlement.export import hashes_of, read_packages
from tests.backend_sync.api.api_client import Client
from tests.backend_sync.builders import AUTHORITY, Device
from tests.backend_sync.office_world import PEOPLE as OFFICE_PEOPLE
from tests.backend_sync.office_world import Office
from tests.backend_sync.registers_world import SECRET
from tests.backend_sync.settled_worlds import DAY, FERRY, TOWN

BASE = "/api/v1"
OWN_DEVICE, FOREIGN_DEVICE = 41, 42
# name, role, authority, operator, point
PEOPLE = (
    *OFFICE_PEOPLE,
    ("wanda", "online shop", TOWN, 0, "web"),
    ("wilma", "online shop", FERRY, 0, "web"),
    ("ole", "operator", FERRY, 20, ""),
)
WIDE = Policy("1000000/minute", "1000000/minute", "1000000/minute")


class Api:
    """`client(name)` is a machine with a key of that user."""

    def __init__(self, folder, lived=True, policy=WIDE, tokens=None):
        self.office = Office(folder, lived)
        self.folder, self.clock = folder, self.office.clock
        self.registers = self.office.registers
        self._hire()
        self.database = open_database(folder)
        self.keys = Keys(self.database, self.registers, self.clock, token_bytes)
        self.card, self.abroad = self.office.card, self.office.abroad
        people = folder / "population.csv"
        people.write_text("010190-123A;Town\n020290-456B;Ferry\n")
        self.place = Place(str(folder))
        self.lines = []
        self.parts = Parts(self.place, self.registers, self.database, self.office.database,
                           self.clock, token_bytes, FileRegister(people))  # fmt: skip
        self.app = make_api(self.parts, policy, tokens, self.lines.append)
        self._provision()
        self._clients = {}

    def _hire(self):
        for name, role, authority, operator, point in PEOPLE[len(OFFICE_PEOPLE) :]:
            boss = self.boss(authority)
            if point:
                set_place(self.registers.trail, boss, authority, f"point:{point}", 0)
            self.registers.users.add(boss, name, role, Scope(authority, operator, point),
                                     role_of(role).rights, SECRET)  # fmt: skip

    def _provision(self):
        """Give an operator of the town and one of the ferry a device each."""
        keyring = LocalKeyring(self.folder / "keyring")
        keyring.provision(OWN_DEVICE, 0, TOWN, 10, "edge")
        keyring.provision(FOREIGN_DEVICE, 0, FERRY, 20, "edge")
        keyring.close()
        keys = make_keys([AUTHORITY], seed="ledger tests")
        self.device, self.foreign = Device(keys, OWN_DEVICE), Device(keys, FOREIGN_DEVICE)

    def boss(self, authority):
        return self.registers.users.get("anna" if authority == TOWN else "bea")

    def key(self, name, rights=(), days=0):
        """Return the text of a new key of a user."""
        user = self.registers.users.get(name)
        return self.keys.add(self.boss(user.scope.authority), name, rights, "test", days)[1]

    def client(self, name):
        if name not in self._clients:
            self._clients[name] = self.with_key(self.key(name))
        return self._clients[name]

    def machine(self, name):
        """Return a client of a user, made from the document that the server hands out."""
        document = self.with_key("").get("/openapi.json").json()
        http = TestClient(self.app, headers={"Authorization": f"Bearer {self.key(name)}"})
        return Client(http, document)

    def with_key(self, text):
        headers = {"Authorization": f"Bearer {text}"} if text else {}
        return TestClient(self.app, headers=headers, base_url=f"http://testserver{BASE}")

    def close_day(self, day=DAY):
        with self.place.ledger(self.clock, AUTHORITY) as ledger:
            return close_day(ledger, day, hashes_of(read_packages(self.place.tariffs)))

    def books(self, sql, values=()):
        with self.place.books() as database:
            return [tuple(row) for row in database.rows(sql, values)]

    def logged(self):
        return [json.loads(line) for line in self.lines]

    def close(self):
        self.database.close()
        self.office.close()


def once(key):
    """Return the headers of a request that is sent under this key."""
    return {"Idempotency-Key": f"request-{key}"}


def sale(world, **changes):
    """Return the body of a load of 20 euros."""
    return {"card": world.card, "choice": "load", "cents": 2000, "paid": "cash", "shift": 1,
            **changes}  # fmt: skip


def problem(answer, status):
    """Return the detail of a problem document that is one in every part."""
    said = answer.json()
    assert answer.status_code == said["status"] == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(said) == {"type", "title", "status", "detail", "instance"}
    assert said["type"].startswith("urn:tornello:problem:")
    return said["detail"]


def pages(client, path, limit=2):
    """Return all items of a list, page by page."""
    found, after = [], ""
    for _ in range(50):
        said = client.get(path, params={"limit": limit, "after": after}).json()
        found += said["items"]
        assert len(said["items"]) <= limit
        if not said["next"]:
            return found
        after = said["next"]
    raise AssertionError("pages without an end")
