"""A single ticket sold for cash: priced by the fare engine and journalled, before it is printed.

    PRICE -> row of the order -> CASH_SALE durable -> (single_print.py) SIGN -> PRINT -> row marked

Orders are numbered by the device, whoever drives. Said again after a power cut an order finds its
row: not sold yet, then it is sold; sold but perhaps not printed, then it is printed. So nobody pays
twice and no paper lacks an entry. Sold only while a driver is signed on: he owes the cash. Loaded
while an order is worked on. Source: W-50 to W-53, W-92, D9, X-2, X-5, T18.
"""

from card_layouts.answers import MODE_PRINTER_OUT, name_of
from card_layouts.codec.timestamps import CLOCK_UNSET
from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares.inputs import T_CALL, T_CLOCK, T_PICKED, T_SECONDS, T_STOP, T_TRIP
from card_layouts.fares.singles import price_single
from card_layouts.packages.lease import RIGHT_SELL
from card_layouts.records.entries import CASH_SALE as CASH_SALE_TYPE
from card_layouts.records.entries_service import CASH_SALE, PAID_CASH, ROUNDING_ZERO
from card_layouts.records.entries_tap import (
    CALL_NONE,
    REASON_CLOCK_UNSET,
    REASON_JOURNAL_FULL,
    REASON_LEASE,
    REASON_LIMIT,
    REASON_NO_PRICE,
    REASON_NO_SHIFT,
    REASON_TARIFF,
    STOP_NONE,
    TRIP_NONE,
)
from card_layouts.tickets.single import CERTIFICATE, HEADS_MAX, LINES, SINGLE, pack_single
from firmware.flash_rows import FlashRows
from firmware.journal_errors import JournalFull
from firmware.partitions import SOLD_BLOCKS, SOLD_FIRST
from firmware.single_orders import (
    ORDER_MAX,
    ROW_BYTES,
    SOLD,
    TICKET_MAX,
    Unsold,
    certificate_for,
    find_row,
    pack_row,
    remember,
)
from firmware.tap_decide import REASONS, degraded, where

UNIT_CENTS_MAX = 0xFFFF
PROFILE = ("line", "operator", "shift", "terminal", "clerk")
# Fields of CASH_SALE that say what the ticket says.
FROM_TICKET = (
    ("ticket", "serial"),
    ("barcode", "serial"),
    ("valid", "minutes"),
    ("total", "price"),
    ("product", "product"),
    ("authority", "authority"),
    ("zones", "zones"),
    ("night", "night"),
    ("tariff", "tariff"),
    ("from_minute", "from_minute"),
    ("certificate", "certificate"),
)


def order_steps(singles, word, rest):
    """Carry out quote or sell; signals price or unsold. The generator's result is 0.

    What is sold now, or was by this order before, stands in `singles.after` to be printed.
    """
    yield
    order = 0
    try:
        numbers = _numbers(rest)
        if word == "quote":
            _quote(singles, numbers)
            return 0
        order = numbers[0]
        if not 1 <= order <= ORDER_MAX:
            raise Unsold("BAD_ORDER")
        _sell(singles, order, numbers[1:])
    except Unsold as unsold:
        singles.tap.signals.signal("unsold", "%d %s" % (order, unsold.why))
    except JournalFull:  # a dead block took the room; an order without its entry is not sold
        singles.tap.signals.signal("unsold", "%d %s" % (order, name_of(REASON_JOURNAL_FULL)))
    except (LayoutError, RangeError):
        singles.tap.signals.signal("unsold", "%d %s" % (order, name_of(REASON_NO_PRICE)))
    return 0


def _sell(singles, order, wanted):
    rows = FlashRows(singles.flash, SOLD_FIRST, SOLD_BLOCKS, ROW_BYTES)
    row = find_row(rows, singles.tap.journal.counters.next_ticket(), order)
    if row is None:
        _new_sale(singles, rows, order, wanted)
    elif row.void_of:
        raise Unsold("BAD_ORDER")
    elif row.voided:
        raise Unsold("VOIDED")
    singles.after = ("print", order, False)


def _new_sale(singles, rows, order, wanted):
    """Price, remember the order, journal the sale: then, and only then, it may be printed."""
    tap = singles.tap
    product, picked, party = _wanted(wanted)
    tap.mode = 0
    if not tap.journal.counters.values["driver"]:
        raise Unsold(name_of(REASON_NO_SHIFT))
    if not singles.printer.ready():
        tap.mode = MODE_PRINTER_OUT
        raise Unsold("PRINTER_OUT")
    now, clock = _allowed(tap)
    certified = certificate_for(singles, now // 60)
    priced = _price(tap, product, picked, party, now, clock)
    serial = tap.journal.counters.next_ticket()
    if serial > TICKET_MAX or not tap.journal.admits_tap():
        raise Unsold(name_of(REASON_JOURNAL_FULL))
    total, rounding = _rounded(priced.total, tap.profile.get("cash_step", 1))
    number = CERTIFICATE.get(certified, "number")
    body = pack_single(_ticket(tap, priced, total, product, serial, number, now))
    entry = _entry(tap, priced, body, order, now, clock)
    CASH_SALE.put(entry, "rounding", ROUNDING_ZERO + rounding)
    remember(rows, pack_row(order, body, _rest(entry)))
    tap.journal.append(CASH_SALE_TYPE, entry, tap.flags())


def _allowed(tap):
    """Return (now, clock) if this device may sell now. Raises: Unsold."""
    now, clock = tap.clock.now()
    if clock == CLOCK_UNSET:
        raise Unsold(name_of(REASON_CLOCK_UNSET))
    if tap.tariff is None:
        raise Unsold(name_of(REASON_TARIFF))
    if not tap.lease.in_time(now, clock) or not tap.lease.may(RIGHT_SELL):
        raise Unsold(name_of(REASON_LEASE))
    return now, clock


def _price(tap, product, picked, party, now, clock):
    """Return the Priced of what is wanted. Raises: Unsold with the engine's reason."""
    lists = tap.pricing
    where(lists.tap, tap.profile)
    if picked:
        lists.tap[T_PICKED] = picked
    lists.tap[T_SECONDS] = now
    lists.tap[T_CLOCK] = clock
    priced = price_single(tap.tariff, lists.card, lists.tap, lists.decision, product, party)
    tap.mode |= degraded(tap.tariff)
    if priced.refused:
        raise Unsold(name_of(REASONS[priced.refused]))
    for _group, _heads, cents in priced.rows:
        if cents > UNIT_CENTS_MAX:
            raise Unsold(name_of(REASON_LIMIT))
    return priced


def _quote(singles, numbers):
    tap = singles.tap
    product, picked, party = _wanted(numbers)
    tap.mode = 0
    now, clock = _allowed(tap)
    priced = _price(tap, product, picked, party, now, clock)
    total = _rounded(priced.total, tap.profile.get("cash_step", 1))[0]
    tap.signals.signal("price", "%d %d %d" % (total, priced.minutes, priced.zones))


def _rounded(cents, step):
    """Return (cents to be taken, what rounding added) in steps of the smallest coin (X-2)."""
    taken = (cents + step // 2) // step * step
    return taken, taken - cents


def _ticket(tap, priced, total, product, serial, certificate, now):
    values = {
        "authority": priced.authority,
        "device": tap.journal.device,
        "serial": serial,
        "certificate": certificate,
        "product": product,
        "zones": priced.zones,
        "start_zone": priced.start_zone,
        "line_only": priced.line_only,
        "line": tap.profile.get("line", 0),
        "from_minute": now // 60,
        "minutes": priced.minutes,
        "night": priced.night,
        "price": total,
        "tariff": tap.tariff.version,
    }
    for i in range(len(priced.rows)):
        values["group%d" % i], values["count%d" % i], _cents = priced.rows[i]
    return values


def _entry(tap, priced, body, order, now, clock):
    """Return the CASH_SALE of a ticket; every input of pricing it again is there (D14).

    Field by field: a dict of them all would be the largest piece of a board's heap.
    """
    entry = bytearray(CASH_SALE.size)
    put = CASH_SALE.put
    place = tap.pricing.tap
    for name, field in FROM_TICKET:
        put(entry, name, SINGLE.get(body, field))
    for name in PROFILE:
        put(entry, name, tap.profile.get(name, 0))
    for i in range(len(priced.rows)):
        group, heads, cents = priced.rows[i]
        put(entry, "l_group%d" % i, group)
        put(entry, "l_count%d" % i, heads)
        put(entry, "l_unit%d" % i, cents)
        put(entry, "l_vat%d" % i, priced.vat)
    put(entry, "time", now)
    put(entry, "clock", clock)
    put(entry, "zone", priced.zone)
    put(entry, "trip", place[T_TRIP] & TRIP_NONE)
    put(entry, "stop", place[T_STOP] & STOP_NONE)
    put(entry, "call", (place[T_CALL] + 1) & CALL_NONE)
    put(entry, "picked", place[T_PICKED])
    put(entry, "full", priced.full)
    put(entry, "reduction", priced.full - priced.total)
    put(entry, "concession", priced.concession)
    put(entry, "paid", PAID_CASH)
    put(entry, "semantics", tap.tariff.semantics)
    put(entry, "rule", priced.rule)
    put(entry, "order", order)
    put(entry, "mode", tap.mode)
    return entry


def _rest(entry):
    """Return what a void of this sale will have to say again."""
    rest = bytearray(SOLD.size)
    for _bit, _width, name in SOLD.rows():
        if name not in ("free", "void_of"):
            SOLD.put(rest, name, CASH_SALE.get(entry, name))
    return rest


def _numbers(rest):
    """Return the numbers of a message. Raises: Unsold."""
    try:
        return [int(word) for word in rest.split()] or [0]
    except ValueError:
        raise Unsold("BAD_ORDER")


def _wanted(numbers):
    """Return (product, picked zones, [(group, heads)]). Raises: Unsold."""
    pairs = numbers[2:]
    if len(numbers) < 4 or len(pairs) % 2 or len(pairs) > 2 * LINES:
        raise Unsold("BAD_ORDER")
    party = [(pairs[i], pairs[i + 1]) for i in range(0, len(pairs), 2)]
    groups = [group for group, _heads in party]
    heads = sum([heads for _group, heads in party])
    right = 0 <= numbers[0] <= 1023 and 0 <= numbers[1] <= 0x7FFF and heads <= HEADS_MAX
    for group, count in party:
        right = right and 0 <= group <= 15 and count >= 1 and groups.count(group) == 1
    if not right:
        raise Unsold("BAD_ORDER")
    return numbers[0], numbers[1], party
