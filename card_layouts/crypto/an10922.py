"""Diversified AES-128 keys of a card. Source: NXP AN10922, section 2.2; decisions D10."""

from card_layouts.crypto.aes import CBC, aes
from card_layouts.crypto.blocks import xor_into
from card_layouts.crypto.cmac import subkeys
from card_layouts.errors import RangeError


def diversify(master, m):
    """Return the 16-byte key for the diversification input `m`, 1..31 bytes.

    The input 01 | m is always padded to 32 bytes, also where CMAC itself would stop at 16.
    """
    if not 1 <= len(m) <= 31:
        raise RangeError("an10922: input of %d bytes, 1..31 wanted" % len(m))
    k1, k2 = subkeys(master)
    buf = bytearray(32)
    buf[0] = 1
    buf[1 : 1 + len(m)] = m
    if len(m) < 31:
        buf[1 + len(m)] = 0x80
    last = k1 if len(m) == 31 else k2
    xor_into(buf, 16, last)
    aes(master, CBC, bytes(16)).encrypt(buf, buf)
    return bytes(buf[16:])


def card_key(master, uid, aid, key_no, generation):
    """Return the card's own key: `master` diversified by UID 7 B, AID 3 B, number, generation.

    Shape: aid as it is sent to the card (least significant byte first).
    """
    return diversify(master, bytes(uid) + bytes(aid) + bytes((key_no, generation)))
