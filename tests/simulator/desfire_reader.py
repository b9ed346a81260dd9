"""A small DESFire reader for the card's own tests: plain code, no import of card_layouts.

It shares the card's cipher primitives and nothing else; V1 to V5 pin both to real silicon.
"""

from simulator.desfire_card.card import DesfireCard
from simulator.desfire_card.checksums import crc32_desfire
from simulator.desfire_card.ciphers import BlockCipher, padded
from simulator.desfire_card.meter import ExchangeCount
from simulator.desfire_card.power import Cut

PLAIN, MACED, ENCIPHERED = 0, 1, 3


class StatusError(Exception):
    """The card refused."""

    def __init__(self, status):
        super().__init__(f"{status:02X}")
        self.status = status


class Reader:
    """Sends commands natively; `cuts` maps the number of an exchange to a Cut."""

    def __init__(self, card: DesfireCard, cuts=None):
        self.card, self.cuts, self.sent = card, dict(cuts or {}), 0
        self.cipher = None
        card.power_on()

    def raw(self, frame: bytes) -> bytes:
        cut = self.cuts.get(self.sent)
        self.sent += 1
        return self.card.exchange(frame, cut)

    def frames(self, code: int, params: bytes) -> bytes:
        """Send all frames of a command, return the joined payload."""
        answer = self.raw(bytes([code]) + params[:59])
        rest, payload = params[59:], answer[1:]
        while answer[0] == 0xAF:
            answer = self.raw(b"\xaf" + rest[:59])
            rest, payload = rest[59:], payload + answer[1:]
        if answer[0]:
            self.cipher = None
            raise StatusError(answer[0])
        return payload

    def select(self, aid: bytes) -> None:
        self.cipher = None
        self.frames(0x5A, aid)

    def authenticate(self, key_no: int, key: bytes, rnd_a: bytes = bytes(range(16)), code=0xAA):
        kind = "AES" if code == 0xAA else "2K3DES" if len(key) == 16 else "3K3DES"
        cipher = BlockCipher(kind, key, ExchangeCount())
        size = 8 if kind == "2K3DES" else 16
        rnd_a, block = rnd_a[:size], cipher.block_bytes
        challenge = self.raw(bytes([code, key_no]))
        if challenge[0] != 0xAF:
            raise StatusError(challenge[0])
        rnd_b = cipher.cbc_decrypt(bytes(block), challenge[1:])
        token = cipher.cbc_encrypt(challenge[-block:], rnd_a + rnd_b[1:] + rnd_b[:1])
        proof = self.raw(b"\xaf" + token)
        if proof[0]:
            raise StatusError(proof[0])
        assert cipher.cbc_decrypt(token[-block:], proof[1:]) == rnd_a[1:] + rnd_a[:1]
        if kind == "AES":
            session = rnd_a[:4] + rnd_b[:4] + rnd_a[12:] + rnd_b[12:]
        elif kind == "2K3DES":
            session = rnd_a[:4] + rnd_b[:4]
            session += rnd_a[4:] + rnd_b[4:] if key[:8] != key[8:] else session
        else:
            session = b"".join(
                r[a:b] for a, b in ((0, 4), (6, 10), (12, 16)) for r in (rnd_a, rnd_b)
            )
        self.cipher, self.iv = BlockCipher(kind, session, ExchangeCount()), bytes(block)

    def checked(self, payload: bytes) -> bytes:
        if self.cipher is None:
            return payload
        data = payload[:-8]
        self.iv = self.cipher.cmac(self.iv, data + b"\x00")
        assert payload[-8:] == self.iv[:8], "the card's MAC is wrong"
        return data

    def plain(self, code: int, params: bytes = b"") -> bytes:
        if self.cipher is not None:
            self.iv = self.cipher.cmac(self.iv, bytes([code]) + params)
        return self.checked(self.frames(code, params))

    def enciphered(self, code: int, header: bytes, data: bytes, more: bytes = b"") -> bytes:
        block = self.cipher.block_bytes
        clear = data + crc32_desfire(bytes([code]) + header + data) + more
        sealed = self.cipher.cbc_encrypt(self.iv, padded(clear, block))
        self.iv = sealed[-block:]
        return self.checked(self.frames(code, header + sealed))

    def write(self, code: int, header: bytes, data: bytes, mode: int) -> bytes:
        if mode == ENCIPHERED:
            return self.enciphered(code, header, data)
        if mode == MACED:
            self.iv = self.cipher.cmac(self.iv, bytes([code]) + header + data)
            return self.checked(self.frames(code, header + data + self.iv[:8]))
        return self.plain(code, header + data)

    def read(self, code: int, params: bytes, length: int, mode: int) -> bytes:
        if mode != ENCIPHERED:
            return self.plain(code, params)
        self.iv = self.cipher.cmac(self.iv, bytes([code]) + params)
        sealed = self.frames(code, params)
        clear = self.cipher.cbc_decrypt(self.iv, sealed)
        self.iv = sealed[-self.cipher.block_bytes :]
        data, rest = clear[:length], clear[length:]
        assert rest[:4] == crc32_desfire(data + b"\x00"), "the card's CRC is wrong"
        return data

    def change_key(self, named: int, new: bytes, version: int, old: bytes | None = None):
        """`old` is the old value when another key than the authenticated one changes."""
        mixed = new if old is None else bytes(a ^ b for a, b in zip(new, old, strict=True))
        more = b"" if old is None else crc32_desfire(new)
        data, block = mixed + bytes([version]), self.cipher.block_bytes
        clear = data + crc32_desfire(bytes([0xC4, named]) + data) + more
        sealed = self.cipher.cbc_encrypt(self.iv, padded(clear, block))
        self.iv = sealed[-block:]
        if old is None:
            self.cipher = None
        return self.checked(self.frames(0xC4, bytes([named]) + sealed))


__all__ = ["Cut", "ENCIPHERED", "MACED", "PLAIN", "Reader", "StatusError"]
