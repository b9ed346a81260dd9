"""AES-CMAC. Source: RFC 4493 (NIST SP 800-38B)."""

from card_layouts.crypto.aes import CBC, ECB, aes
from card_layouts.crypto.blocks import double, xor_into


def cmac(key, message):
    """Return the 16-byte AES-CMAC of `message` under the 16-byte `key`."""
    return Cmac(key).mac(message)


def subkeys(key):
    """Return (K1, K2), 16 bytes each: K1 for a whole last block, K2 for a padded one."""
    block = bytearray(16)
    aes(key, ECB).encrypt(block, block)
    k1 = double(block)
    return k1, double(k1)


class Cmac:
    """One key, many messages: one AES object for all of them, one buffer a message.

    The AES-CBC object cannot be given a new IV, so its chaining value, which is the last tag, is
    XORed into the first block and cancels out there. Not to be shared between threads.
    """

    def __init__(self, key):
        self._k1, self._k2 = subkeys(key)
        self._cbc = aes(key, CBC, bytes(16))
        self._chained = bytes(16)

    def mac(self, data):
        """Return the 16-byte tag of `data`, of any length."""
        size = len(data)
        last = (size - 1) // 16 * 16 if size else 0
        buf = bytearray(last + 16)
        buf[0:size] = data
        whole = size == last + 16
        if not whole:
            buf[size] = 0x80
        xor_into(buf, last, self._k1 if whole else self._k2)
        xor_into(buf, 0, self._chained)
        self._cbc.encrypt(buf, buf)
        self._chained = bytes(buf[last:])
        return self._chained
