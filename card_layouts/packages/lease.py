"""The lease: how long and how far a device may charge offline, and all newest versions.

Source: SPEC.md section 4, D9, T6, T9.
"""

from card_layouts.codec.bits import Layout, table
from card_layouts.crypto.aes import ECB, aes
from card_layouts.crypto.cmac import cmac
from card_layouts.crypto.kdf import same
from card_layouts.errors import LayoutError, SealError

LEASE_LAYOUT = 1
LEASE_BYTES = 96
MACED_BYTES = 80
K_ACT_AT, K_ACT_BYTES = 60, 16  # where in a lease

# LEASE.rights
RIGHT_DEBIT = 1
RIGHT_LOAD = 2
RIGHT_SELL = 4
RIGHT_INSPECT = 8
RIGHT_BLOCK = 16
RIGHT_UNBLOCK = 32
RIGHT_KEYS = 64

# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
LEASE = Layout("LEASE", 96, table(
    "layout", 4,
    "flags", 2,
    "epoch", 6,
    "device", 20,
    "free", 2,
    "lease", 30,
    "free", 2,
    "not_before", 30,
    "free", 2,
    "not_after", 30,
    "max_taps", 24,
    "unknown", 8,
    "free", 2,
    "max_cents", 30,
    "tap_cents", 16,
    "rights", 16,
    "free", 2,
    "v_root", 30,
    "free", 2,
    "v_tariff", 30,
    "free", 2,
    "v_hotlist", 30,
    "free", 2,
    "v_overlay", 30,
    "free", 2,
    "v_actions", 30,
    "free", 2,
    "v_firmware", 30,
    "free", 2,
    "v_snapshot", 30,
    "generation", 8,
    "free", 24,
    "K_act", 128,
    "free", 2,
    "time", 30,
    "mac", 128,
))
# fmt: on


def seal_lease(values, k_cfg):
    """Return the 96-byte lease of `values` (no mac) under the device's K_cfg."""
    lease = bytearray(LEASE.pack(values))
    LEASE.put(lease, "layout", LEASE_LAYOUT)
    lease[MACED_BYTES:] = cmac(k_cfg, bytes(lease[:MACED_BYTES]))
    return bytes(lease)


def check_lease(lease96, k_cfg):
    """Return the fields of a lease. Raises: LayoutError for size or layout, SealError for the MAC.

    Does not look at time, device or epoch: the caller knows those.
    """
    if len(lease96) != LEASE_BYTES:
        raise LayoutError("LEASE: %d bytes, %d wanted" % (len(lease96), LEASE_BYTES))
    values = LEASE.unpack(lease96)
    if not same(values["mac"], cmac(k_cfg, bytes(lease96[:MACED_BYTES]))):
        raise SealError("LEASE.mac: wrong under K_cfg of this device")
    if values["layout"] != LEASE_LAYOUT:
        raise LayoutError("LEASE.layout: %d, %d wanted" % (values["layout"], LEASE_LAYOUT))
    return values


def wrap_key(k_wrap, key16):
    """Return a random 16-byte key encrypted for one device: one AES block, and the lease's MAC."""
    return bytes(aes(k_wrap, ECB).encrypt(bytes(key16)))


def unwrap_key(k_wrap, wrapped16):
    """Return what `wrap_key` was given; only after `check_lease` has accepted the lease."""
    return bytes(aes(k_wrap, ECB).decrypt(bytes(wrapped16)))
