"""Secure messaging, seen from the card: no session, an EV1 session, a D40 session.

Every command handler says how its parameters came in (plain, MACed, enciphered) and how its
answer goes out; the channel does the cryptography and keeps the IV. Source: desfire.md,
"Secure messaging"; D40 from public text only [P].
"""

from typing import Protocol

from simulator.desfire_card.checksums import crc16_desfire, crc32_desfire
from simulator.desfire_card.ciphers import BlockCipher, padded, xor
from simulator.desfire_card.status import AUTHENTICATION, INTEGRITY, LENGTH, Refused

PLAIN, MACED, ENCIPHERED = 0, 1, 3


class Channel(Protocol):
    """What a handler may ask of the session; `key_no` is None without authentication."""

    key_no: int | None
    ends_on_error: bool
    mac_bytes: int
    block_bytes: int

    def command_in(self, code: int, params: bytes) -> None:
        """Take note of a command whose parameters came in plain."""

    def maced_in(self, code: int, header: bytes, body: bytes) -> bytes:
        """Return the data of body = data | MAC. Raises: Refused(INTEGRITY)."""

    def decipher(self, cryptogram: bytes) -> bytes:
        """Return the plaintext of whole blocks, padding and all."""

    def checksum(self, covered: bytes, data: bytes) -> bytes:
        """Return the CRC of data (covered = command and header, counted in by EV1 only)."""

    def plain_out(self, data: bytes) -> bytes:
        """Return the answer to a plain command (EV1 sessions add a MAC)."""

    def maced_out(self, data: bytes) -> bytes:
        """Return the answer of a MACed reading command."""

    def enciphered_out(self, data: bytes, length_known: bool) -> bytes:
        """Return the enciphered answer; 80 00.. pads it when the reader gave no length."""


def secured_bytes(channel: Channel, comm: int, data_bytes: int) -> int:
    """Return how many bytes `data_bytes` of data are on their way to the card."""
    if comm == ENCIPHERED:
        size = channel.block_bytes
        return -(-(data_bytes + len(channel.checksum(b"", b""))) // size) * size
    return data_bytes + (channel.mac_bytes if comm == MACED else 0)


def enciphered_in(
    channel: Channel, code: int, header: bytes, cryptogram: bytes, data_bytes: int
) -> bytes:
    """Return `data_bytes` of deciphered data after checking CRC and padding.

    Raises: Refused(LENGTH) for a wrong number of blocks, Refused(INTEGRITY) otherwise.
    """
    if channel.key_no is None:
        raise Refused(AUTHENTICATION)
    if len(cryptogram) != secured_bytes(channel, ENCIPHERED, data_bytes):
        raise Refused(LENGTH)
    clear = channel.decipher(cryptogram)
    data, rest = clear[:data_bytes], clear[data_bytes:]
    crc = channel.checksum(bytes([code]) + header, data)
    if rest != crc + bytes(len(rest) - len(crc)):
        raise Refused(INTEGRITY)
    return data


class OpenChannel:
    """Nobody is authenticated: everything goes in clear."""

    key_no: int | None = None
    ends_on_error = False
    mac_bytes = 0
    block_bytes = 8

    def command_in(self, code: int, params: bytes) -> None:
        """Nothing to remember."""

    def maced_in(self, code: int, header: bytes, body: bytes) -> bytes:
        """Refuse: a MAC needs a session."""
        raise Refused(AUTHENTICATION)

    def decipher(self, cryptogram: bytes) -> bytes:
        """Refuse: a cryptogram needs a session."""
        raise Refused(AUTHENTICATION)

    def checksum(self, covered: bytes, data: bytes) -> bytes:
        """Refuse: only enciphered commands carry a CRC."""
        raise Refused(AUTHENTICATION)

    def plain_out(self, data: bytes) -> bytes:
        """Return the data as it is."""
        return data

    def maced_out(self, data: bytes) -> bytes:
        """Refuse: a MAC needs a session."""
        raise Refused(AUTHENTICATION)

    def enciphered_out(self, data: bytes, length_known: bool) -> bytes:
        """Refuse: a cryptogram needs a session."""
        raise Refused(AUTHENTICATION)


class Ev1Channel:
    """A session opened by AES or ISO authentication: CMAC, CRC32, one IV for everything."""

    ends_on_error = True
    mac_bytes = 8

    def __init__(self, key_no: int, cipher: BlockCipher) -> None:
        self.key_no: int | None = key_no
        self.block_bytes = cipher.block_bytes
        self.cipher = cipher
        self.iv = bytes(cipher.block_bytes)  # zeroed at authentication only

    def command_in(self, code: int, params: bytes) -> None:
        """Run command and parameters through the CMAC; it becomes the IV."""
        self.iv = self.cipher.cmac(self.iv, bytes([code]) + params)

    def maced_in(self, code: int, header: bytes, body: bytes) -> bytes:
        """Return the data of body = data | first 8 bytes of the CMAC."""
        data, mac = body[: -self.mac_bytes], body[-self.mac_bytes :]
        self.command_in(code, header + data)
        if mac != self.iv[: self.mac_bytes]:
            raise Refused(INTEGRITY)
        return data

    def decipher(self, cryptogram: bytes) -> bytes:
        """Return the plaintext; the last cipher block becomes the IV."""
        clear = self.cipher.cbc_decrypt(self.iv, cryptogram)
        self.iv = cryptogram[-self.block_bytes :]
        return clear

    def checksum(self, covered: bytes, data: bytes) -> bytes:
        """Return CRC32 over command, header and data."""
        return crc32_desfire(covered + data)

    def plain_out(self, data: bytes) -> bytes:
        """Return data | CMAC(data | 00)[:8]."""
        self.iv = self.cipher.cmac(self.iv, data + b"\x00")
        return data + self.iv[: self.mac_bytes]

    def maced_out(self, data: bytes) -> bytes:
        """Return the same as for a plain command. [T, S]"""
        return self.plain_out(data)

    def enciphered_out(self, data: bytes, length_known: bool) -> bytes:
        """Return E(data | CRC32(data | 00) | padding)."""
        clear = data + crc32_desfire(data + b"\x00") + (b"" if length_known else b"\x80")
        sealed = self.cipher.cbc_encrypt(self.iv, padded(clear, self.block_bytes))
        self.iv = sealed[-self.block_bytes :]
        return sealed


class D40Channel:
    """A session opened by the old authentication: the card always enciphers, IV 0 each time."""

    ends_on_error = False  # [S]
    mac_bytes = 4
    block_bytes = 8

    def __init__(self, key_no: int, cipher: BlockCipher) -> None:
        self.key_no: int | None = key_no
        self.cipher = cipher

    def command_in(self, code: int, params: bytes) -> None:
        """Nothing to remember: D40 has no chain between commands."""

    def maced_in(self, code: int, header: bytes, body: bytes) -> bytes:
        """Return the data of body = data | 4-byte CBC-MAC over the data alone."""
        data, mac = body[: -self.mac_bytes], body[-self.mac_bytes :]
        if mac != self._mac(data):
            raise Refused(INTEGRITY)
        return data

    def decipher(self, cryptogram: bytes) -> bytes:
        """Undo what the reader did by deciphering: encipher, then unchain."""
        return d40_received(self.cipher, cryptogram)

    def checksum(self, covered: bytes, data: bytes) -> bytes:
        """Return CRC16 over the data alone."""
        return crc16_desfire(data)

    def plain_out(self, data: bytes) -> bytes:
        """Return the data as it is: D40 answers carry a MAC in MACed mode only."""
        return data

    def maced_out(self, data: bytes) -> bytes:
        """Return data | CBC-MAC(data)[:4]."""
        return data + self._mac(data)

    def enciphered_out(self, data: bytes, length_known: bool) -> bytes:
        """Return E(data | CRC16(data) | padding)."""
        clear = data + crc16_desfire(data) + (b"" if length_known else b"\x80")
        return self.cipher.cbc_encrypt(bytes(8), padded(clear, 8))

    def _mac(self, data: bytes) -> bytes:
        return self.cipher.cbc_encrypt(bytes(8), padded(data, 8))[-8:-4]


def d40_received(cipher: BlockCipher, cryptogram: bytes) -> bytes:
    """Return what a D40 reader sent as D(block xor previous cryptogram block)."""
    clear, before = b"", bytes(8)
    for at in range(0, len(cryptogram), 8):
        block = cryptogram[at : at + 8]
        clear += xor(before, cipher.encrypt(block))
        before = block
    return clear


def received(
    channel: Channel, comm: int, code: int, header: bytes, body: bytes, data_bytes: int
) -> bytes:
    """Return the data of a writing command that came in mode `comm`."""
    if len(body) != secured_bytes(channel, comm, data_bytes):
        raise Refused(LENGTH)
    if comm == ENCIPHERED:
        return enciphered_in(channel, code, header, body, data_bytes)
    if comm == MACED:
        return channel.maced_in(code, header, body)
    channel.command_in(code, header + body)
    return body


def answered(channel: Channel, comm: int, data: bytes, length_known: bool = True) -> bytes:
    """Return the answer of a reading command in mode `comm`."""
    if comm == ENCIPHERED:
        return channel.enciphered_out(data, length_known)
    return channel.maced_out(data) if comm == MACED else channel.plain_out(data)
