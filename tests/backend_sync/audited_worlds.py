"""A real card, real gates and a real station beside a ledger: taps as validators journal them.

What was played is delivered slot by slot, in any order, to any number of ledgers.
"""

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger import Ledger
from backend_sync.ledger.batches import CardBatch
from backend_sync.ledger.rerating import VERDICT_NAMES
from card_layouts.answers import LOADED
from card_layouts.cards.card_layout import CHANNEL_COUNTER, FILE_P, FILE_S, FILE_T, S
from card_layouts.cards.issue import ISSUE, STATE_VERIFIED
from card_layouts.fares import inputs as i
from card_layouts.records.slot import SLOT_BYTES
from firmware.station import Order
from firmware.tap import Tap
from firmware.tap_decide import Pricing
from simulator.worlds.tap_world import (
    AUTHORITY,
    EPOCH,
    GATE_A,
    GATE_B,
    PURSE,
    ROOT_KEY,
    STATION,
    UID,
    Device,
    OnCard,
    head_of,
    recipe,
)
from tests.backend_sync.builders import FixedClock
from tests.firmware.product_worlds import LONG_LEASE, TARIFF, World

BATCH, BLIND_GATE = 7, 4713
BLIND = 2  # its place among the gates
TARIFFS = {(AUTHORITY, TARIFF.version): TARIFF}


class BlindPricing(Pricing):
    """Sees no right on any card: it takes the purse although a pass is valid."""

    def begin(self, seen, profile, same_device):
        super().begin(seen, profile, same_device)
        for slot in range(i.SLOTS):
            self.card[i.slot_at(slot) + i.S_MECHANISM] = 0


class BlindTap(Tap):
    def __init__(self, *parts):
        super().__init__(*parts)
        self.pricing = BlindPricing()


class Town(World):
    """A card whose every commit is in a journal at hand: loaded by the desk that sells."""

    def __init__(self, *rights, purse=PURSE, profile=(), **head):
        super().__init__(*rights, purse=0, profile=profile, **head)
        self.head = head_of(**head)
        if purse:
            self.load(purse)
        blind = {"tariff": TARIFF, "lease": LONG_LEASE, "profile": dict(profile), "tap": BlindTap}
        self.gates.append(Device(BLIND_GATE, **blind))

    def tear(self, at, gate, *tears):
        """Tap at second `at`, torn so; return the answer."""
        self.gates[gate].watch.seconds = at
        return self.gates[gate].present(self.card, *tears)

    def load(self, cents):
        """Load money at the station."""
        order = Order(500 + self.actions, self.actions, 1, cents, CHANNEL_COUNTER)
        assert self.desk.load(self.card, order) == LOADED
        self.actions += 1

    def slots(self):
        """Return every slot as a run of its own: [(device, epoch, seq, H before, [slot])]."""
        runs = []
        for device in (self.desk, *self.gates):
            journal = device.journal
            for seq in range(journal.first_kept_seq, journal.head_seq + 1):
                slot = bytearray(SLOT_BYTES)
                assert journal.read_slot(seq, slot)
                runs.append((device.number, EPOCH, seq, bytes(32), [bytes(slot)]))
        return runs

    def issue_row(self, batch=BATCH):
        """Return the card's ISSUE row."""
        h0 = recipe(UID, self.head).record[36:44]
        values = {"uid": UID, "layout": 1, "state": STATE_VERIFIED, "authority": AUTHORITY}
        return ISSUE.pack({**values, "batch": batch, "generation": 1, "h0": h0})

    def batch(self):
        """Return what the card's delivery was given."""
        head = bytearray(self.head)
        for name in ("serial", "issued"):
            S.put(head, name, 0)
        return CardBatch(AUTHORITY, BATCH, bytes(head))


def open_keyring(folder):
    """Return a keyring that knows the town's devices."""
    folder.mkdir(exist_ok=True)
    keys = make_keys([AUTHORITY], seed="audit")._replace(root=ROOT_KEY)
    write_keys(folder / "keys.json", keys)
    ring = LocalKeyring(folder)
    for device in (GATE_A, GATE_B, BLIND_GATE, STATION):
        ring.provision(device, EPOCH, AUTHORITY, 12, "edge")
    return ring


def open_ledger(url, ring, tariffs=None):
    """Return a ledger that archives the products' tariff."""
    return Ledger(url, FixedClock(), ring, TARIFFS if tariffs is None else tariffs, AUTHORITY)


def enter(ledger, town):
    """Tell the ledger of the card and of what its batch was given."""
    ledger.import_batches([town.batch()])
    ledger.import_issues([town.issue_row()])


def post(ledger, runs):
    ledger.post([("edge", list(runs))])


def audit_all(ledger):
    while ledger.audit():
        pass


def verdicts(ledger):
    """Return {(device, seq): verdict in words} of every tap, as the report counts it."""
    rows = ledger.database.rows(
        "SELECT e.device, e.seq, coalesce(c.verdict, p.verdict) FROM pendings p"
        " JOIN entries e ON e.id = p.id LEFT JOIN choices c ON c.pending = p.id"
        " WHERE p.verdict IS NOT NULL"
    )
    return {(row[0], row[1]): VERDICT_NAMES[row[2]] for row in rows}


def audited(books, town):
    """Post and audit all of a town; return the counts of the report."""
    enter(books, town)
    post(books, town.slots())
    audit_all(books)
    return books.report()["rerated"]


def holdings(books):
    return books.database.rows("SELECT n, head, rights, usage FROM holdings")


def assert_mirrored(books, town):
    """What the ledger says is on the card is what is on it, byte for byte."""
    data = OnCard(town.card).data
    head = bytearray(data[FILE_S])
    for name in ("serial", "issued"):
        S.put(head, name, 0)
    [(n, held, rights, usage)] = holdings(books)
    assert n == OnCard(town.card).newest["n"]
    assert bytes(held) == bytes(head)
    assert bytes(rights) == bytes(data[FILE_P][12:])
    assert bytes(usage) == bytes(data[FILE_T])
