"""A validator for counting: the firmware's own tap on parts that cost next to nothing.

The same file runs under CPython (with the simulator's card and flash) and under MicroPython (with
recorded answers, see bench_replay.py), so both sides of a count do the same work. Shared dialect.
"""

import hashlib

from card_layouts.cards.card_layout import aid_bytes
from card_layouts.crypto.an10922 import card_key
from card_layouts.crypto.kdf import block_key, device_key, device_label
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import memory_reader
from card_layouts.packages.hotlist import Hotlist
from card_layouts.records.entries_tap import TERMINAL_GATE
from firmware.device_clock import DeviceClock
from firmware.journal import Journal
from firmware.journal_provision import provision
from firmware.lease import Lease
from firmware.tap import Tap

AUTHORITY, CLUSTER, GENERATION, KEY_VERSION = 244, 0x1234, 1, 1
AID = aid_bytes(CLUSTER, GENERATION)
DEVICE, EPOCH = 4711, 1
NOW = 180_000_000
TAP_INTERVAL_S = 3600
BLOCKS = 24
K_ROOT = b"bench key of no scheme anywhere."
PROFILE = {
    "device": DEVICE,
    "authority": AUTHORITY,
    "operator": 12,
    "terminal": TERMINAL_GATE,
    "cluster": CLUSTER,
    "generation": GENERATION,
    "key_version": KEY_VERSION,
    "line": 17,
    "trip": 0,
    "call": 0,
    "stop": 0,
    "direction": 1,
    "shift": 5,
}
LEASE = {
    "lease": 1,
    "not_before": NOW - 86400,
    "not_after": NOW + 400 * 86400,
    "max_taps": 1 << 20,
    "max_cents": 1 << 29,
    "rights": 0xFFFF,
    "unknown": 0,
    "tap_cents": 0,
}


def master(name):
    """Return the bench's 16-byte master key of this name: K0..K4, PICC."""
    return hashlib.sha256(b"bench " + name.encode()).digest()[:16]


class BenchKeys:
    """The Keys port over masters that anybody may know."""

    def __init__(self, device):
        k_dev = device_key(K_ROOT, device, EPOCH)
        self.chain = device_label(k_dev, b"chain")
        self.ack = device_label(k_dev, b"ack")
        self.block = block_key(k_dev)

    def card_key(self, key_no, version, uid):
        return card_key(master(f"K{key_no}"), uid, AID, key_no, GENERATION)


class BenchClock:
    """A clock that stands still until told otherwise; it gives UTC and ticks."""

    def __init__(self, now):
        self.now = now

    def ticks_ms(self):
        return self.now % 100_000

    def utc_seconds(self):
        return self.now


class BenchEntropy:
    """Bytes that repeat from run to run."""

    def __init__(self):
        self.count = 0

    def random_bytes(self, n):
        self.count += 1
        return hashlib.sha256(b"bench %d" % self.count).digest()[:n]


class Silent:
    """Signals that nobody sees."""

    def signal(self, name, detail):
        pass


class BenchBoard:
    """One validator, ready to tap; `tariff` and `hotlist` are package bodies, bytes."""

    def __init__(self, flash, tariff, hotlist):
        self.flash = flash
        self.clock = BenchClock(NOW)
        self.keys = BenchKeys(DEVICE)
        provision(flash, 0, BLOCKS, DEVICE, EPOCH, self.keys.block)
        self.journal = Journal(flash, 0, BLOCKS).mount()
        self.tap = Tap(
            dict(PROFILE),
            DeviceClock(self.clock, self.journal.counters),
            BenchEntropy(),
            self.journal,
            self.keys,
            mounted(tariff),
            Hotlist(reader_of(hotlist)),
            Lease(dict(LEASE)),
            Silent(),
        )

    def present(self, uid, exchange):
        """Hold a card to the reader; `exchange(frame, length)` is its field. Return the answer."""
        self.clock.now += TAP_INTERVAL_S
        steps = self.tap.run(uid)
        frame = self.tap.frame
        try:
            length = next(steps)
            while True:
                length = steps.send(exchange(frame, length))
        except StopIteration as end:
            return end.value


def mounted(body):
    """Return the Tariff over a package in memory."""
    tariff = Tariff(memory_reader(body))
    tariff.mount()
    return tariff


def reader_of(body):
    """Return `read(offset, n)` over bytes, as flash in place gives it."""
    return lambda offset, n: body[offset : offset + n]
