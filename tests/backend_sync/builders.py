"""Devices, cards and a real keyring for tests of the ledger: every argument has a default.

A `Device` writes sealed slots as a validator would; a `Plastic` card takes or refuses commits. What
a test writes down is the point of that test.
"""

from typing import NamedTuple

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.keyring.local import LocalKeyring
from backend_sync.ledger import Ledger
from card_layouts.cards.card_layout import (
    KIND_BLOCK,
    KIND_DEBIT,
    KIND_ISSUE,
    KIND_LOAD,
    KIND_PRODUCT,
    G,
)
from card_layouts.cards.issue import ISSUE, STATE_VERIFIED
from card_layouts.crypto.kdf import block_key, device_key, device_label, next_block_key
from card_layouts.records import entries as types
from card_layouts.records.chain import chain_next, chain_start, record_h
from card_layouts.records.entries_all import layout_of
from card_layouts.records.entries_service import ACT_PRODUCT
from card_layouts.records.entries_tap import HOW_ANSWER, OUTCOME_COMMITTED
from card_layouts.records.slot import SLOT_HEADER, SLOTS_PER_BLOCK, Sealer

AUTHORITY, OPERATOR, ISSUER_DEVICE = 244, 7, 900
NO_RECORD = bytes(44)


class FixedClock:
    def __init__(self, now=200_000_000):
        self.now = now

    def utc_seconds(self):
        return self.now

    def monotonic_ms(self):
        return self.now * 1000


class Announced(NamedTuple):
    """A commit a device announced: its entry's seq and the card record it would write."""

    seq: int
    record: bytes
    before: bytes


class Plastic:
    """A card: its records as read from it, newest last."""

    def __init__(self, uid, issue_record):
        self.uid = uid
        self.records = [issue_record]

    @property
    def newest(self):
        return self.records[-1]

    @property
    def fields(self):
        return G.unpack(self.newest)

    @property
    def cents(self):
        return self.fields["L"] - self.fields["D"]

    def commit(self, announced):
        self.records.append(announced.record)

    def copy(self):
        twin = Plastic(self.uid, self.records[0])
        twin.records = list(self.records)
        return twin


class Device:
    """A journal that never forgets: slots[seq - first_seq]."""

    def __init__(self, keys, number, epoch=0, first_seq=1):
        k_dev = device_key(keys.root, number, epoch)
        self.number, self.epoch, self.first_seq = number, epoch, first_seq
        self.k_chain = device_label(k_dev, b"chain")
        self.k_block = block_key(k_dev)
        self.sealer = Sealer(self.k_block)
        self.slots = []
        self.chain = [chain_start(number, epoch)]

    @property
    def next_seq(self):
        return self.first_seq + len(self.slots)

    def put(self, kind, values, layout=1):
        """Append an entry; return its seq."""
        seq, index = self.next_seq, len(self.slots)
        if index and index % SLOTS_PER_BLOCK == 0:
            self.k_block = next_block_key(self.k_block)
            self.sealer = Sealer(self.k_block)
        slot = self.sealed(kind, values, seq, index, layout)
        self.slots.append(slot)
        self.chain.append(chain_next(self.chain[-1], slot))
        return seq

    def sealed(self, kind, values, seq, index, layout=1, sealer=None):
        header = SLOT_HEADER.pack(
            {
                "magic": 0x54,
                "type": kind,
                "layout": layout,
                "epoch": self.epoch,
                "device": self.number,
                "seq": seq,
                "length": 96,
                "slot": index % SLOTS_PER_BLOCK,
                "block": index // SLOTS_PER_BLOCK % 256,
            }
        )
        return (sealer or self.sealer).seal(header, layout_of(kind).pack(values))

    def announce(self, card, kind, cents=0, entry=types.INTENT, body=None, act=0, **fields):
        """Write an INTENT (or ACTION of kind `act`, BLOCK) for the card's next counter."""
        if act:
            fields["kind"] = act
        before = card.fields
        load = kind == KIND_LOAD
        g = {
            "layout": 1,
            "epoch": self.epoch,
            "device": self.number,
            "seq": self.next_seq % (1 << 26),
            "kind": kind,
            "clock": 1,
            "n": before["n"] + 1,
            "b": before["b"] + (kind == KIND_BLOCK),
            "time": 180_000_000 + self.next_seq,
            "amount": cents,
            "D": before["D"] + (0 if load else cents),
            "L": before["L"] + (cents if load else 0),
            "authority": AUTHORITY,
            **(body or {}),
        }
        first = G.pack(g)[:36]
        record = first + record_h(self.k_chain, before["h"], first)
        seq = self.put(entry, {"uid": card.uid, "body": record[7:36], "h": record[36:], **fields})
        return Announced(seq, record, card.newest)

    def intent(self, card, cents=300, kind=KIND_DEBIT, **fields):
        fields.setdefault("operator", OPERATOR)
        return self.announce(card, kind, cents, types.INTENT, **fields)

    def outcome(self, announced, outcome=OUTCOME_COMMITTED, how=HOW_ANSWER, observed=None):
        return self.put(
            types.OUTCOME,
            {
                "of": announced.seq,
                "outcome": outcome,
                "how": how,
                "observed": announced.before if observed is None else observed,
            },
        )

    def tap(self, card, cents=300, **fields):
        """A whole tap: announced, committed, answered."""
        announced = self.intent(card, cents, **fields)
        card.commit(announced)
        self.outcome(announced)
        return announced

    def load(self, card, cents=2000, action=1):
        announced = self.announce(
            card, KIND_LOAD, cents, types.ACTION, action=action, operator=OPERATOR
        )
        card.commit(announced)
        self.outcome(announced)
        return announced

    def announce_product(self, card, action, right=bytes(24)):
        """Announce that a product is put on the card; commit nothing."""
        fields = {"action": action, "slot_bytes": right, "operator": OPERATOR}
        return self.announce(card, KIND_PRODUCT, 0, types.ACTION, act=ACT_PRODUCT, **fields)

    def product(self, card, action, right=bytes(24)):
        announced = self.announce_product(card, action, right)
        card.commit(announced)
        self.outcome(announced)
        return announced

    def refuse(self, card, observed=None):
        record = card.newest if observed is None else observed
        return self.put(types.REFUSAL, {"uid": card.uid, "observed": record, "reason": 1})

    def run(self, first=None, last=None):
        """Return the run of slots first..last for a batch."""
        first = self.first_seq if first is None else first
        last = self.next_seq - 1 if last is None else last
        at = first - self.first_seq
        slots = self.slots[at : last - self.first_seq + 1]
        return self.number, self.epoch, first, self.chain[at], slots


class World:
    """A keyring on disk, devices, cards and one ledger."""

    def __init__(self, folder, url=None, devices=(1, 2, 3), cards=2, tariffs=None):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.is_open = True
        self.keys = make_keys([AUTHORITY], seed="ledger tests")
        write_keys(folder / "keys.json", self.keys)
        self.keyring = LocalKeyring(folder)
        self.devices = {}
        for number in (*devices, ISSUER_DEVICE):
            self.device(number)
        self.clock = FixedClock()
        self.url = url or f"sqlite:///{folder / 'ledger.db'}"
        self.tariffs = {} if tariffs is None else tariffs
        self.ledger = Ledger(self.url, self.clock, self.keyring, self.tariffs, AUTHORITY)
        self.cards = [self.card(i) for i in range(cards)]

    def close(self):
        if self.is_open:
            self.is_open = False
            self.ledger.close()
            self.keyring.close()

    def device(self, number, epoch=0, first_seq=1):
        self.keyring.provision(number, epoch, AUTHORITY, OPERATOR, "edge", first_seq=first_seq)
        self.devices[number] = Device(self.keys, number, epoch, first_seq)
        return self.devices[number]

    def plastic(self, index):
        """Return (card, its ISSUE row) without telling the ledger."""
        uid = bytes((4,)) + index.to_bytes(6, "big")
        issuer = self.devices[ISSUER_DEVICE]
        first = G.pack(
            {"layout": 1, "device": issuer.number, "kind": KIND_ISSUE, "authority": AUTHORITY}
        )[:36]
        h0 = record_h(issuer.k_chain, uid + b"\0", first)
        row = ISSUE.pack(
            {
                "uid": uid,
                "layout": 1,
                "state": STATE_VERIFIED,
                "authority": AUTHORITY,
                "serial": 31_000_000 + index,
                "generation": 1,
                "device": issuer.number,
                "h0": h0,
                "limit": 30_000,
            }
        )
        return Plastic(uid, first + h0), row

    def card(self, index):
        card, row = self.plastic(index)
        self.ledger.import_issues([row])
        return card

    def run_all(self):
        return [d.run() for d in self.devices.values() if d.slots]

    def post(self, *runs):
        return self.ledger.post([("edge-1", list(runs or self.run_all()))])
