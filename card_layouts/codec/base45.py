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
    whole = len(text) // 3 * 3
    place = 0
    for at in range(0, whole, 3):
        value = _digit(text, at + 2) * 2025 + _digit(text, at + 1) * BASE + _digit(text, at)
        if value >> 16:
            raise LayoutError("base45: characters %d..%d encode no bytes" % (at, at + 3))
        data[place] = value >> 8
        data[place + 1] = value & 255
        place += 2
    if whole < len(text):
        value = _digit(text, whole + 1) * BASE + _digit(text, whole)
        if value >> 8:
            raise LayoutError("base45: characters %d..%d encode no bytes" % (whole, len(text)))
        data[place] = value
    return bytes(data)


def _digit(text, at):
    digit = ALPHABET.find(text[at])
    if digit < 0:
        raise LayoutError("base45: character %d is none of the 45" % at)
    return digit
