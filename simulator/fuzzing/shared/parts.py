"""A case of several parts: answers of a card, blocks of a flash, messages of a link.

A part is its length, 16 bits, and its bytes. Any bytes are parts: a length that lies takes what is
left. Shared dialect.
"""

PARTS_MAX = 64


def join_parts(parts):
    """Return the case of `parts`."""
    out = bytearray()
    for part in parts:
        out += len(part).to_bytes(2, "big")
        out += part
    return bytes(out)


def split_parts(case):
    """Return the parts of any bytes, at most PARTS_MAX."""
    parts = []
    at = 0
    while at + 2 <= len(case) and len(parts) < PARTS_MAX:
        end = at + 2 + (case[at] << 8 | case[at + 1])
        parts.append(bytes(case[at + 2 : end]))
        at = end
    return parts
