"""Frames and secure messaging of DESFire EV1, terminal side, AES.

One initialisation vector runs through a session: every command and every answer moves it, whether
its MAC travels or not. Plain and MACed messages move it to their CMAC, enciphered ones to their
last cipher block. Knows no file, key store or reader. Fails closed: a wrong MAC or CRC is a
SealError, any status but 00 a CardStatusError; both end the session, as they do on the card.

Source: desfire.md "Secure messaging", "Framing"; recorded vectors V1-V5.
"""

from binascii import crc32

from card_layouts.cards.conversation import CardStatusError
from card_layouts.crypto.aes import aes
from card_layouts.crypto.blocks import double, xor_into
from card_layouts.crypto.kdf import same
from card_layouts.errors import LayoutError, SealError

PLAIN = 0
MACED = 1
ENCIPHERED = 3

CBC = 2
BLOCK_BYTES = 16
MAC_BYTES = 8
CRC_BYTES = 4
PART_BYTES = 59  # of payload in one native frame of 60
ANSWER_BYTES_MAX = 1024  # far above the largest file: a card that says "more" for ever is refused
MORE = 0xAF
COMMIT = 0xC7
COMMIT_ANSWER_BYTES = 1 + MAC_BYTES


def card_crc(data):
    """Return the card's CRC32 of `data`, 4 bytes little-endian: no final inversion (EV1)."""
    return ((crc32(data) ^ 0xFFFFFFFF) & 0xFFFFFFFF).to_bytes(4, "little")


class Channel:
    """A frame shared with the reader and, after `open`, the secure session over it."""

    def __init__(self, frame):
        self.frame = frame
        self.key_no = -1  # key of the session, -1 while there is none
        self.status = 0  # last status byte seen
        self._iv = bytearray(BLOCK_BYTES)
        self._encrypt_iv = bytearray(BLOCK_BYTES)
        self._decrypt_iv = bytearray(BLOCK_BYTES)
        self._commit_answer = bytearray(COMMIT_ANSWER_BYTES)

    def open(self, key_no, session_key):
        """Start secure messaging under the 16-byte `session_key` with the vector at zero."""
        zero = bytes(BLOCK_BYTES)
        self._encrypter = aes(session_key, CBC, zero)
        self._decrypter = aes(session_key, CBC, zero)
        self._iv[:] = zero
        self._decrypt_iv[:] = zero
        top = self._encrypter.encrypt(zero)
        self._encrypt_iv[:] = top
        self._whole = double(top)
        self._padded = double(self._whole)
        self.key_no = key_no

    def close(self):
        """Forget the session: what follows is sent in the clear and answered so."""
        self.key_no = -1

    def encipher(self, block):
        """Encrypt the bytearray `block` (n x 16 bytes) in place and move the vector on."""
        # A CBC object keeps its own vector between calls; where the session's has moved by a
        # decryption, the difference goes into the first block. So no object is made per command.
        if self._encrypt_iv != self._iv:
            xor_into(block, 0, self._encrypt_iv)
            xor_into(block, 0, self._iv)
        self._encrypter.encrypt(block, block)
        self._iv[:] = block[len(block) - BLOCK_BYTES :]
        self._encrypt_iv[:] = self._iv

    def decipher(self, block):
        """Decrypt the bytearray `block` (n x 16 bytes) in place and move the vector on."""
        last = block[len(block) - BLOCK_BYTES :]
        self._decrypter.decrypt(block, block)
        xor_into(block, 0, self._decrypt_iv)
        xor_into(block, 0, self._iv)
        self._iv[:] = last
        self._decrypt_iv[:] = last

    def mac(self, message):
        """Move the vector to the CMAC of `message`; return its first 8 bytes."""
        size = len(message)
        padded = bytearray((size + BLOCK_BYTES - 1) // BLOCK_BYTES * BLOCK_BYTES or BLOCK_BYTES)
        padded[:size] = message
        if size == len(padded):
            xor_into(padded, size - BLOCK_BYTES, self._whole)
        else:
            padded[size] = 0x80
            xor_into(padded, len(padded) - BLOCK_BYTES, self._padded)
        self.encipher(padded)
        return bytes(self._iv[:MAC_BYTES])

    def transceive(self, code, body):
        """Send command `code` with `body` in as many frames as it takes; return the answer's data.

        Shape: a generator; the data of a multi-frame answer is joined, status bytes left out.
        Raises: CardStatusError; LayoutError if the answer is empty or never ends.
        """
        frame = self.frame
        at = 0
        while True:
            part = min(len(body) - at, PART_BYTES)
            frame[0] = MORE if at else code
            frame[1 : 1 + part] = body[at : at + part]
            at += part
            got = yield 1 + part
            if at == len(body):
                break
            self._check_status(code, got, MORE)
        answer = bytearray()
        while got and frame[0] == MORE and len(answer) <= ANSWER_BYTES_MAX:
            answer += frame[1:got]
            frame[0] = MORE
            got = yield 1
        self._check_status(code, got, 0)
        answer += frame[1:got]
        return answer

    def _check_status(self, code, got, wanted):
        if not got:
            self.close()
            raise LayoutError("card.command %02X: found an empty answer, wanted a status" % code)
        self.status = self.frame[0]
        if self.status != wanted:
            self.close()
            raise CardStatusError(code, self.status)

    def plain(self, code, body=b"", send_mac=False):
        """Send a plain (or, with `send_mac`, MACed) command; return the checked answer's data."""
        message = bytes((code,)) + body
        secured = self.key_no >= 0
        if secured:
            mac = self.mac(message)
            if send_mac:
                body = body + mac
        answer = yield from self.transceive(code, body)
        return self.check_mac(code, answer) if secured else answer

    def check_mac(self, code, answer):
        """Return `answer` without its MAC. Raises: SealError unless data | 00 has that CMAC."""
        size = len(answer) - MAC_BYTES
        if size >= 0:
            data = answer[:size]
            if same(self.mac(data + b"\x00"), bytes(answer[size:])):
                return data
        self.close()
        raise SealError("card.answer %02X: wrong MAC on %d bytes" % (code, len(answer)))

    def enciphered(self, code, header, data):
        """Send `header` in the clear and `data` with its CRC enciphered; return the answer."""
        answer = yield from self.transceive(code, header + self.sealed(code, header, data))
        return self.check_mac(code, answer)

    def sealed(self, code, header, data):
        """Return `data` with its CRC32 over command, header and data, padded and enciphered."""
        size = len(data) + CRC_BYTES
        block = bytearray((size + BLOCK_BYTES - 1) // BLOCK_BYTES * BLOCK_BYTES)
        block[: len(data)] = data
        block[len(data) : size] = card_crc(bytes((code,)) + header + data)
        self.encipher(block)
        return block

    def read(self, code, body, size, mode):
        """Send a plain command; return the `size` bytes it answers in communication `mode`.

        Raises: SealError when MAC, CRC or padding is wrong, LayoutError on another length.
        """
        if mode != ENCIPHERED:
            data = yield from self.plain(code, body)
            return self._check_size(code, data, size)
        self.mac(bytes((code,)) + body)
        block = yield from self.transceive(code, body)
        self._check_size(
            code, block, (size + CRC_BYTES + BLOCK_BYTES - 1) // BLOCK_BYTES * BLOCK_BYTES
        )
        self.decipher(block)
        data = block[:size]
        padding = bytes(len(block) - size - CRC_BYTES)
        if not same(card_crc(data + b"\x00") + padding, bytes(block[size:])):
            self.close()
            raise SealError("card.answer %02X: wrong CRC on %d bytes" % (code, size))
        return data

    def _check_size(self, code, data, size):
        if len(data) != size:
            self.close()
            raise LayoutError(
                "card.answer %02X: found %d bytes, wanted %d" % (code, len(data), size)
            )
        return data

    def prepare_commit(self):
        """Compute the commit's place in the chain and the one right answer, before the window."""
        self.mac(bytes((COMMIT,)))
        self._commit_answer[0] = 0
        self._commit_answer[1:] = self.mac(b"\x00")

    def commit(self):
        """Commit what is staged; return True if the card proved that it did.

        Call `prepare_commit` first and make this generator before the window opens: running it
        allocates nothing. False means *unknown*, never "failed": neither a status nor a wrong MAC
        is evidence (trust.md 4.1).
        """
        frame = self.frame
        expected = self._commit_answer
        frame[0] = COMMIT
        got = yield 1
        if got:
            self.status = frame[0]
        different = got ^ COMMIT_ANSWER_BYTES
        i = 0
        while i < COMMIT_ANSWER_BYTES:
            different |= frame[i] ^ expected[i]
            i += 1
        return different == 0
