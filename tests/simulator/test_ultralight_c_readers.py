"""An Ultralight C beside DESFire cards: in a field, under the direct reader and the PN532."""

import pytest

from card_layouts.cards.conversation import LOST, CardLost, converse
from card_layouts.cards.ultralight_c import FACTORY_KEY, NakError, Session
from card_layouts.crypto.triple_des_cpython import TripleDes
from simulator.desfire_card import Cut
from simulator.field import Field, Tear
from simulator.reader import MANY, DirectReader
from simulator.readers.air import crc_a
from simulator.readers.pn532 import Pn532
from simulator.readers.pn532_frames import ACK, encode_frame
from tests.simulator.card_builders import card as desfire
from tests.simulator.ultralight_reader import UID, card

pytestmark = pytest.mark.requirement("W-94", "D7")
H = bytes.fromhex


class Chip:
    """A host of a PN532 that knows two commands."""

    def __init__(self, *cards):
        self.field = Field()
        for one in cards:
            self.field.place(one)
        self.chip = Pn532(self.field)
        self.chip.feed(H("55550000000000000000") + encode_frame(0xD4, H("1401")))

    def ask(self, command):
        said = self.chip.feed(encode_frame(0xD4, command))
        assert said.startswith(ACK)
        return said[12 : 11 + said[9]]

    def exchange(self, frame, length):
        """InDataExchange for what the chip knows, InCommunicateThru for the authentication."""
        thru = frame[0] in (0x1A, 0xAF)
        head = b"\x42" if thru else b"\x40\x01"
        answer = self.ask(head + bytes(frame[:length]))
        if answer[1]:
            raise LOST.with_traceback(None)
        frame[: len(answer) - 2] = answer[2:]
        return len(answer) - 2


def work(session):
    """Prove the key, write a page, count, read: what a ticket needs of a reader."""
    yield from session.authenticate(FACTORY_KEY, bytes(8), TripleDes)
    yield from session.write(34, H("01020304"))
    yield from session.increment(1)
    return (yield from session.read(34))


def test_the_direct_reader_carries_a_whole_conversation():
    field = Field()
    field.place(card(counter=1))
    reader = DirectReader(field)
    assert reader.poll() == UID
    session = Session(bytearray(64))
    assert converse(work(session), session.frame, reader.exchange)[:4] == H("01020304")
    assert field.cards[0].image.counter == 2


def test_the_pn532_lists_it_without_ats_and_keeps_acks_to_itself():
    host = Chip(card(counter=1))
    # D5 4B: one target; number 1, ATQA 0044, SAK 00, 7 bytes of UID, and nothing after it.
    assert host.ask(H("4A0100")) == H("4B 01 01 0044 00 07") + UID
    session = Session(bytearray(64))
    assert converse(work(session), session.frame, host.exchange)[:4] == H("01020304")
    assert host.ask(H("4001 A205 00000000")) == H("41 00")
    assert host.ask(H("4001 A005") + bytes(range(16))) == H("41 00")
    assert host.ask(H("4001 3005"))[2:6] == bytes(range(4))
    # Four bits have no CRC: past InDataExchange the chip takes them for a broken frame, unless
    # the host does the checking (CIU_RxMode, bit 7).
    assert host.ask(H("42 A206 00000000")) == H("43 02")
    host.ask(H("08 6303 00"))
    assert host.ask(H("42 A206 00000000")) == H("43 00 0A")
    found = host.ask(H("42 3006"))[2:]
    assert found[:16] == bytes(4) + found[4:16] and crc_a(found[:16]) == found[16:]


def test_a_nak_is_an_error_of_the_pn532_and_the_card_needs_activating():
    host = Chip(card())
    host.ask(H("4A0100"))
    assert host.ask(H("4001 A200 00000000")) == H("41 13")
    assert host.ask(H("4001 3000")) == H("41 01")
    host.ask(H("4A0100"))
    assert len(host.ask(H("4001 3000"))) == 2 + 16


def test_it_lies_in_one_field_with_a_desfire_card():
    ticket, other = card(counter=1), desfire()
    other.image.uid = bytes(range(7))
    host = Chip(ticket, other)
    listed = host.ask(H("4A0200"))
    assert listed[1] == 2 and UID in listed and bytes(range(7)) in listed
    assert len(host.ask(H("4001 3004"))) == 2 + 16
    assert host.ask(H("4002 6A"))[:3] == H("41 00 00")
    assert DirectReader(host.field).poll() == MANY


def test_a_tear_takes_it_away_and_a_nak_does_not():
    field = Field()
    field.place(card(counter=1))
    reader = DirectReader(field)
    session = Session(bytearray(64))
    reader.poll()
    field.plan(Tear(command=0xA2, cut=Cut("step", 1), back_after_polls=1))
    with pytest.raises(CardLost):
        converse(session.write(4, H("FFFFFFFF")), session.frame, reader.exchange)
    assert reader.poll() == UID
    with pytest.raises(NakError, match="found NAK 0, wanted ACK or data"):
        converse(session.read(44), session.frame, reader.exchange)
    with pytest.raises(CardLost):
        converse(session.read(4), session.frame, reader.exchange)
    assert reader.poll() == UID
    half_written = converse(session.read(4), session.frame, reader.exchange)
    assert half_written[:4] == H("FFFF0000")


def test_halt_sends_it_to_sleep():
    field = Field()
    field.place(card())
    reader = DirectReader(field)
    session = Session(bytearray(64))
    reader.poll()
    converse(session.halt(), session.frame, reader.exchange)
    with pytest.raises(CardLost):
        converse(session.read(4), session.frame, reader.exchange)
