"""Bytes as the characters that a 2D code packs into 5.5 bits each, and every scanner passes on.

Two bytes are three characters, a last single byte two. One text a byte string: what is not the
encoding of anything is refused. Source: RFC 9285.
"""

from card_layouts.errors import LayoutError

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
BASE = 45


def encode(data):
    """Return the text of `data`."""
    text = []
    for at in range(0, len(data) - 1, 2):
        value = data[at] << 8 | data[at + 1]
        text.append(ALPHABET[value % BASE])
        text.append(ALPHABET[value // BASE % BASE])
        text.append(ALPHABET[value // (BASE * BASE)])
    if len(data) % 2:
        value = data[len(data) - 1]
        text.append(ALPHABET[value % BASE])
        text.append(ALPHABET[value // BASE])
    return "".join(text)


def decode(text):
    """Return the bytes of `text`. Raises: LayoutError, naming the place."""
    if len(text) % 3 == 1:
        raise LayoutError("base45: %d characters encode nothing" % len(text))
    data = bytearray(len(text) // 3 * 2 + (1 if len(text) % 3 else 0))
    for at in range(0, len(text), 3):
        value = 0
        part = text[at : at + 3]
        for i in range(len(part) - 1, -1, -1):
            digit = ALPHABET.find(part[i])
            if digit < 0:
                raise LayoutError("base45: character %d is none of the 45" % (at + i))
            value = value * BASE + digit
        place = at // 3 * 2
        if value >> (16 if len(part) == 3 else 8):
            raise LayoutError("base45: characters %d..%d encode no bytes" % (at, at + len(part)))
        if len(part) == 3:
            data[place] = value >> 8
            place += 1
        data[place] = value & 255
    return bytes(data)
