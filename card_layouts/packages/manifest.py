"""A package's manifest and its envelope: MANIFEST 64 | n x SIGNATURE 68 | device MAC 16.

The signatures say who made the package, the MAC lets one device check it again at each boot in no
time. Source: SPEC.md section 4, D18, T9.
"""

from card_layouts.codec.bits import Layout, table
from card_layouts.crypto.cmac import cmac
from card_layouts.crypto.ed25519 import verify_steps
from card_layouts.crypto.kdf import same
from card_layouts.errors import LayoutError, SealError

MANIFEST_LAYOUT = 1
MANIFEST_BYTES = 64
SIGNATURE_BYTES = 68
MAC_BYTES = 16
SIGNATURES_MAX = 3
DOMAIN = b"tornello manifest\0"

ROOT, TARIFF, HOTLIST, OVERLAY, ACTIONS, LEASE, FIRMWARE, SNAPSHOT = 0, 1, 2, 3, 4, 5, 6, 7
CERTIFICATE = 8  # to sell tickets with (tickets/single.py); STATEMENT has no place for its version
ROLE_NAMES = (
    "root",
    "tariff",
    "hotlist",
    "overlay",
    "actions",
    "lease",
    "firmware",
    "snapshot",
    "certificate",
)

# A row is a name and its width in bits; the formatter would break the pairs.
# fmt: off
MANIFEST = Layout("MANIFEST", 64, table(
    "layout", 4,
    "role", 4,
    "authority", 8,
    "target", 16,
    "free", 2,
    "version", 30,
    "free", 2,
    "floor", 30,
    "semantics", 8,
    "chunk", 8,
    "free", 16,
    "free", 2,
    "valid_from", 30,
    "free", 2,
    "expires", 30,
    "free", 2,
    "size", 30,
    "free", 2,
    "made", 30,
    "sha256", 256,
))

SIGNATURE = Layout("SIGNATURE", 68, table(
    "key_id", 32,
    "sig", 512,
))
# fmt: on


def manifest_message(manifest64):
    """Return the bytes an Ed25519 signature is over: the domain, then the manifest."""
    return DOMAIN + bytes(manifest64)


def seal_envelope(manifest64, signatures, k_cfg):
    """Return the envelope for one device. Shape: signatures are (key_id 4 B, signature 64 B)."""
    clear = bytes(manifest64)
    for key_id, signature in signatures:
        clear += bytes(key_id) + bytes(signature)
    return clear + cmac(k_cfg, clear)


def open_envelope(envelope, k_cfg):
    """Return (manifest64, [(key_id, signature)]) of an envelope made for this device.

    Raises: LayoutError for size or layout, SealError for the MAC. Checks no signature.
    """
    end = len(envelope) - MAC_BYTES
    count = (end - MANIFEST_BYTES) // SIGNATURE_BYTES
    if not 1 <= count <= SIGNATURES_MAX or end != MANIFEST_BYTES + count * SIGNATURE_BYTES:
        raise LayoutError("envelope: %d bytes, 80 + n x 68, n 1..3, wanted" % len(envelope))
    if not same(envelope[end:], cmac(k_cfg, bytes(envelope[:end]))):
        raise SealError("envelope.mac: wrong under K_cfg of this device")
    manifest64 = bytes(envelope[:MANIFEST_BYTES])
    check_manifest_layout(manifest64)
    signatures = []
    for at in range(MANIFEST_BYTES, end, SIGNATURE_BYTES):
        row = SIGNATURE.unpack(envelope, at)
        signatures.append((row["key_id"], row["sig"]))
    return manifest64, signatures


def check_manifest_layout(manifest64):
    """Raise LayoutError unless this is a manifest whose layout and role we know."""
    values = MANIFEST.unpack(manifest64)
    if values["layout"] != MANIFEST_LAYOUT:
        raise LayoutError("MANIFEST.layout: %d, %d wanted" % (values["layout"], MANIFEST_LAYOUT))
    if values["role"] >= len(ROLE_NAMES):
        raise LayoutError("MANIFEST.role: %d, 0..8 wanted" % values["role"])


def check_signatures_steps(manifest64, signatures, publics, threshold=1):
    """Check in steps (a generator) that `threshold` different known keys signed the manifest.

    Shape: publics is {key_id: public 32 B}; signatures by unknown keys count for nothing.
    Raises: SealError for a wrong signature by a known key, or too few good ones.
    """
    message = manifest_message(manifest64)
    good = []
    for key_id, signature in signatures:
        if key_id in publics and key_id not in good:
            yield from verify_steps(publics[key_id], message, signature)
            good.append(key_id)
    if len(good) < threshold:
        raise SealError("manifest: %d signatures by known keys, %d wanted" % (len(good), threshold))


def check_envelope_steps(envelope, k_cfg, publics, threshold=1):
    """Check an envelope in steps; the generator's result is the manifest's fields."""
    manifest64, signatures = open_envelope(envelope, k_cfg)
    yield from check_signatures_steps(manifest64, signatures, publics, threshold)
    return MANIFEST.unpack(manifest64)


def check_envelope(envelope, k_cfg, publics, threshold=1):
    """Return the manifest's fields once MAC and signatures are right.

    Raises: LayoutError for size or layout, SealError for MAC, signature or too few of them.
    """
    steps = check_envelope_steps(envelope, k_cfg, publics, threshold)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
