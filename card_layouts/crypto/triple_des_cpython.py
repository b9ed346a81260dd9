"""2K3DES with the calls of `aes`, for stations that meet factory keys; never on a board.

Source: desfire.md (a delivered card's master key is 2K3DES); `cards/desfire_issuer.py` uses it.
"""

from __future__ import annotations

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.modes import CBC


class TripleDes:
    """One 16-byte key in CBC mode; every call starts from the vector given."""

    def __init__(self, key: bytes, mode: int, iv: bytes) -> None:
        if mode != 2 or len(key) != 16 or len(iv) != 8:
            raise ValueError(f"2K3DES: mode {mode}, key {len(key)} B, IV {len(iv)} B")
        self._cipher = Cipher(TripleDES(bytes(key) + bytes(key[:8])), CBC(bytes(iv)))

    def encrypt(self, src: bytes) -> bytes:
        """Return `src`, n x 8 bytes, encrypted."""
        return self._cipher.encryptor().update(bytes(src))

    def decrypt(self, src: bytes) -> bytes:
        """Return `src`, n x 8 bytes, decrypted."""
        return self._cipher.decryptor().update(bytes(src))
