"""Frames on the dock's serial line: noise is skipped and counted, on both runtimes alike."""

import pathlib
import subprocess
import sys
from binascii import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_layouts.codec import cobs
from card_layouts.errors import RangeError
from card_layouts.link.frames import BODY_BYTES_MAX, WIRE_BYTES_MAX, FrameReader, encode_frame
from tests import figures

bodies = st.binary(max_size=BODY_BYTES_MAX)
frames = st.tuples(st.integers(1, 255), bodies)

JUDGE = """
import sys
sys.path.insert(0, sys.argv[1])
from binascii import hexlify, unhexlify
from card_layouts.link.frames import FrameReader
for line in open(sys.argv[2]):
    reader = FrameReader()
    found = reader.feed(unhexlify(line.strip()))
    print([(t, hexlify(b)) for t, b in found], reader.garbled, reader.bad_crc, reader.overlong)
"""


@pytest.mark.requirement("W-131")
@given(st.lists(frames, max_size=4), st.integers(1, 300))
def test_frames_arrive_whole_however_the_stream_is_cut(sent, step):
    stream = b"".join(encode_frame(*frame) for frame in sent)
    reader = FrameReader()
    found = []
    for at in range(0, len(stream), step):
        found += reader.feed(stream[at : at + step])
    assert found == sent
    assert reader.skipped() == 0


@pytest.mark.requirement("T10")
@given(st.binary(max_size=3000), frames)
def test_any_noise_before_a_frame_is_skipped_without_an_exception(noise, frame):
    reader = FrameReader()
    found = reader.feed(noise + b"\x00" + encode_frame(*frame))
    assert found[-1] == frame


@given(frames, st.integers(0, 1 << 20), st.integers(1, 255))
def test_one_changed_byte_never_gives_another_frame(frame, place, change):
    stream = bytearray(encode_frame(*frame))
    stream[place % (len(stream) - 1)] ^= change
    assert frame not in FrameReader().feed(bytes(stream) + b"\x00")
    for found in FrameReader().feed(bytes(stream) + b"\x00"):
        # A changed byte may split the frame in two; a CRC32 still guards each part.
        assert found != frame


def test_a_frame_is_type_body_and_little_endian_crc_in_cobs():
    assert encode_frame(1, b"") == bytes.fromhex("06 01 1b df 05 a5 00")
    raw = cobs.decode(encode_frame(7, b"\x00abc")[:-1])
    assert raw == b"\x07\x00abc" + crc32(b"\x07\x00abc").to_bytes(4, "little")


def test_an_overlong_frame_is_dropped_and_the_next_one_read():
    reader = FrameReader()
    assert reader.feed(b"\xff" * (WIRE_BYTES_MAX + 1)) == []
    assert reader.feed(b"\xff" * 100_000) == []
    assert reader.feed(b"\x00" + encode_frame(2, b"next")) == [(2, b"next")]
    assert reader.overlong == 1


def test_a_body_that_is_too_long_is_dropped_even_if_its_zeros_fit_on_the_wire():
    raw = b"\x07" + bytes(BODY_BYTES_MAX + 1)
    wire = cobs.encode(raw + crc32(raw).to_bytes(4, "little"))
    assert len(wire) <= WIRE_BYTES_MAX
    reader = FrameReader()
    assert reader.feed(wire + b"\x00") == [] and reader.overlong == 1


def test_the_longest_frame_fits():
    longest = bytes(range(1, 256)) * 4 + b"last"
    assert len(longest) == BODY_BYTES_MAX
    assert FrameReader().feed(encode_frame(255, longest)) == [(255, longest)]


@pytest.mark.parametrize("frame", [(0, b""), (256, b""), (1, bytes(BODY_BYTES_MAX + 1))])
def test_a_frame_that_cannot_be_sent_is_a_range_error(frame):
    with pytest.raises(RangeError, match="frame"):
        encode_frame(*frame)


@pytest.mark.requirement("W-131", "T10")
def test_both_runtimes_judge_a_corpus_of_damaged_frames_alike(tmp_path):
    corpus = list(_corpus())
    (tmp_path / "corpus").write_text("\n".join(line.hex() for line in corpus))
    (tmp_path / "judge.py").write_text(JUDGE)
    root = pathlib.Path(__file__).resolve().parents[2]
    micropython = str(pathlib.Path(sys.executable).with_name("micropython"))
    printed = [
        subprocess.run(
            [runtime, str(tmp_path / "judge.py"), str(root), str(tmp_path / "corpus")],
            capture_output=True,
            check=True,
            timeout=150,
        ).stdout
        for runtime in (sys.executable, micropython)
    ]
    assert printed[0].count(b"\n") == len(corpus)
    assert printed[0] == printed[1]
    figures.add("frames judged under MicroPython", len(corpus))


def _corpus():
    whole = encode_frame(3, bytes(range(64)) + b"\x00\x00end")
    yield b"\x00"
    for length in range(len(whole)):
        yield whole[:length] + b"\x00" + whole
    for place in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            yield bytes(changed) + whole
    for size in (1033, 1034, 1035, 1036, 5000):
        yield b"\xff" * size + b"\x00" + whole
    yield encode_frame(9, bytes(BODY_BYTES_MAX))
