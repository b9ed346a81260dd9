"""Zone sets, file C, application ids, and the record an INTENT holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_layouts.cards import card_layout as card
from card_layouts.errors import LayoutError, RangeError
from card_layouts.records import entries, entries_tap
from card_layouts.records.entries_all import LAYOUTS, layout_of

zone_sets = st.sets(st.integers(1, 15))


@pytest.mark.requirement("W-31", "W-57")
@given(zone_sets)
def test_a_zone_set_comes_back_and_has_one_code(zones):
    code = card.zones_bitmap(list(zones))
    assert card.zones_list(code) == sorted(zones)
    assert card.zones_bitmap(sorted(zones, reverse=True)) == code
    assert 0 <= code <= 0x7FFF
    assert code == sum(card.zone_bit(zone) for zone in zones)


@given(zone_sets, zone_sets)
def test_subset_is_that_of_the_sets(a, b):
    found = card.zones_subset(card.zones_bitmap(a), card.zones_bitmap(b))
    assert found == (a <= b)
    assert card.zones_subset(card.zones_bitmap(a), card.ZONES_ALL)


@given(st.integers(0, 0xFFFF))
def test_any_code_is_a_set_or_refused_and_covering_agrees(code):
    try:
        zones = card.zones_list(code)
    except LayoutError:
        assert code & 0x8000
        return
    assert zones == [zone for zone in range(70) if card.zones_covers(code, zone)]
    assert card.zones_count(code) == len(zones)
    hull = set(range(zones[0], zones[-1] + 1)) if zones else set()
    assert set(card.zones_list(card.zones_hull(code))) == hull
    assert (card.zones_first(code), card.zones_last(code)) == (
        (zones[0], zones[-1]) if zones else (0, 0)
    )


@pytest.mark.parametrize("zones", [{1, 16}, {0}, {64}, {5, 20}])
def test_a_set_that_has_no_code_is_refused(zones):
    with pytest.raises(RangeError):
        card.zones_bitmap(zones)


@pytest.mark.requirement("D4", "I15")
@given(st.integers(0, 63), st.integers(0, 2**24 - 1))
def test_c_holds_block_generation_and_counter_and_only_falls(b, n):
    value = card.counter_value(b, n)
    assert 0 <= value <= card.COUNTER_START == 2**30 - 1
    assert card.counter_b_n(value) == (b, n)
    if n:
        assert card.counter_value(b, n - 1) == value + 1


@pytest.mark.requirement("D4")
def test_a_killed_card_reads_generation_63():
    assert card.counter_b_n(0)[0] == card.KILLED_B
    for b, n in ((64, 0), (0, 2**24), (-1, 0)):
        with pytest.raises(RangeError):
            card.counter_value(b, n)
    with pytest.raises(LayoutError):
        card.counter_b_n(2**30)


@pytest.mark.requirement("D3")
def test_an_application_id_is_f_cluster_generation_sent_backwards():
    assert card.aid_bytes(0x4230, 5).hex() == "0523f4"


@pytest.mark.requirement("D14", "R-21")
@pytest.mark.parametrize("kind", entries.OPENING)
def test_opening_entries_hold_the_card_record_at_one_place(kind):
    layout = layout_of(kind)
    assert (layout.find("uid"), layout.find("body"), layout.find("h")) == (
        (0, 56),
        (56, 232),
        (288, 64),
    )


@pytest.mark.requirement("D14", "D1")
def test_the_record_is_rebuilt_from_the_slot_header_and_the_entry():
    body, h = bytes(range(29)), bytes(range(100, 108))
    payload = entries_tap.INTENT.pack({"uid": bytes(7), "body": body, "h": h})
    record = entries.record_from({"epoch": 2, "device": 4711, "seq": 2**26 + 9}, payload)
    found = card.G.unpack(record)
    assert (found["layout"], found["epoch"], found["device"], found["seq"]) == (1, 2, 4711, 9)
    assert record[7:36] == body
    assert found["h"] == h
    with pytest.raises(RangeError):
        entries.record_prefix(64, 0, 0)


@pytest.mark.requirement("D13")
def test_every_entry_type_has_a_table_of_96_bytes_and_others_are_refused():
    assert [LAYOUTS[kind, 1].name for kind in range(1, 16)] == list(entries.TYPE_NAMES[1:])
    assert {layout.size for layout in LAYOUTS.values()} == {96}
    for kind, layout in ((16, 1), (1, 2), (0, 1)):
        with pytest.raises(LayoutError):
            layout_of(kind, layout)
