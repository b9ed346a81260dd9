"""A service point with a keyring, a link service and a customer register, all real, on disk."""

from pathlib import Path
from secrets import token_bytes

from backend_sync.customers import main as customers_main
from backend_sync.customers.customers import Customers
from backend_sync.keyring.keyfile import make_keys as make_keyring_keys
from backend_sync.keyring.keyfile import write_keys
from backend_sync.keyring.local import LocalKeyring
from backend_sync.links.links import Links
from backend_sync.links.opening import MIGRATIONS as OF_LINKS
from backend_sync.links.purposes import DAY_SECONDS, Question
from backend_sync.storage.database import Database
from backend_sync.storage.subject_keys import SubjectKeys, make_keys
from tests.backend_sync.builders import AUTHORITY, FixedClock

NOON = 2516 * DAY_SECONDS + 12 * 3600  # of 2026-11-21
AINO = {"name": "Aino Virtanen", "email": "aino@example.org", "town": "Kuopio"}


def uid_of(index):
    """Return the UID of builders' card `index`."""
    return bytes((4,)) + index.to_bytes(6, "big")


class Desk:
    """`url(name)` says where a register's database is."""

    def __init__(self, folder: Path, url, keyring=None, entropy=token_bytes):
        self.folder, self.url, self.entropy = folder, url, entropy
        self.clock = FixedClock(NOON)
        self.own_keyring = keyring is None
        if self.own_keyring:
            (folder / "keyring").mkdir()
            write_keys(folder / "keyring" / "keys.json", make_keyring_keys([1], seed="desk"))
            keyring = LocalKeyring(folder / "keyring")
        self.keyring = keyring
        for name in ("customers", "links"):
            make_keys(folder / name, entropy)
        self.open()

    def open(self):
        keys = SubjectKeys(self.folder / "customers", self.entropy)
        database = Database(self.url("customers"), customers_main.MIGRATIONS)
        self.customers = self.controller(AUTHORITY, keys, database)
        keys = SubjectKeys(self.folder / "links", self.entropy)
        database = Database(self.url("links"), OF_LINKS)
        self.links = Links(database, keys, self.keyring, self.clock, "eva")

    def controller(self, authority, keys=None, database=None):
        """Return the register as another authority sees it."""
        return Customers(database or self.customers.database, keys or self.customers.keys,
                         self.clock, authority)  # fmt: skip

    def close_registers(self):
        for register in (self.customers, self.links):
            register.database.close()
            register.keys.close()

    def close(self):
        self.close_registers()
        if self.own_keyring:
            self.keyring.close()

    def add(self, person="natural", **fields):
        (number,) = self.customers.register([(person, AINO | fields)])
        return number

    def with_card(self, index=0):
        """Register Aino and link a card; return (number, handle)."""
        number = self.add()
        return number, self.customers.link_card(number, self.links, uid_of(index))

    def question(self, purpose, handle, days=10, **how):
        day = NOON - NOON % DAY_SECONDS
        span = {"span_from": day - days * DAY_SECONDS, "span_until": day}
        return Question(**({"clerk": "eva", "purpose": purpose, "handles": (handle,)} | span | how))
