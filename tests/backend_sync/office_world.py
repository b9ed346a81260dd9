"""A ledger with rides, tariffs, a register of users and the office's pages over it, on disk."""

import re
from functools import cached_property
from secrets import token_bytes

from starlette.testclient import TestClient

from backend_sync.api.card_codes import CardCodes
from backend_sync.api.opening import open_database as open_api
from backend_sync.ledger.place import Place
from backend_sync.office.app import make_app
from backend_sync.office.opening import open_database
from backend_sync.office.tills import Tills
from backend_sync.registers.card_views import set_place
from backend_sync.registers.cards import Span
from backend_sync.registers.names import name_it
from backend_sync.registers.opening import MIGRATIONS, Registers
from backend_sync.registers.passwords import PIN_ROLES
from backend_sync.registers.rights import Scope, role_of
from backend_sync.storage.database import Database
from card_layouts.cards.card_number import card_number
from tests.backend_sync.builders import FixedClock
from tests.backend_sync.registers_world import CHEAP, SECRET
from tests.backend_sync.settled_worlds import FERRY, MORNING, SENIOR, TOWN, Settled

ORIGIN = {"Origin": "http://testserver"}
DEVICE, OTHER_DEVICE, CLERK = 31, 32, 5
# name, role, authority, operator, point
PEOPLE = (
    ("alma", "authority", TOWN, 0, ""),
    ("ferry", "authority", FERRY, 0, ""),
    ("olli", "operator", TOWN, 10, ""),
    ("otto", "operator", TOWN, 11, ""),
    ("carl", "sales point", TOWN, 0, "kamppi"),
    ("dora", "service point", TOWN, 0, "pasila"),
    ("fred", "sales point", FERRY, 0, "harbour"),
    ("dpo", "data protection officer", TOWN, 0, ""),
)
# One of every other role, named as it is; operator 10's or kamppi's where it is bound to one.
OTHERS = ("passenger", "driver", "technical support", "customer support", "skier", "station",
          "consortium", "region", "card circuit", "online shop", "end customer", "brand",
          "distributor", "card maker", "issuing centre", "conductor", "dispatch point",
          "transaction processing", "tariff department", "accountant")  # fmt: skip
SUPPORT = ("customer support", "card circuit")  # bound to nobody: technical support adds them
SERIALS = 1000  # of the cards in the register


class Office:
    """`client(name)` is a browser in which that person has signed in."""

    def __init__(self, folder, lived=True, cost=CHEAP):
        self.folder = folder
        self.clock = FixedClock()
        self._settle(lived)
        register = folder / "registers.db"
        self.registers = Registers(
            Database(f"sqlite:///{register}", MIGRATIONS), self.clock, token_bytes, cost
        )
        self._hire()
        self.database = open_database(folder)
        self.tills = Tills(self.database, self.clock)
        for name, device, clerk in (("carl", DEVICE, CLERK), ("dora", OTHER_DEVICE, 6),
                                    ("fred", 33, 7)):  # fmt: skip
            user = self.user(name)
            boss = self.user("ferry" if user.scope.authority == FERRY else "alma")
            self.tills.give(boss, user, device, clerk)
        self.machines = open_api(folder)
        self.codes = CardCodes(self.machines, self.clock, token_bytes)

    @cached_property
    def app(self):
        """The pages, made when somebody opens one: worlds of the interfaces never do."""
        return make_app(
            Place(str(self.folder)), self.registers, self.database, self.clock, token_bytes,
            codes=self.codes,
        )  # fmt: skip

    def _settle(self, lived):
        """Post rides of two operators and two areas, one of them open; publish the tariffs."""
        made = Settled(self.folder / "keyring", f"sqlite:///{self.folder / 'ledger.db'}")
        made.clock.now = MORNING + 600
        self.clock.now = MORNING + 3600
        first, second, third, fourth = made.cards
        if lived:
            made.ride(1, first, MORNING)
            made.ride(2, first, MORNING + 900, operator=11)
            made.ride(1, second, MORNING + 60, group=SENIOR)
            made.ride(3, third, MORNING + 100, area=FERRY, operator=20, stop=30)
            made.intent(1, fourth, MORNING + 200)
            made.settle()
        self.abroad = self.card = made.ledger.database.value("SELECT min(card) FROM issues")
        made.card_of(FERRY, 9)
        self.abroad = made.ledger.database.value(
            "SELECT card FROM issues WHERE authority = ?", (FERRY,)
        )
        made.close()
        (self.folder / "tariffs").mkdir()
        for (authority, version), body in made.bodies.items():
            (self.folder / "tariffs" / f"{authority}-{version}.ttar").write_bytes(body)

    def _hire(self):
        bosses = {TOWN: self.registers.found(TOWN, "anna", SECRET),
                  FERRY: self.registers.found(FERRY, "bea", SECRET)}  # fmt: skip
        for name, role, authority, operator, point in PEOPLE:
            if point:
                set_place(self.registers.trail, bosses[authority], authority, f"point:{point}", 0)
            self.registers.users.add(bosses[authority], name, role,
                                     Scope(authority, operator, point), role_of(role).rights,
                                     SECRET)  # fmt: skip
        name_it(self.registers.trail, bosses[TOWN], TOWN, "operator", 10, "Koivula Buses", 0)
        support = self.registers.found(0, "technical.support", SECRET)
        for role in OTHERS:
            name, made = role.replace(" ", "."), role_of(role)
            if role == support.role:
                continue
            by = support if role in SUPPORT else bosses[TOWN]
            scope = Scope(
                TOWN if by is not support else 0, 10 if "operator" in made.bound_to else 0,
                "kamppi" if "point" in made.bound_to else "",
                name if "person" in made.bound_to else "",
            )  # fmt: skip
            self.registers.users.add(by, name, role, scope, made.rights, secret_of(role))
        self._stock(bosses)

    def _stock(self, bosses):
        """Deliver ten cards to each authority: one with a customer, some at a point, the rest in
        stock; ask for what takes two people."""
        cards = self.registers.cards
        for authority, point in ((TOWN, "kamppi"), (FERRY, "harbour")):
            by = bosses[authority]
            cards.deliver(by, Span(authority, SERIALS, SERIALS + 9), 17)
            cards.move(by, [Span(authority, SERIALS, SERIALS + 9)], "stock")
            cards.move(by, [Span(authority, SERIALS, SERIALS + 4)], f"point:{point}")
            cards.become(by, [Span(authority, SERIALS, SERIALS)], "with customer")
            set_place(self.registers.trail, by, authority, "stock", 8)
            self.registers.proposals.propose(by, "refund", authority, 9_000, "Card lost, claim 7")

    def number(self, authority=TOWN, place=0):
        """Return the printed number of a card of the register; place 0 is with a customer."""
        return card_number(authority, SERIALS + place)

    def user(self, name):
        return self.registers.users.get(name)

    def browser(self):
        return TestClient(self.app, headers=ORIGIN, follow_redirects=False)

    def client(self, name):
        made = self.browser()
        secret = secret_of(self.user(name).role)
        answer = made.post("/sign-in", data={"name": name, "secret": secret})
        assert answer.status_code == 303, answer.text
        return made

    def books(self, sql):
        with Place(str(self.folder)).books() as database:
            return [tuple(row) for row in database.rows(sql)]

    def form(self, client, **changes):
        """Return the form of a load of 20 euros as `client` got it."""
        page = client.get("/sell").text
        key = re.search(r'name="key" value="([0-9a-f]{32})"', page)[1]
        return {"key": key, "card": str(self.card), "what": "load", "euros": "20", "paid": "cash",
                "shift": "1", **changes}  # fmt: skip

    def close(self):
        self.machines.close()
        self.database.close()
        self.registers.database.close()


def secret_of(role):
    return "4711" if role in PIN_ROLES else SECRET


def figure(page, name):
    """Return the text of a figure of a page."""
    return re.search(rf'id="{name}">([^<]*)<', page)[1]
