"""`cryptolib.aes` for CPython, on the `cryptography` package. Left out of the board's image."""

from __future__ import annotations

from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

Buffer = bytes | bytearray | memoryview
# So many blocks are chained by hand before a CBC object gets a context of its own: making one
# costs as much, and most keys are used for a block or two.
CHAINED_BY_HAND = 3


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
        self._iv = bytes(iv or b"") if mode == 2 else None
        self._encryptor: CipherContext | None = None  # of this key; in CBC, of this object
        self._decryptor: CipherContext | None = None
        self._by_hand = CHAINED_BY_HAND

    def encrypt(self, src: Buffer, dst: bytearray | memoryview | None = None) -> Buffer:
        """Return `src` encrypted, in `dst` if given. Raises: ValueError as cryptolib does."""
        if self._encryptor is None:
            if self._decryptor is not None:
                raise ValueError("can't encrypt & decrypt")
            self._encryptor = _ecb_encryptor(self._key)
        _check(src, dst)
        if self._iv is None or self._by_hand < 0:
            return _given(self._encryptor.update(bytes(src)), dst)
        self._by_hand -= len(src) // 16
        if self._by_hand < 0:
            self._encryptor = Cipher(AES(self._key), CBC(self._iv)).encryptor()
            return _given(self._encryptor.update(bytes(src)), dst)
        out = b""
        for at in range(0, len(src), 16):
            self._iv = self._encryptor.update(_xor(src[at : at + 16], self._iv))
            out += self._iv
        return _given(out, dst)

    def decrypt(self, src: Buffer, dst: bytearray | memoryview | None = None) -> Buffer:
        """Return `src` decrypted, in `dst` if given. Raises: ValueError as cryptolib does."""
        if self._decryptor is None:
            if self._encryptor is not None:
                raise ValueError("can't encrypt & decrypt")
            self._decryptor = _ecb_decryptor(self._key)
        _check(src, dst)
        src = bytes(src)
        out = self._decryptor.update(src)
        if self._iv is not None and src:
            before, self._iv = self._iv + src[:-16], src[-16:]
            out = _xor(out, before)
        return _given(out, dst)


@lru_cache(maxsize=256)
def _ecb_encryptor(key: bytes) -> CipherContext:
    """Return the one encryptor of a key: most are used for a block or two, again and again.

    ECB remembers nothing from one whole block to the next, so all who have the key share it.
    """
    return Cipher(AES(key), ECB()).encryptor()


@lru_cache(maxsize=256)
def _ecb_decryptor(key: bytes) -> CipherContext:
    return Cipher(AES(key), ECB()).decryptor()


def _xor(one: Buffer, other: Buffer) -> bytes:
    mixed = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
    return mixed.to_bytes(len(one), "big")


def _check(src: Buffer, dst: bytearray | memoryview | None) -> None:
    if len(src) % 16:
        raise ValueError("blksize % 16")
    if dst is not None and len(dst) < len(src):
        raise ValueError("buffer too small")


def _given(out: bytes, dst: bytearray | memoryview | None) -> Buffer:
    if dst is None:
        return out
    dst[: len(out)] = out
    return dst
