"""The direct reader port and the tear plan it shares with the PN532."""

import pytest

from card_layouts.cards.conversation import CardLost
from simulator.desfire_card import Cut
from simulator.field import Field, Tear, answer_lost, before_commit, commit_lost, commit_torn
from simulator.reader import MANY, DirectReader
from tests.simulator.card_builders import UID, card, value_file

pytestmark = pytest.mark.requirement("D7", "D30")

SELECT = bytes.fromhex("5A10480F")


def reader_with(*cards):
    field = Field()
    for one in cards:
        field.place(one)
    return DirectReader(field)


def say(reader, command):
    frame = bytearray(64)
    frame[: len(command)] = command
    return bytes(frame[: reader.exchange(frame, len(command))])


def with_credit_staged():
    """Return a reader and a card whose value file 1 waits for Commit at 5100."""
    made = card({1: value_file(rights=0xEEEE)})
    reader = reader_with(made)
    reader.poll()
    say(reader, SELECT)
    assert say(reader, bytes.fromhex("0C0164000000")) == b"\x00"
    return reader, made


def test_poll_tells_none_one_and_many():
    other = card()
    other.image.uid = bytes(range(7))
    assert reader_with().poll() is None
    assert reader_with(card()).poll() == UID
    assert reader_with(card(), other).poll() == MANY


def test_a_new_poll_begins_a_new_session():
    reader, made = with_credit_staged()
    reader.poll()
    say(reader, SELECT)
    assert say(reader, b"\xc7") == b"\x0c", "nothing was pending any more"


def value_of(made):
    return made.image.applications[bytes.fromhex("10480F")].files[1].value


@pytest.mark.parametrize(
    "tear, sent, value",
    [
        (before_commit(1), False, 5000),
        (commit_lost(1), True, 5000),
        (commit_torn(0, 1), True, 5000),
        (commit_torn(1, 1), True, 5100),
        (answer_lost(1), True, 5100),
    ],
)
def test_the_kinds_of_torn_commit(tear, sent, value):
    reader, made = with_credit_staged()
    reader.field.plan(tear)
    with pytest.raises(CardLost) as lost:
        say(reader, b"\xc7")
    assert (reader.sent, lost.value.sent) == (sent, sent)
    assert reader.poll() == UID, "the card is back at the next poll"
    assert value_of(made) == value
    assert reader.field.tears_met == [tear]


def test_a_card_taken_for_good_comes_back_only_when_placed():
    reader, made = with_credit_staged()
    reader.field.plan(Tear(exchange=0, cut=Cut("in", 0)))
    with pytest.raises(CardLost):
        say(reader, b"\xc7")
    assert [reader.poll() for _ in range(3)] == [None] * 3
    with pytest.raises(CardLost):
        say(reader, b"\xc7")
    reader.field.place(made)
    assert reader.poll() == UID


def test_a_card_may_stay_away_for_some_polls():
    reader, _ = with_credit_staged()
    reader.field.plan(commit_lost(back_after_polls=3))
    with pytest.raises(CardLost):
        say(reader, b"\xc7")
    assert [reader.poll() for _ in range(3)] == [None, None, UID]


def test_after_release_nothing_answers():
    reader = reader_with(card())
    reader.poll()
    reader.release()
    with pytest.raises(CardLost):
        say(reader, SELECT)
