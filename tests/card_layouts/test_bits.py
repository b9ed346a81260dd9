"""Bit tables: every table sums up, every value comes back, no value is cut."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_layouts.codec.bits import INT_BITS_MAX, Layout, _read, get_bits, put_bits
from card_layouts.errors import LayoutError, RangeError
from card_layouts.spec_tables import GAPS, all_layouts

LAYOUTS = all_layouts()
TABLES = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)


def fields_of(layout):
    """Return (bit, width, name) of every field that is not a gap."""
    return [row for row in layout.rows() if row[2] not in GAPS]


def filled(layout, ones):
    """Return values that are all zero or all ones."""
    values = {}
    for _, width, name in fields_of(layout):
        if width <= INT_BITS_MAX:
            values[name] = (1 << width) - 1 if ones else 0
        else:
            values[name] = bytes([255 if ones else 0]) * (width // 8)
    return values


@st.composite
def records(draw):
    """Draw a table and a value for each of its fields."""
    layout = draw(st.sampled_from(list(LAYOUTS.values())))
    values = {}
    for _, width, name in fields_of(layout):
        size = width // 8
        whole = st.integers(0, (1 << width) - 1)
        values[name] = draw(
            whole if width <= INT_BITS_MAX else st.binary(min_size=size, max_size=size)
        )
    return layout, values


@TABLES
@pytest.mark.requirement("D4", "W-95")
def test_widths_sum_exactly_to_the_size(layout):
    assert sum(width for _, width, _ in layout.rows()) == layout.size * 8


@TABLES
@pytest.mark.requirement("D4")
def test_wide_fields_are_whole_bytes_and_names_are_unique(layout):
    names = [name for _, _, name in fields_of(layout)]
    assert len(set(names)) == len(names)
    for bit, width, name in fields_of(layout):
        assert width <= INT_BITS_MAX or (bit % 8 == 0 and width % 8 == 0), name


@TABLES
@pytest.mark.parametrize("ones", [False, True])
def test_all_zero_and_all_one_values_come_back(layout, ones):
    values = filled(layout, ones)
    assert layout.unpack(layout.pack(values)) == values


@TABLES
@pytest.mark.requirement("D4")
def test_a_value_one_too_wide_is_refused_and_says_where(layout):
    for _, width, name in fields_of(layout):
        wrong = 1 << width if width <= INT_BITS_MAX else bytes(width // 8 + 1)
        with pytest.raises(RangeError, match=f"{layout.name}.{name}: "):
            layout.pack({name: wrong})
        with pytest.raises(RangeError):
            layout.pack({name: -1 if width <= INT_BITS_MAX else bytes(width // 8 - 1)})


@TABLES
def test_gaps_are_written_as_stated_and_never_read(layout):
    packed = layout.pack({})
    for bit, width, name in layout.rows():
        if name in GAPS:
            shift = layout.size * 8 - bit - width
            found = int.from_bytes(packed, "big") >> shift & ((1 << width) - 1)
            assert found == (0 if name == "free" else (1 << width) - 1)
    assert layout.unpack(b"\xff" * layout.size) == filled(layout, ones=True)


@settings(max_examples=200, deadline=None)
@given(records())
def test_whatever_is_packed_comes_back(record):
    layout, values = record
    packed = layout.pack(values)
    assert len(packed) == layout.size
    assert layout.unpack(b"junk" + packed, 4) == values
    for name, value in values.items():
        assert layout.get(packed, name) == value


@settings(max_examples=100, deadline=None)
@given(records())
def test_the_board_s_way_of_writing_and_reading_is_the_same_as_the_server_s(record):
    layout, values = record
    packed = layout.pack(values)
    written = bytearray(b"\x55" * layout.size)
    assert layout._fill_in(written, 0, values) == len(values) and written == packed
    assert {name: _read(packed, bit, width) for bit, width, name in fields_of(layout)} == values


@settings(max_examples=100, deadline=None)
@given(records(), st.randoms(use_true_random=False))
def test_putting_one_field_changes_no_other_bit(record, random):
    layout, values = record
    name = random.choice(list(values))
    background = bytes(random.randrange(256) for _ in range(layout.size))
    buf = bytearray(background)
    layout.put(buf, name, values[name])
    assert layout.get(buf, name) == values[name]
    bit, width = layout.find(name)
    mask = ((1 << width) - 1) << (layout.size * 8 - bit - width)
    assert (int.from_bytes(buf, "big") ^ int.from_bytes(background, "big")) & ~mask == 0


def test_rewriting_a_record_carries_its_free_bits_over():
    layout = Layout("X", 2, ("a", 4, "free", 4, "b", 8))
    buf = bytearray(b"\x1f\x00")
    layout.put(buf, "a", 2)
    assert bytes(buf) == b"\x2f\x00"


def test_unknown_names_and_short_buffers_are_refused():
    layout = Layout("X", 2, ("a", 4, "free", 4, "b", 8))
    for call in (
        lambda: layout.pack({"c": 1}),
        lambda: layout.pack({"free": 0}),
        lambda: layout.get(bytes(2), "c"),
        lambda: layout.put(bytearray(2), "c", 1),
        lambda: layout.pack_into(bytearray(3), 2, {}),
        lambda: layout.pack({"a": "1"}),
    ):
        with pytest.raises(RangeError):
            call()
    for call in (lambda: layout.unpack(bytes(1)), lambda: layout.get(bytes(3), "a", 2)):
        with pytest.raises(LayoutError, match="wanted"):
            call()


@given(st.integers(0, 40), st.integers(1, 30), st.integers(0, 2**30 - 1))
def test_bits_are_numbered_from_the_most_significant(bit, width, value):
    value %= 1 << width
    buf = bytearray(12)
    put_bits(buf, bit, width, value)
    assert int.from_bytes(buf, "big") == value << (96 - bit - width)


class Small(int):
    """An integer that notices when arithmetic leaves the small integers of a 32-bit board."""

    def __new__(cls, value):
        assert -(2**30) <= value < 2**30, f"{value} is no small integer"
        return super().__new__(cls, value)

    def __lshift__(self, other):
        return Small(int(self) << int(other))

    def __rshift__(self, other):
        return Small(int(self) >> int(other))

    def __or__(self, other):
        return Small(int(self) | int(other))

    def __and__(self, other):
        return Small(int(self) & int(other))

    __ror__ = __or__
    __rand__ = __and__


@pytest.mark.requirement("D4")
@given(st.integers(0, 40), st.integers(1, 30), st.integers(0, 2**30 - 1))
def test_no_intermediate_leaves_the_small_integers_of_a_board(bit, width, value):
    value %= 1 << width
    data = [Small(0)] * 12
    put_bits(data, bit, width, Small(value))
    found = get_bits([Small(byte) for byte in data], bit, width)
    assert found == value
    assert isinstance(found, Small)
