"""Bytes as the characters that a 2D code packs into 5.5 bits each, and every scanner passes on.

Two bytes are three characters, a last single byte two. One text a byte string: what is not the
encoding of anything is refused. Source: RFC 9285.
"""

from card_layouts.errors import LayoutError

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
BASE = 45


def encode(data):
    """Return the text of `data`."""
    # Into a buffer of its size: a list of letters would need eight times the heap of a board.
    text = bytearray(len(data) // 2 * 3 + len(data) % 2 * 2)
    place = 0
    for at in range(0, len(data), 2):
        pair = at + 1 < len(data)
        value = data[at] << 8 | data[at + 1] if pair else data[at]
        for _ in range(3 if pair else 2):
            text[place] = ord(ALPHABET[value % BASE])
            value //= BASE
            place += 1
    return bytes(text).decode()


def decode(text):
    """Return the bytes of `text`. Raises: LayoutError, naming the place."""
    if len(text) % 3 == 1:
        raise LayoutError("base45: %d characters encode nothing" % len(text))
    data = bytearray(len(text) // 3 * 2 + (1 if len(text) % 3 else 0))
    for at in range(0, len(text), 3):
        value = 0
        end = min(at + 3, len(text))
        for i in range(end - 1, at - 1, -1):
            digit = ALPHABET.find(text[i])
            if digit < 0:
                raise LayoutError("base45: character %d is none of the 45" % i)
            value = value * BASE + digit
        place = at // 3 * 2
        if value >> (16 if end - at == 3 else 8):
            raise LayoutError("base45: characters %d..%d encode no bytes" % (at, end))
        if end - at == 3:
            data[place] = value >> 8
            place += 1
        data[place] = value & 255
    return bytes(data)
