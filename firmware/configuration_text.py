"""The text of a device's configuration: strict JSON, the same on either Python.

The runtimes' json modules forgive different things (commas, numbers, depth, letters), so that a
damaged file would be one configuration here and another there. Taken is what provisioning prints:
objects, lists, strings, whole numbers of 30 bits, true, false and null, in ASCII. Every error is a
LayoutError that names the byte. Shared dialect.
"""

from card_layouts.errors import LayoutError

DEPTH_MAX = 6
NUMBER_MAX = (1 << 30) - 1
NUMBER_CHARS_MAX = 11
BLANKS = b" \t\r\n"
WORDS = ((b"true", True), (b"false", False), (b"null", None))
ESCAPES = {34: '"', 92: "\\", 47: "/", 98: "\b", 102: "\f", 110: "\n", 114: "\r", 116: "\t"}


def read_text(data):
    """Return the tree of one JSON text in bytes. Raises: LayoutError."""
    tree, at = _value(data, _blank(data, 0), 0)
    if at != len(data):
        raise _wrong(data, at, "the end")
    return tree


def _value(data, at, depth):
    """Return the value that begins at `at`, and where the next thing begins."""
    if depth > DEPTH_MAX:
        raise LayoutError("configuration: byte %d: nested deeper than %d" % (at, DEPTH_MAX))
    first = data[at : at + 1]
    if first == b"{":
        return _object(data, at, depth)
    if first == b"[":
        return _list(data, at, depth)
    if first == b'"':
        return _string(data, at + 1)
    if first and first in b"-0123456789":
        return _number(data, at)
    for word, value in WORDS:
        if data[at : at + len(word)] == word:
            return value, _blank(data, at + len(word))
    raise _wrong(data, at, "a value")


def _object(data, at, depth):
    found = {}
    closing = b"}"
    at = _blank(data, at + 1)
    while data[at : at + 1] != closing or found:
        if data[at : at + 1] != b'"':
            raise _wrong(data, at, "a name")
        start = at
        name, at = _string(data, at + 1)
        if name in found:
            raise LayoutError("configuration: byte %d: %s is said twice" % (start, name[:20]))
        found[name], at = _value(data, _after(data, at, b":"), depth + 1)
        if data[at : at + 1] == closing:
            break
        at = _after(data, at, b",")
    return found, _blank(data, at + 1)


def _list(data, at, depth):
    found = []
    closing = b"]"
    at = _blank(data, at + 1)
    while data[at : at + 1] != closing or found:
        value, at = _value(data, at, depth + 1)
        found.append(value)
        if data[at : at + 1] == closing:
            break
        at = _after(data, at, b",")
    return found, _blank(data, at + 1)


def _string(data, at):
    end = data.find(b'"', at)
    part = data[at:end] if end >= 0 else b""
    if end >= 0 and part.find(b"\\") < 0:
        for byte in part:
            if not 32 <= byte < 127:
                raise LayoutError("configuration: byte %d: a string holds byte %02x" % (at, byte))
        return str(part, "utf-8"), _blank(data, end + 1)
    return _escaped(data, at)


def _escaped(data, at):
    """Return a string that may have escapes."""
    found = ""
    while at < len(data):
        byte = data[at]
        if byte == 34:
            return found, _blank(data, at + 1)
        if not 32 <= byte < 127:
            raise LayoutError("configuration: byte %d: a string holds byte %02x" % (at, byte))
        if byte != 92:
            found += chr(byte)
            at += 1
        elif data[at + 1 : at + 2] == b"u":
            letter, at = _letter(data, at)
            found += letter
        elif at + 1 < len(data) and data[at + 1] in ESCAPES:
            found += ESCAPES[data[at + 1]]
            at += 2
        else:
            raise _wrong(data, at, "an escape")
    raise _wrong(data, at, "the end of a string")


def _letter(data, at):
    """Return the letter of one escape, or of two that are halves of it."""
    code = _hex4(data, at)
    if 0xD800 <= code < 0xDC00 and data[at + 6 : at + 8] == b"\\u":
        low = _hex4(data, at + 6)
        if 0xDC00 <= low < 0xE000:
            return chr(0x10000 + ((code & 0x3FF) << 10 | low & 0x3FF)), at + 12
    if 0xD800 <= code < 0xE000:
        raise _wrong(data, at, "both halves of a letter")
    return chr(code), at + 6


def _hex4(data, at):
    digits = data[at + 2 : at + 6]
    code = 0
    for byte in digits:
        at_digit = b"0123456789abcdef".find(bytes([byte | 32 if byte > 57 else byte]))
        if at_digit < 0:
            raise _wrong(data, at, "four digits of hexadecimal")
        code = code << 4 | at_digit
    if len(digits) != 4:
        raise _wrong(data, at, "four digits of hexadecimal")
    return code


def _number(data, at):
    end = at + 1
    while end < len(data) and data[end] in b"0123456789":
        end += 1
    digits = str(data[at:end], "utf-8")
    plain = digits[1:] if digits[0] == "-" else digits
    if (
        not plain
        or (plain[0] == "0" and len(plain) > 1)
        or data[end : end + 1] in (b".", b"e", b"E")
    ):
        raise _wrong(data, at, "a whole number")
    if len(digits) > NUMBER_CHARS_MAX or not -NUMBER_MAX <= int(digits) <= NUMBER_MAX:
        raise LayoutError("configuration: byte %d: a number of more than 30 bits" % at)
    return int(digits), _blank(data, end)


def _after(data, at, mark):
    """Return where the next thing begins behind a mark."""
    if data[at : at + 1] != mark:
        raise _wrong(data, at, str(mark, "utf-8"))
    return _blank(data, at + 1)


def _blank(data, at):
    while at < len(data) and data[at] in BLANKS:
        at += 1
    return at


def _wrong(data, at, wanted):
    found = "the end" if at >= len(data) else "byte %02x" % data[at]
    return LayoutError("configuration: byte %d: found %s, wanted %s" % (at, found, wanted))
