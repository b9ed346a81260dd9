"""Replay recorded taps on whichever runtime this is, with the heap locked in the commit window.

Usage: micropython tap_replay.py RECORDING. The recording (made by test_tap_micropython.py) holds
what the world said: card answers, random numbers, clock. Everything else is the real firmware.
Prints the answers and the SHA-256 of the journal's flash: both must equal CPython's.
"""

import hashlib
import json
import sys
from binascii import hexlify, unhexlify

sys.path.insert(0, ".")

from card_layouts.cards.conversation import LOST, converse
from card_layouts.crypto.kdf import block_key, device_key, device_label
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import memory_reader
from firmware.device_clock import DeviceClock
from firmware.journal import Journal
from firmware.lease import Lease
from firmware.tap import Tap

try:
    from micropython import heap_lock, heap_unlock
except ImportError:
    heap_lock = heap_unlock = None

BLOCK_BYTES = 4096


class Flash:
    """The port, over RAM."""

    block_bytes = BLOCK_BYTES

    def __init__(self, size):
        self.size = size
        self.image = bytearray(b"\xff" * size)

    def read(self, offset, buf):
        buf[:] = self.image[offset : offset + len(buf)]

    def program(self, offset, data):
        for i in range(len(data)):
            self.image[offset + i] &= data[i]

    def erase(self, offset):
        self.image[offset : offset + BLOCK_BYTES] = b"\xff" * BLOCK_BYTES


class Window:
    """Locks the heap where the runtime can; counts how often."""

    def __init__(self):
        self.times = 0

    def enter(self):
        self.times += 1
        if heap_lock is not None:
            heap_lock()

    def exit(self):
        if heap_unlock is not None:
            heap_unlock()


class World:
    """Clock, entropy, keys, hotlist, signals and card of one recording."""

    version = overlay_version = 0

    def __init__(self, recording):
        self.random = [unhexlify(r) for r in recording["random"]]
        self.keys = {int(no): unhexlify(key) for no, key in recording["keys"]}
        self.chain = unhexlify(recording["chain"])
        self.frames = []
        self.at = 0
        self.seconds = 0
        self.listed = (0, 0)
        self.base = self
        self.width = 7

    def ticks_ms(self):
        return 0

    def utc_seconds(self):
        return self.seconds

    def random_bytes(self, n):
        return self.random.pop(0)

    def card_key(self, key_no, version, uid):
        return self.keys[key_no]

    def lookup(self, uid):
        return self.listed

    def signal(self, name, detail):
        pass

    def exchange(self, frame, length):
        """Allocates nothing: it runs inside the window too."""
        wanted, answer = self.frames[self.at]
        self.at += 1
        if length != len(wanted):
            raise ValueError
        i = 0
        while i < length:
            if frame[i] != wanted[i]:
                raise ValueError
            i += 1
        if answer is None:
            raise LOST
        i = 0
        while i < len(answer):
            frame[i] = answer[i]
            i += 1
        return i


def replay(recording):
    """Return (answers, hex digest of the flash, times the window was open)."""
    world = World(recording)
    flash = Flash(recording["flash_bytes"])
    profile = recording["profile"]
    k_dev = device_key(unhexlify(recording["root"]), profile["device"], recording["epoch"])
    assert device_label(k_dev, b"chain") == world.chain
    blocks = flash.size // BLOCK_BYTES - 1
    Journal.provision(flash, 1, blocks, profile["device"], recording["epoch"], block_key(k_dev))
    journal = Journal(flash, 1, blocks).mount()
    body = unhexlify(recording["tariff"])
    tariff = Tariff(memory_reader(body))
    tariff.mount()
    window = Window()
    clock = DeviceClock(world, journal.counters)
    tap = Tap(
        profile,
        clock,
        world,
        journal,
        world,
        tariff,
        world,
        Lease(recording["lease"]),
        world,
        window,
    )
    answers = []
    for step in recording["taps"]:
        world.seconds = step["seconds"]
        world.listed = tuple(step["listed"])
        world.frames = [
            (unhexlify(sent), None if answer is None else unhexlify(answer))
            for sent, answer in step["frames"]
        ]
        world.at = 0
        answers.append(converse(tap.run(unhexlify(step["uid"])), tap.frame, world.exchange))
    digest = hexlify(hashlib.sha256(bytes(flash.image)).digest()).decode()
    return answers, digest, window.times


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        print(json.dumps(replay(json.load(file))))
