"""What the sale and the printing of single tickets share: orders in flash, and the certificate.

Source: D9, T16; single_sale.py has the story.
"""

from card_layouts.codec.timestamps import day_of
from card_layouts.tickets.single import CERTIFICATE, CERTIFIED_BYTES, SINGLE, SINGLE_BYTES

ROW_BYTES = 64
ORDER_BYTES = 3


class Unsold(Exception):
    """The order cannot be carried out; `why` is a word for the driver's screen."""

    def __init__(self, why):
        super().__init__(why)
        self.why = why


def find_order(rows, order, next_ticket):
    """Return (place, ticket, printed) of an order that was sold, else None.

    A row whose number was given to a later row, or to no sale yet, was cut before its entry.
    """
    wanted = order.to_bytes(ORDER_BYTES, "big")
    serial_before = next_ticket
    for place, data, printed in rows.rows():
        body = data[ORDER_BYTES : ORDER_BYTES + SINGLE_BYTES]
        serial = SINGLE.get(body, "serial")
        if serial < serial_before:
            serial_before = serial
            if data[:ORDER_BYTES] == wanted:
                return place, body, printed
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
