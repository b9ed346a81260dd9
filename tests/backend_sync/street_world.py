"""A real card, two gates of two operators and a counter's station in the office's town, today.

The card is made byte by byte, the gates run the shipped tariff, and whatever they journal is posted
into the ledger that a served office shows. Nothing here knows the office.
"""

from backend_sync.action_packages import ActionPackages, Leased
from backend_sync.actions import desk
from backend_sync.actions.publishing import WaitingActions
from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger.place import Place
from backend_sync.package_versions import PackageVersions
from backend_sync.settlement.close import close_day
from backend_sync.settlement.export import hashes_of, read_packages
from card_layouts.cards.card_layout import CHANNEL_COUNTER
from card_layouts.cards.issue import ISSUE, STATE_VERIFIED
from card_layouts.fares.clock import service_day
from card_layouts.packages.action_list import open_action_list
from card_layouts.packages.manifest import LEASE
from card_layouts.records.entries import CONFIG as CONFIG_TYPE
from card_layouts.records.entries_device import CONFIG, CONFIG_SWITCHED
from card_layouts.records.entries_service import ACT_LOAD
from card_layouts.records.slot import SLOT_BYTES
from firmware.station import Order
from simulator.worlds.tap_world import (
    CLUSTER,
    EPOCH,
    GATE_A,
    GATE_B,
    GENERATION,
    MASTERS,
    ROOT_KEY,
    STATION,
    UID,
    Device,
    OnCard,
    head_of,
    lease,
    new_card,
    recipe,
)
from tests.backend_sync.settled_worlds import TOWN, mounted, package

PURSE_PRODUCT = 1  # of the shipped tariff
OPERATORS = {GATE_A: 10, GATE_B: 11, STATION: 10}
DAY_S = 86_400


class Street:
    """`clock` is the present: it prices taps, and everything that the office is asked meanwhile."""

    def __init__(self, folder, clock):
        self.folder, self.clock = folder, clock
        self.place = Place(str(folder))
        self._keyring(folder / "keyring")
        (folder / "tariffs").mkdir()
        body = package("tariff.toml")
        (folder / "tariffs" / f"{TOWN}-1.ttar").write_bytes(body)
        now = clock.utc_seconds()
        self.tariff = mounted(body)
        rules = {"tariff": self.tariff, "lease": lease(not_before=now - DAY_S,
                                                         not_after=now + 10 * DAY_S)}  # fmt: skip
        self.gates = [Device(number, profile=_profile(number), **rules)
                      for number in (GATE_A, GATE_B)]  # fmt: skip
        self.station = Device(STATION, station=True, profile=_profile(STATION))
        head = {"authority": TOWN, "purse_product": PURSE_PRODUCT}
        self.card = new_card(head_of(**head), purse=0)
        self.actions = self.leases = 0
        with self.ledger() as ledger:
            ledger.import_issues([_issue_row(head_of(**head))])
            self.account = int(ledger.database.value("SELECT min(id) FROM cards"))

    def ledger(self):
        return self.place.ledger(self.clock, TOWN)

    def load(self, action, cents):
        """Load what a slip says at the counter's station; return the answer."""
        self.station.watch.seconds = self.clock.utc_seconds()
        self.actions += 1
        order = Order(action, self.actions, 1, cents, CHANNEL_COUNTER)
        return self.station.load(self.card, order)

    def tap(self, gate=0):
        """Hold the card to a gate now; return the answer."""
        self.gates[gate].watch.seconds = self.clock.utc_seconds()
        return self.gates[gate].present(self.card)

    @property
    def purse(self):
        return OnCard(self.card).purse

    def post(self):
        """Bring every journal to the ledger, and have it say what became of all orders."""
        with self.ledger() as ledger:
            ledger.post([("edge", self._slots())])
            with ledger.books() as books:
                desk.review(books, desk.unreviewed(books))
                desk.review(books, [self.account])

    def order(self, cents):
        """Order a load of the card by the web, paid; return its action number."""
        now = self.clock.utc_seconds()
        order = desk.Order(f"web-{cents}", self.account, ACT_LOAD, cents, "web", now,
                           now + 30 * DAY_S)  # fmt: skip
        with self.ledger() as ledger, ledger.books() as books:
            return desk.create(books, order)[0]

    def close_today(self):
        with self.ledger() as ledger:
            hashes = hashes_of(read_packages(self.place.tariffs))
            close_day(ledger, service_day(self.tariff, self.clock.utc_seconds()), hashes)

    def publish(self, gate=0):
        """Give a gate the newest list of orders, as a dock does over night; return its lines."""
        self.leases += 1
        device, now = self.gates[gate], self.clock.utc_seconds()
        until = now + 10 * DAY_S
        with self.ledger() as ledger:
            packages = ActionPackages(
                WaitingActions(ledger), PackageVersions(self.folder / "versions.json"),
                ledger.keyring, {},
            )  # fmt: skip
            packages.refresh(now)
            body, current = packages.body(TOWN), packages.current
            packages.given(device.number, EPOCH, Leased(self.leases, current.version, until))
            packages.save()
            request = {"device": device.number, "generation": current.generation, "epoch": EPOCH,
                       "lease": self.leases, "not_after": until}  # fmt: skip
            ledger.keyring.assemble("lease", request)
            key = ledger.keyring.assembly.action_keys.key(current.generation)
        device.journal.append(CONFIG_TYPE, CONFIG.pack({
            "clock": 1, "time": now, "role": LEASE, "result": CONFIG_SWITCHED, "new": self.leases,
        }))  # fmt: skip
        device.tap.actions = open_action_list(
            lambda at, n: body[at : at + n], key, current.generation
        )
        return current.lines

    def _keyring(self, folder):
        folder.mkdir(parents=True)
        keys = make_keys([TOWN], seed="street")
        names = [f"K{number}" for number in range(5)]
        masters = {**keys.masters[GENERATION], **dict(zip(names, MASTERS, strict=True))}
        keys = keys._replace(root=ROOT_KEY, masters={GENERATION: masters}, aid=CLUSTER)
        write_keys(folder / "keys.json", keys)
        ring = LocalKeyring(folder)
        for number, operator in OPERATORS.items():
            ring.provision(number, EPOCH, TOWN, operator, "edge")
        ring.close()

    def _slots(self):
        runs = []
        for device in (self.station, *self.gates):
            journal = device.journal
            for seq in range(journal.first_kept_seq, journal.head_seq + 1):
                slot = bytearray(SLOT_BYTES)
                assert journal.read_slot(seq, slot)
                runs.append((device.number, EPOCH, seq, bytes(32), [bytes(slot)]))
        return runs


def _profile(number):
    return {"authority": TOWN, "operator": OPERATORS[number]}


def _issue_row(head):
    h0 = recipe(UID, head).record[36:44]
    row = {"uid": UID, "layout": 1, "state": STATE_VERIFIED, "authority": TOWN, "serial": 1,
           "generation": 1, "h0": h0, "limit": 30_000}  # fmt: skip
    return ISSUE.pack(row)
