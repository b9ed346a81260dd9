"""A register of cards and users with one authority, for tests."""

from contextlib import contextmanager
from pathlib import Path

from backend_sync.registers.card_views import set_place
from backend_sync.registers.cards import Span
from backend_sync.registers.opening import MIGRATIONS, Registers
from backend_sync.registers.passwords import PIN_ROLES, Cost
from backend_sync.registers.rights import Scope, role_of
from backend_sync.registers.verify import verify
from backend_sync.storage.database import Database
from tests.backend_sync.builders import AUTHORITY, FixedClock

CHEAP = Cost(memory_kib=8, passes=1, lanes=1)
SECRET = "correct horse battery"
FIRST = 1000


class Counted:
    """Salts that are all different and always the same ones."""

    def __init__(self):
        self.calls = 0

    def __call__(self, size):
        self.calls += 1
        return self.calls.to_bytes(size, "big")


class RegistersWorld:
    """`anna` is the authority's; `carl` sells at kamppi, `dora` at pasila."""

    def __init__(self, url="sqlite://"):
        self.open(url)
        self.anna = self.registers.found(AUTHORITY, "anna", SECRET)
        for name in ("kamppi", "pasila"):
            set_place(self.trail, self.anna, AUTHORITY, f"point:{name}", 0)
        self.carl = self.add("carl", "sales point", point="kamppi")
        self.dora = self.add("dora", "service point", point="pasila")

    def open(self, url):
        """Open the register of `url`, again after `close`."""
        self.clock = FixedClock()
        self.registers = Registers(Database(url, MIGRATIONS), self.clock, Counted(), CHEAP)
        self.cards, self.users = self.registers.cards, self.registers.users
        self.database, self.trail = self.registers.database, self.registers.trail
        self.proposals = self.registers.proposals

    def add(self, name, role, authority=AUTHORITY, operator=0, point="", rights=None, by=None):
        """Add a user with every right that the role can have, or with `rights`."""
        made = role_of(role)
        person = name if "person" in made.bound_to else ""
        scope = Scope(authority, operator, point, person)
        given = made.rights if rights is None else rights
        secret = "4711" if role in PIN_ROLES else SECRET
        return self.users.add(by or self.anna, name, role, scope, given, secret)

    def add_support(self, name):
        """Add a user of technical support; the first one is there before anybody."""
        if not self.database.rows("SELECT 1 FROM users WHERE role = 'technical support'"):
            return self.registers.found(0, name, SECRET)
        first = self.database.value("SELECT min(name) FROM users WHERE role = 'technical support'")
        return self.add(name, "technical support", authority=0, by=self.users.get(first))

    def stocked(self, count=100):
        """Deliver cards and bring them into the central stock; return their span."""
        cards = span(0, count - 1)
        self.cards.deliver(self.anna, cards, 17)
        self.cards.move(self.anna, [cards], "stock")
        return cards

    def ranges(self):
        """Return (first, last, state, place) of every range, serials counted from FIRST."""
        rows = self.database.rows(
            "SELECT first, last, state, place FROM card_ranges ORDER BY authority, first"
        )
        return [(first - FIRST, last - FIRST, state, place) for first, last, state, place in rows]

    def everything(self):
        """Return every row of every table: what a refusal must not change."""
        names = ("card_documents", "card_ranges", "places", "users", "names", "proposals",
                 "proposal_steps", "trail")  # fmt: skip
        order = {"card_ranges": "authority, first", "places": "authority, name", "users": "name"}
        return {
            name: [
                tuple(bytes(cell) if isinstance(cell, memoryview) else cell for cell in row)
                for row in self.database.rows(
                    f"SELECT * FROM {name} ORDER BY {order.get(name, 'id')}"
                )
            ]
            for name in names
        }

    def close(self):
        self.database.close()


def span(first, last=None, authority=AUTHORITY):
    """Return the cards first..last, counted from FIRST."""
    return Span(authority, FIRST + first, FIRST + (first if last is None else last))


def secret_file(folder: Path, text=SECRET, name="secret"):
    path = folder / name
    path.write_text(text + "\n", encoding="utf-8")
    return path


@contextmanager
def verified(url="sqlite://"):
    """A register that must be what its trail says when it is closed."""
    made = RegistersWorld(url)
    yield made
    wrong = verify(made.database)
    made.close()
    assert wrong == []
