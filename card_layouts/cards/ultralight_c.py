"""Commands of MIFARE Ultralight C as conversations: authenticate, read, write, count, halt.

The same contract as the DESFire conversations (conversation.py), but raw answers: this card has no
status byte. Data comes as it is; the 4-bit ACK as one byte 0A, or as nothing at all from a reader
that keeps it to itself (PN532 InDataExchange); any other single byte is a NAK. After a NAK the card
is silent until it is activated again. After authentication nothing is enciphered or MACed: the key
opens the memory, it does not protect the line.

Source: NXP MF0ICU2 data sheet rev 3.3, sections 7.5 and 9; card.md section 6.
"""

from card_layouts.cards.conversation import CardLost, CardStatusError
from card_layouts.cards.ulc_layout import PAGE_BYTES, PAGE_COUNTER
from card_layouts.crypto.kdf import same
from card_layouts.errors import LayoutError, RangeError, SealError

READ = 0x30
WRITE = 0xA2
AUTHENTICATE = 0x1A
MORE = 0xAF
HALT = 0x50
ACK = 0x0A

READ_BYTES = 16
RANDOM_BYTES = 8
CBC = 2
PAGE_FIRST_WRITABLE, PAGE_LAST = 2, 47
INCREMENT_MAX = 15
FACTORY_KEY = b"IEMKAERB!NACUOYF"  # as the cipher takes it; the data sheet prints it by pages


class NakError(CardStatusError):
    """The card answered `command` with a 4-bit NAK, `status`, and fell silent."""

    def __str__(self):
        return "card.command %02X: found NAK %X, wanted ACK or data" % (self.command, self.status)


class Session:
    """The commands over one frame shared with the reader. `authenticated`: since activation."""

    def __init__(self, frame):
        self.frame = frame
        self.authenticated = False

    def authenticate(self, key, rnd_a, triple_des):
        """Prove the 16-byte `key` to each other: 2 exchanges.

        Shape: rnd_a 8 random bytes; triple_des as crypto/triple_des.py's TripleDes.
        Raises: NakError if the card has another key, SealError if the card is not genuine.
        """
        if len(rnd_a) != RANDOM_BYTES:
            raise RangeError("authenticate: %d random bytes, 8 wanted" % len(rnd_a))
        frame = self.frame
        self.authenticated = False
        frame[0] = AUTHENTICATE
        frame[1] = 0
        got = yield 2
        self._expect(AUTHENTICATE, got, MORE)
        # One cipher with a zero vector does for all four blocks: what the chaining adds is the
        # cipher block before, XORed by hand.
        cipher = triple_des(key, CBC, bytes(RANDOM_BYTES))
        challenge = bytes(frame[1:9])
        rnd_b = cipher.decrypt(challenge)
        token = bytearray(rnd_a + rnd_b[1:] + rnd_b[:1])
        _xor_into(token, challenge)
        proof = cipher.encrypt(bytes(token))
        frame[0] = MORE
        frame[1:17] = proof
        got = yield 17
        self._expect(MORE, got, 0)
        returned = bytearray(cipher.decrypt(bytes(frame[1:9])))
        _xor_into(returned, proof[8:])
        if not same(bytes(returned), rnd_a[1:] + rnd_a[:1]):
            raise SealError("card.authenticate: the card does not know the key it accepted")
        self.authenticated = True

    def _expect(self, command, got, first):
        frame = self.frame
        if got == 1:
            raise NakError(command, frame[0])
        if got != 1 + RANDOM_BYTES or frame[0] != first:
            raise LayoutError("card.authenticate: %d bytes, 9 from %02X wanted" % (got, first))

    def read(self, page):
        """Return the 16 bytes of pages `page`..`page` + 3: 1 exchange. Raises: NakError."""
        self.frame[0] = READ
        self.frame[1] = page
        got = yield 2
        if got == 1:
            raise NakError(READ, self.frame[0])
        if got != READ_BYTES:
            raise LayoutError("card.read %d: found %d bytes, 16 wanted" % (page, got))
        return bytes(self.frame[:READ_BYTES])

    def write(self, page, four):
        """Write the 4 bytes of a page: 1 exchange. It is done once this returns.

        Page 41 adds to the counter, pages 2, 3 and 40 add bits. Raises: NakError if the page is
        locked or the key was not proved.
        """
        if len(four) != PAGE_BYTES or not PAGE_FIRST_WRITABLE <= page <= PAGE_LAST:
            raise RangeError("write: page %d, %d bytes; 2..47 and 4 wanted" % (page, len(four)))
        frame = self.frame
        frame[0] = WRITE
        frame[1] = page
        frame[2:6] = four
        got = yield 6
        if got == 0 or (got == 1 and frame[0] == ACK):
            return
        if got == 1:
            raise NakError(WRITE, frame[0])
        raise LayoutError("card.write %d: found %d bytes, an ACK wanted" % (page, got))

    def write_pages(self, page, data):
        """Write `data`, n x 4 bytes, from `page` on: n exchanges, lowest page first."""
        for at in range(0, len(data), PAGE_BYTES):
            yield from self.write(page + at // PAGE_BYTES, data[at : at + PAGE_BYTES])

    def set_counter(self, value):
        """Give a counter that is still 0 its first value, 1..65535: 1 exchange.

        On a counter that already counts this adds the value's low four bits instead.
        """
        if not 1 <= value <= 0xFFFF:
            raise RangeError("counter: %d is outside 1..65535" % value)
        yield from self.write(PAGE_COUNTER, bytes((value & 0xFF, value >> 8, 0, 0)))

    def increment(self, steps):
        """Add 1..15 to the counter: 1 exchange.

        The new value may be seen only after the next activation: do not read it back.
        """
        if not 1 <= steps <= INCREMENT_MAX:
            raise RangeError("counter: + %d is outside 1..15" % steps)
        yield from self.write(PAGE_COUNTER, bytes((steps, 0, 0, 0)))

    def halt(self):
        """Send the card to sleep; it answers nothing, which every reader reports as a loss."""
        self.authenticated = False
        self.frame[0] = HALT
        self.frame[1] = 0
        try:
            yield 2
        except CardLost:
            return


def counter_of(page41):
    """Return the counter in the first two bytes of page 41, low byte first."""
    return page41[0] | page41[1] << 8


def key_pages(key):
    """Return the 16 bytes of pages 44..47 for a key: each half goes in last byte first."""
    out = bytearray(16)
    for i in range(8):
        out[i] = key[7 - i]
        out[8 + i] = key[15 - i]
    return bytes(out)


def _xor_into(block, other):
    for i in range(RANDOM_BYTES):
        block[i] ^= other[i]
