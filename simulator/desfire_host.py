"""A small DESFire host for trials of the card model: plain code, nothing of card_layouts.

It shares the card's cipher primitives and nothing else; the vectors V1 to V5 of desfire.md and
the programs of tests/outside pin both to real silicon.
"""

from simulator.desfire_card.card import DesfireCard
from simulator.desfire_card.checksums import crc32_desfire
from simulator.desfire_card.ciphers import BlockCipher, padded
from simulator.desfire_card.meter import ExchangeCount
from simulator.desfire_card.power import Cut

PLAIN, MACED, ENCIPHERED = 0, 1, 3
FRAME_BYTES = 59
MORE, OK = 0xAF, 0x00


class StatusError(Exception):
    """The card refused."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:02X}")
        self.status = status


class Host:
    """Sends commands natively; `cuts` maps the number of an exchange to a Cut."""

    def __init__(self, card: DesfireCard, cuts: dict[int, Cut] | None = None) -> None:
        self.card, self.cuts, self.sent = card, dict(cuts or {}), 0
        self._cipher: BlockCipher | None = None
        self.iv = b""
        self.challenge = b""  # of an ISO 7816 authentication
        card.power_on()

    @property
    def cipher(self) -> BlockCipher:
        """The session's cipher."""
        assert self._cipher is not None, "no session is open"
        return self._cipher

    def raw(self, frame: bytes) -> bytes:
        """Send one frame as it is."""
        cut = self.cuts.get(self.sent)
        self.sent += 1
        return self.card.exchange(frame, cut)

    def frames(self, code: int, params: bytes) -> bytes:
        """Send all frames of a command, return the joined payload. Raises: StatusError."""
        answer = self.raw(bytes([code]) + params[:FRAME_BYTES])
        rest, payload = params[FRAME_BYTES:], answer[1:]
        while answer[0] == MORE:
            answer = self.raw(bytes([MORE]) + rest[:FRAME_BYTES])
            rest, payload = rest[FRAME_BYTES:], payload + answer[1:]
        if answer[0]:
            self._cipher = None
            raise StatusError(answer[0])
        return payload

    def select(self, aid: bytes) -> None:
        """Select an application; the session is gone."""
        self._cipher = None
        self.frames(0x5A, aid)

    def authenticate(
        self, key_no: int, key: bytes, rnd_a: bytes = bytes(range(16)), code: int = 0xAA
    ) -> None:
        """Open an AES (AA) or ISO (1A) session. Raises: StatusError."""
        kind = "AES" if code == 0xAA else "2K3DES" if len(key) == 16 else "3K3DES"
        cipher = BlockCipher(kind, key, ExchangeCount())
        rnd_a, block = rnd_a[: 8 if kind == "2K3DES" else 16], cipher.block_bytes
        challenge = self.raw(bytes([code, key_no]))
        if challenge[0] != MORE:
            raise StatusError(challenge[0])
        rnd_b = cipher.cbc_decrypt(bytes(block), challenge[1:])
        token = cipher.cbc_encrypt(challenge[-block:], rnd_a + rnd_b[1:] + rnd_b[:1])
        proof = self.raw(bytes([MORE]) + token)
        if proof[0]:
            raise StatusError(proof[0])
        assert cipher.cbc_decrypt(token[-block:], proof[1:]) == rnd_a[1:] + rnd_a[:1]
        session = _session_key(kind, key, rnd_a, rnd_b)
        self._cipher, self.iv = BlockCipher(kind, session, ExchangeCount()), bytes(block)

    def checked(self, payload: bytes) -> bytes:
        """Return an answer's data after checking its MAC."""
        if self._cipher is None:
            return payload
        data = payload[:-8]
        self.iv = self.cipher.cmac(self.iv, data + b"\x00")
        assert payload[-8:] == self.iv[:8], "the card's MAC is wrong"
        return data

    def plain(self, code: int, params: bytes = b"") -> bytes:
        """Send a command in plain mode."""
        if self._cipher is not None:
            self.iv = self.cipher.cmac(self.iv, bytes([code]) + params)
        return self.checked(self.frames(code, params))

    def enciphered(self, code: int, header: bytes, data: bytes, more: bytes = b"") -> bytes:
        """Send a command whose data is enciphered."""
        block = self.cipher.block_bytes
        clear = data + crc32_desfire(bytes([code]) + header + data) + more
        sealed = self.cipher.cbc_encrypt(self.iv, padded(clear, block))
        self.iv = sealed[-block:]
        return self.checked(self.frames(code, header + sealed))

    def write(self, code: int, header: bytes, data: bytes, mode: int) -> bytes:
        """Send a data-writing command in a file's mode."""
        if mode == ENCIPHERED:
            return self.enciphered(code, header, data)
        if mode == MACED:
            self.iv = self.cipher.cmac(self.iv, bytes([code]) + header + data)
            return self.checked(self.frames(code, header + data + self.iv[:8]))
        return self.plain(code, header + data)

    def read(self, code: int, params: bytes, length: int, mode: int) -> bytes:
        """Send a reading command in a file's mode; return `length` bytes."""
        if mode != ENCIPHERED:
            return self.plain(code, params)
        self.iv = self.cipher.cmac(self.iv, bytes([code]) + params)
        sealed = self.frames(code, params)
        clear = self.cipher.cbc_decrypt(self.iv, sealed)
        self.iv = sealed[-self.cipher.block_bytes :]
        data, rest = clear[:length], clear[length:]
        assert rest[:4] == crc32_desfire(data + b"\x00"), "the card's CRC is wrong"
        return data

    def change_key(self, named: int, new: bytes, version: int, old: bytes | None = None) -> bytes:
        """Change an AES key; `old` is its value when another key than the session's changes."""
        mixed = new if old is None else bytes(a ^ b for a, b in zip(new, old, strict=True))
        more = b"" if old is None else crc32_desfire(new)
        data, block = mixed + bytes([version]), self.cipher.block_bytes
        clear = data + crc32_desfire(bytes([0xC4, named]) + data) + more
        sealed = self.cipher.cbc_encrypt(self.iv, padded(clear, block))
        self.iv = sealed[-block:]
        if old is None:
            self._cipher = None
        return self.checked(self.frames(0xC4, bytes([named]) + sealed))


def _session_key(kind: str, key: bytes, a: bytes, b: bytes) -> bytes:
    if kind == "AES":
        return a[:4] + b[:4] + a[12:] + b[12:]
    if kind == "3K3DES":
        return b"".join(a[at : at + 4] + b[at : at + 4] for at in (0, 6, 12))
    first = a[:4] + b[:4]
    return first + (a[4:] + b[4:] if key[:8] != key[8:] else first)
