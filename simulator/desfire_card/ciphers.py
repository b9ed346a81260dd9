"""Block ciphers of the card (AES, 2- and 3-key 3DES), CBC and CMAC over them.

The chaining is done here, block by block, because the card keeps one IV through a whole
session and the counts of blocks feed the time model.
"""

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from simulator.desfire_card.meter import ExchangeCount


def xor(left: bytes, right: bytes) -> bytes:
    """Return the exclusive or of two byte strings of one length."""
    mixed = int.from_bytes(left, "big") ^ int.from_bytes(right, "big")
    return mixed.to_bytes(len(left), "big")


def padded(data: bytes, block_bytes: int) -> bytes:
    """Return data with zero bytes up to a whole number of blocks."""
    return data + bytes(-len(data) % block_bytes)


class BlockCipher:
    """One key of one kind ("AES", "2K3DES", "3K3DES"); counts the blocks it works through."""

    def __init__(self, kind: str, key: bytes, count: ExchangeCount) -> None:
        algorithm = algorithms.AES(key) if kind == "AES" else TripleDES(_three_keys(key))
        cipher = Cipher(algorithm, modes.ECB())
        self.block_bytes = 16 if kind == "AES" else 8
        self.count = count
        self._encrypt = cipher.encryptor().update
        self._decrypt = cipher.decryptor().update
        self._subkeys: tuple[bytes, bytes] | None = None

    def encrypt(self, block: bytes) -> bytes:
        """Return one enciphered block."""
        self.count.cipher_blocks += 1
        return self._encrypt(block)

    def decrypt(self, block: bytes) -> bytes:
        """Return one deciphered block."""
        self.count.cipher_blocks += 1
        return self._decrypt(block)

    def cbc_encrypt(self, iv: bytes, data: bytes) -> bytes:
        """Return data (whole blocks) enciphered in CBC; the next IV is its last block."""
        out = bytearray()
        for at in range(0, len(data), self.block_bytes):
            iv = self.encrypt(xor(iv, data[at : at + self.block_bytes]))
            out += iv
        return bytes(out)

    def cbc_decrypt(self, iv: bytes, data: bytes) -> bytes:
        """Return data (whole blocks) deciphered in CBC; the next IV is data's last block."""
        out = bytearray()
        for at in range(0, len(data), self.block_bytes):
            block = data[at : at + self.block_bytes]
            out += xor(iv, self.decrypt(block))
            iv = block
        return bytes(out)

    def cmac(self, iv: bytes, data: bytes) -> bytes:
        """Return the CMAC of data (NIST SP 800-38B) started from `iv` instead of zero."""
        size = self.block_bytes
        whole = len(data) > 0 and len(data) % size == 0
        body = data if whole else padded(data + b"\x80", size)
        last = xor(body[-size:], self._cmac_subkeys()[0 if whole else 1])
        return self.cbc_encrypt(iv, body[:-size] + last)[-size:]

    def _cmac_subkeys(self) -> tuple[bytes, bytes]:
        if self._subkeys is None:
            first = self._doubled(self.encrypt(bytes(self.block_bytes)))
            self._subkeys = (first, self._doubled(first))
        return self._subkeys

    def _doubled(self, block: bytes) -> bytes:
        bits = 8 * self.block_bytes
        value = int.from_bytes(block, "big") << 1
        if value >> bits:
            # NIST SP 800-38B section 5.3: R_128 = 87, R_64 = 1B.
            value = (value ^ (0x87 if bits == 128 else 0x1B)) & ((1 << bits) - 1)
        return value.to_bytes(self.block_bytes, "big")


def _three_keys(key: bytes) -> bytes:
    return key if len(key) == 24 else key + key[:8] if len(key) == 16 else key * 3
