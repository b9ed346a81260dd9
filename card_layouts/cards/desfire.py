"""The DESFire EV1 commands a tap, a counter and an inspection need, terminal side.

Every method that talks is a generator over the session's frame (`conversation.py`). Integers
travel little-endian. The communication mode of a file is told by the caller: asking the card
costs an exchange and fails under settings 0x49 (card.md section 4).

Source: desfire.md (command table, value, cyclic and backup files, transactions).
"""

from card_layouts.cards.conversation import CardStatusError
from card_layouts.cards.desfire_channel import CBC, ENCIPHERED, MACED, MORE, PLAIN, Channel
from card_layouts.crypto.aes import aes
from card_layouts.crypto.kdf import same
from card_layouts.errors import LayoutError, SealError

__all__ = ("ENCIPHERED", "MACED", "PLAIN", "Session")

AUTHENTICATE_AES = 0xAA
SELECT = 0x5A
GET_VERSION = 0x60
GET_KEY_VERSION = 0x64
GET_VALUE = 0x6C
READ_DATA = 0xBD
READ_RECORDS = 0xBB
CREDIT = 0x0C
DEBIT = 0xDC
WRITE_DATA = 0x3D
WRITE_RECORD = 0x3B
ABORT = 0xA7


def u24(value):
    """Return `value` as the 3 bytes the card wants."""
    return value.to_bytes(3, "little")


def rotated(block):
    """Return `block` with its first byte moved to the end."""
    return block[1:] + block[:1]


def session_key(rnd_a, rnd_b):
    """Return the 16-byte AES session key of two 16-byte random numbers (V1)."""
    return rnd_a[:4] + rnd_b[:4] + rnd_a[12:] + rnd_b[12:]


class Session(Channel):
    """One card in the field, from select to commit."""

    def select(self, aid):
        """Select the application `aid` (3 bytes as sent); any session ends."""
        self.close()
        yield from self.transceive(SELECT, aid)

    def authenticate(self, key_no, key, rnd_a):
        """Prove `key` (16 bytes, AES) to the card and have it prove the same; open the session.

        `rnd_a`: 16 fresh random bytes. Raises: CardStatusError AE if the card's key is another,
        SealError if the card does not know the key.
        """
        self.close()
        frame = self.frame
        frame[0] = AUTHENTICATE_AES
        frame[1] = key_no
        got = yield 2
        self._check_status(AUTHENTICATE_AES, got, MORE)
        if got != 17:
            raise LayoutError("card.authenticate: found %d bytes, wanted 17" % got)
        challenge = bytes(frame[1:17])
        rnd_b = bytes(aes(key, CBC, bytes(16)).decrypt(challenge))
        token = bytes(aes(key, CBC, challenge).encrypt(rnd_a + rotated(rnd_b)))
        frame[0] = MORE
        frame[1:33] = token
        got = yield 33
        self._check_status(AUTHENTICATE_AES, got, 0)
        proof = bytes(frame[1:got])
        if len(proof) != 16 or not same(
            bytes(aes(key, CBC, token[16:]).decrypt(proof)), rotated(rnd_a)
        ):
            raise SealError("card.authenticate: the card does not know key %d" % key_no)
        self.open(key_no, session_key(rnd_a, rnd_b))

    def get_version(self):
        """Return the 28 bytes of GetVersion: hardware 7, software 7, UID 7, batch and date 7."""
        version = yield from self.plain(GET_VERSION)
        if len(version) != 28:
            raise LayoutError("card.version: found %d bytes, wanted 28" % len(version))
        return bytes(version)

    def get_key_version(self, key_no):
        """Return the version byte of key `key_no` of the selected application."""
        answer = yield from self.plain(GET_KEY_VERSION, bytes((key_no,)))
        if len(answer) != 1:
            raise LayoutError("card.key_version: found %d bytes, wanted 1" % len(answer))
        return answer[0]

    def get_value(self, file_no, mode=ENCIPHERED):
        """Return the committed value of a value file, signed 32 bits."""
        data = yield from self.read(GET_VALUE, bytes((file_no,)), 4, mode)
        value = data[0] | data[1] << 8 | data[2] << 16 | (data[3] & 0x7F) << 24
        return value - 0x80000000 if data[3] & 0x80 else value

    def read_data(self, file_no, offset, size, mode=ENCIPHERED):
        """Return `size` bytes of a data or backup file from `offset`."""
        body = bytes((file_no,)) + u24(offset) + u24(size)
        return (yield from self.read(READ_DATA, body, size, mode))

    def read_records(self, file_no, newest, count, record_bytes, mode=ENCIPHERED):
        """Return `count` records of a cyclic file, oldest first, skipping the `newest` youngest.

        Raises: CardStatusError BE when there are not so many; the card then drops everything.
        """
        body = bytes((file_no,)) + u24(newest) + u24(count)
        return (yield from self.read(READ_RECORDS, body, count * record_bytes, mode))

    def credit(self, file_no, amount, mode=ENCIPHERED):
        """Stage an addition of `amount` to a value file."""
        yield from self._change(CREDIT, bytes((file_no,)), amount.to_bytes(4, "little"), mode)

    def debit(self, file_no, amount, mode=ENCIPHERED):
        """Stage a subtraction of `amount` from a value file. BE: the value would fall too low."""
        yield from self._change(DEBIT, bytes((file_no,)), amount.to_bytes(4, "little"), mode)

    def write_data(self, file_no, offset, data, mode=ENCIPHERED):
        """Stage (backup file) or write (standard file) `data` at `offset`."""
        header = bytes((file_no,)) + u24(offset) + u24(len(data))
        yield from self._change(WRITE_DATA, header, data, mode)

    def write_record(self, file_no, data, mode=ENCIPHERED):
        """Stage a new record of a record file, from its first byte on."""
        header = bytes((file_no,)) + u24(0) + u24(len(data))
        yield from self._change(WRITE_RECORD, header, data, mode)

    def _change(self, code, header, data, mode):
        if mode == ENCIPHERED:
            answer = yield from self.enciphered(code, header, data)
        else:
            answer = yield from self.plain(code, header + data, mode == MACED)
        if answer:
            raise LayoutError("card.answer %02X: found %d bytes, wanted none" % (code, len(answer)))

    def abort(self):
        """Drop what is staged. A card that has nothing staged says 0C, which is as good."""
        try:
            yield from self.plain(ABORT)
        except CardStatusError as error:
            if error.status != 0x0C:
                raise
