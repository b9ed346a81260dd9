"""The fare engine measured on whichever runtime this is: reads, time, heap, a hash of all answers.

Usage: micropython simulator/bench/fares_board.py PACKAGE QUESTIONS. QUESTIONS is a text file: a
line is CARD and TAP. On MicroPython the heap is locked while `rate` runs. Prints one line of
numbers: decisions, mean, p99 and highest reads (the mean in hundredths), microseconds of a
decision and of a bare table lookup (both in hundredths), heap bytes, and a hash.
"""

import gc
import hashlib
import sys
import time
from binascii import hexlify

sys.path.insert(0, ".")

from card_layouts.fares import inputs as i
from card_layouts.fares import sections as s
from card_layouts.fares.engine import rate
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import file_reader, u24

try:
    from micropython import heap_lock, heap_unlock
except ImportError:
    heap_lock = heap_unlock = None
LOOKUPS = 20_000


def main(package, questions):
    file = open(package, "rb")
    gc.collect()
    before = gc.mem_alloc() if hasattr(gc, "mem_alloc") else 0
    tariff = Tariff(file_reader(file))
    tariff.mount()
    card, tap, decision = i.new_card(), i.new_tap(), i.new_decision()
    gc.collect()
    heap = gc.mem_alloc() - before if hasattr(gc, "mem_alloc") else 0
    rows = read_questions(questions)
    digest, reads = hashlib.sha256(), []
    for row in rows:
        card[:] = row[: i.CARD_SIZE]
        tap[:] = row[i.CARD_SIZE :]
        tariff.read_count = 0
        decide(tariff, card, tap, decision)
        reads.append(tariff.read_count)
        digest.update(",".join([str(value) for value in decision]).encode() + b"\n")
    rating = time_rate(tariff, rows, card, tap, decision)
    lookup = time_lookup(tariff)
    reads.sort()
    mean = 100 * sum(reads) // len(reads)
    p99 = reads[len(reads) * 99 // 100]
    print(len(reads), mean, p99, reads[-1], rating, lookup, heap, hexlify(digest.digest()).decode())


def decide(tariff, card, tap, decision):
    if heap_lock is None:
        rate(tariff, card, tap, decision)
        return
    heap_lock()
    try:
        rate(tariff, card, tap, decision)
    finally:
        heap_unlock()


def read_questions(path):
    rows = []
    with open(path) as file:
        for line in file:
            rows.append([int(word) for word in line.split()])
    return rows


def time_rate(tariff, rows, card, tap, decision):
    """Return hundredths of a microsecond of one decision, the lists filled beforehand."""
    total = 0
    for row in rows:
        card[:] = row[: i.CARD_SIZE]
        tap[:] = row[i.CARD_SIZE :]
        start = now_us()
        for _ in range(4):
            rate(tariff, card, tap, decision)
        total += now_us() - start
    return int(100 * total / (4 * len(rows)))


def time_lookup(tariff):
    """Return hundredths of a microsecond of one price read from its row by the same reader."""
    start = now_us()
    for _ in range(LOOKUPS):
        tariff.read(s.PRICES, 1, tariff.prices)
        u24(tariff.prices, 3)
    return int(100 * (now_us() - start) / LOOKUPS)


def now_us():
    return time.ticks_us() if hasattr(time, "ticks_us") else time.perf_counter_ns() // 1000


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
