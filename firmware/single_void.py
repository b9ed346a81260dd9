"""A single ticket taken back: within minutes, in the shift it was sold in, once.

    row of the order -> CASH_SALE with void_of durable: the driver owes that much less

A void has an order and a number of its own and says again what the sale said, so that it takes away
from every total what the sale gave it. Nothing is printed: it works without paper, tariff or lease,
for the passenger has his money back. Loaded while a void is worked on. Source: X-8, X-15, T18.
"""

from card_layouts.answers import name_of
from card_layouts.codec.timestamps import CLOCK_UNSET
from card_layouts.records.entries import CASH_SALE as CASH_SALE_TYPE
from card_layouts.records.entries_service import CASH_SALE, PAID_CASH
from card_layouts.records.entries_tap import (
    CALL_NONE,
    REASON_CLOCK_UNSET,
    REASON_JOURNAL_FULL,
    REASON_NO_SHIFT,
    STOP_NONE,
    TRIP_NONE,
)
from card_layouts.tickets.single import LINES, SINGLE
from firmware.flash_rows import FlashRows
from firmware.journal_errors import JournalFull
from firmware.partitions import SOLD_BLOCKS, SOLD_FIRST
from firmware.single_orders import (
    ORDER_MAX,
    ROW_BYTES,
    SOLD,
    TICKET_MAX,
    Unsold,
    find_row,
    pack_row,
    remember,
)

MINUTES, IN_A_SHIFT = 10, 50  # unless the profile's void_minutes and void_most say otherwise
ROOM = 2  # free slots: one for the void, one for the end of the shift
NO_ORDER = -1
# Fields of CASH_SALE that say what the ticket said.
FROM_TICKET = (
    ("total", "price"),
    ("product", "product"),
    ("authority", "authority"),
    ("zones", "zones"),
    ("night", "night"),
    ("tariff", "tariff"),
    ("valid", "minutes"),
    ("from_minute", "from_minute"),
)


def void_steps(singles, rest):
    """Void what "ORDER SERIAL" names; signals voided or unsold. The generator's result is 0."""
    yield
    order = 0
    try:
        order, ticket = _numbers(rest)
        _void(singles, order, ticket)
    except Unsold as unsold:
        singles.tap.signals.signal("unsold", "%d %s" % (order, unsold.why))
    except JournalFull:  # a dead block took the room; an order without its entry voids nothing
        singles.tap.signals.signal("unsold", "%d %s" % (order, name_of(REASON_JOURNAL_FULL)))
    return 0


def _void(singles, order, ticket):
    counters = singles.tap.journal.counters
    rows = FlashRows(singles.flash, SOLD_FIRST, SOLD_BLOCKS, ROW_BYTES)
    done = find_row(rows, counters.next_ticket(), order)
    if done is not None:
        if done.void_of != ticket:
            raise Unsold("BAD_ORDER")
        cents = SINGLE.get(done.body, "price")
    else:
        sold = find_row(rows, counters.next_ticket(), NO_ORDER, ticket)
        cents = _new_void(singles.tap, rows, order, _refuse_wrong(singles.tap, sold))
    singles.tap.signals.signal("voided", "%d %d %d" % (order, ticket, cents))


def _refuse_wrong(tap, sold):
    """Return the row of a sale that may be voided now. Raises: Unsold."""
    values = tap.journal.counters.values
    now, clock = tap.clock.now()
    if not values["driver"]:
        raise Unsold(name_of(REASON_NO_SHIFT))
    if sold is None or sold.void_of:
        raise Unsold("NOT_SOLD")
    if sold.voided:
        raise Unsold("VOIDED")
    if sold.serial < values["first_ticket"]:
        raise Unsold("OTHER_SHIFT")
    if clock == CLOCK_UNSET:
        raise Unsold(name_of(REASON_CLOCK_UNSET))
    age = now // 60 - SINGLE.get(sold.body, "from_minute")
    if age > tap.profile.get("void_minutes", MINUTES):
        raise Unsold("TOO_LATE")
    if values["voids"] >= tap.profile.get("void_most", IN_A_SHIFT):
        raise Unsold("TOO_MANY")
    if tap.journal.free_slots() < ROOM or tap.journal.counters.next_ticket() > TICKET_MAX:
        raise Unsold(name_of(REASON_JOURNAL_FULL))
    return sold


def _new_void(tap, rows, order, sold):
    """Remember the order, journal the void; return the cents given back."""
    serial = tap.journal.counters.next_ticket()
    body, rest = bytearray(sold.body), bytearray(sold.rest)
    SINGLE.put(body, "serial", serial)
    SOLD.put(rest, "void_of", sold.serial)
    entry = _entry(tap, body, rest, order, serial)
    remember(rows, pack_row(order, body, rest))
    tap.journal.append(CASH_SALE_TYPE, entry, tap.flags())
    return SINGLE.get(body, "price")


def _entry(tap, body, rest, order, serial):
    """Return the CASH_SALE: the sale's money, here and now; no code was printed with it."""
    entry = bytearray(CASH_SALE.size)
    put = CASH_SALE.put
    profile = tap.profile
    for name, field in FROM_TICKET:
        put(entry, name, SINGLE.get(body, field))
    for _bit, _width, name in SOLD.rows():
        if name != "free":
            put(entry, name, SOLD.get(rest, name))
    for i in range(LINES):
        put(entry, "l_group%d" % i, SINGLE.get(body, "group%d" % i))
        put(entry, "l_count%d" % i, SINGLE.get(body, "count%d" % i))
        if SINGLE.get(body, "count%d" % i):
            put(entry, "l_vat%d" % i, SOLD.get(rest, "l_vat0"))
    for name in ("line", "operator", "shift", "terminal", "clerk"):
        put(entry, name, profile.get(name, 0))
    now, clock = tap.clock.now()
    put(entry, "time", now)
    put(entry, "clock", clock)
    put(entry, "trip", profile.get("trip", -1) & TRIP_NONE)
    put(entry, "stop", profile.get("stop", -1) & STOP_NONE)
    put(entry, "call", (profile.get("call", -1) + 1) & CALL_NONE)
    put(entry, "ticket", serial)
    put(entry, "paid", PAID_CASH)
    put(entry, "order", order)
    return entry


def _numbers(rest):
    """Return (order, ticket) of a message. Raises: Unsold."""
    words = rest.split()
    for word in words:
        if not 1 <= len(word) <= 8 or [c for c in word if not "0" <= c <= "9"]:
            raise Unsold("BAD_ORDER")
    if len(words) != 2:
        raise Unsold("BAD_ORDER")
    order, ticket = int(words[0]), int(words[1])
    if not 1 <= order <= ORDER_MAX or not 1 <= ticket <= TICKET_MAX:
        raise Unsold("BAD_ORDER")
    return order, ticket
