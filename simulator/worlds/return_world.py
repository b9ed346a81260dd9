"""A service point with real cards: the station's and the gate's programs, a keyring, a ledger.

Each customer has a card, a station and a gate of his own, so that journals may be handed over one
by one. What really is on a card is read past all keys. Source: trust.md 4.5, X-7, X-10.
"""

from pathlib import Path

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger.ledger import Ledger
from backend_sync.sales.returns import Returns
from card_layouts.cards.card_layout import CHANNEL_COUNTER
from card_layouts.cards.conversation import converse
from card_layouts.cards.desfire_issuer import IssuerSession
from card_layouts.cards.issue import ISSUE, STATE_VERIFIED
from card_layouts.cards.personalise import personalise
from card_layouts.crypto.triple_des_cpython import TripleDes
from card_layouts.records.slot import SLOT_BYTES
from firmware.station import Order
from simulator.desfire_card import DesfireCard
from simulator.prng import Prng
from simulator.worlds.tap_world import (
    AUTHORITY,
    EPOCH,
    NOW,
    ROOT_KEY,
    Device,
    NoHotlist,
    OnCard,
    exchange_with,
    recipe,
)

STATIONS, GATES = 6000, 7000  # the numbers of devices begin behind these
DEPOSIT = 500
TAP_S = 7200  # between taps: longer than a transfer
LEASE_S, DAY_S = 72 * 3600, 86_400


class WorldClock:
    """The ledger's clock."""

    def __init__(self) -> None:
        self.now = NOW

    def utc_seconds(self) -> int:
        return self.now

    def monotonic_ms(self) -> int:
        return self.now * 1000


class Customer:
    """A card with money on it, and the devices that it meets."""

    def __init__(self, point: "ServicePoint", number: int, cents: int) -> None:
        self.point, self.number = point, number
        self.uid = b"\x04" + number.to_bytes(6, "big")
        self.prng = point.prng.fork(f"customer {number}")
        made = recipe(self.uid)
        self.card = DesfireCard.blank(self.uid, self.prng.fork("card").bytes)
        self.card.power_on()
        session = IssuerSession(bytearray(64))
        steps = personalise(session, made, self.prng.fork("station").bytes, TripleDes,
                            lambda _step: None)  # fmt: skip
        converse(steps, session.frame, exchange_with(self.card))
        self.card.power_off()
        self.station = Device(STATIONS + number, station=True)
        self.hotlist = NoHotlist()
        self.gate = Device(GATES + number, hotlist=self.hotlist)
        row = ISSUE.pack({"uid": self.uid, "layout": 1, "state": STATE_VERIFIED, "generation": 1,
                          "authority": AUTHORITY, "serial": number, "h0": made.record[36:44],
                          "deposit": DEPOSIT // 10})  # fmt: skip
        self.account = point.enter(row, (self.station.number, self.gate.number))
        point.desk.take_deposit(f"deposit-{number}", self.account, DEPOSIT, "counter")
        if cents:
            point.ledger.import_sales([(f"sale-{number}", number, cents, "counter", NOW)])
            self.station.load(self.card, Order(number, 1, 1, cents, CHANNEL_COUNTER))
        self.sent: dict[int, int] = {}

    @property
    def purse(self) -> int:
        """What really is on the card, cents."""
        return OnCard(self.card).purse

    def tap(self) -> int:
        """Hold the card to the gate, hours after the last time; return the answer."""
        self.gate.watch.seconds += TAP_S
        return self.gate.present(self.card)

    def hand_over(self, *devices: Device) -> None:
        """Bring what the devices journalled, and was not brought yet, to the ledger."""
        for device in devices or (self.station, self.gate):
            journal = device.journal
            first = self.sent.get(device.number, journal.first_kept_seq - 1) + 1
            slots = []
            for seq in range(first, journal.head_seq + 1):
                slot = bytearray(SLOT_BYTES)
                assert journal.read_slot(seq, slot)
                slots.append(bytes(slot))
            self.sent[device.number] = journal.head_seq
            if slots:
                run = (device.number, EPOCH, first, bytes(32), slots)
                self.point.ledger.post([("edge", [run])])


class ServicePoint:
    """The ledger with its keyring, and the desk for cards that come back."""

    def __init__(self, folder: Path, seed: int, url: str = "") -> None:
        ring = folder / "keyring"
        ring.mkdir(parents=True, exist_ok=True)
        keys = make_keys([AUTHORITY], seed=f"returns {seed}")._replace(root=ROOT_KEY)
        write_keys(ring / "keys.json", keys)
        self.keyring = LocalKeyring(ring)
        self.clock, self.prng = WorldClock(), Prng(seed)
        url = url or f"sqlite:///{folder / 'ledger.db'}"
        self.ledger = Ledger(url, self.clock, self.keyring, {}, AUTHORITY)
        self.desk = Returns(self.ledger, LEASE_S)
        self.customers: list[Customer] = []

    def close(self) -> None:
        self.ledger.close()
        self.keyring.close()

    def customer(self, cents: int) -> Customer:
        self.customers.append(Customer(self, len(self.customers) + 1, cents))
        return self.customers[-1]

    def enter(self, row: bytes, devices: tuple[int, ...]) -> int:
        """Enter a card and its devices; return the card's account number."""
        for device in devices:
            self.keyring.provision(device, EPOCH, AUTHORITY, 12, "edge")
        self.ledger.import_issues([row])
        (name,) = self.keyring.pseudonyms([row])
        rows = self.ledger.database.rows("SELECT id FROM cards WHERE pseudonym = ?", (name,))
        return int(rows[0][0])

    def balances(self) -> dict[str, int]:
        """Return cents by kind of account, and of single accounts of the area."""
        found: dict[str, int] = {}
        for kind, name, cents in self.ledger.database.rows(
            "SELECT a.kind, a.name, sum(p.cents) FROM postings p JOIN accounts a"
            " ON a.id = p.account GROUP BY a.kind, a.name"
        ):
            found[kind] = found.get(kind, 0) + int(cents)
            if kind in ("CASH", "LOSS"):
                found[name] = int(cents)
        return found
