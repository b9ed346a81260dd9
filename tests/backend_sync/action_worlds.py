"""A town whose gates carry real action lists: sold at the desk, made by publisher and keyring."""

from backend_sync.action_packages import ActionPackages, Leased
from backend_sync.actions import desk, words
from backend_sync.actions.desk import Order
from backend_sync.actions.publishing import WaitingActions
from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger import Ledger, Sale
from backend_sync.package_versions import PackageVersions
from card_layouts.codec.timestamps import CLOCK_SIGNED
from card_layouts.packages.action_list import open_action_list
from card_layouts.packages.manifest import ACTIONS, LEASE
from card_layouts.records.entries import CONFIG as CONFIG_TYPE
from card_layouts.records.entries_device import CONFIG, CONFIG_SWITCHED
from card_layouts.records.entries_service import ACT_LOAD
from simulator.worlds.tap_world import (
    AUTHORITY,
    CLUSTER,
    EPOCH,
    GATE_A,
    GATE_B,
    GENERATION,
    MASTERS,
    NOW,
    PURSE,
    ROOT_KEY,
    STATION,
    OnCard,
)
from tests.backend_sync.audited_worlds import TARIFFS, Town, enter, post

HOUR, DAY_S = 3600, 86_400
CENTS = 1500
LEASED_TO = NOW + 10 * DAY_S
NUMBERS = (GATE_A, GATE_B)


class Watch:
    """The inland clock, set by the test."""

    def __init__(self):
        self.now = NOW

    def utc_seconds(self):
        return self.now

    def monotonic_ms(self):
        return self.now * 1000


def action_keyring(folder):
    """Return a keyring with the masters of the town's cards."""
    folder.mkdir(exist_ok=True)
    names = [f"K{number}" for number in range(5)]
    keys = make_keys([AUTHORITY], seed="actions")
    masters = {**keys.masters[GENERATION], **dict(zip(names, MASTERS, strict=True))}
    keys = keys._replace(root=ROOT_KEY, masters={GENERATION: masters}, aid=CLUSTER)
    write_keys(folder / "keys.json", keys)
    ring = LocalKeyring(folder)
    for device in (*NUMBERS, STATION):
        ring.provision(device, EPOCH, AUTHORITY, 12, "edge")
    return ring


class Shop:
    """One card, two gates, a ledger with its desk of actions; lists go out when asked for."""

    def __init__(self, folder, url, room=None):
        self.folder = folder
        self.clock = Watch()
        self.ring = action_keyring(folder / "keyring")
        self.town = Town()
        self.room = {} if room is None else {ACTIONS: room}
        self.leases = 0
        self.begin(url, self.town.slots())

    def begin(self, url, runs):
        """Begin books that know the card, its first load and these entries."""
        self.open(url)
        enter(self.ledger, self.town)
        self.ledger.import_sales([Sale("desk", 501, PURSE, "counter", NOW)])
        self.post(runs)
        self.card = self.ledger.database.value("SELECT id FROM cards")
        self.start()

    def open(self, url):
        self.url = url
        self.ledger = Ledger(url, self.clock, self.ring, TARIFFS, AUTHORITY)

    def restore(self, runs):
        """Put books in place that are as old as these entries, as an operator does."""
        self.ledger.close()
        self.ring.restored()
        incarnation = self.ring.register.incarnation()
        self.begin(f"sqlite:///{self.folder / f'restored-{incarnation}.db'}", runs)

    def start(self):
        """Start the publisher's part anew, as after a restart of its process."""
        self.waiting = WaitingActions(self.ledger)
        self.packages = ActionPackages(
            self.waiting, PackageVersions(self.folder / "versions.json"), self.ring, self.room
        )

    def close(self):
        self.ledger.close()
        self.ring.close()

    def post(self, runs=None):
        post(self.ledger, self.town.slots() if runs is None else runs)

    def order(self, key="web-1", cents=CENTS, days=30, kind=ACT_LOAD, **changed):
        """Sell an action to the card; return its number."""
        now = self.clock.now
        order = Order(key, self.card, kind, cents, "web", now, now + days * DAY_S, **changed)
        with self.ledger.books() as books:
            return desk.create(books, order)[0]

    def cancel(self, action):
        with self.ledger.books() as books:
            return desk.cancel(books, action, "buyer")

    def publish(self, *gates, leased_to=LEASED_TO):
        """Make the newest list a minute later, give it to these gates; return its lines."""
        self.clock.now += 60
        self.packages.refresh(self.clock.now)
        body = self.packages.body(AUTHORITY)
        current = self.packages.current
        for gate in gates:
            lease = Leased(self.leases + 1, current.version, leased_to)
            self.packages.given(NUMBERS[gate], EPOCH, lease)
        self.packages.save()
        key = self._leased(gates, leased_to, current.generation)
        for gate in gates:
            self.town.gates[gate].tap.actions = open_action_list(
                lambda at, n: body[at : at + n], key, current.generation
            )
        return current.lines

    def _leased(self, gates, leased_to, generation):
        """Seal the next lease of each gate; return the K_act that it carries."""
        self.leases += 1
        values = {"epoch": EPOCH, "lease": self.leases, "not_after": leased_to}
        for gate in gates:
            request = {"device": NUMBERS[gate], "generation": generation, **values}
            self.ring.assemble("lease", request)
        return self.ring.assembly.action_keys.key(generation)

    def chain(self):
        """Return K_act's chain and its key now."""
        keys = self.ring.assembly.action_keys
        return keys.chain(), keys.key(keys.generation())

    def switch(self, gate, at):
        """Have a gate journal at second `at` that it switched to the newest lease."""
        journal = self.town.gates[gate].journal
        values = {"time": at, "role": LEASE, "result": CONFIG_SWITCHED, "new": self.leases}
        journal.append(CONFIG_TYPE, CONFIG.pack({"clock": CLOCK_SIGNED, **values}))

    def review(self):
        """Post all journals and work out every state; return {action: state}."""
        self.post()
        return self.states()

    def states(self):
        """Work out every state from what was posted."""
        with self.ledger.books() as books:
            desk.review(books, [self.card])
            return desk.review(books, [self.card])

    def status(self, action):
        return words.status(self.ledger.database, action)

    def money(self, action):
        """Return cents in PREPAID of the action, on the card by the books, and paid out."""
        rows = dict(self.ledger.database.rows("SELECT name, cents FROM balances"))
        card = sum(cents for name, cents in rows.items() if name.startswith("LIAB:"))
        return rows.get(f"PREPAID:{action}", 0), card, rows.get(f"PAYOUT:{AUTHORITY}", 0)

    def purse(self):
        return OnCard(self.town.card).purse
