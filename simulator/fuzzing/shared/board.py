"""A validator and a station in little: the firmware's own parts on memory, fresh for every case.

What differs from case to case is only what the card answers: clock and entropy begin anew, so a
recorded conversation plays again to its end. Shared dialect.
"""

from card_layouts.cards import transit_service
from card_layouts.cards.card_layout import K3, K4
from card_layouts.cards.conversation import CardLost, CardStatusError, converse
from card_layouts.cards.desfire_issuer import IssuerSession
from card_layouts.cards.tourist_ticket import ticket_keys
from card_layouts.codec.timestamps import CLOCK_SIGNED
from card_layouts.crypto.an10922 import card_key
from card_layouts.errors import LayoutError, RangeError, SealError
from card_layouts.packages.hotlist import Hotlist
from firmware.device_clock import DeviceClock
from firmware.journal import Journal
from firmware.journal_provision import provision
from firmware.lease import Lease
from firmware.station import Order, Station
from firmware.station_services import Load, Product, Refund, Unblock
from firmware.tap import Tap
from firmware.tap_card import Refused, Seen, open_card
from firmware.tap_ticket import TicketTap
from simulator.bench.board import (
    AID,
    GENERATION,
    LEASE,
    NOW,
    BenchClock,
    BenchEntropy,
    BenchKeys,
    master,
    mounted,
    reader_of,
)
from simulator.bench.board import PROFILE as BENCH_PROFILE
from simulator.fuzzing.shared.flash import BLOCK_BYTES, MemoryFlash

BLOCKS = 3
DEVICE, EPOCH = 4711, 1
UID = b"\x04\xe2\x39\x30\x51\x01\x11"  # of the first card the bench's office issues
FLOWS = ("tap", "load", "product", "refund", "unblock", "key", "inspection", "ticket")
TAP, LOAD, PRODUCT, REFUND, UNBLOCK, KEY_CHANGE, INSPECTION, TICKET = range(8)
DESK = (CardLost, CardStatusError, LayoutError, RangeError, SealError, Refused)
COMMIT = 0xC7
LOAD_CENTS = 200
COUNT_PAGE = 41
PROFILE = dict(BENCH_PROFILE, lost=((DEVICE, EPOCH),))


class FuzzKeys(BenchKeys):
    """The bench's masters, and one of tickets."""

    def ticket_keys(self, version, uid):
        return ticket_keys(master("TICKET"), uid)


class Signals:
    """Remembers whether the gate opened."""

    def __init__(self):
        self.opened = False

    def signal(self, name, detail):
        if name == "gate" and detail == "open":
            self.opened = True


class Board:
    """One device; `present(flow, exchange)` is one card held to it, and all before is forgotten."""

    def __init__(self, tariff, hotlist):
        self._tariff = mounted(tariff)
        self._hotlist = Hotlist(reader_of(hotlist))
        self._keys = FuzzKeys(DEVICE)
        self._flash = MemoryFlash(BLOCKS)
        provision(self._flash, 0, BLOCKS, DEVICE, EPOCH, self._keys.block)
        image = bytearray(BLOCKS * BLOCK_BYTES)
        self._flash.read(0, image)
        self._image = bytes(image)
        self.journal = None
        self.signals = None

    def present(self, flow, exchange):
        """Return the answer of `flow` on the card that `exchange(frame, length)` reaches."""
        if self._flash.changed or self.journal is None:
            self._flash.restore(self._image)
            self.journal = Journal(self._flash, 0, BLOCKS).mount()
            self._flash.changed = False
        self.signals = Signals()
        parts = (
            PROFILE,
            DeviceClock(BenchClock(NOW), self.journal.counters),
            BenchEntropy(),
            self.journal,
            self._keys,
        )
        if flow in (TAP, TICKET):
            tap = Tap(*parts, self._tariff, self._hotlist, Lease(LEASE), self.signals)
            steps = TicketTap(tap).run(UID) if flow == TICKET else tap.run(UID)
            return converse(steps, tap.frame, exchange)
        station = Station(*parts, Lease(LEASE), self.signals)
        if flow in (KEY_CHANGE, INSPECTION):
            steps = _key_change(station) if flow == KEY_CHANGE else _inspection(station)
            try:
                return converse(steps, station.frame, exchange)
            except DESK as error:  # a clerk is told; a tap or service has an answer for each
                return error.__class__.__name__
        order = Order(1, 2, 1, LOAD_CENTS, 1)
        steps = station.serve(UID, order, _service(flow))
        return converse(steps, station.frame, exchange)


def _service(flow):
    if flow == PRODUCT:
        return Product(1, bytes(range(24)))
    return (Load, Load, Load, Refund, Unblock)[flow]()


def _key_change(station):
    """Bring K2 of the card to another version; a conversation."""
    session = IssuerSession(station.frame)
    seen = Seen(UID, NOW, CLOCK_SIGNED, 1)
    random_bytes = station.entropy.random_bytes
    yield from open_card(session, seen, PROFILE, station.keys, random_bytes, K4)
    old = card_key(master("K2"), UID, AID, 2, GENERATION)
    return (yield from transit_service.change_key(session, 2, bytes(16), 7, old))


def _inspection(station):
    """Read what an inspector reads; a conversation."""
    seen = Seen(UID, NOW, CLOCK_SIGNED, 1)
    random_bytes = station.entropy.random_bytes
    yield from open_card(station.session, seen, PROFILE, station.keys, random_bytes, K3)
    return (yield from transit_service.read_inspection(station.session))


def is_commit(frame, length, flow):
    """Return whether a command makes what is staged come true: C7, or a ticket's count."""
    if flow == TICKET:
        return length == 6 and frame[0] == 0xA2 and frame[1] == COUNT_PAGE
    return length == 1 and frame[0] == COMMIT
