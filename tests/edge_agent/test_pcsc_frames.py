"""How frames travel through PC/SC: wrapped, split, through a session or through the reader's chip.

The chip inside the reader is the PN532 model, the reader's own answers are vsmartcard's slot.
"""

import pytest

from card_layouts.cards.conversation import CardLost, converse
from card_layouts.cards.ultralight_c import FACTORY_KEY, NakError, Session
from card_layouts.crypto.triple_des_cpython import TripleDes
from edge_agent.drivers import pcsc_frames as f
from edge_agent.ports import DESFIRE, OTHER, ULTRALIGHT
from simulator.field import Field
from simulator.readers.pcsc_storage import STORAGE_ATR, StorageCard
from simulator.readers.pn532 import Pn532
from simulator.readers.pn532_frames import encode_frame
from simulator.readers.vpcd import ATR
from simulator.worlds.ticket_world import UID, blank
from tests.simulator.card_builders import AID, card, data_file

pytestmark = pytest.mark.requirement("W-94")
FREE = 0xEEEE


class Acr122:
    """A PC/SC reader with a PN53x inside: FF 00 00 00 carries the chip's own commands."""

    def __init__(self, lying):
        self.field = Field()
        self.field.place(lying)
        self.chip = Pn532(self.field)
        self.chip.feed(bytes.fromhex("55550000000000000000") + encode_frame(0xD4, b"\x14\x01"))
        self.chip.feed(encode_frame(0xD4, b"\x4a\x01\x00"))

    def transmit(self, apdu):
        if apdu[:4] != b"\xff\x00\x00\x00" or apdu[5:6] != b"\xd4":
            return b"\x63\x00"
        said = self.chip.feed(encode_frame(0xD4, apdu[6 : 5 + apdu[4]]))
        return b"\xd5" + said[12 : 11 + said[9]] + b"\x90\x00"


def talk(way, transmit, conversation):
    session = Session(bytearray(64))

    def exchange(frame, length):
        try:
            answer = way(transmit, bytes(frame[:length]))
        except f.NoAnswer:
            raise CardLost() from None
        frame[: len(answer)] = answer
        return len(answer)

    return converse(conversation(session), session.frame, exchange)


def work(session):
    yield from session.authenticate(FACTORY_KEY, bytes(8), TripleDes)
    yield from session.write(8, b"abcd")
    return (yield from session.read(8))[:4]


def powered(lying):
    lying.power_on()
    return StorageCard(lying).answer


@pytest.mark.parametrize(
    ("reader", "way"), [(powered, f.transparent), (lambda c: Acr122(c).transmit, f.through_chip)]
)
def test_a_ticket_is_authenticated_written_and_read_either_way(reader, way):
    transmit = reader(blank())
    assert f.raw_way(transmit) is way
    assert talk(way, transmit, work) == b"abcd"


@pytest.mark.parametrize(
    ("reader", "way"), [(powered, f.transparent), (lambda c: Acr122(c).transmit, f.through_chip)]
)
def test_a_refused_read_is_a_nak_either_way(reader, way):
    with pytest.raises(NakError):
        talk(way, reader(blank()), lambda session: session.read(48))


def test_a_refused_write_through_the_chip_is_known_to_nobody():
    reader = Acr122(blank())
    with pytest.raises(CardLost):
        talk(f.through_chip, reader.transmit, _write_beyond)


def _write_beyond(session):
    session.frame[:6] = b"\xa2\x30abcd"  # page 48: the card has none
    yield 6


def test_a_card_taken_away_is_lost_through_the_chip():
    reader = Acr122(blank())
    reader.field.take(reader.field.cards[0])
    with pytest.raises(CardLost):
        talk(f.through_chip, reader.transmit, lambda session: session.read(4))


def test_a_reader_with_neither_way_has_none():
    assert f.raw_way(lambda apdu: b"\x6a\x81") is None


def test_a_long_native_frame_travels_as_two():
    made = card({2: data_file(100, FREE, 0, backup=False)})
    made.power_on()
    sent = []

    def transmit(apdu):
        sent.append(apdu)
        return made.exchange(apdu)

    assert f.native(transmit, b"\x5a" + AID) == b"\0"
    data = bytes(range(52))
    frame = b"\x3d\x02" + bytes(3) + bytes((52, 0, 0)) + data
    assert len(frame) == 60, "the longest native frame"
    assert f.native(transmit, frame) == b"\0"
    assert [len(apdu) for apdu in sent[1:]] == [4 + 1 + 55 + 1, 4 + 1 + 4 + 1]
    assert made.image.applications[AID].files[2].data[:52] == data


def test_a_refusal_ends_a_long_frame_at_once():
    answers = iter([b"\x91\x9d", b""])
    assert f.native(lambda apdu: next(answers), bytes(60)) == b"\x9d"


def test_an_answer_that_is_no_desfires_is_an_illegal_command():
    assert f.native(lambda apdu: b"\x6e\x00", b"\x60") == b"\x1c"


@pytest.mark.parametrize(
    ("atr", "kind"),
    [
        (ATR, DESFIRE),
        (STORAGE_ATR, ULTRALIGHT),
        (bytes.fromhex("3B8F8001804F0CA0000003060300030000000068"), ULTRALIGHT),
        (bytes.fromhex("3B8F8001804F0CA000000306030001000000006A"), OTHER),
        (bytes.fromhex("3B888001000000000000000009"), OTHER),
        (bytes.fromhex("3B021450"), OTHER),
        (b"", OTHER),
    ],
)
def test_an_atr_tells_the_kind_of_card(atr, kind):
    assert f.kind_of(atr) == kind


def test_uid_and_ats_come_from_the_reader_or_from_the_card_itself():
    told = {f.GET_UID: UID + b"\x90\x00", f.GET_ATS: bytes.fromhex("0675778102809000")}
    assert f.uid_and_ats(told.__getitem__, DESFIRE) == (UID, bytes.fromhex("067577810280"))
    made = card()
    made.power_on()
    assert f.uid_and_ats(made.exchange, DESFIRE) == (UID, b"")
