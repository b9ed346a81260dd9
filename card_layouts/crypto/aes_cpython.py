"""`cryptolib.aes` for CPython, on the `cryptography` package. Left out of the board's image."""

from __future__ import annotations

from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

Buffer = bytes | bytearray | memoryview


class aes:
    """One key, one mode, one direction; a CBC object keeps its chaining value between calls.

    The name and the calls are those of MicroPython's cryptolib.
    """

    def __init__(self, key: Buffer, mode: int, iv: Buffer | None = None) -> None:
        if mode not in (1, 2):
            raise ValueError("mode")
        if mode == 2 and (iv is None or len(iv) != 16):
            raise ValueError("IV")
        self._key = bytes(key)
        self._cbc = None if mode == 1 else Cipher(AES(self._key), CBC(bytes(iv or b"")))
        self._encryptor: CipherContext | None = None
        self._decryptor: CipherContext | None = None

    def encrypt(self, src: Buffer, dst: bytearray | memoryview | None = None) -> Buffer:
        """Return `src` encrypted, in `dst` if given. Raises: ValueError as cryptolib does."""
        if self._encryptor is None:
            if self._decryptor is not None:
                raise ValueError("can't encrypt & decrypt")
            self._encryptor = self._cbc.encryptor() if self._cbc else _ecb_encryptor(self._key)
        return _run(self._encryptor, src, dst)

    def decrypt(self, src: Buffer, dst: bytearray | memoryview | None = None) -> Buffer:
        """Return `src` decrypted, in `dst` if given. Raises: ValueError as cryptolib does."""
        if self._decryptor is None:
            if self._encryptor is not None:
                raise ValueError("can't encrypt & decrypt")
            self._decryptor = self._cbc.decryptor() if self._cbc else _ecb_decryptor(self._key)
        return _run(self._decryptor, src, dst)


@lru_cache(maxsize=256)
def _ecb_encryptor(key: bytes) -> CipherContext:
    """Return the one encryptor of a key: most are used for a block or two, again and again.

    ECB remembers nothing from one whole block to the next, so all who have the key share it.
    """
    return Cipher(AES(key), ECB()).encryptor()


@lru_cache(maxsize=256)
def _ecb_decryptor(key: bytes) -> CipherContext:
    return Cipher(AES(key), ECB()).decryptor()


def _run(context: CipherContext, src: Buffer, dst: bytearray | memoryview | None) -> Buffer:
    if len(src) % 16:
        raise ValueError("blksize % 16")
    if dst is None:
        return context.update(bytes(src))
    if len(dst) < len(src):
        raise ValueError("buffer too small")
    dst[: len(src)] = context.update(bytes(src))
    return dst
