"""The Ultralight C card model against its data sheet: key, memory, AUTH0 and AUTH1, refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.ultralight_c import differences
from tests.simulator.ultralight_reader import (
    ACK,
    NAK,
    SILENCE,
    UID,
    again,
    card,
    prove,
    read,
    write,
)

pytestmark = pytest.mark.requirement("W-94", "D30")

H = bytes.fromhex
FOUR = st.binary(min_size=4, max_size=4)


# Authentication ---------------------------------------------------------------------------


def test_the_authentication_of_the_data_sheet():
    """Section 7.5.6, with the key as delivered."""
    made = card(lambda n: H("51E764602678DF2B"))
    assert made.exchange(H("1A00")) == H("AF 577293FD2F34CA51")
    answer = made.exchange(H("AF 0A638559FC7737F9F15D7862EBBE967A"))
    assert answer == H("00 3B884FA07C137CE1")
    assert made.state == "authenticated"


def test_the_key_of_the_data_sheet_lies_in_memory_as_its_table_11_shows():
    made = card()
    for line in ("2C 07060504", "2D 03020100", "2E 0F0E0D0C", "2F 0B0A0908"):
        assert made.exchange(H("A2" + line)) == ACK
    assert made.image.cipher_key == H("000102030405060708090A0B0C0D0E0F")


def test_a_wrong_key_is_refused_and_the_card_falls_silent():
    made = card()
    assert prove(made, bytes(16)) == NAK
    assert read(made, 0) == SILENCE
    made.power_on()
    assert read(made, 0)[:3] == UID[:3]


def test_a_new_key_counts_after_the_next_activation():
    made = card()
    for i in range(4):
        write(made, 44 + i, bytes(4))
    assert prove(made)[0] == 0
    again(made)
    assert prove(made) == NAK
    made.power_on()
    assert prove(made, bytes(16))[0] == 0


def test_another_command_between_the_two_parts_is_refused():
    made = card()
    made.exchange(b"\x1a\0")
    assert read(made, 0) == NAK


def test_a_proof_cannot_be_used_again():
    made = card()
    said = []
    original = made.exchange
    made.exchange = lambda command: (said.append(command), original(command))[1]
    prove(made)
    again(made)
    made.exchange(b"\x1a\0")
    assert made.exchange(said[1]) == NAK


# READ, WRITE ------------------------------------------------------------------------------


def test_the_memory_as_delivered():
    made = card()
    first = read(made, 0)
    assert first == H("041122 BF 33445566 44 48 0000 00000000")
    assert read(made, 40) == H("00000000 00000000 30000000 00000000")
    assert read(made, 41) == H("00000000 30000000 00000000") + first[:4]
    assert made.image.key == b"BREAKMEIFYOUCAN!"


def test_no_key_page_can_ever_be_read():
    made = card()
    prove(made)
    for page in (44, 47, 48, 255):
        assert read(made, page) == NAK
        again(made)
        prove(made)
    for page in range(44):
        assert b"KMEI" not in read(made, page)


@pytest.mark.parametrize("page", [0, 1, 48, 255])
def test_pages_nobody_can_write(page):
    made = card()
    before = made.image.clone()
    assert write(made, page, b"\xff" * 4) == NAK
    assert differences(before, made.image) == []


@given(st.integers(4, 39), FOUR)
def test_a_page_reads_back_as_it_was_written(page, four):
    made = card()
    assert write(made, page, four) == ACK
    assert read(made, page)[:4] == four


def test_compatibility_write_takes_sixteen_bytes_and_keeps_four():
    made = card()
    assert made.exchange(H("A004")) == ACK
    assert made.exchange(bytes(range(16))) == ACK
    assert read(made, 4)[:8] == H("00010203 00000000")
    assert made.exchange(H("A030")) == NAK
    made.power_on()
    made.exchange(H("A004"))
    assert made.exchange(bytes(15)) == NAK


@pytest.mark.parametrize("text", ["", "30", "300000", "A204", "A20400", "1A01", "60", "3A0004"])
def test_what_is_no_command_is_refused(text):
    made = card()
    assert made.exchange(H(text)) == NAK
    assert made.exchange(H("3000")) == SILENCE


def test_a_halted_card_is_silent_and_has_forgotten_the_key():
    made = card(auth0=3)
    prove(made)
    assert made.exchange(H("5000")) == SILENCE
    assert read(made, 0) == SILENCE
    again(made)
    assert read(made, 4) == NAK


# AUTH0, AUTH1 -----------------------------------------------------------------------------


@pytest.mark.parametrize("auth1", [0, 1])
@pytest.mark.parametrize("auth0", [3, 4, 16, 41, 42, 47, 48, 255])
def test_pages_from_auth0_on_need_the_key(auth0, auth1):
    for page in range(2, 48):
        free = page < auth0
        readable = page < 44 and (free or auth1 == 1)
        assert write(card(auth0=auth0, auth1=auth1), page, bytes(4)) == (ACK if free else NAK)
        assert (len(read(card(auth0=auth0, auth1=auth1), page)) == 16) == readable
        made = card(auth0=auth0, auth1=auth1)
        prove(made)
        assert (len(read(made, page)) == 16) == (page < 44)
        made.power_on()
        prove(made)
        assert write(made, page, bytes(4)) == ACK


@pytest.mark.parametrize("auth0", [0, 1, 2, 3])
def test_pages_0_to_2_are_always_open_and_reading_rolls_over_before_auth0(auth0):
    made = card(auth0=auth0)
    first = read(made, 0)
    assert first[12:] == first[:4]
    assert read(made, 2) == first[8:12] + first[:12]
    assert write(made, 2, bytes(4)) == ACK


def test_auth0_counts_from_the_next_activation_unless_the_silicon_is_quicker():
    for at_once, answer in ((False, ACK), (True, NAK)):
        made = card(at_once=at_once)
        write(made, 42, b"\x03\0\0\0")
        assert write(made, 4, bytes(4)) == answer
