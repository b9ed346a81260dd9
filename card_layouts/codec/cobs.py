"""Consistent Overhead Byte Stuffing: any bytes without a 00, so that 00 may end a frame.

Source: S. Cheshire, M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on
Networking 7(2), 1999. Overhead: one byte, and one more for every 254 bytes without a zero.
"""

from card_layouts.errors import LayoutError

RUN_MAX = 254  # bytes that follow the code FF


def encode(data):
    """Return `data` stuffed: never a 00 in it, at least one byte long."""
    data = bytes(data)
    out = bytearray()
    at = 0
    while True:
        zero = data.find(b"\0", at)
        end = zero if zero >= 0 else len(data)
        # FF means 254 bytes and no zero after them; the last run needs nobody to say so.
        while end - at > RUN_MAX or (end - at == RUN_MAX and zero >= 0):
            out.append(255)
            out.extend(data[at : at + RUN_MAX])
            at += RUN_MAX
        out.append(end - at + 1)
        out.extend(data[at:end])
        if zero < 0:
            return bytes(out)
        at = zero + 1


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
