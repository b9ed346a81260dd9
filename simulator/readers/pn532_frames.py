"""Host frames of the PN532: 00 00 FF LEN LCS data DCS 00, ACK, NACK, the error frame.

Source: NXP PN532 user manual UM0701-02, section 6.2.1 [P]. Garbage between frames is skipped,
a frame with a wrong checksum is answered with the error frame, as the chip does.
"""

from collections.abc import Iterator

ACK = bytes.fromhex("0000FF00FF00")
NACK = bytes.fromhex("0000FFFF0000")
SYNTAX_ERROR = bytes.fromhex("0000FF01FF7F8100")

TO_CHIP, TO_HOST = 0xD4, 0xD5
DATA_BYTES_MAX = 265  # TFI included


class HostFrame:
    """What the parser found: "command" with its bytes after TFI, "ack", "nack" or "bad"."""

    def __init__(self, kind: str, data: bytes = b"") -> None:
        self.kind, self.data = kind, data


class FrameParser:
    """Turns a byte stream into host frames; keeps an unfinished frame for the next bytes."""

    def __init__(self) -> None:
        self._stream = bytearray()

    def clear(self) -> None:
        """Forget an unfinished frame."""
        self._stream.clear()

    def feed(self, data: bytes) -> Iterator[HostFrame]:
        """Yield every frame that is complete with these bytes."""
        self._stream += data
        while True:
            start = self._stream.find(b"\x00\xff")
            if start < 0:
                del self._stream[:-1]  # the last byte may be the 00 of a start code
                return
            del self._stream[:start]
            taken, frame = _first_frame(self._stream)
            if taken == 0:
                return
            del self._stream[:taken]
            if frame is not None:
                yield frame


def _first_frame(stream: bytes | bytearray) -> tuple[int, HostFrame | None]:
    """Return (bytes taken, frame) for a stream that begins with 00 FF; 0 = not all there."""
    if len(stream) < 4:
        return 0, None
    length, check = stream[2], stream[3]
    if (length, check) == (0x00, 0xFF):
        return 4, HostFrame("ack")
    if (length, check) == (0xFF, 0x00):
        return 4, HostFrame("nack")
    head = 4
    if (length, check) == (0xFF, 0xFF):  # extended frame
        if len(stream) < 7:
            return 0, None
        if sum(stream[4:7]) & 0xFF:
            return 7, HostFrame("bad")
        length, head = stream[4] << 8 | stream[5], 7
    elif (length + check) & 0xFF:
        return 2, None  # no length checksum: not a frame, look for the next start code
    if not 1 <= length <= DATA_BYTES_MAX:
        return head, HostFrame("bad")
    end = head + length + 1
    if len(stream) < end:
        return 0, None
    body = bytes(stream[head:end])
    if sum(body) & 0xFF or body[0] != TO_CHIP:
        return end, HostFrame("bad")
    return end, HostFrame("command", body[1:-1])


def encode_frame(direction: int, data: bytes) -> bytes:
    """Return a normal or (beyond 255 bytes) extended information frame around `data`."""
    body = bytes([direction]) + data
    if len(body) <= 0xFF:
        head = bytes([len(body), -len(body) & 0xFF])
    else:
        size = len(body).to_bytes(2, "big")
        head = b"\xff\xff" + size + bytes([-sum(size) & 0xFF])
    return b"\x00\x00\xff" + head + body + bytes([-sum(body) & 0xFF, 0x00])
