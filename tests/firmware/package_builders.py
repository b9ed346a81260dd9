"""Signed packages for one device, and a test edge that hands them over."""

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from card_layouts.packages.manifest import MANIFEST, manifest_message, seal_envelope

SIGNER = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
STRANGER = Ed25519PrivateKey.from_private_bytes(b"x" * 32)
CFG = b"c" * 16


def public_of(key):
    public = key.public_key().public_bytes_raw()
    return hashlib.sha256(public).digest()[:4], public


PUBLICS = dict([public_of(SIGNER)])


def envelope_of(role, version, body, key=SIGNER, k_cfg=CFG, key_id=None, **changed):
    values = {"layout": 1, "role": role, "version": version, "size": len(body)}
    values["sha256"] = hashlib.sha256(body).digest()
    values.update(changed)
    manifest = MANIFEST.pack(values)
    signature = key.sign(manifest_message(manifest))
    return seal_envelope(manifest, [(key_id or public_of(SIGNER)[0], signature)], k_cfg)


def deliver(updates, envelope, body, chunk=768):
    """Offer and send a package as an edge does; return the RESULT, or the WANT that refused it."""
    said = updates.offer(envelope)
    if said[0] != 0:
        return said
    while said[3] < len(body):
        said = updates.chunk(said[3], body[said[3] : said[3] + chunk])
        if said[0] != 0:
            return said
    while updates.busy:
        result = updates.tick()
    return result
