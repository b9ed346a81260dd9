"""Two-key triple DES in plain Python, and the recorded conversations that use it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_layouts.cards.ultralight_c import FACTORY_KEY, Session, counter_of, key_pages
from card_layouts.crypto import triple_des, triple_des_cpython
from card_layouts.errors import LayoutError, RangeError, SealError
from tests.vectors import make_ultralight, ultralight_replay

pytestmark = pytest.mark.requirement("W-94", "D13")

BLOCKS = st.integers(0, 5).flatmap(lambda n: st.binary(min_size=8 * n, max_size=8 * n))


def test_the_recorded_vectors_are_what_their_maker_makes():
    stored = (make_ultralight.HERE / "ultralight_c.json").read_text()
    assert stored == make_ultralight.make(), "run: python tests/vectors/make_ultralight.py"


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), BLOCKS)
def test_the_plain_cipher_is_the_library_s(key, iv, data):
    ours = triple_des.TripleDes(key, triple_des.CBC, iv)
    theirs = triple_des_cpython.TripleDes(key, triple_des.CBC, iv)
    assert ours.encrypt(data) == theirs.encrypt(data)
    assert ours.decrypt(data) == theirs.decrypt(data)


@given(st.binary(min_size=16, max_size=16), BLOCKS)
def test_parity_bits_of_the_key_change_nothing(key, data):
    other = bytes(byte ^ 1 for byte in key)
    first, second = (triple_des.TripleDes(k, triple_des.CBC, bytes(8)) for k in (key, other))
    assert first.encrypt(data) == second.encrypt(data)


@pytest.mark.parametrize("key, mode, iv", [(15, 2, 8), (16, 1, 8), (16, 2, 16)])
def test_wrong_sizes_are_named(key, mode, iv):
    with pytest.raises(RangeError, match="2K3DES"):
        triple_des.TripleDes(bytes(key), mode, bytes(iv))
    with pytest.raises(RangeError, match="9 bytes"):
        triple_des.TripleDes(bytes(16), 2, bytes(8)).encrypt(bytes(9))


def test_a_half_written_recording_is_noticed():
    row = make_ultralight.make_conversations()[0]
    frames = [list(pair) for pair in row[2]]
    frames[1][0] = frames[1][0][:-2] + "00"
    assert ultralight_replay.replay([*row[:2], frames, row[3]]) != []
    assert ultralight_replay.replay(row) == []


# What the session makes of answers no honest card gives -------------------------------------


def answered(steps, session, *answers):
    """Run a conversation against fixed answers."""
    next(steps)
    try:
        for answer in answers:
            session.frame[: len(answer)] = answer
            steps.send(len(answer))
    except StopIteration as done:
        return done.value
    raise AssertionError("the conversation wants more")


def test_a_card_that_accepts_any_key_is_not_genuine():
    session = Session(bytearray(64))
    steps = session.authenticate(FACTORY_KEY, bytes(8), triple_des_cpython.TripleDes)
    with pytest.raises(SealError, match="does not know the key"):
        answered(steps, session, b"\xaf" + bytes(8), b"\x00" + bytes(8))
    assert not session.authenticated


@pytest.mark.parametrize(
    "answers", [(bytes(9),), (b"\xaf" + bytes(7),), (b"\xaf" + bytes(8), b"ab")]
)
def test_answers_of_the_wrong_shape_are_named(answers):
    session = Session(bytearray(64))
    steps = session.authenticate(FACTORY_KEY, bytes(8), triple_des_cpython.TripleDes)
    with pytest.raises(LayoutError, match="card.authenticate"):
        answered(steps, session, *answers)
    with pytest.raises(LayoutError, match="16 wanted"):
        answered(session.read(4), session, bytes(4))
    with pytest.raises(LayoutError, match="an ACK wanted"):
        answered(session.write(4, bytes(4)), session, bytes(4))


@pytest.mark.parametrize("page, size", [(1, 4), (48, 4), (4, 3), (4, 5)])
def test_a_page_that_cannot_be_is_not_sent(page, size):
    session = Session(bytearray(64))
    with pytest.raises(RangeError):
        next(session.write(page, bytes(size)))
    for steps in (session.increment(16), session.increment(0), session.set_counter(0)):
        with pytest.raises(RangeError):
            next(steps)
    with pytest.raises(RangeError):
        next(session.authenticate(FACTORY_KEY, bytes(7), triple_des_cpython.TripleDes))


def test_counter_and_key_lie_in_their_pages_low_byte_first():
    assert counter_of(b"\x34\x12\0\0") == 0x1234
    assert key_pages(FACTORY_KEY) == b"BREAKMEIFYOUCAN!"
