"""Questions to the modules around `rate`: packages, the lists of a card, decisions repeated.

Every answer is data; tests/card_layouts proves the unbroken ones, mutants.py compares the broken.
"""

import io
import itertools
import random
import sys

from card_layouts.cards.card_layout import G, S, T
from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares import card_lists, package
from card_layouts.fares import inputs as i
from card_layouts.fares import sections as s
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.repeat import Repeater
from tests.card_layouts.fare_world import intent_of, shipped
from tests.fares.engine_side import mounted
from tests.fares.questions import Question
from tests.fares.recording import tariff_of

TOWNS, TAPS_A_TOWN = 20, 20  # of the recording: enough to repeat
LISTS = 20  # drawn cards


def questions(recorded):
    """Return every Question about the modules around `rate`."""
    town, ski = recorded[0][0], shipped("ski")[2]
    found = [Question(mounting, town, at, value) for at, value in _broken_bytes(town)]
    found += [Question(mounting, town, 32, size & 255, 33, size >> 8) for size in (2048, 2049)]
    found += [Question(mounting, town[:size], 0, town[0]) for size in _cut_sizes(town)]
    found += [Question(mounting_again, town)]
    found += [Question(reading, town, section) for section in range(1, s.SECTION_MAX + 1)]
    found += [Question(reader, kind) for kind in ("memory", "slow memory", "file")]
    found += [Question(numbers), Question(new_lists), Question(texts, ski), Question(texts, town)]
    found += [Question(lists, seed) for seed in range(LISTS)]
    some = [(body, tap) for body, taps in recorded[:TOWNS] for tap in taps[:TAPS_A_TOWN]]
    for number, (body, tap) in enumerate(some):
        if tap[3][i.D_KIND] != i.KIND_REFUSED:
            found.append(Question(repeated, number, body, *tap, number % 3 == 0))
    broken = [with_bytes(town, row + 2, 0, row + 3, 0) for row in _rows(town)]
    taps = [tap for body, tap in some if body == town and tap[3][i.D_KIND] != i.KIND_REFUSED]
    return found + [Question(repeated, 0, body, *tap, False) for body in broken for tap in taps[:3]]


def said(call, *words):
    """Return the answer, or the error in words."""
    try:
        return call(*words)
    except (LayoutError, RangeError) as error:
        return type(error).__name__, str(error)


# --- package.py, mounted.py -----------------------------------------------------------------------


def mounting(body, *places):
    """Mount a package with other bytes, `places` at, value ...; return all known of it."""
    tariff = Tariff(package.memory_reader(with_bytes(body, *places)))
    return _known(tariff, said(tariff.mount))


def mounting_again(body):
    """Mount a package, then in its place another one that lacks every section."""
    tariff = mounted(body)
    empty = with_bytes(body, *itertools.chain.from_iterable((at, 255) for at in _rows(body)))
    tariff.read_into = package.memory_reader(empty)
    return _known(tariff, said(tariff.mount))


def _rows(body):
    """Return where the rows of a package's directory stand."""
    return range(package.HEADER_BYTES, package.HEADER_BYTES + 8 * body[7], 8)


def with_bytes(body, *places):
    """Return `body` with other bytes; `places` is at, value, at, value ..."""
    body = bytearray(body[:])
    for at, value in zip(places[::2], places[1::2]):
        body[at : at + 1] = bytes([value])
    return bytes(body)


def _known(tariff, broken):
    counts = [tariff.count(section) for section in range(s.SECTION_MAX + 1)]
    places = [tariff.resident_at(section) for section in range(1, s.RESIDENT + 1)]
    days = (tariff.valid_from, tariff.valid_to, tariff.base_day, tariff.stride, tariff.shift)
    head = (tariff.authority, tariff.version, tariff.semantics, tariff.book_count, tariff.columns)
    return broken, counts, places, days, head, tariff.read_count, len(tariff.prices)


def _broken_bytes(body):
    """One byte of the header or directory off, at every place that is read."""
    places = [(at, body[at] ^ 1) for at in range(4)]
    places += [(4, 1), (4, 3), (5, 2), (6, 9), (7, s.SECTIONS_MAX), (7, s.SECTIONS_MAX + 1)]
    places += [
        (19, 0),
        (19, 1),
        (19, s.COLUMNS_MAX),
        (19, s.COLUMNS_MAX + 1),
        (32, 0),
        (33, 8),
        (33, 9),
    ]
    places += [(at, body[at] ^ 3) for at in (8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 34, 35)]
    first = package.HEADER_BYTES
    for row in (first, first + package.DIRECTORY_BYTES):
        places += [(row, s.SECTION_MAX), (row, s.SECTION_MAX + 1), (row, 0), (row, 255)]
        places += [(row + 1, 77), (row + 1, 0), (row + 2, 3), (row + 3, 1), (row + 4, 0)]
    return places


def _cut_sizes(body):
    """Packages cut short: inside the header, the directory, the resident block, and after it."""
    resident = package.RESIDENT_MAX
    start = package.HEADER_BYTES + package.DIRECTORY_BYTES * body[7]
    return (0, 63, resident - 1, resident, start + resident - 1, start + resident)


def reading(body, section):
    """Read at both ends of a section, and beyond them."""
    tariff, found = mounted(body), []
    count, size = tariff.count(section), tariff._size[section]
    for index in (-1, 0, 1, count - 1, count):
        for length in (4, 0):
            buffer = bytearray(length)
            found.append((said(tariff.read, section, index, buffer), bytes(buffer)))
        for skip in (-1, 0, 1, size - 1, size):
            buffer = bytearray(4)
            found.append((said(tariff.read_inside, section, index, skip, buffer), bytes(buffer)))
    return [*found, tariff.read_count]


def reader(kind):
    """Read at both ends of 64 bytes, and beyond them, by a reader of this kind."""
    body, found = bytes(range(64)), []
    read_into = _reader(kind, body)
    for at, size in ((0, 4), (59, 4), (60, 4), (61, 4), (63, 1), (64, 0), (64, 1), (1, 63)):
        buffer = bytearray(size)
        found.append((said(read_into, at, buffer), bytes(buffer)))
    return found


def _reader(kind, body):
    if kind == "file":
        return package.file_reader(io.BytesIO(body))
    name = sys.implementation.name
    if kind == "slow memory":
        sys.implementation.name = "micropython"  # whose reader must not slice
    try:
        return package.memory_reader(body)
    finally:
        sys.implementation.name = name


def numbers():
    """Return what the package's readers of numbers make of known bytes."""
    words = bytes(range(1, 9))
    readers = (package.u16, package.u24, package.u32)
    return [[read(words, at) for at in (0, 1, 3)] for read in readers]


def new_lists():
    """Return the lists a device makes once, and where the slots of a card stand in one."""
    return i.new_card(), i.new_tap(), i.new_decision(), [i.slot_at(slot) for slot in range(4)]


def texts(body):
    """Return the text at each of the first references, at the last one and after it."""
    tariff = mounted(body)
    count = tariff.count(s.TEXTS)
    return [said(tariff.text, at) for at in (*range(min(count, 40)), count - 1, count)]


# --- card_lists.py --------------------------------------------------------------------------------


def lists(seed):
    """Fill CARD from a card of random bytes, rows of this sale among rows of earlier ones."""
    rng = random.Random(seed)
    head, usage44, newest = (S.unpack(_bytes(rng)), _bytes(rng), G.unpack(_bytes(rng)))
    usage = T.unpack(usage44)
    for slot in range(0, 4, rng.randint(1, 3)):
        head[f"d_k{slot}"] = usage[f"t_k{slot}"]
    newest["start_zone"] *= rng.randrange(2)
    if seed % 4 == 0:
        newest["time"] = rng.randrange(0, 60 << 11)  # a journey begun before the epoch
    card = list(range(i.CARD_SIZE))
    card_lists.load_head(card, head)
    before = list(card)
    for slot in range(4):
        card[i.slot_at(slot) + i.S_MECHANISM] = rng.randrange(2)
        card[i.slot_at(slot) + i.S_USAGE] = rng.randrange(2)
    needs_usage = card_lists.has_usage(card)
    card_lists.load_usage(card, head, usage)
    card_lists.load_journey(card, newest)
    decision = [rng.randrange(8) for _ in i.new_decision()]
    decision[i.D_T_SLOT] = seed % 5
    return before, needs_usage, card, card_lists.usage_after(decision, head, usage44)


def _bytes(rng):
    return bytes(rng.randrange(256) for _ in range(44))


# --- repeat.py ------------------------------------------------------------------------------------


def repeated(number, body, card, tap, rights, decision, same):
    """Repeat a tap as it was journalled, with one field off, of another version, another kind."""
    tariff = tariff_of(body)
    repeater, found = Repeater(tariff), []
    terms, named = [right or (0, 0, 0) for right in rights], tap[i.T_ADULTS] >= 0
    for field in (None, _FIELDS[number % len(_FIELDS)]):
        told = list(decision)
        if field is not None:
            told[field] ^= 1
        intent = said(intent_of, tariff, card, tap, told)
        if isinstance(intent, tuple):
            continue
        name = _INTENT_FIELDS[number % len(_INTENT_FIELDS)]
        entries = [intent, {**intent, name: intent[name] ^ 1}, {**intent, "tariff": 9}]
        entries += [_with(intent, name, number % 8) for name in ("kind", "paid_by")]
        for entry, known in itertools.product(entries, (card, None)):
            for ask in (repeater.verdict, repeater.claim) if known else (repeater.verdict,):
                answer = said(ask, entry, known, terms, same, named)
                lists = (repeater.card, repeater.tap, repeater.decision)
                found.append((answer, *(list(numbers) for numbers in lists)))
    return found


_FIELDS = (i.D_FULL, i.D_REDUCTION, i.D_CONCESSION, i.D_RULE, i.D_AMOUNT, i.D_ZONES, i.D_ZONE)
_FIELDS += (i.D_START_ZONE, i.D_CHARGED, i.D_TRANSFERS, i.D_PAID_BY, i.D_COMPANIONS, i.D_NIGHT)
_FIELDS += (i.D_START_MINUTE, i.D_DAY_BEFORE, i.D_PERIOD_BEFORE)
_INTENT_FIELDS = ("product", "product_zones", "product_authority", "group", "use_start", "rule")
_INTENT_FIELDS += ("use_length", "use_counted", "use_left", "use_today", "use_cents", "was_zones")
_INTENT_FIELDS += ("call", "trip", "stop")


def _with(intent, name, value):
    fields = G.unpack(bytes(7) + intent["body"] + bytes(8))
    fields[name] = value
    return {**intent, "body": G.pack(fields)[7:36]}
