"""An acknowledgement: the ledger holds a device's entries durably up to a seq, posted or
quarantined.

A device checks the MAC under its K_ack; an edge checks the one Ed25519 signature over a batch of
statements and compares H with its own chain. Source: SPEC.md section 4, D16.
"""

import hashlib

from card_layouts.codec.bits import Layout, table
from card_layouts.crypto.cmac import cmac
from card_layouts.crypto.kdf import same
from card_layouts.errors import LayoutError, SealError

ACK_LAYOUT = 1
ACK_BYTES = 64
MACED_BYTES = 48
KEY_ID_BYTES = 4
SIGNATURE_BYTES = 64
FLAG_QUARANTINED = 1

# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
ACK = Layout("ACK", 64, table(
    "layout", 4,
    "flags", 2,
    "epoch", 6,
    "device", 20,
    "free", 2,
    "seq", 30,
    "incarnation", 24,
    "free", 10,
    "time", 30,
    "H", 256,
    "mac", 128,
))
# fmt: on


def seal_ack(values, k_ack):
    """Return the 64-byte acknowledgement of `values` (no mac) under a device's K_ack."""
    ack = bytearray(ACK.pack(values))
    ACK.put(ack, "layout", ACK_LAYOUT)
    ack[MACED_BYTES:] = cmac(k_ack, bytes(ack[:MACED_BYTES]))
    return bytes(ack)


def check_ack(ack64, k_ack):
    """Return the fields of an acknowledgement this device may believe.

    Raises: LayoutError for another size or layout, SealError for a wrong MAC.
    """
    if len(ack64) != ACK_BYTES:
        raise LayoutError("ACK: %d bytes, %d wanted" % (len(ack64), ACK_BYTES))
    values = ACK.unpack(ack64)
    if not same(values["mac"], cmac(k_ack, bytes(ack64[:MACED_BYTES]))):
        raise SealError("ACK.mac: wrong under K_ack of this device")
    if values["layout"] != ACK_LAYOUT:
        raise LayoutError("ACK.layout: %d, %d wanted" % (values["layout"], ACK_LAYOUT))
    return values


def ack_digest(statements):
    """Return the 32 bytes a batch's Ed25519 signature is over: SHA-256 of n x 64 bytes."""
    hasher = hashlib.sha256()
    for statement in statements:
        hasher.update(statement)
    return hasher.digest()


def join_ack_batch(statements, key_id, signature):
    """Return a batch: n x 64 | key id 4 | signature 64 over `ack_digest(statements)`."""
    return b"".join(statements) + bytes(key_id) + bytes(signature)


def split_ack_batch(batch):
    """Return (statements, key_id, signature, signed_digest). Raises: LayoutError for the size.

    Checks no signature: `verify(public, signed_digest, signature)` does.
    """
    end = len(batch) - KEY_ID_BYTES - SIGNATURE_BYTES
    if end <= 0 or end % ACK_BYTES:
        raise LayoutError("ack batch: %d bytes, n x 64 + 68 wanted" % len(batch))
    statements = [bytes(batch[at : at + ACK_BYTES]) for at in range(0, end, ACK_BYTES)]
    key_id = bytes(batch[end : end + KEY_ID_BYTES])
    return statements, key_id, bytes(batch[end + KEY_ID_BYTES :]), ack_digest(statements)
