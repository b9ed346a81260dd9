"""The three mutual authentications: 0A (D40), 1A (ISO, 3DES) and AA (AES).

Two frames each: the card's enciphered RndB, then the reader's RndA | RndB' against the
card's RndA'. Source: vectors V1 to V4 [T]; D40 and 3DES from public text [P].
"""

from collections.abc import Callable

from simulator.desfire_card.channel import Channel, D40Channel, Ev1Channel, d40_received
from simulator.desfire_card.ciphers import BlockCipher
from simulator.desfire_card.image import CardKey
from simulator.desfire_card.meter import ExchangeCount
from simulator.desfire_card.status import AUTHENTICATION, LENGTH, Refused

D40, ISO, AES = 0x0A, 0x1A, 0xAA
RANDOM_BYTES = {"2K3DES": 8, "3K3DES": 16, "AES": 16}
KINDS = {D40: ("2K3DES",), ISO: ("2K3DES", "3K3DES"), AES: ("AES",)}


class Handshake:
    """An authentication whose second frame is awaited."""

    def __init__(
        self,
        code: int,
        key_no: int,
        key: CardKey,
        random_bytes: Callable[[int], bytes],
        count: ExchangeCount,
    ) -> None:
        if key.kind not in KINDS[code]:
            raise Refused(AUTHENTICATION)
        self.code, self.key_no, self.key, self.count = code, key_no, key, count
        self.cipher = BlockCipher(key.kind, key.value, count)
        self.rnd_b = random_bytes(RANDOM_BYTES[key.kind])
        self.challenge = self.cipher.cbc_encrypt(bytes(self.cipher.block_bytes), self.rnd_b)

    def finish(self, answer: bytes) -> tuple[bytes, Channel]:
        """Return the card's proof and the session. Raises: Refused(LENGTH, AUTHENTICATION)."""
        size = len(self.rnd_b)
        if len(answer) != 2 * size:
            raise Refused(LENGTH)
        clear = self._received(answer)
        rnd_a = clear[:size]
        if clear[size:] != self.rnd_b[1:] + self.rnd_b[:1]:
            raise Refused(AUTHENTICATION)
        block = self.cipher.block_bytes
        iv = bytes(block) if self.code == D40 else answer[-block:]
        proof = self.cipher.cbc_encrypt(iv, rnd_a[1:] + rnd_a[:1])
        session = BlockCipher(self.key.kind, session_key(self.key, rnd_a, self.rnd_b), self.count)
        if self.code == D40:
            return proof, D40Channel(self.key_no, session)
        return proof, Ev1Channel(self.key_no, session)

    def _received(self, answer: bytes) -> bytes:
        if self.code == D40:
            return d40_received(self.cipher, answer)
        return self.cipher.cbc_decrypt(self.challenge[-self.cipher.block_bytes :], answer)


def session_key(key: CardKey, a: bytes, b: bytes) -> bytes:
    """Return the session's key, made of the reader's and the card's random bytes."""
    if key.kind == "AES":
        return a[0:4] + b[0:4] + a[12:16] + b[12:16]
    if key.kind == "3K3DES":
        return a[0:4] + b[0:4] + a[6:10] + b[6:10] + a[12:16] + b[12:16]
    first = a[0:4] + b[0:4]
    if _without_parity(key.value[:8]) == _without_parity(key.value[8:]):
        return first + first  # equal halves are a single DES key
    return first + a[4:8] + b[4:8]


def _without_parity(key: bytes) -> bytes:
    return bytes(byte & 0xFE for byte in key)
