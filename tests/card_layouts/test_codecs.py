"""COBS, CBOR and time stamps against the packages people use, and against rubbish."""

import datetime

import cbor2
import pytest
from cobs import cobs as cobs_package
from hypothesis import example, given
from hypothesis import strategies as st

from card_layouts.codec import cbor, cobs, timestamps
from card_layouts.errors import LayoutError, RangeError

# Runs of 253..255 bytes without a zero are where COBS codes change.
frames = st.lists(
    st.one_of(st.binary(max_size=300), st.integers(250, 260).map(lambda n: b"\1" * n)), max_size=4
).map(b"\0".join)
values = st.recursive(
    st.one_of(st.integers(-(2**53), 2**53), st.binary(max_size=300), st.text(max_size=40)),
    lambda inner: st.lists(inner, max_size=30),
    max_leaves=40,
)


@given(frames)
def test_cobs_agrees_with_the_cobs_package(data):
    stuffed = cobs.encode(data)
    assert stuffed == cobs_package.encode(data)
    assert cobs.decode(stuffed) == data
    assert 0 not in stuffed


@given(st.binary(max_size=600))
@example(b"\xff" * 255)
def test_cobs_decodes_as_the_cobs_package_or_refuses_as_it_does(data):
    try:
        wanted = cobs_package.decode(data) if data else None
    except cobs_package.DecodeError:
        wanted = None
    if wanted is None:
        with pytest.raises(LayoutError):
            cobs.decode(data)
    else:
        assert cobs.decode(data) == wanted


@given(values)
def test_cbor_agrees_with_canonical_cbor2(value):
    encoded = cbor.encode(value)
    assert encoded == cbor2.dumps(value, canonical=True)
    assert cbor.decode(encoded) == value == cbor2.loads(encoded)


@given(st.binary(max_size=40))
def test_cbor_that_is_taken_is_the_only_encoding_of_its_value(data):
    try:
        value = cbor.decode(data)
    except LayoutError:
        return
    assert cbor.encode(value) == data


@given(values, st.data())
def test_cut_cbor_is_refused(value, data):
    encoded = cbor.encode(value)
    end = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(LayoutError):
        cbor.decode(encoded[:end])


@pytest.mark.parametrize(
    "value", [None, True, 1.5, {}, 2**53 + 1, -(2**53) - 1, [[[[[[[[[[]]]]]]]]]]]
)
def test_cbor_refuses_to_write_what_it_would_not_read(value):
    with pytest.raises(RangeError):
        cbor.encode(value)


@pytest.mark.requirement("D2")
def test_a_deep_or_huge_claim_is_refused_before_anything_is_allocated():
    for data in (b"\x81" * 2000 + b"\x80", b"\x9b" + b"\xff" * 8, b"\x5a\x7f\xff\xff\xff"):
        with pytest.raises(LayoutError):
            cbor.decode(data)


@given(st.integers(0, 16383))
def test_months_are_those_of_the_calendar(day):
    date = datetime.date(2020, 1, 1) + datetime.timedelta(days=day)
    assert timestamps.month_of(day) == (date.year - 2020) * 12 + date.month - 1


@pytest.mark.requirement("D2")
def test_seconds_run_from_2020_to_2054_and_no_further():
    last = datetime.datetime(2054, 1, 9, 13, 37, 3, tzinfo=datetime.UTC)
    assert timestamps.from_unix(last.timestamp()) == 2**30 - 1
    assert timestamps.to_unix(2**30 - 1) == last.timestamp()
    assert timestamps.day_of(timestamps.from_unix(1577836800 + 86400)) == 1
    for outside in (1577836799, last.timestamp() + 1):
        with pytest.raises(RangeError):
            timestamps.from_unix(outside)
