"""Consistent Overhead Byte Stuffing: any bytes without a 00, so that 00 may end a frame.

Source: S. Cheshire, M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on
Networking 7(2), 1999. Overhead: one byte, and one more for every 254 bytes without a zero.
"""

from card_layouts.errors import LayoutError

RUN_MAX = 254  # bytes that follow the code FF


def encode(data):
    """Return `data` stuffed: never a 00 in it, at least one byte long."""
    out = bytearray()
    runs = bytes(data).split(b"\0")
    for number, run in enumerate(runs):
        at = 0
        # FF means 254 bytes and no zero after them; the last run needs nobody to say so.
        least = RUN_MAX if number < len(runs) - 1 else RUN_MAX + 1
        while len(run) - at >= least:
            out.append(255)
            out.extend(run[at : at + RUN_MAX])
            at += RUN_MAX
        out.append(len(run) - at + 1)
        out.extend(run[at:] if at else run)
    return bytes(out)


def decode(data):
    """Return what `encode` was given. Raises: LayoutError for a 00, no bytes, or a cut run."""
    if not data:
        raise LayoutError("cobs: 0 bytes, at least 1 wanted")
    data = bytes(data)
    size = len(data)
    has_zero = data.find(b"\0") >= 0
    out = bytearray()
    at = 0
    while at < size:
        code = data[at]
        end = at + code
        if not code:
            raise LayoutError("cobs: 00 at byte %d" % at)
        if end > size:
            raise LayoutError("cobs: run to byte %d, only %d there" % (end, size))
        if has_zero and data.find(b"\0", at + 1, end) >= 0:
            raise LayoutError("cobs: 00 inside the run at byte %d" % at)
        out.extend(data[at + 1 : end])
        at = end
        if code != 255 and at < size:
            out.append(0)
    return bytes(out)
