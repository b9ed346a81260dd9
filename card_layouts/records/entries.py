"""Entry types of the journal, and the card record that an INTENT holds.

Numbers are never used twice; a payload layout is (type, layout). Source: SPEC.md section 1 and 3.
"""

from card_layouts.codec.bits import put_bits
from card_layouts.errors import RangeError

INTENT = 1
OUTCOME = 2
OBS = 3
CASH_SALE = 4
SHIFT = 5
ACTION = 6
BLOCK = 7
ACCESS = 8
REFUSAL = 9
INSPECTION = 10
CONFIG = 11
TAMPER = 12
BOOT = 13
TICKET = 14
BARCODE = 15
TYPE_NAMES = (
    "",
    "INTENT",
    "OUTCOME",
    "OBS",
    "CASH_SALE",
    "SHIFT",
    "ACTION",
    "BLOCK",
    "ACCESS",
    "REFUSAL",
    "INSPECTION",
    "CONFIG",
    "TAMPER",
    "BOOT",
    "TICKET",
    "BARCODE",
)
PAYLOAD_LAYOUT = 1  # of every type above
RECORD_LAYOUT = 1

# Types that announce a commit on a card and wait for an OUTCOME: same place for UID, body and h.
OPENING = (INTENT, ACTION, BLOCK, ACCESS)
UID_END, BODY_END, H_END = 7, 36, 44
ENDED_BY_OUTCOME = OPENING + (TICKET,)  # a ticket's has its UID there too, and no card record


def record_prefix(epoch, device, seq):
    """Return the first 7 bytes of a card record: its layout, then who wrote it as which entry."""
    if not 0 <= epoch < 64 or not 0 <= device < 1 << 20 or seq < 0:
        raise RangeError("G: epoch %s, device %s, seq %s do not fit" % (epoch, device, seq))
    prefix = bytearray(7)
    put_bits(prefix, 0, 3, RECORD_LAYOUT)
    put_bits(prefix, 4, 6, epoch)
    put_bits(prefix, 10, 20, device)
    put_bits(prefix, 30, 26, seq & 0x3FFFFFF)
    return bytes(prefix)


def record_from(header, payload):
    """Return the 44-byte card record that an INTENT, ACTION, BLOCK or ACCESS announces.

    Shape: header is SLOT_HEADER.unpack(...) or any dict with epoch, device and seq.
    """
    prefix = record_prefix(header["epoch"], header["device"], header["seq"])
    return prefix + bytes(payload[UID_END:H_END])
