"""Readers of what comes over the dock's line and the broker: codecs, frames, messages, batches.

Shared dialect.
"""

from card_layouts.codec import cbor, cobs
from card_layouts.errors import LayoutError, RangeError
from card_layouts.link import frames, messages
from card_layouts.link.batches import decode_batch

MESSAGES = messages.LAYOUTS


def cobs_of(setup):
    """Return what reads one stuffed run of bytes."""
    return cobs.decode


def cbor_of(setup):
    """Return what reads one CBOR value."""
    return cbor.decode


def frames_of(setup):
    """Return what cuts a stream, given whole, into frames and counts."""

    def read(case):
        reader = frames.FrameReader()
        found = reader.feed(case)
        return found, (reader.frames, reader.garbled, reader.bad_crc, reader.overlong)

    return read


def messages_of(setup):
    """Return what reads a body: its first byte says which of the messages it is."""

    def read(case):
        if not case:
            raise LayoutError("message: empty")
        kind, body = case[0] % (len(MESSAGES) + 3), case[1:]
        if kind < len(MESSAGES):
            return MESSAGES[kind].name, messages.unpack_exact(MESSAGES[kind], body)
        if kind == len(MESSAGES):
            return "slots", messages.decode_slots(body)
        if kind == len(MESSAGES) + 1:
            return "chunk", messages.decode_chunk(body)
        if len(body) != 24:
            raise LayoutError(f"edge: {len(body)} bytes, 24 wanted")
        return "edge", messages.decode_edge(body)

    return read


def batch_of(setup):
    """Return what reads a batch."""
    return decode_batch


READERS = {
    "cobs": (cobs_of, (LayoutError,)),
    "cbor": (cbor_of, (LayoutError,)),
    "frames": (frames_of, ()),
    "messages": (messages_of, (LayoutError, RangeError)),
    "batch": (batch_of, (LayoutError,)),
}
