"""What sale, print and void of single tickets share: orders in flash, and the certificate.

A row is the order's number, the ticket, and what a void of it must say again; a row of a void names
the ticket it voids. Source: D9, T16, X-8; single_sale.py has the story.
"""

from card_layouts.codec.bits import Layout, table
from card_layouts.codec.timestamps import day_of
from card_layouts.tickets.single import CERTIFICATE, CERTIFIED_BYTES, SINGLE, SINGLE_BYTES
from firmware.flash_rows import RowsWorn

ROW_BYTES = 64
ORDER_BYTES = 3
ORDER_MAX = (1 << 24) - 1
TICKET_MAX = (1 << 24) - 1
BODY_END = ORDER_BYTES + SINGLE_BYTES
PADDING = bytes(7)

# As in CASH_SALE, but for the name of `void_of`, which is 0 in the row of a sale.
# fmt: off
SOLD = Layout("SOLD", 21, table(
    "void_of", 24,
    "full", 17,
    "reduction", 17,
    "concession", 6,
    "rounding", 4,
    "rule", 14,
    "semantics", 6,
    "zone", 6,
    "l_vat0", 3,
    "l_unit0", 16,
    "l_unit1", 16,
    "l_unit2", 16,
    "l_unit3", 16,
    "free", 7,
))
# fmt: on


class Unsold(Exception):
    """The order cannot be carried out; `why` is a word for the driver's screen."""

    def __init__(self, why):
        super().__init__(why)
        self.why = why


class Row:
    """One order that was journalled; `serial` is its ticket's number, `voided` whether by another.

    `body` are the 30 bytes of its ticket, `rest` those of SOLD.
    """

    def __init__(self, place, data, printed, serial, voided):
        self.place = place
        self.order = int.from_bytes(data[:ORDER_BYTES], "big")
        self.body = data[ORDER_BYTES:BODY_END]
        self.rest = data[BODY_END : BODY_END + SOLD.size]
        self.printed = printed
        self.serial = serial
        self.voided = voided
        self.void_of = SOLD.get(self.rest, "void_of")


def pack_row(order, body, rest):
    """Return the 61 bytes of a row."""
    return order.to_bytes(ORDER_BYTES, "big") + body + rest + PADDING


def remember(rows, row):
    """Write a row, before its entry. Raises: Unsold if none is taken: nothing is sold."""
    try:
        rows.append(row)
    except RowsWorn:
        raise Unsold("FLASH_WORN")


def find_row(rows, next_ticket, order, ticket=-1):
    """Return the newest Row of this order, or of this ticket, else None; -1 = of none.

    A row whose number was given to a later row, or to no sale yet, was cut before its entry.
    """
    serial_before = next_ticket
    voided = []
    for place, data, printed in rows.rows():
        serial = SINGLE.get(data[ORDER_BYTES:BODY_END], "serial")
        if serial >= serial_before:
            continue
        serial_before = serial
        row = Row(place, data, printed, serial, serial in voided)
        if row.order == order or serial == ticket:
            return row
        voided.append(row.void_of)
    return None


def certificate_for(singles, minute):
    """Return the certificate that lets this device sell a ticket from `minute` on.

    Raises: Unsold.
    """
    certified = singles.certificate()
    if len(certified) != CERTIFIED_BYTES:
        raise Unsold("NO_CERTIFICATE")
    day = day_of(minute * 60)
    ours = CERTIFICATE.get(certified, "public") == singles.tap.keys.ticket_public
    first = CERTIFICATE.get(certified, "from_day")
    if not ours or not first <= day <= CERTIFICATE.get(certified, "until_day"):
        raise Unsold("NO_CERTIFICATE")
    return certified
