"""The PN532 driver against the simulated chip, byte for byte, with noise and losses on the line."""

import pytest

from card_layouts.cards.conversation import CardLost, converse
from card_layouts.cards.desfire import Session
from card_layouts.cards.tourist_ticket import check_ticket, commit, next_slot, stage
from card_layouts.cards.ultralight_c import NakError
from card_layouts.cards.ultralight_c import Session as Ultralight
from card_layouts.crypto.triple_des_cpython import TripleDes
from firmware.drivers.pn532 import Pn532
from firmware.ports import MANY
from simulator.desfire_card import Cut, DesfireCard
from simulator.field import Field, Tear
from simulator.prng import Prng
from simulator.readers.pn532 import Pn532 as Chip
from simulator.readers.pn532_frames import ACK, TO_HOST, encode_frame
from simulator.worlds.ticket_gate import ticket
from simulator.worlds.ticket_world import KEYS

UID = bytes.fromhex("04112233445566")
OTHER_UID = bytes.fromhex("04665544332211")
GET_VERSION = b"\x60"
MORE = 0xAF


class Line:
    """A UART between driver and chip; `spoil(direction, data)` may change what passes."""

    def __init__(self, chip):
        self.chip = chip
        self.waiting = b""
        self.written = b""
        self.speeds = []
        self.spoil = lambda direction, data: data

    def write(self, buf, n):
        data = bytes(buf[:n])
        self.written += data
        self.waiting += self.spoil("in", self.chip.feed(self.spoil("out", data)))
        return n

    def readinto(self, buf, n):
        part, self.waiting = self.waiting[:n], self.waiting[n:]
        if not part:
            return None
        buf[: len(part)] = part
        return len(part)


@pytest.fixture
def field():
    return Field()


@pytest.fixture
def line(field):
    return Line(Chip(field))


@pytest.fixture
def reader(line):
    return Pn532(line)


def card(uid=UID):
    return DesfireCard.blank(uid, Prng(5).bytes)


def get_version(reader):
    frame = bytearray(64)
    frame[0:1] = GET_VERSION
    got = reader.exchange(frame, 1)
    return bytes(frame[:got])


def once(direction, change):
    """Return a spoiler that applies `change` to the next non-empty data of one direction."""
    left = [1]

    def spoil(way, data):
        if way == direction and data and left:
            left.clear()
            return change(data)
        return data

    return spoil


def test_an_empty_field_a_card_and_two_cards_are_told_apart(reader, field):
    assert reader.poll() is None
    first, second = card(), card(OTHER_UID)
    field.place(first)
    assert reader.poll() == UID
    field.place(second)
    assert reader.poll() == MANY
    field.take(first)
    assert reader.poll() == OTHER_UID


def test_a_whole_conversation_runs_over_the_chip(reader, field):
    field.place(card())
    reader.poll()
    session = Session(bytearray(64))
    version = converse(session.get_version(), session.frame, reader.exchange)
    assert len(version) == 28 and bytes(version[14:21]) == UID


@pytest.mark.parametrize("target", ["0344200408aabbcc", "00440807" + UID.hex()])
def test_a_card_of_another_kind_is_not_offered_as_ours(reader, line, target):
    """A phone with a random identity; a MIFARE Classic with a long one."""
    assert reader.poll() is None
    found = encode_frame(TO_HOST, bytes.fromhex("4b0101" + target))
    line.spoil = once("in", lambda data: ACK + found)
    assert reader.poll() is None
    assert reader.alive


@pytest.mark.requirement("W-94")
def test_an_ultralight_c_is_told_from_a_desfire_card_and_tapped_through_the_chip(reader, field):
    field.place(ticket())
    assert reader.poll() == UID and not reader.iso_dep
    session = Ultralight(bytearray(64))
    steps = check_ticket(session, UID, KEYS, bytes(8), TripleDes)
    found = converse(steps, session.frame, reader.exchange)
    slot = next_slot(found, KEYS[1], 216_000_000, 4711)
    converse(stage(session, found, slot), session.frame, reader.exchange)
    assert converse(commit(session), session.frame, reader.exchange)
    assert field.cards[0].image.counter == 2
    reader.release()
    assert not field.cards[0].powered
    field.place(card(OTHER_UID))
    field.take(field.cards[0])
    assert reader.poll() == OTHER_UID and reader.iso_dep


@pytest.mark.requirement("W-94")
def test_an_ultralight_with_another_key_or_none_is_a_nak_and_a_lost_one_is_lost(
    reader, field, line
):
    field.place(ticket())
    reader.poll()
    session = Ultralight(bytearray(64))
    with pytest.raises(NakError):
        converse(
            session.authenticate(bytes(16), bytes(8), TripleDes), session.frame, reader.exchange
        )
    with pytest.raises(CardLost):
        converse(session.read(4), session.frame, reader.exchange)
    assert reader.alive and reader.poll() == UID
    field.plan(Tear(command=0x1A, cut=Cut("out", 0)))
    with pytest.raises(CardLost):
        converse(session.authenticate(KEYS[0], bytes(8), TripleDes), session.frame, reader.exchange)


@pytest.mark.requirement("W-94")
def test_a_chip_that_was_lost_is_started_without_a_field_so_that_a_ticket_shows_its_count(
    reader, field, line
):
    laid = ticket()
    field.place(laid)
    reader.poll()
    line.spoil = once("in", lambda data: b"")
    with pytest.raises(CardLost):
        reader.exchange(bytearray(b"\x30\x03" + bytes(62)), 2)
    assert laid.powered and not reader.alive
    reader.release()
    assert reader.start() and not laid.powered


def test_releasing_ends_the_cards_session_and_a_new_poll_finds_it_again(reader, field):
    laid = card()
    field.place(laid)
    reader.poll()
    reader.release()
    assert not laid.powered
    assert reader.poll() == UID
    assert get_version(reader)[0] == MORE


@pytest.mark.requirement("D7")
def test_a_lost_card_says_that_its_command_was_sent(reader, field):
    field.place(card())
    reader.poll()
    field.plan(Tear(exchange=0))
    with pytest.raises(CardLost) as lost:
        get_version(reader)
    assert lost.value.sent and reader.sent
    assert reader.alive, "the chip itself still works"
    assert reader.poll() is None


@pytest.mark.requirement("D7")
def test_a_command_for_a_chip_that_is_gone_is_known_not_to_be_sent(reader, field, line):
    field.place(card())
    reader.poll()
    line.spoil = lambda direction, data: b""
    with pytest.raises(CardLost) as lost:
        get_version(reader)
    assert lost.value.sent, "the line was silent after the command: nobody knows"
    written = len(line.written)
    with pytest.raises(CardLost) as lost:
        get_version(reader)
    assert not lost.value.sent and not reader.sent
    assert len(line.written) == written


def test_a_garbled_answer_is_repeated_by_the_chip_not_by_the_card(reader, field, line):
    laid = card()
    field.place(laid)
    reader.poll()
    line.spoil = once("in", lambda data: data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
    asked = field.exchanges
    assert get_version(reader)[0] == MORE
    assert field.exchanges == asked + 1


@pytest.mark.parametrize("noise", [b"\x00", b"\xff\x00", b"\x00\x00\xff\x07\x07", b"\x55" * 40])
def test_noise_before_an_answer_is_skipped(reader, field, line, noise):
    field.place(card())
    reader.poll()
    line.spoil = once("in", lambda data: noise + data)
    assert get_version(reader)[0] == MORE


@pytest.mark.parametrize("at", range(24))
def test_every_lost_byte_of_the_line_is_survived(reader, field, line, at):
    field.place(card())
    reader.poll()
    line.spoil = once("in", lambda data: data[:at] + data[at + 1 :])
    try:
        assert get_version(reader)[0] == MORE
    except CardLost as lost:
        assert lost.sent
    line.spoil = lambda direction, data: data
    assert reader.poll() == UID
    assert get_version(reader)[0] == MORE


@pytest.mark.parametrize("at", range(10))
def test_every_changed_byte_of_a_command_ends_as_lost_and_the_chip_is_found_again(
    reader, field, line, at
):
    field.place(card())
    reader.poll()
    line.spoil = once("out", lambda data: data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :])
    try:
        get_version(reader)
    except CardLost as lost:
        assert lost.sent
    assert reader.poll() == UID
    assert get_version(reader)[0] == MORE


def test_an_answer_that_comes_too_late_is_never_taken_for_the_next_one(reader, field, line):
    field.place(card())
    reader.poll()
    late = []

    def hold_back(data):
        late.append(data[6:])
        return data[:6]

    line.spoil = once("in", hold_back)
    with pytest.raises(CardLost):
        get_version(reader)
    line.waiting += late[0]
    assert reader.poll() == UID
    assert get_version(reader)[0] == MORE


def test_a_restarted_chip_is_configured_anew(reader, field, line):
    field.place(card())
    assert reader.poll() == UID
    line.chip.power_up()
    assert reader.poll() is None
    assert reader.poll() == UID


def test_the_line_is_sped_up_on_both_sides(field, line):
    reader = Pn532(line, 921600, line.speeds.append)
    field.place(card())
    assert reader.poll() == UID
    assert line.speeds == [115200, 921600]
    assert line.chip.baud == 921600


def test_endless_noise_ends_as_a_reader_that_is_not_there(reader, line):
    line.readinto = lambda buf, n: buf.__setitem__(slice(0, n), b"\x37" * n) or n
    assert reader.poll() is None
    assert not reader.alive
