"""Keys that follow from other keys, and the comparison of tags. Source: SPEC.md "Keys", D10, D12.

K_root is the keyring's; K_dev is one device's in one epoch; a device holds only labelled keys.
"""

import hashlib
import sys

if sys.implementation.name != "micropython":
    from hmac import compare_digest as native_same
    from hmac import digest as native_hmac
else:
    native_hmac = native_same = None  # type: ignore[assignment]

DIGEST_BLOCK_BYTES = 64


def hmac_sha256(key, message):
    """Return the 32-byte HMAC-SHA256. Source: RFC 2104."""
    if native_hmac is not None:
        return native_hmac(key, message, "sha256")
    return hmac_sha256_pure(key, message)


def hmac_sha256_pure(key, message):
    """Return the same, for runtimes without hmac; the tests compare the two."""
    if len(key) > DIGEST_BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    inner = bytearray(DIGEST_BLOCK_BYTES)
    outer = bytearray(DIGEST_BLOCK_BYTES)
    for i in range(DIGEST_BLOCK_BYTES):
        byte = key[i] if i < len(key) else 0
        inner[i] = byte ^ 0x36
        outer[i] = byte ^ 0x5C
    hasher = hashlib.sha256(inner)
    hasher.update(message)
    inner_digest = hasher.digest()
    hasher = hashlib.sha256(outer)
    hasher.update(inner_digest)
    return hasher.digest()


def same(a, b):
    """Return whether two tags are equal, in a time that does not tell where they differ."""
    if native_same is not None:
        return native_same(a, b)
    if len(a) != len(b):
        return False
    difference = 0
    for i in range(len(a)):
        difference |= a[i] ^ b[i]
    return difference == 0


def device_key(k_root, device, epoch):
    """Return K_dev, 32 bytes, of a device number (20 bits) in a key epoch (6 bits)."""
    return hmac_sha256(k_root, device.to_bytes(4, "big") + epoch.to_bytes(1, "big"))


def device_label(k_dev, label):
    """Return the 16-byte key of a device for one use: ack, cfg, wrap, dock, chain or block."""
    return hmac_sha256(k_dev, label)[:16]


def ticket_seed(k_dev):
    """Return the 32-byte Ed25519 seed with which a device signs the tickets it sells."""
    return hmac_sha256(k_dev, b"ticket")


def block_key(k_dev):
    """Return K_block of the journal block with ordinal 0; every later one follows from it."""
    return device_label(k_dev, b"block")


def next_block_key(k_block):
    """Return K_block of the next ordinal. One way: the old key cannot be found from it."""
    return hashlib.sha256(b"fwd" + bytes(k_block)).digest()[:16]


def next_action_key(k_act):
    """Return K_act of the next generation. One way: lists of older generations stay shut (D9)."""
    return hashlib.sha256(b"act" + bytes(k_act)).digest()[:16]


def seal_keys(key):
    """Return (K_enc, K_mac), 16 bytes each, of a K_block or K_act: never one key for both uses."""
    return hmac_sha256(key, b"enc")[:16], hmac_sha256(key, b"mac")[:16]


def dock_key(k_dock_root, edge_id, month):
    """Return the 16-byte dock key of a device for one edge and one month.

    Units: month since 2020-01; edge_id as bytes, [a-z0-9-]{1,24}, so the 00 ends it for sure.
    """
    return hmac_sha256(k_dock_root, edge_id + b"\0" + month.to_bytes(2, "big"))[:16]
