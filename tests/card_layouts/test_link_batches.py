"""Batches: what an edge may send, and everything else refused saying where."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_layouts.codec import cbor
from card_layouts.errors import LayoutError, RangeError
from card_layouts.link.batches import (
    BATCH_BYTES_MAX,
    batch_bytes_max,
    decode_batch,
    encode_batch,
)

runs_of_slots = st.lists(
    st.tuples(
        st.integers(0, (1 << 20) - 1),
        st.integers(0, 63),
        st.integers(1, (1 << 30) - 100),
        st.binary(min_size=32, max_size=32),
        st.lists(st.binary(min_size=128, max_size=128), min_size=1, max_size=5),
    ),
    min_size=1,
    max_size=4,
)


def run(device=1, epoch=0, first_seq=1, h_before=bytes(32), slots=(bytes(128),)):
    return (device, epoch, first_seq, h_before, list(slots))


@pytest.mark.requirement("D17", "W-131")
@given(runs_of_slots)
def test_a_batch_comes_back_as_it_was_sent_and_is_canonical_cbor(runs):
    batch = encode_batch("depot-1", runs)
    assert decode_batch(batch) == ("depot-1", runs)
    rows = [[*row[:4], row[4]] for row in runs]
    assert batch == cbor2.dumps([1, "depot-1", rows], canonical=True)
    assert len(batch) <= batch_bytes_max(len(runs), sum(len(row[4]) for row in runs))


@pytest.mark.requirement("D17")
def test_five_hundred_slots_fit_and_one_more_does_not():
    largest = run(
        device=(1 << 20) - 1, epoch=63, first_seq=(1 << 30) - 500, slots=[bytes(128)] * 500
    )
    assert len(encode_batch("a" * 24, [largest])) <= batch_bytes_max(1, 500) <= BATCH_BYTES_MAX
    with pytest.raises(RangeError, match="501 slots, at most 500"):
        encode_batch("depot-1", [run(slots=[bytes(128)] * 501)])
    with pytest.raises(RangeError, match="at most 65536"):
        encode_batch("depot-1", [run()] * 400)


@pytest.mark.parametrize(
    ("rows", "place"),
    [
        ([], "batch.runs"),
        ([run(device=1 << 20)], r"runs\[0\].device: 1048576, wanted 0..1048575"),
        ([run(), run(device=-1)], r"runs\[1\].device"),
        ([run(epoch=64)], "epoch"),
        ([run(first_seq=0)], "first_seq"),
        ([run(first_seq=(1 << 30) - 1, slots=[bytes(128)] * 2)], "pass the last seq"),
        ([run(h_before=bytes(31))], "H_before"),
        ([run(slots=[])], "slots: wanted at least one"),
        ([run(slots=[bytes(127)])], "not 128 bytes"),
        ([run()[:4]], "wanted .device"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_saying_where(rows, place):
    rows = [list(row) for row in rows]
    with pytest.raises(LayoutError, match=place):
        decode_batch(cbor.encode([1, "depot-1", rows]))


@pytest.mark.parametrize(
    "batch",
    [
        b"",
        b"\x00",
        cbor.encode([1, "depot-1"]),
        cbor.encode([2, "depot-1", [list(run())]]),
        cbor.encode(["1", "depot-1", [list(run())]]),
        cbor.encode([1, "Depot 1", [list(run())]]),
        cbor.encode([1, b"depot-1", [list(run())]]),
        cbor.encode([1, "depot-1", "runs"]),
        cbor.encode([1, "depot-1", [list(run())]]) + b"\x00",
        b"\x9f" + bytes(20),
        b"\x81" * 200,
        bytes(BATCH_BYTES_MAX + 1),
    ],
)
@pytest.mark.requirement("T10")
def test_what_is_no_batch_is_a_layout_error(batch):
    with pytest.raises(LayoutError):
        decode_batch(batch)


@given(st.binary(max_size=400))
def test_random_bytes_are_refused_by_name(batch):
    with pytest.raises(LayoutError):
        decode_batch(batch)


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_changed_batch_is_read_as_other_slots_or_refused_by_name(place, change):
    batch = bytearray(encode_batch("depot-1", [run(slots=[b"a" * 128, b"b" * 128])]))
    batch[place % len(batch)] ^= change
    try:
        edge, runs = decode_batch(bytes(batch))
    except LayoutError:
        return
    assert encode_batch(edge, runs) == bytes(batch)
