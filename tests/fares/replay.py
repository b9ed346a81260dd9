"""Decide recorded taps on whichever runtime this is, the heap locked while `rate` runs.

Usage: micropython tests/fares/replay.py TAPS. TAPS is written by recording.py: a line names a
package, and each line after it is one tap: CARD, TAP and what P says of the four slots.
Prints how many were decided, and the SHA-256 over every field of every decision.
"""

import hashlib
import sys
from binascii import hexlify

sys.path.insert(0, ".")

from card_layouts.fares import engine
from card_layouts.fares import inputs as i
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import memory_reader

try:
    from micropython import heap_lock, heap_unlock
except ImportError:
    heap_lock = heap_unlock = None


def mounted(path):
    with open(path, "rb") as file:
        tariff = Tariff(memory_reader(file.read()))
    tariff.mount()
    return tariff


def replay(path):
    """Return (taps decided, hex digest)."""
    digest, count = hashlib.sha256(), 0
    card, tap, decision = i.new_card(), i.new_tap(), i.new_decision()
    tariff = None
    with open(path) as file:
        for line in file:
            words = line.split()
            if words[0] == "town":
                tariff = mounted(words[1])
                continue
            numbers = [int(word) for word in words]
            card[:] = numbers[: i.CARD_SIZE]
            tap[:] = numbers[i.CARD_SIZE : i.CARD_SIZE + i.TAP_SIZE]
            rights = numbers[i.CARD_SIZE + i.TAP_SIZE :]
            decide(tariff, card, tap, decision, rights)
            digest.update(",".join([str(value) for value in decision]).encode() + b"\n")
            count += 1
    return count, hexlify(digest.digest()).decode()


def decide(tariff, card, tap, decision, rights):
    if heap_lock is not None:
        heap_lock()
    engine.rate(tariff, card, tap, decision)
    if heap_unlock is not None:
        heap_unlock()
    slot = decision[i.D_ACTIVATES]
    if slot:
        engine.activate(decision, rights[3 * slot - 3], rights[3 * slot - 2], rights[3 * slot - 1])


if __name__ == "__main__":
    print(*replay(sys.argv[1]))
