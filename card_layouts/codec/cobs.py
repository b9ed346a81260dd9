"""Consistent Overhead Byte Stuffing: any bytes without a 00, so that 00 may end a frame.

Source: S. Cheshire, M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on
Networking 7(2), 1999. Overhead: one byte, and one more for every 254 bytes without a zero.
"""

from card_layouts.errors import LayoutError

RUN_MAX = 254  # bytes that follow the code FF


def encode(data):
    """Return `data` stuffed: never a 00 in it, at least one byte long."""
    out = bytearray(1)
    code_at = 0
    for byte in data:
        if len(out) - code_at > RUN_MAX:
            # FF means 254 bytes and no zero after them.
            out[code_at] = 255
            code_at = len(out)
            out.append(0)
        if byte:
            out.append(byte)
        else:
            out[code_at] = len(out) - code_at
            code_at = len(out)
            out.append(0)
    out[code_at] = len(out) - code_at
    return bytes(out)


def decode(data):
    """Return what `encode` was given. Raises: LayoutError for a 00, no bytes, or a cut run."""
    if not data:
        raise LayoutError("cobs: 0 bytes, at least 1 wanted")
    out = bytearray()
    at = 0
    while at < len(data):
        code = data[at]
        end = at + code
        if not code:
            raise LayoutError("cobs: 00 at byte %d" % at)
        if end > len(data):
            raise LayoutError("cobs: run to byte %d, only %d there" % (end, len(data)))
        run = bytes(data[at + 1 : end])
        if 0 in run:
            raise LayoutError("cobs: 00 inside the run at byte %d" % at)
        out.extend(run)
        at = end
        if code != 255 and at < len(data):
            out.append(0)
    return bytes(out)
