"""A sold ticket comes out on paper: found by its order, signed in steps, printed, marked.

A ticket whose order's row is not marked may be on paper or not; printed again it is the same, byte
for byte, since a signature of the same ticket is the same. Without paper it is sold all the same:
printed later by its order, or voided. Loaded while a ticket is signed.
Source: W-51, W-52, W-92, D9, T16, X-5.
"""

from card_layouts.crypto.ed25519 import sign_steps
from card_layouts.errors import LayoutError, RangeError
from card_layouts.tickets.paper import paper_lines
from card_layouts.tickets.single import (
    CERTIFICATE,
    SINGLE,
    encode_code,
    read_single,
    single_message,
)
from firmware.flash_rows import FlashRows
from firmware.partitions import SOLD_BLOCKS, SOLD_FIRST
from firmware.single_orders import ROW_BYTES, Unsold, certificate_for, find_row


def print_steps(singles, order, again):
    """Print what `order` sold, unless it came out before; `again`: even then.

    Signals sold, unprinted (it is sold, and not on paper) or unsold; the generator's result is 0.
    """
    signal = singles.tap.signals.signal
    rows = FlashRows(singles.flash, SOLD_FIRST, SOLD_BLOCKS, ROW_BYTES)
    row = find_row(rows, singles.tap.journal.counters.next_ticket(), order)
    if row is None or row.void_of or row.voided:
        signal("unsold", "%d %s" % (order, "VOIDED" if row and row.voided else "NOT_SOLD"))
        return 0
    try:
        if again or not row.printed:
            yield from _print(singles, row.body, row.printed)
            rows.mark(row.place)
            if rows.is_full():
                rows.prepare()
        signal("sold", "%d %d %d" % (order, row.serial, SINGLE.get(row.body, "price")))
    except Unsold as unsold:
        signal("unprinted", "%d %s" % (order, unsold.why))
    return 0


def _print(singles, body, copy):
    """Sign the ticket and print it; nothing is printed of what is not journalled."""
    tap = singles.tap
    certified = certificate_for(singles, SINGLE.get(body, "from_minute"))
    number = CERTIFICATE.get(certified, "number")
    if SINGLE.get(body, "certificate") != number:  # it was renewed since
        body = bytearray(body)
        SINGLE.put(body, "certificate", number)
    keys = tap.keys
    signature = yield from sign_steps(keys.ticket_seed, keys.ticket_public, single_message(body))
    lines = _lines(tap.tariff, body)
    if copy:
        lines.append("PRINTED AGAIN")
    if not singles.printer.ready():
        raise Unsold("PRINTER_OUT")
    singles.printer.print_ticket(lines, encode_code(body, signature, certified))


def _lines(tariff, body):
    """Return the text of a ticket; what was paid for comes out even if the tariff is gone."""
    try:
        return paper_lines(tariff, read_single(body)) if tariff is not None else []
    except (LayoutError, RangeError):
        return []
