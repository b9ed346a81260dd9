"""Seeds and rules of the shared codecs and of what travels over the dock and the broker."""

from typing import Any

from card_layouts.codec import cbor, cobs
from card_layouts.link import frames, messages
from card_layouts.link.batches import encode_batch
from simulator.fuzzing.mutation import BYTES, in_fields, sealed
from simulator.fuzzing.shared import link
from simulator.fuzzing.shared.readers import reader_of
from simulator.fuzzing.target import Work, must
from simulator.prng import Prng

ONE_SPELLING = 248  # bytes: behind a run of 254 COBS may or may not say that nothing follows
LONGEST = frames.BODY_BYTES_MAX + 5


def shared_work(name: str, seeds: list[bytes], **more: Any) -> Work:
    """Return the work of a shared reader."""
    make, refusals = reader_of(name)
    setup = more.get("setup", ())
    return Work(make(setup), refusals, seeds, **{"operations": BYTES, **more})


def cobs_work() -> Work:
    """COBS: no length is lost, and what was stuffed reads back."""
    prng = Prng(1)
    plain = [b"", b"\0", b"\0\0\x01", bytes(range(1, 255)), bytes(range(1, 256)), b"\x01" * 600]
    plain += [prng.bytes(prng.below(60)) for _ in range(6)]

    def check(case: bytes, value: bytes) -> None:
        must(len(value) < len(case), "more bytes came out than went in")
        must(cobs.decode(cobs.encode(value)) == value, "what was decoded does not encode")
        if len(value) <= ONE_SPELLING:
            must(cobs.encode(value) == case, "not canonical: two spellings of the same bytes")

    return shared_work("cobs", [cobs.encode(data) for data in plain], check=check)


def cbor_work() -> Work:
    """CBOR: one spelling for a value, nothing behind it."""
    values: list[Any] = [0, 23, 24, 255, 65536, -1, -(1 << 53), 1 << 53, b"", b"bytes", "ä", ""]
    values += [[], [1, [2, [3, b"4"]]], [[[[[[[[]]]]]]]], [b"x" * 300, "y" * 30]]
    words = (b"\x1b" + b"\xff" * 8, b"\x9a\xff\xff\xff\xff", b"\x5f", b"\xf6", b"\x81" * 9)

    def check(case: bytes, value: Any) -> None:
        must(cbor.encode(value) == case, "not canonical: two spellings of one value")

    return shared_work("cbor", [cbor.encode(v) for v in values], check=check, words=words)


def frames_work() -> Work:
    """A stream of frames: whatever comes, the next whole frame is found, and only whole ones."""
    prng = Prng(2)
    wires = [
        frames.encode_frame(kind, prng.bytes(size))
        for kind, size in ((1, 21), (2, 58), (3, 112), (5, 300), (255, 0), (10, 1024))
    ]
    streams = [*wires, wires[0] + wires[1], b"\0\0" + wires[2] + b"\0", wires[3][:-9] + wires[0]]

    def check(case: bytes, value: Any) -> None:
        found, counts = value
        reader, again = frames.FrameReader(), []
        piece = 1 + len(case) // 3
        for at in range(0, len(case), piece):
            again += reader.feed(case[at : at + piece])
        must(again == found, "another cut of the stream gives other frames")
        must(len(reader._held) <= frames.WIRE_BYTES_MAX, "more than a frame is held")
        runs = case.split(b"\0")
        for kind, body in found:
            must(len(body) <= frames.BODY_BYTES_MAX, "a body longer than any sender's")
            # The CRC and the stuffing again, by the encoder: a run of the stream says just this.
            must(
                len(body) > ONE_SPELLING or frames.encode_frame(kind, body)[:-1] in runs,
                "a frame was taken that nobody sent",
            )
        must(counts[0] == len(found), "counted other frames than given")

    def seal(case: bytes) -> bytes:
        """Put a whole frame behind the noise, its body the noise, even one that is too long."""
        raw = bytes([1 + len(case) % 255]) + case[:LONGEST]
        return case + b"\0" + cobs.encode(raw + frames._crc(raw)) + b"\0"

    return shared_work("frames", streams, check=check, repair=sealed(seal))


def messages_work() -> Work:
    """Bodies of every message."""
    seeds = [bytes([i]) + layout.pack({}) for i, layout in enumerate(link.MESSAGES)]
    seeds += [
        bytes([len(link.MESSAGES)]) + messages.encode_slots(1, 9, bytes(32), bytes(256)),
        bytes([len(link.MESSAGES) + 1]) + messages.encode_chunk(768, b"body"),
        bytes([len(link.MESSAGES) + 2]) + messages.encode_edge("depot-1"),
    ]

    def check(case: bytes, value: Any) -> None:
        name, found = value
        if name == "slots":
            first, head, h_before, slots = found
            again = messages.encode_slots(first, head, h_before, b"".join(slots))
            must(messages.decode_slots(again) == found, "SLOTS do not encode again")
        elif name == "chunk":
            must(messages.encode_chunk(*found)[4:] == case[5:], "CHUNK loses bytes")
        elif name == "edge":
            must(messages.encode_edge(found) == case[1:], "two spellings of one edge")
        else:
            layout = next(row for row in link.MESSAGES if row.name == name)
            must(layout.unpack(layout.pack(found)) == found, "the fields do not pack again")

    operations = (*BYTES, in_fields(*link.MESSAGES, at=1))
    return shared_work("messages", seeds, check=check, operations=operations)


def batch_work() -> Work:
    """Batches: one spelling, everything in its bounds."""
    slot = bytes(range(128))
    runs: list[list[Any]] = [
        [(7, 1, 1, b"h" * 32, [slot])],
        [(0, 0, 1, bytes(32), [slot, slot]), ((1 << 20) - 1, 63, 1 << 20, b"H" * 32, [slot])],
        [(9, 2, (1 << 30) - 1, bytes(32), [slot])],
    ]
    edges = ("depot-1", "a", "x" * 24)
    seeds = [encode_batch(edge, run) for edge, run in zip(edges, runs, strict=True)]

    def check(case: bytes, value: Any) -> None:
        must(encode_batch(*value) == case, "not canonical: two spellings of one batch")

    # Heads of CBOR that say edge, run, device, slot: in place they change just one thing.
    words = (b"\x58\x80", b"\x58\x20", b"\x1a\x3f\xff\xff\xff", b"\x83\x01", b"\x85", b"\x80")
    return shared_work("batch", seeds, check=check, words=words)
