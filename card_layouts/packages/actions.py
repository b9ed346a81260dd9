"""One line of the action list: what to do to a card that comes by, readable only with K_act.

K and `what` are AES-CTR with counter blocks of the entry's first 12 bytes and a number; the MAC is
over everything before it. Source: SPEC.md section 4, D9.
"""

from card_layouts.codec.bits import Layout, table
from card_layouts.crypto.aes import ECB, aes
from card_layouts.crypto.cmac import cmac
from card_layouts.crypto.kdf import same, seal_keys
from card_layouts.errors import LayoutError, SealError

ACTION_LAYOUT = 1
ACTION_BYTES = 96
CLEAR_BYTES = 32
MACED_BYTES = 80
KEY_BIT_K4 = 1  # ACTION_ENTRY.key_bits: K is the card's K4, not its K2

# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
ACTION_ENTRY = Layout("ACTION_ENTRY", 96, table(
    "uid", 56,
    "layout", 4,
    "kind", 4,
    "k", 24,
    "version", 8,
    "slot", 2,
    "valid_from", 30,
    "key_bits", 2,
    "valid_to", 30,
    "amount", 16,
    "key_no", 4,
    "key_version", 8,
    "channel", 4,
    "free", 2,
    "action", 30,
    "reason", 6,
    "u", 6,
    "use_reset", 4,
    "free", 16,
    "K", 128,
    "what", 256,
    "mac", 128,
))
# fmt: on


def seal_action(values, k_act):
    """Return the 96-byte line of `values` (K and what in clear, no mac) under K_act."""
    k_enc, k_mac = seal_keys(k_act)
    entry = bytearray(ACTION_ENTRY.pack(values))
    ACTION_ENTRY.put(entry, "layout", ACTION_LAYOUT)
    _apply_keystream(entry, k_enc)
    entry[MACED_BYTES:] = cmac(k_mac, bytes(entry[:MACED_BYTES]))
    return bytes(entry)


def open_action(entry96, k_act):
    """Return the fields of a line, K and what in clear.

    Raises: LayoutError for size or layout, SealError for a wrong MAC.
    """
    if len(entry96) != ACTION_BYTES:
        raise LayoutError("ACTION_ENTRY: %d bytes, %d wanted" % (len(entry96), ACTION_BYTES))
    k_enc, k_mac = seal_keys(k_act)
    entry = bytearray(entry96)
    if not same(entry[MACED_BYTES:], cmac(k_mac, bytes(entry[:MACED_BYTES]))):
        raise SealError("ACTION_ENTRY.mac: wrong under K_act")
    if ACTION_ENTRY.get(entry, "layout") != ACTION_LAYOUT:
        found = ACTION_ENTRY.get(entry, "layout")
        raise LayoutError("ACTION_ENTRY.layout: %d, %d wanted" % (found, ACTION_LAYOUT))
    _apply_keystream(entry, k_enc)
    return ACTION_ENTRY.unpack(entry)


def _apply_keystream(entry, k_enc):
    size = MACED_BYTES - CLEAR_BYTES
    stream = bytearray(size)
    for at in range(0, size, 16):
        stream[at : at + 12] = entry[0:12]
        stream[at + 15] = at >> 4
    aes(k_enc, ECB).encrypt(stream, stream)
    for i in range(size):
        entry[CLEAR_BYTES + i] ^= stream[i]
