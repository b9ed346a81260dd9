"""Ed25519 through the `cryptography` package. Left out of the board's image."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from card_layouts.errors import SealError


def verify_native(public: bytes, message: bytes, signature: bytes) -> None:
    """Return None if the signature is right. Raises: SealError."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes(public))
        key.verify(bytes(signature), bytes(message))
    except (InvalidSignature, ValueError) as error:
        raise SealError("ed25519: wrong signature") from error
