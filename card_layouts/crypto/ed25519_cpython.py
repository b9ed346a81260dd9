"""Ed25519 through the `cryptography` package. Left out of the board's image."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from card_layouts.crypto.ed25519 import P
from card_layouts.errors import SealError

_LOW_BITS = (1 << 255) - 1
# x = 0 with a sign: RFC 8032 5.1.3 refuses it and y >= P, the library takes both.
_NO_POINTS = tuple((y | 1 << 255).to_bytes(32, "little") for y in (1, P - 1))


def verify_native(public: bytes, message: bytes, signature: bytes) -> None:
    """Return None if the signature is right. Raises: SealError."""
    if bytes(public) in _NO_POINTS or int.from_bytes(public, "little") & _LOW_BITS >= P:
        raise SealError("ed25519: the public key is no point")
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes(public))
        key.verify(bytes(signature), bytes(message))
    except (InvalidSignature, ValueError) as error:
        raise SealError("ed25519: wrong signature") from error


def sign_native(seed: bytes, message: bytes) -> bytes:
    """Return the 64-byte signature of `message` by the key of a 32-byte seed."""
    return Ed25519PrivateKey.from_private_bytes(bytes(seed)).sign(bytes(message))


def public_native(seed: bytes) -> bytes:
    """Return the 32-byte public key of a seed."""
    return Ed25519PrivateKey.from_private_bytes(bytes(seed)).public_key().public_bytes_raw()
