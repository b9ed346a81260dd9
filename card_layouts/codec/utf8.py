"""UTF-8 by one rule on both runtimes: MicroPython's own check takes overlong forms and surrogates.

Source: RFC 3629 section 4.
"""

from card_layouts.errors import LayoutError


def decode_text(text):
    """Return the text of some bytes. Raises: LayoutError if they are not UTF-8."""
    if not is_utf8(text):
        raise LayoutError("text: %d bytes are not UTF-8" % len(text))
    return str(bytes(text), "utf-8")


def is_utf8(text):
    """Return whether bytes are well-formed UTF-8."""
    at = 0
    while at < len(text):
        lead = text[at]
        size = 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        if 0x80 <= lead < 0xC2 or lead > 0xF4 or at + size > len(text):
            return False
        # Overlong below, surrogates and beyond U+10FFFF above: the second byte tells.
        low = 0xA0 if lead == 0xE0 else 0x90 if lead == 0xF0 else 0x80
        high = 0x9F if lead == 0xED else 0x8F if lead == 0xF4 else 0xBF
        if size > 1 and not low <= text[at + 1] <= high:
            return False
        for i in range(at + 2, at + size):
            if text[i] & 0xC0 != 0x80:
                return False
        at += size
    return True
