"""What a tourist ticket says: which slot is valid, whether it opens a gate, what a tap writes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_layouts.cards import tourist_ticket as t
from card_layouts.cards.ulc_layout import check_ulc_slot, seal_ulc_slot
from card_layouts.errors import LayoutError, RangeError, SealError
from simulator.worlds.ticket_world import DAY, HEADER, KEYS, NOW, UID, ZONE, Gate, recipe, sold

pytestmark = pytest.mark.requirement("W-89", "W-94")

K_SLOT = KEYS[1]
DAY_S = 86400


def pages(counter, slots, otp=bytes(4), header=None):
    """Return pages 3..6 and 34..41 with `slots`: {parity: 12 bytes}."""
    both = slots.get(0, bytes(12)) + slots.get(1, bytes(12))
    tail = both + bytes(4) + counter.to_bytes(2, "little") + bytes(2)
    return otp + (header or recipe().header), tail


def slot(counter, start=0, last=0, device=1):
    values = {"start": start, "last": last, "device": device}
    return seal_ulc_slot(values, K_SLOT, UID, recipe().header, counter)


def ticket(counter=1, start=0, last=0, otp=bytes(4), **header):
    row = recipe(header=HEADER | header).header
    values = {"start": start, "last": last, "device": 1}
    sealed = seal_ulc_slot(values, K_SLOT, UID, row, counter)
    return t.open_ticket(UID, K_SLOT, *pages(counter, {counter & 1: sealed}, otp, row))


def started(seconds_ago, last=0, **header):
    return ticket(2, (NOW - seconds_ago) // 300, last, **header)


def test_the_slot_of_the_counter_s_parity_is_the_valid_one():
    both = {0: slot(6, 100), 1: slot(7, 100, 9)}
    assert t.open_ticket(UID, K_SLOT, *pages(6, both)).slot["last"] == 0
    assert t.open_ticket(UID, K_SLOT, *pages(7, both)).slot["last"] == 9


def test_a_slot_prepared_for_the_next_count_is_told_from_an_old_one():
    prepared = t.open_ticket(UID, K_SLOT, *pages(6, {0: slot(6), 1: slot(7)}))
    old = t.open_ticket(UID, K_SLOT, *pages(6, {0: slot(6), 1: slot(5)}))
    assert (t.is_prepared(prepared, K_SLOT), t.is_prepared(old, K_SLOT)) == (True, False)
    last = t.open_ticket(UID, K_SLOT, *pages(0xFFFF, {1: slot(0xFFFF)}))
    assert not t.is_prepared(last, K_SLOT)


def test_a_copy_of_an_older_slot_is_refused():
    """Also one 32 taps old, whose five stored bits are the same."""
    for counter in (8 - 2, 8 - 32 + 64, 8 + 2):
        with pytest.raises(SealError):
            t.open_ticket(UID, K_SLOT, *pages(8, {0: slot(counter)}))


def test_bytes_that_are_no_ticket_are_named():
    with pytest.raises(LayoutError, match="ULC_HEADER.layout: found 0, wanted 1"):
        t.open_ticket(UID, K_SLOT, *pages(1, {}, header=bytes(12)))
    with pytest.raises(LayoutError, match="was not sold"):
        t.open_ticket(UID, K_SLOT, *pages(0, {}))


@given(st.integers(0, 44 * 8 - 1))
def test_one_flipped_bit_in_header_slot_or_counter_is_refused(bit):
    head, tail = pages(7, {1: slot(7)})
    whole = bytearray(head[4:] + tail)
    if 12 * 8 <= bit < 24 * 8 or 36 * 8 <= bit < 40 * 8:
        return  # the other slot and the lock bytes are not this slot's business
    if bit >= 42 * 8:
        return  # two bytes behind the counter
    whole[bit // 8] ^= 0x80 >> bit % 8
    with pytest.raises((SealError, LayoutError)):
        t.open_ticket(UID, K_SLOT, head[:4] + whole[:12], bytes(whole[12:]))


@pytest.mark.parametrize(
    "seen, now_s, zone, answer",
    [
        (ticket(), NOW, ZONE, t.USABLE),
        (ticket(), NOW, 10, t.WRONG_ZONE),
        (ticket(otp=b"\x80\0\0\0"), NOW, ZONE, t.VOIDED),
        (ticket(otp=b"\x40\0\0\0"), NOW, ZONE, t.USABLE),
        (ticket(counter=0xFFFF), NOW, ZONE, t.USED_UP),
        (ticket(counter=0xFFFE), NOW, ZONE, t.USABLE),
        (ticket(activate_by=DAY), (DAY + 1) * DAY_S - 1, ZONE, t.USABLE),
        (ticket(activate_by=DAY), (DAY + 1) * DAY_S, ZONE, t.TOO_LATE),
        (started(300), NOW + 3 * DAY_S - 301, ZONE, t.USABLE),
        (started(300), NOW + 3 * DAY_S - 300, ZONE, t.EXPIRED),
        (started(300, activate_by=DAY - 1), NOW, ZONE, t.USABLE),
        (started(300, days=60), NOW + 59 * DAY_S, ZONE, t.USABLE),
        (started(300, days=0, activate_by=DAY), (DAY + 1) * DAY_S - 1, ZONE, t.USABLE),
        (started(300, days=0, activate_by=DAY), (DAY + 1) * DAY_S, ZONE, t.EXPIRED),
    ],
)
@pytest.mark.requirement("W-90")
def test_when_a_ticket_opens_a_gate(seen, now_s, zone, answer):
    found = t.refusal(seen, now_s, zone)
    assert t.REFUSAL_NAMES[found] == t.REFUSAL_NAMES[answer]


def test_the_tariff_may_end_a_ticket_by_service_days():
    seen = started(300)
    assert t.refusal(seen, NOW + 600, ZONE, until_s=NOW + 600) == t.EXPIRED
    assert t.refusal(seen, NOW + 599, ZONE, until_s=NOW + 600) == t.USABLE


def test_the_first_tap_starts_the_ticket_and_later_ones_do_not():
    card, gate = sold(), Gate()
    times = (NOW, NOW + 61, NOW + DAY_S)
    rows = []
    for now_s in times:
        assert gate.present(card, now_s=now_s)
        fields = card.image.counter & 1
        at = 37 if fields else 34
        rows.append(t.fields_of(b"".join(card.image.user[at + i] for i in range(3))))
    assert {row["start"] for row in rows} == {NOW // 300}
    assert [row["last"] for row in rows] == [0, 1, 24 * 60]
    assert [row["n"] for row in rows] == [2, 3, 4]
    assert {row["device"] for row in rows} == {4711}


def test_a_clock_behind_never_turns_a_ticket_back():
    seen = started(6000, last=95)
    fields = check_ulc_slot(
        t.next_slot(seen, K_SLOT, NOW - 9000, 5), K_SLOT, UID, seen.header_bytes, 3
    )
    assert (fields["start"], fields["last"]) == (seen.slot["start"], 95)


def test_a_ticket_is_read_in_seconds():
    seen = started(6000, last=95)
    assert seen.started_s == (NOW - 6000) // 300 * 300
    assert seen.last_s == seen.started_s + 95 * 60
    assert (ticket().started_s, ticket().last_s) == (0, 0)


def test_the_last_count_is_never_passed():
    with pytest.raises(RangeError, match="nothing can be added"):
        t.next_slot(ticket(counter=0xFFFF), K_SLOT, NOW, 1)
    card = sold()
    card.image.counter = 0xFFFE
    card.image.user |= dict(zip((34, 35, 36), _fours(slot(0xFFFE)), strict=True))
    gate = Gate()
    assert gate.present(card)
    assert card.image.counter == 0xFFFF
    with pytest.raises(AssertionError):
        gate.present(card)


def _fours(data):
    return [data[at : at + 4] for at in range(0, len(data), 4)]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 4000), min_size=35, max_size=70))
def test_any_row_of_taps_leaves_each_count_once(pauses):
    """More taps than the five bits of n can count."""
    card, gate, now_s = sold(), Gate(), NOW
    for number, pause in enumerate(pauses, start=2):
        assert gate.present(card, now_s=now_s)
        assert card.image.counter == number
        now_s = min(now_s + pause, NOW + 2 * DAY_S)
