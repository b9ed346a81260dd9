"""Questions to the modules around `rate`: packages, lists, repetition, pay per use, refunds.

Every answer is data; tests/card_layouts proves the unbroken ones, mutants.py compares the broken.
"""

import itertools
import random

from card_layouts.cards.card_layout import G, S, T
from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares import card_lists, package, pay_per_use, refund
from card_layouts.fares import inputs as i
from card_layouts.fares import sections as s
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.repeat import Repeater
from tests.card_layouts.fare_world import intent_of, shipped
from tests.fares.engine_side import mounted

TOWNS, TAPS_A_TOWN = 24, 40  # of the recording: enough to repeat
SKI_SHIFT = 240


def material(recorded):
    """Return what `answers` asks about: some recorded taps, and the package of the ski region."""
    return [(body, taps[:TAPS_A_TOWN]) for body, taps in recorded[:TOWNS]], shipped("ski")[2]


def answers(asked):
    """Return every answer, in a fixed order."""
    recorded, ski = asked
    town = recorded[0][0]
    found = [_packages(town), _numbers(), _texts(ski), _lists(), _refunds(), _rides(ski)]
    return found + [_repeated(body, taps) for body, taps in recorded]


def _said(call, *words):
    """Return the answer, or the error in words."""
    try:
        return call(*words)
    except (LayoutError, RangeError) as error:
        return type(error).__name__, str(error)


# --- package.py -----------------------------------------------------------------------------------


def _packages(body):
    """Mount packages with one byte of the header or directory off, at every place that is read."""
    return [_mounted(_with(body, at, value)) for at, value in _broken_bytes(body)] + _reads(body)


def _with(body, at, value):
    return body[:at] + bytes([value]) + body[at + 1 :]


def _broken_bytes(body):
    places = [(at, body[at] ^ 1) for at in range(4)]
    places += [(4, 1), (4, 3), (5, 2), (6, 9), (7, s.SECTION_MAX), (7, s.SECTION_MAX + 1)]
    places += [(19, 0), (19, s.COLUMNS_MAX), (19, s.COLUMNS_MAX + 1), (32, 0), (33, 8), (33, 9)]
    places += [(at, body[at] ^ 3) for at in (8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 34, 35)]
    first = package.HEADER_BYTES
    places += [(first, s.SECTION_MAX), (first, s.SECTION_MAX + 1), (first, 0), (first + 1, 77)]
    return places


def _mounted(body):
    tariff = Tariff(package.memory_reader(body))
    broken = _said(tariff.mount)
    counts = [tariff.count(section) for section in range(s.SECTION_MAX + 1)]
    places = [tariff.resident_at(section) for section in range(1, s.RESIDENT + 1)]
    days = (tariff.valid_from, tariff.valid_to, tariff.base_day, tariff.stride, tariff.shift)
    head = (tariff.authority, tariff.version, tariff.semantics, tariff.book_count, tariff.columns)
    return broken, counts, places, days, head, tariff.read_count


def _reads(body):
    """Read at both ends of every section, and beyond them."""
    tariff, found = mounted(body), []
    for section in range(1, s.SECTION_MAX + 1):
        count = tariff.count(section)
        for index in (-1, 0, count - 1, count):
            buffer = bytearray(4)
            found.append((_said(tariff.read, section, index, buffer), bytes(buffer)))
            for skip in (-1, 0, 1, tariff._size[section] - 1, tariff._size[section]):
                said = _said(tariff.read_inside, section, index, skip, buffer)
                found.append((said, bytes(buffer)))
    reader, four = package.memory_reader(body[:64]), bytearray(4)
    found += [_said(reader, at, four) for at in (0, 59, 60, 61)]
    return [*found, tariff.read_count]


def _numbers():
    """Return what the package's readers of numbers make of known bytes."""
    words = bytes(range(1, 9))
    numbers = [[read(words, at) for at in (0, 1, 3)] for read in _NUMBERS]
    return numbers


_NUMBERS = (package.u16, package.u24, package.u32)


def _texts(body):
    tariff = mounted(body)
    count = tariff.count(s.TEXTS)
    return [_said(tariff.text, at) for at in (*range(min(count, 40)), count - 1, count)]


# --- card_lists.py --------------------------------------------------------------------------------


def _lists():
    rng, found = random.Random(1), []
    for _ in range(20):
        head, usage44, newest = (S.unpack(_bytes(rng)), _bytes(rng), G.unpack(_bytes(rng)))
        usage = T.unpack(usage44)
        for slot in range(0, 4, rng.randint(1, 3)):  # rows of this sale among rows of earlier ones
            head[f"d_k{slot}"] = usage[f"t_k{slot}"]
        newest["start_zone"] *= rng.randrange(2)
        card, used = list(range(i.CARD_SIZE)), []
        card_lists.load_head(card, head)
        used.append(list(card))
        for slot in range(4):
            card[i.slot_at(slot) + i.S_MECHANISM] = rng.randrange(2)
            card[i.slot_at(slot) + i.S_USAGE] = rng.randrange(2)
        used.append(card_lists.has_usage(card))
        card_lists.load_usage(card, head, usage)
        card_lists.load_journey(card, newest)
        decision = [rng.randrange(8) for _ in i.new_decision()]
        decision[i.D_T_SLOT] = rng.randrange(5)
        found.append((used, card, card_lists.usage_after(decision, head, usage44)))
    return found


def _bytes(rng):
    return bytes(rng.randrange(256) for _ in range(44))


# --- repeat.py ------------------------------------------------------------------------------------


def _repeated(body, taps):
    tariff = mounted(body)
    repeater, found = Repeater(tariff), []
    for number, (card, tap, rights, decision) in enumerate(taps):
        if decision[i.D_KIND] == i.KIND_REFUSED:
            continue
        slot = decision[i.D_ACTIVATES]
        terms = tuple(rights[slot - 1]) if slot and rights[slot - 1] else (0, 0, 0)
        same = bool(tap[i.T_FLAGS] & i.FLAG_SAME_DEVICE)
        for field in (None, _FIELDS[number % len(_FIELDS)]):
            told = list(decision)
            if field is not None:
                told[field] ^= 1
            intent = _said(intent_of, tariff, card, tap, told)
            if isinstance(intent, tuple):
                continue
            for known in (card, None):
                verdict = _said(repeater.verdict, intent, known, terms, same)
                found.append((verdict, list(repeater.card), list(repeater.tap)))
            found.append(_said(repeater.verdict, {**intent, "tariff": 9}, card, terms))
            other = _of_kind(intent, number % 8)
            found.append(_said(repeater.verdict, other, card, terms, same))
    return found


_FIELDS = (i.D_FULL, i.D_REDUCTION, i.D_CONCESSION, i.D_RULE, i.D_AMOUNT, i.D_ZONES, i.D_ZONE)
_FIELDS += (i.D_START_ZONE, i.D_CHARGED, i.D_TRANSFERS, i.D_PAID_BY, i.D_COMPANIONS, i.D_NIGHT)
_FIELDS += (i.D_START_MINUTE, i.D_DAY_BEFORE, i.D_PERIOD_BEFORE)


def _of_kind(intent, kind):
    fields = G.unpack(bytes(7) + intent["body"] + bytes(8))
    fields["kind"] = kind
    return {**intent, "body": G.pack(fields)[7:36]}


# --- pay_per_use.py, refund.py --------------------------------------------------------------------


def _rides(body):
    """Price accesses about the edges of hours, half days, days and the service day."""
    tariff, rng, found = mounted(body), random.Random(2), []
    groups = [pay_per_use.tickets_of(tariff, group) for group in range(tariff.columns)]
    found.append(groups)
    for number in range(150):
        start = 2000 * 1440 + rng.choice((239, 240, 241, 479, 480, 600, 719, 720, 779, 780, 900))
        gaps = (0, 119, 120, 121, 240, 1199, 1200, 1440, 2879, 2880, 4319, 4320)
        accesses = [
            (start + rng.choice(gaps), rng.choice(("alpe", "brenta", "cima", "elsewhere")))
            for _ in range(rng.randint(1, 3))
        ]
        tickets = groups[number % len(groups)] or _TICKETS
        tickets = _TICKETS if number % 2 else tickets
        found.append(_said(pay_per_use.best_price, tickets, accesses, SKI_SHIFT))
        found.append(_said(pay_per_use.charge_of, tickets, accesses[1:], accesses[0], SKI_SHIFT))
    return found


# cents, minutes, days, window from, window to, region, station
_TICKETS = [
    (3000, 120, 0, 0, 0, False, "*"),
    (2900, 121, 0, 0, 0, False, "alpe"),
    (3200, 0, 0, 480, 780, False, "*"),
    (3300, 0, 0, 780, 1440, False, "brenta"),
    (4500, 0, 1, 0, 0, False, "alpe"),
    (11000, 0, 3, 0, 0, False, "cima"),
    (5800, 0, 1, 0, 0, True, ""),
    (8000, 0, 2, 0, 0, True, ""),
]


def _refunds():
    units = itertools.product((0, 300, 5522), (0, 99, 100), (True, False), (0, 1, 2, 29, 30, 31))
    found = [refund.refund_cents(*row, total) for row in units for total in (-1, 0, 1, 2, 3, 30)]
    found += [refund.days_used(start, 30, day) for start in (0, 1, 9) for day in range(45)]
    return found + [refund.best_price_refund(left, 5522) for left in (0, 1, 5522)]
