"""Inspect a tourist ticket that carries a signature: no key, no writing, nothing to steal.

Ed25519 says that the issuer made this header for this UID. What the slots say is not proved without
the key of their MACs: an inspector sees the last tap and its device, and asks the ledger.
Source: card.md section 6; SPEC.md section 5 (AUTH1 = 01); X-6.
"""

from card_layouts.cards.tourist_sale import read_signature
from card_layouts.cards.tourist_ticket import PAGE_LAST_READ
from card_layouts.cards.ulc_layout import PAGE_OTP, PAGE_SLOT_A, ULC_HEADER, ULC_SLOT
from card_layouts.cards.ultralight_c import counter_of
from card_layouts.crypto.ed25519 import verify


def inspect(session, uid, public):
    """Return (fields of the header, of the slot the counter names, counter, OTP): 7 exchanges.

    Shape: uid 7 bytes; public: the issuer's 32 bytes. Raises: SealError if it did not sign this
    header for this UID, NakError if the ticket needs its key for reading.
    """
    head = yield from session.read(PAGE_OTP)
    header = head[4:16]
    signature = yield from read_signature(session)
    slots = yield from session.read(PAGE_SLOT_A)
    rest = yield from session.read(PAGE_LAST_READ)
    verify(public, signed_message(uid, header), signature)
    tail = slots + rest
    counter = counter_of(tail[28:32])
    at = 12 * (counter & 1)
    return ULC_HEADER.unpack(header), ULC_SLOT.unpack(tail[at : at + 12]), counter, head[0:4]


def signed_message(uid, header):
    """Return what the issuer signs: UID 7 bytes, header 12 bytes."""
    return bytes(uid) + bytes(header)
