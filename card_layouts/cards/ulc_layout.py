"""The Ultralight C ticket: header, the two slots, and the 4-byte MAC of a slot.

Source: SPEC.md section 5, card.md 6.
"""

from card_layouts.codec.bits import Layout, table
from card_layouts.crypto.cmac import cmac
from card_layouts.crypto.kdf import same
from card_layouts.errors import SealError

PAGE_BYTES = 4
PAGE_OTP, PAGE_HEADER, PAGE_SIGNATURE, PAGE_SLOT_A, PAGE_SLOT_B = 3, 4, 7, 34, 37
PAGE_COUNTER, PAGE_AUTH0, PAGE_AUTH1, PAGE_KEY = 41, 42, 43, 44

# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
ULC_HEADER = Layout("ULC_HEADER", 12, table(
    "layout", 4,
    "authority", 8,
    "product", 10,
    "days", 6,
    "group", 4,
    "zones", 16,
    "sold", 14,
    "channel", 4,
    "activate_by", 14,
    "price", 14,
    "free", 2,
))

ULC_SLOT = Layout("ULC_SLOT", 12, table(
    "n", 5,
    "start", 22,
    "last", 17,
    "device", 20,
    "mac", 32,
))
# fmt: on


def seal_ulc_slot(values, k_ulc, uid, header12, counter):
    """Return the 12 bytes of a slot for `counter` (16 bits, the value after the commit)."""
    slot = bytearray(ULC_SLOT.pack(values))
    ULC_SLOT.put(slot, "n", counter & 31)
    slot[8:12] = _mac(k_ulc, uid, header12, counter, slot)
    return bytes(slot)


def check_ulc_slot(slot12, k_ulc, uid, header12, counter):
    """Return the fields of a slot. Raises: SealError if it was not written for this counter."""
    values = ULC_SLOT.unpack(slot12)
    # Five stored bits are enough: the MAC is over all sixteen, so a slot 32 taps old fails here.
    if not same(values["mac"], _mac(k_ulc, uid, header12, counter, slot12)):
        raise SealError("ULC_SLOT.mac: wrong for counter %d" % counter)
    return values


def _mac(k_ulc, uid, header12, counter, slot):
    message = bytes(uid) + bytes(header12) + counter.to_bytes(2, "big") + bytes(slot[0:8])
    return cmac(k_ulc, message)[:4]
