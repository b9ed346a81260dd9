"""The code of a single ticket: what is read out of it, and what is refused before any signature."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_layouts.answers import CODE_EARLY, CODE_ENDED, CODE_LINE, CODE_ZONE
from card_layouts.codec import base45
from card_layouts.crypto.ed25519 import public_steps, sign_steps
from card_layouts.crypto.ed25519_cpython import public_native, sign_native
from card_layouts.errors import LayoutError, RangeError, SealError
from card_layouts.tickets.check import genuine_steps, refusal
from card_layouts.tickets.single import (
    CERTIFICATE,
    CERTIFICATE_BYTES,
    CERTIFIED_BYTES,
    CODE_BYTES,
    CODE_CHARS,
    HEADS_MAX,
    MARK,
    SINGLE,
    SINGLE_BYTES,
    Code,
    lines_of,
    pack_single,
    read_single,
)
from tests.vectors import make_singles as maker
from tests.vectors.singles_replay import ended

GOOD = maker.code()
AUTHORITY = bytes.fromhex(maker._public(maker.AUTHORITY))
FROM = maker.DAY * 1440 + 700


@st.composite
def parties(draw):
    """Return [(group, heads)] as a ticket may carry them."""
    groups = sorted(draw(st.sets(st.integers(0, 15), min_size=1, max_size=4)))
    left, rows = HEADS_MAX, []
    for at, group in enumerate(groups):
        heads = draw(st.integers(1, left - (len(groups) - at - 1)))
        left -= heads
        rows.append((group, heads))
    return rows


def widths(name):
    return st.integers(0, (1 << SINGLE.find(name)[1]) - 1)


@st.composite
def tickets(draw):
    """Return the fields of any ticket that may be written."""
    names = ("certificate", "product", "start_zone", "line_only", "line", "from_minute", "night",
             "price", "tariff")  # fmt: skip
    values = {name: draw(widths(name)) for name in names}
    for name, most in (("authority", 255), ("device", 0xFFFFF), ("serial", 2**30 - 1),
                       ("minutes", 2047)):  # fmt: skip
        values[name] = draw(st.integers(1, most))
    values["zones"] = draw(st.one_of(st.integers(1, 0x7FFF), st.just(0xFFFF)))
    for at, (group, heads) in enumerate(draw(parties())):
        values[f"group{at}"], values[f"count{at}"] = group, heads
    return values


@pytest.mark.requirement("W-50", "W-51", "W-53", "W-99", "T23")
@given(tickets())
def test_a_ticket_comes_back_as_it_was_written(values):
    body = pack_single(values)
    found = read_single(body)
    assert all(found[name] == value for name, value in values.items())
    assert found["heads"] == sum(heads for _group, heads in lines_of(found))
    assert pack_single({n: found[n] for n in found if n != "heads"}) == body


@pytest.mark.requirement("T23")
@given(st.binary(min_size=30, max_size=30))
def test_thirty_bytes_are_a_ticket_of_one_form_or_refused(body):
    try:
        values = read_single(body)
    except LayoutError:
        return
    values.pop("heads")
    again = pack_single(values)
    assert again[:-1] == body[:-1] and again[-1] == body[-1] & 0x80, "only free bits may differ"


@pytest.mark.requirement("T23", "W-99")
@given(st.one_of(st.text(max_size=400), st.text(alphabet=base45.ALPHABET, min_size=290,
                                                 max_size=310)))  # fmt: skip
def test_any_text_is_a_code_or_refused_by_name(text):
    for tried in (text, MARK + text):
        try:
            code = Code(tried)
        except LayoutError:
            continue
        with pytest.raises(SealError):
            ended(genuine_steps(code.data, AUTHORITY, []))


@pytest.mark.requirement("T14", "T23", "W-99")
@given(st.integers(0, CODE_CHARS - 1), st.sampled_from(base45.ALPHABET))
def test_a_code_with_another_character_is_never_genuine(place, letter):
    text = GOOD[:place] + letter + GOOD[place + 1 :]
    if text == GOOD:
        return
    with pytest.raises((LayoutError, SealError)):
        ended(genuine_steps(Code(text).data, AUTHORITY, []))


@pytest.mark.full
@pytest.mark.requirement("T14")
def test_every_flipped_bit_of_a_code_is_found():
    data = base45.decode(GOOD[len(MARK) :])
    assert len(data) == CODE_BYTES
    for bit in range(8 * CODE_BYTES):
        forged = bytearray(data)
        forged[bit // 8] ^= 128 >> bit % 8
        with pytest.raises((LayoutError, SealError)):
            ended(genuine_steps(Code(MARK + base45.encode(forged)).data, AUTHORITY, []))


@given(st.binary(max_size=80))
def test_base45_is_one_text_a_byte_string(data):
    text = base45.encode(data)
    assert base45.decode(text) == data
    assert text == maker.base45(data)


@given(st.text(alphabet=base45.ALPHABET + "aé", max_size=40))
def test_a_text_of_base45_is_canonical_or_refused(text):
    try:
        data = base45.decode(text)
    except LayoutError:
        return
    assert base45.encode(data) == text


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200))
@pytest.mark.requirement("D9", "W-99")
def test_signing_in_steps_makes_the_signature_of_the_cryptography_package(seed, message):
    public = ended(public_steps(seed))
    assert public == public_native(seed)
    assert ended(sign_steps(seed, public, message)) == sign_native(seed, message)


def test_signing_takes_some_130_steps_whatever_the_key():
    counts = {
        sum(1 for _ in sign_steps(hashlib.sha256(bytes([n])).digest(), bytes(32), b"m"))
        for n in range(8)
    }
    assert counts == {130}


@pytest.mark.requirement("W-50", "W-51", "X-13", "D9")
@pytest.mark.parametrize(
    ("changed", "late", "zones", "line", "answer"),
    [
        ({}, 0, 0x6000, 17, 0),
        ({"minute": FROM - 5}, 0, 0x6000, 17, 0),
        ({"minute": FROM - 6}, 0, 0x6000, 17, CODE_EARLY),
        ({"minute": FROM + 95}, 0, 0x6000, 17, 0),
        ({"minute": FROM + 96}, 0, 0x6000, 17, CODE_ENDED),
        ({"minute": FROM + 120}, 30, 0x6000, 17, 0),
        ({"minute": FROM + 121}, 30, 0x6000, 17, CODE_ENDED),
        ({}, 0, 0x1000, 17, CODE_ZONE),
        ({}, 0, 0x3000, 17, 0),
        ({}, 0, 0, 17, 0),
        ({}, 0, 0x6000, 18, 0),
        ({"line_only": 1}, 0, 0x6000, 18, CODE_LINE),
        ({"line_only": 1}, 0, 0x6000, 17, 0),
        ({"line_only": 1}, 0, 0x6000, 0, 0),
        ({"zones": 0xFFFF}, 0, 0x0001, 17, 0),
    ],
)  # fmt: skip
def test_a_ticket_is_good_in_its_time_its_zones_and_on_its_line(changed, late, zones, line, answer):
    changed = dict(changed)
    minute = changed.pop("minute", FROM)
    ticket = {**Code(GOOD).ticket, **changed}
    assert refusal(ticket, minute, late, zones, line) == answer


def test_the_numbers_of_a_code_are_those_of_its_tables():
    assert (SINGLE.size, CERTIFICATE.size) == (SINGLE_BYTES, CERTIFICATE_BYTES)
    assert CERTIFIED_BYTES == CERTIFICATE_BYTES + 64
    assert CODE_BYTES == SINGLE_BYTES + 64 + CERTIFIED_BYTES
    assert len(GOOD) == CODE_CHARS == len(MARK) + CODE_BYTES // 2 * 3


def test_what_no_ticket_may_say_is_not_written():
    values = {name: value for name, _, value in maker.TICKET if name != "free"}
    with pytest.raises(RangeError, match="SINGLE.minutes: 0"):
        pack_single({**values, "minutes": 0})
    with pytest.raises(RangeError, match="group1: 1 x group 0"):
        pack_single({**values, "group1": 0})
