"""The two chains: H over a device's slots, h over a card's records.

H is unkeyed, so an edge without any key can check that nothing is missing; h is keyed, so only the
device that wrote a record could have made it. Source: SPEC.md section 3, D13, P3.
"""

import hashlib

from card_layouts.crypto.kdf import hmac_sha256
from card_layouts.records.slot import SLOT_BYTES

H_RECORD_BYTES = 8
RECORD_FIRST_BYTES = 36


def chain_start(device, epoch):
    """Return H before the first entry of a device in an epoch, 32 bytes."""
    number = device.to_bytes(4, "big") + epoch.to_bytes(1, "big")
    return hashlib.sha256(b"tornello H0" + number).digest()


def chain_next(chain, slot):
    """Return H after `slot`: SHA-256 of H before and all 128 bytes of the slot.

    Tag and CRC too: whoever is acknowledged under H knows that the ledger holds these very bytes.
    """
    hasher = hashlib.sha256(bytes(chain))
    hasher.update(bytes(slot[0:SLOT_BYTES]))
    return hasher.digest()


def record_h(k_chain, h_prev8, first36):
    """Return h of a card record, 8 bytes. Shape: h_prev8 of record n = 0 is UID | 00."""
    return hmac_sha256(k_chain, bytes(h_prev8) + bytes(first36))[:H_RECORD_BYTES]
