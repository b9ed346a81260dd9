"""The terminal's DESFire conversations against recorded cards, and against cards that lie."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

from card_layouts.cards.conversation import CardLost, CardStatusError, converse
from card_layouts.cards.desfire import ENCIPHERED, MACED, PLAIN, Session
from card_layouts.cards.desfire_channel import card_crc
from card_layouts.errors import LayoutError, SealError
from tests.vectors.desfire_replay import replay

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests" / "vectors" / "desfire_ev1.json"
TRANSCRIPTS = json.loads(VECTORS.read_text())["transcripts"]
SESSION_KEY = bytes(range(16))


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=[t["name"] for t in TRANSCRIPTS])
@pytest.mark.requirement("W-93", "D4")
def test_every_frame_equals_the_recorded_one(transcript):
    assert replay(transcript) == []


def test_the_same_vectors_pass_under_micropython():
    micropython = shutil.which("micropython", path=str(pathlib.Path(sys.executable).parent))
    if micropython is None:
        pytest.fail("micropython is not beside python: run ./tornello once")
    done = subprocess.run(
        [micropython, "tests/vectors/desfire_replay.py", str(VECTORS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == ["16 passed, 0 failed"], done.stdout + done.stderr


class OtherSide:
    """A card's half of a session: the same channel, used the other way round."""

    def __init__(self):
        self.channel = Session(bytearray(64))
        self.channel.open(1, SESSION_KEY)
        self.flip_at = -1
        self.status = 0

    def answer(self, data):
        out = bytes(data) + self.channel.mac(bytes(data) + b"\0")
        return self._spoil(out)

    def enciphered(self, data):
        plain = data + card_crc(data + b"\0")
        block = bytearray(plain + bytes(-len(plain) % 16))
        self.channel.encipher(block)
        return self._spoil(bytes(block))

    def _spoil(self, out):
        out = bytearray(out)
        if self.flip_at >= 0:
            out[self.flip_at] ^= 1
        return bytes((self.status,)) + bytes(out)


def opened():
    session = Session(bytearray(64))
    session.open(1, SESSION_KEY)
    return session


def run(session, steps, reply):
    """Run one conversation whose only exchange is answered by `reply(command bytes)`."""

    def exchange(frame, length):
        answer = reply(bytes(frame[:length]))
        frame[: len(answer)] = answer
        return len(answer)

    return converse(steps, session.frame, exchange)


def read_value(card):
    def reply(command):
        card.channel.mac(command)
        return card.enciphered((5000).to_bytes(4, "little"))

    return reply


def test_an_enciphered_value_is_read():
    session = opened()
    assert run(session, session.get_value(1), read_value(OtherSide())) == 5000


@pytest.mark.parametrize("bit", range(0, 16, 3))
@pytest.mark.requirement("D30")
def test_an_enciphered_answer_with_any_changed_byte_is_refused(bit):
    session, card = opened(), OtherSide()
    card.flip_at = bit
    with pytest.raises(SealError):
        run(session, session.get_value(1), read_value(card))
    assert session.key_no == -1


@pytest.mark.parametrize("mode", [PLAIN, MACED])
def test_a_maced_answer_with_a_changed_byte_is_refused(mode):
    session, card = opened(), OtherSide()
    card.flip_at = 9

    def reply(command):
        card.channel.mac(command)
        return card.answer(bytes(10))

    with pytest.raises(SealError):
        run(session, session.read_data(4, 0, 10, mode), reply)


def test_a_status_ends_the_session_and_says_which_command_got_it():
    session = opened()
    with pytest.raises(CardStatusError) as caught:
        run(session, session.debit(1, 5), lambda _command: b"\xbe")
    assert (caught.value.command, caught.value.status) == (0xDC, 0xBE)
    assert session.key_no == -1


@pytest.mark.parametrize("answer", [b"", b"\x00" + bytes(15), b"\x00" + bytes(32)])
def test_an_answer_of_another_length_is_refused(answer):
    session = opened()
    with pytest.raises((LayoutError, SealError)):
        run(session, session.get_value(1), lambda _command: answer)


def test_a_card_that_says_more_for_ever_is_refused():
    session = opened()
    with pytest.raises(CardStatusError):
        run(session, session.read_data(4, 0, 44), lambda _command: b"\xaf" + bytes(59))


@pytest.mark.parametrize("size", [1, 44, 45, 108])
def test_long_writes_are_cut_into_frames_of_at_most_sixty_bytes(size):
    session, card, sent = opened(), OtherSide(), []
    data = bytes(range(size))

    def reply(command):
        sent.append(command)
        total = 8 + (size + 4 + 15) // 16 * 16
        if sum(len(c) - (i > 0) for i, c in enumerate(sent)) < total:
            return b"\xaf"
        joined = sent[0] + b"".join(c[1:] for c in sent[1:])
        block = bytearray(joined[8:])
        card.channel.decipher(block)
        assert bytes(block[:size]) == data
        assert block[size : size + 4] == card_crc(joined[:8] + data)
        return card.answer(b"")

    run(session, session.write_data(5, 0, data), reply)
    assert max(map(len, sent)) <= 60
    assert len(sent) == {1: 1, 44: 1, 45: 2, 108: 3}[size]


@pytest.mark.parametrize("answer", [b"", b"\x0c", b"\x00", bytes(9), b"\x00" + bytes(7)])
@pytest.mark.requirement("D4", "D30")
def test_a_commit_without_the_right_mac_is_unknown_and_never_an_error(answer):
    session = opened()
    session.prepare_commit()
    assert run(session, session.commit(), lambda _command: answer) is False


@pytest.mark.requirement("D4")
def test_a_commit_with_the_right_mac_is_known():
    session, card = opened(), OtherSide()
    session.prepare_commit()

    def reply(command):
        assert command == b"\xc7"
        card.channel.mac(command)
        return card.answer(b"")

    assert run(session, session.commit(), reply) is True


def test_a_lost_card_is_seen_by_the_conversation():
    session = opened()

    def exchange(_frame, _length):
        raise CardLost(False)

    with pytest.raises(CardLost) as caught:
        converse(session.get_value(1, ENCIPHERED), session.frame, exchange)
    assert caught.value.sent is False
