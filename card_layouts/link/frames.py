"""Serial frames of the dock: COBS with a CRC32, cut out of any stream of bytes.

On the wire: COBS(type u8 | body | CRC32 of both, little-endian) | 00.  The CRC only finds noise;
who may speak is the business of `dock.py`.  Runs on MicroPython and CPython.

Source: SPEC.md "Link"; COBS after Cheshire and Baker 1999; CRC32 is IEEE 802.3.
"""

from binascii import crc32

from card_layouts.codec import cobs
from card_layouts.errors import LayoutError, RangeError

BODY_BYTES_MAX = 1024
CRC_BYTES = 4
# COBS adds one byte and one more for each 254 bytes without a zero.
WIRE_BYTES_MAX = (1 + BODY_BYTES_MAX + CRC_BYTES) + (1 + BODY_BYTES_MAX + CRC_BYTES) // 254 + 1


def encode_frame(frame_type: int, body: bytes) -> bytes:
    """Return the bytes to send for one frame, its closing 00 included.

    Raises: RangeError if the type is not 1..255 or the body is over 1024 bytes.
    """
    if not 1 <= frame_type <= 255:
        raise RangeError("frame.type: %d is not 1..255" % frame_type)
    if len(body) > BODY_BYTES_MAX:
        raise RangeError("frame.body: %d bytes, at most %d" % (len(body), BODY_BYTES_MAX))
    raw = bytes([frame_type]) + body
    return cobs.encode(raw + _crc(raw)) + b"\x00"


class FrameReader:
    """Cut frames out of a stream that may hold anything.

    Noise never raises: it is counted in `garbled` (not COBS, or too short), `bad_crc` and
    `overlong`, and skipped up to the next 00.  At most one frame's bytes are held.
    """

    def __init__(self):
        self.frames = 0
        self.garbled = 0
        self.bad_crc = 0
        self.overlong = 0
        self._held = b""
        self._skipping = False

    def feed(self, data: bytes | bytearray) -> list:
        """Take bytes as they came and return the frames they complete, as (type, body) pairs."""
        found = []
        at = 0
        while True:
            zero = data.find(b"\x00", at)
            if zero < 0:
                self._hold(data[at:])
                return found
            self._hold(data[at:zero])
            at = zero + 1
            frame = self._close()
            if frame is not None:
                found.append(frame)

    def skipped(self) -> int:
        """Return how many frames were dropped as noise, whatever was wrong with them."""
        return self.garbled + self.bad_crc + self.overlong

    def _hold(self, part: bytes | bytearray) -> None:
        if self._skipping:
            return
        if len(self._held) + len(part) > WIRE_BYTES_MAX:
            self._skipping = True
            self._held = b""
            self.overlong += 1
        elif part:
            self._held += bytes(part)

    def _close(self):
        held, self._held = self._held, b""
        if self._skipping:
            self._skipping = False
            return None
        if not held:
            return None  # two zeros in a row: a sender may flush the line with one
        try:
            raw = cobs.decode(held)
        except LayoutError:
            self.garbled += 1
            return None
        if len(raw) < 1 + CRC_BYTES or raw[0] == 0:
            self.garbled += 1
            return None
        if len(raw) > 1 + BODY_BYTES_MAX + CRC_BYTES:
            self.overlong += 1  # zeros make it fit on the wire, and nobody sends it
            return None
        if _crc(raw[:-CRC_BYTES]) != raw[-CRC_BYTES:]:
            self.bad_crc += 1
            return None
        self.frames += 1
        return raw[0], raw[1:-CRC_BYTES]


def _crc(raw: bytes) -> bytes:
    return (crc32(raw) & 0xFFFFFFFF).to_bytes(4, "little")
