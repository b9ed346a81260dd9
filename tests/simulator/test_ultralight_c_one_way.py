"""What can never be undone on an Ultralight C (locks, OTP, counter), and what power cuts leave."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.desfire_card import Cut, ImageError, PowerLost
from simulator.prng import Prng
from simulator.ultralight_c import (
    FileStorage,
    Image,
    UltralightC,
    differences,
    image_from_json,
    image_to_json,
    tearing,
)
from tests.simulator.ultralight_reader import ACK, NAK, UID, again, card, read, write

pytestmark = pytest.mark.requirement("W-94", "D30")

H = bytes.fromhex
FOUR = st.binary(min_size=4, max_size=4)


# Lock bytes, OTP --------------------------------------------------------------------------

LOCK_BITS = [(2, 2, 3 + i, [3 + i]) for i in range(5)]
LOCK_BITS += [(2, 3, i, [8 + i]) for i in range(8)]
LOCK_BITS += [(40, 0, 1 + i, list(range(16 + 4 * i, 20 + 4 * i))) for i in range(3)]
LOCK_BITS += [(40, 0, 5 + i, list(range(28 + 4 * i, 32 + 4 * i))) for i in range(3)]
LOCK_BITS += [(40, 1, 4, [41]), (40, 1, 5, [42]), (40, 1, 6, [43]), (40, 1, 7, [44, 45, 46, 47])]


def lock(made, page, byte, bits):
    four = bytearray(4)
    four[byte] = bits
    return write(made, page, bytes(four))


@pytest.mark.parametrize("page, byte, bit, locked", LOCK_BITS)
def test_every_lock_bit_makes_its_pages_read_only(page, byte, bit, locked):
    made = card(counter=1)
    assert lock(made, page, byte, 1 << bit) == ACK
    again(made)
    for other in range(3, 48):
        answer = write(made, other, b"\x01\0\0\0")
        assert answer == (NAK if other in locked else ACK), other
        if answer == NAK:
            made.power_on()
        if other == 42:
            made.image.auth0 = 0x30


# Page, its byte and bit that block locking; lock byte and bits that then stay as they are.
BLOCKS = [
    (2, 2, 0, 0, 0x08),
    (2, 2, 1, 0, 0xF0),
    (2, 2, 1, 1, 0x03),
    (2, 2, 2, 1, 0xFC),
    (40, 0, 0, 2, 0x0E),
    (40, 0, 4, 2, 0xE0),
    (40, 1, 0, 3, 0x10),
    (40, 1, 1, 3, 0x20),
    (40, 1, 2, 3, 0x40),
    (40, 1, 3, 3, 0x80),
]


@pytest.mark.parametrize("page, byte, bit, lock_byte, frozen", BLOCKS)
def test_every_block_locking_bit_freezes_its_lock_bits(page, byte, bit, lock_byte, frozen):
    made = card()
    lock(made, page, byte, 1 << bit)
    again(made)
    write(made, page, b"\xff" * 4)
    assert made.image.lock[lock_byte] & frozen == 0
    others = {row[4] for row in BLOCKS if row[3] == lock_byte and row[2] != bit}
    assert all(made.image.lock[lock_byte] & bits == bits for bits in others)


@given(st.lists(st.tuples(st.sampled_from([2, 3, 40]), FOUR), max_size=12))
def test_otp_and_lock_bits_only_ever_go_from_0_to_1(writes):
    made = card()
    for page, four in writes:
        old = int.from_bytes(made.image.otp + made.image.lock, "big")
        if write(made, page, four) == NAK:
            assert int.from_bytes(made.image.otp + made.image.lock, "big") == old
        assert int.from_bytes(made.image.otp + made.image.lock, "big") & old == old
        again(made)


def test_the_otp_example_of_the_data_sheet():
    made = card()
    write(made, 3, H("FFFC0507"))
    write(made, 3, H("FF003980"))
    assert read(made, 3)[:4] == H("FFFC3D87")


def test_uid_and_check_bytes_stay_when_the_lock_bytes_are_written():
    made = card()
    first = read(made, 0)[:10]
    assert write(made, 2, b"\xff" * 4) == ACK
    assert read(made, 0)[:10] == first


# The counter ------------------------------------------------------------------------------


def test_the_first_write_sets_the_counter_and_later_ones_add_a_nibble():
    made = card()
    assert write(made, 41, H("34120000")) == ACK
    assert write(made, 41, H("F2FFFFFF")) == ACK
    assert made.image.counter == 0x1234 + 2
    assert write(made, 41, H("F0000000")) == ACK
    assert made.image.counter == 0x1234 + 2


def test_an_increment_shows_after_the_next_power_up():
    made = card(counter=7)
    write(made, 41, b"\x01\0\0\0")
    assert read(made, 41)[:2] == b"\x07\0"
    again(made)
    assert read(made, 41)[:2] == b"\x08\0"


def test_the_counter_stops_at_its_end():
    made = card(counter=0xFFFE)
    assert write(made, 41, b"\x02\0\0\0") == NAK
    made.power_on()
    assert write(made, 41, b"\x01\0\0\0") == ACK
    assert write(made, 41, b"\x01\0\0\0") == NAK
    assert made.image.counter == 0xFFFF


@given(st.lists(FOUR, max_size=40))
def test_the_counter_never_goes_back(writes):
    made = card()
    for four in writes:
        before = made.image.counter
        answer = write(made, 41, four)
        step = made.image.counter - before
        assert step >= 0 and (before == 0 or step == (four[0] & 15 if answer == ACK else 0))
        again(made)


# Tears, files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "torn, left", [(tearing.old, "01"), (tearing.new, "02"), (tearing.erased, "00")]
)
def test_a_page_may_tear_and_tears_alone(torn, left):
    for cut, wanted in (
        (Cut("in", 5), "01010101"),
        (Cut("step", 0), "01010101"),
        (Cut("step", 1), left * 4),
        (Cut("out", 0), "02020202"),
    ):
        made = card(torn=torn)
        write(made, 4, b"\1" * 4)
        write(made, 5, b"\1" * 4)
        with pytest.raises(PowerLost):
            made.exchange(H("A204 02020202"), cut)
        made.power_on()
        assert read(made, 4)[:8] == H(wanted + "01010101")


@pytest.mark.parametrize("page", [2, 3, 40, 41])
def test_lock_bytes_otp_and_counter_are_whole_old_or_whole_new(page):
    for cut, done in ((Cut("step", 0), False), (Cut("out", 0), True)):
        made = card(torn=tearing.garbage(Prng(3).bytes))
        before = made.image.clone()
        with pytest.raises(PowerLost):
            made.exchange(bytes([0xA2, page]) + H("05050505"), cut)
        assert bool(differences(before, made.image)) == done
        whole = card()
        write(whole, page, H("05050505"))
        assert differences(whole.image, made.image) == [] or not done


def test_the_image_is_a_readable_file_and_differences_have_names(tmp_path):
    store = FileStorage(tmp_path / "ticket.json")
    made = UltralightC.blank(UID, Prng(1).bytes, store)
    made.power_on()
    before = made.image.clone()
    write(made, 4, H("01020304"))
    write(made, 41, H("01000000"))
    assert differences(before, store.load()) == [
        "/counter: 0 -> 1",
        "/pages/4: 00000000 -> 01020304",
    ]
    assert image_from_json(image_to_json(made.image)) == made.image


@pytest.mark.parametrize(
    "old, new, words",
    [
        ('"counter": 0', '"counter": 65536', "counter is 65536, wanted 0..65535"),
        ('"uid": "04', '"uid": "', "uid has 6 bytes, wanted 7"),
        ('"39"', '"49"', "entry '39' is missing"),
        ("ultralight-c-image-1", "desfire", "format is 'desfire'"),
        ("{", "", "not a card image"),
    ],
)
def test_a_file_that_is_no_image_is_named_with_what_is_wrong(tmp_path, old, new, words):
    path = tmp_path / "broken.json"
    path.write_text(image_to_json(Image(UID)).replace(old, new, 1))
    with pytest.raises(ImageError, match=words) as wrong:
        FileStorage(path).load()
    assert "broken.json" in str(wrong.value)
