"""CBOR, only the part the batches and packages use, and only in its one deterministic form.

Known: integers -2^53..2^53, byte strings, text, arrays. Every length and integer must be in the
shortest form: the same values always give the same bytes, and other bytes are refused.
Source: RFC 8949 sections 3 and 4.2.1.
"""

from card_layouts.codec.utf8 import decode_text
from card_layouts.errors import LayoutError, RangeError

INTEGER_MAX = 1 << 53
DEPTH_MAX = 8

UNSIGNED = 0
NEGATIVE = 1
BYTES = 2
TEXT = 3
ARRAY = 4


def encode(value):
    """Return the deterministic encoding. Raises: RangeError for a type or size not known here."""
    out = bytearray()
    _encode_item(out, value, 0)
    return bytes(out)


def decode(data):
    """Return the one value in `data`: int, bytes, str or list.

    Raises: LayoutError if it is cut, not shortest, too deep, not UTF-8 or followed by more bytes.
    """
    value, at = _decode_item(data, 0, 0)
    if at != len(data):
        raise LayoutError("cbor: %d bytes after the value" % (len(data) - at))
    return value


def _encode_item(out, value, depth):
    if depth > DEPTH_MAX:
        raise RangeError("cbor: deeper than %d arrays" % DEPTH_MAX)
    if isinstance(value, bool) or value is None:
        raise RangeError("cbor: %s has no encoding here" % value)
    if isinstance(value, int):
        if value > INTEGER_MAX or value < -INTEGER_MAX:
            raise RangeError("cbor: %d is outside -2^53..2^53" % value)
        _encode_head(out, UNSIGNED if value >= 0 else NEGATIVE, value if value >= 0 else -1 - value)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        _encode_head(out, BYTES, len(value))
        out.extend(value)
    elif isinstance(value, str):
        text = value.encode()
        _encode_head(out, TEXT, len(text))
        out.extend(text)
    elif isinstance(value, (list, tuple)):
        _encode_head(out, ARRAY, len(value))
        for item in value:
            _encode_item(out, item, depth + 1)
    else:
        raise RangeError("cbor: %s has no encoding here" % type(value))


def _encode_head(out, major, number):
    if number < 24:
        out.append(major << 5 | number)
        return
    for power in range(4):
        size = 1 << power
        if number < 1 << (8 * size):
            out.append(major << 5 | 24 + power)
            out.extend(number.to_bytes(size, "big"))
            return


def _decode_item(data, at, depth):
    if depth > DEPTH_MAX:
        raise LayoutError("cbor: deeper than %d arrays at byte %d" % (DEPTH_MAX, at))
    start = at
    major, number, at = _decode_head(data, at)
    if major == UNSIGNED or major == NEGATIVE:
        if number > INTEGER_MAX - major:
            raise LayoutError("cbor: integer at byte %d is outside -2^53..2^53" % start)
        return (number if major == UNSIGNED else -1 - number), at
    # An element is at least one byte, so this also bounds arrays before anything is allocated.
    if number > len(data) - at:
        raise LayoutError("cbor: %d wanted after byte %d, %d there" % (number, at, len(data) - at))
    if major == BYTES:
        return bytes(data[at : at + number]), at + number
    if major == TEXT:
        return decode_text(bytes(data[at : at + number])), at + number
    if major != ARRAY:
        raise LayoutError("cbor: type %d at byte %d is not known here" % (major, start))
    items = []
    for _ in range(number):
        item, at = _decode_item(data, at, depth + 1)
        items.append(item)
    return items, at


def _decode_head(data, at):
    if at >= len(data):
        raise LayoutError("cbor: ends at byte %d, a value wanted" % at)
    major = data[at] >> 5
    low = data[at] & 31
    if low < 24:
        return major, low, at + 1
    if low > 27:
        raise LayoutError("cbor: byte %02x at %d has no definite length" % (data[at], at))
    size = 1 << (low - 24)
    end = at + 1 + size
    if end > len(data):
        raise LayoutError("cbor: head at byte %d is cut" % at)
    number = int.from_bytes(bytes(data[at + 1 : end]), "big")
    if number < 24 or (size > 1 and number < 1 << (4 * size)):
        raise LayoutError("cbor: head at byte %d is not the shortest form" % at)
    return major, number, end
