"""Host frames of the PN532 as the host sees them: built and read in buffers made once.

A frame is 00 00 FF LEN LCS TFI data DCS 00. `FrameReader` asks its stream for no more bytes than
the frame it is in still needs, so nothing of the next one is taken; noise before a start code is
skipped, a frame with a wrong sum is BAD, the chip's error frame REFUSED. Neither allocates (D4).
Source: NXP UM0701-02, section 6.2.1.
"""

HEAD_BYTES = 5  # 00 00 FF LEN LCS
TAIL_BYTES = 2  # DCS 00
TO_CHIP = 0xD4
TO_HOST = 0xD5
NOISE_BYTES_MAX = 600  # more than two of the longest frames: the line is not a PN532's

SILENCE, ACK, NACK, ANSWER, BAD, REFUSED = range(6)


def build(out, length):
    """Make a host frame of the `length` bytes (TFI first) at out[5:]; return its size."""
    out[0] = out[1] = 0
    out[2] = 0xFF
    out[3] = length
    out[4] = -length & 0xFF
    total = 0
    at = HEAD_BYTES
    end = HEAD_BYTES + length
    while at < end:
        total += out[at]
        at += 1
    out[end] = -total & 0xFF
    out[end + 1] = 0
    return end + TAIL_BYTES


class FrameReader:
    """Reads frames from a stream whose `readinto(buf, n)` gives up by itself (None or 0).

    After ANSWER the bytes behind the start code's length lie in body[0:length], TFI first.
    """

    def __init__(self, stream, body_bytes):
        self._stream = stream
        self._one = bytearray(1)
        self._raw = bytearray(body_bytes + 1)
        self.body = bytearray(body_bytes)
        self.length = 0

    def read(self):
        """Return what came next: SILENCE, ACK, NACK, ANSWER, BAD or REFUSED."""
        before = 1
        noise = 0
        while True:
            byte = self._byte()
            if byte < 0 or noise > NOISE_BYTES_MAX:
                return SILENCE
            if before == 0 and byte == 0xFF:
                kind = self._frame()
                if kind >= 0:
                    return kind
                byte = 1
            before = byte
            noise += 1

    def _frame(self):
        """Read behind 00 FF; return a kind, or -1 if that was no start code after all."""
        length = self._byte()
        check = self._byte()
        if length < 0 or check < 0:
            return SILENCE
        if length == 0 and check == 0xFF:
            return ACK
        if length == 0xFF and check == 0:
            return NACK
        if (length + check) & 0xFF or length == 0:
            return -1
        if length > len(self.body):
            return BAD  # an extended frame too: nothing we ask for has such an answer
        return self._take(length)

    def _take(self, length):
        raw, body = self._raw, self.body
        total = got = 0
        while got <= length:  # the sum is one byte more
            n = self._stream.readinto(raw, length + 1 - got)
            if not n:
                return SILENCE
            at = 0
            while at < n:
                total += raw[at]
                if got < length:
                    body[got] = raw[at]
                got += 1
                at += 1
        self.length = length
        if total & 0xFF:
            return BAD
        return ANSWER if body[0] == TO_HOST else REFUSED

    def _byte(self):
        """Return the next byte, -1 when the stream gave up."""
        return self._one[0] if self._stream.readinto(self._one, 1) else -1
