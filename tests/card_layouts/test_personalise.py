"""Making a card: what it costs, what it leaves, and that a torn one can be finished."""

import pytest

from card_layouts.cards import personalise as p
from card_layouts.cards.card_layout import COUNTER_START, K1, K2, G
from card_layouts.cards.conversation import CardLost, CardStatusError, converse
from card_layouts.cards.desfire_issuer import IssuerSession
from card_layouts.cards.transit_app import RECORDS_SEEN
from card_layouts.crypto.triple_des_cpython import TripleDes
from card_layouts.errors import LayoutError
from card_layouts.records.chain import record_h
from simulator.desfire_card import Cut, DesfireCard
from simulator.desfire_card.image import CardKey
from simulator.desfire_card.meter import Transcript
from simulator.field import Field, Tear
from simulator.prng import Prng
from simulator.reader import DirectReader
from simulator.worlds.tap_world import AID, ISSUER, UID, Keys, recipe
from tests import figures


def blank():
    card = DesfireCard.blank(UID, Prng(3).bytes)
    card.meter = Transcript()
    return card


def run(card, conversation, *tears):
    """Hold the card to a station and run `personalise` or `resume`; return the steps noted."""
    field = Field()
    field.place(card)
    field.plan(*tears)
    reader = DirectReader(field)
    reader.poll()
    steps = []
    session = IssuerSession(bytearray(64))
    talk = conversation(session, recipe(), Prng(9).bytes, TripleDes, steps.append)
    try:
        converse(talk, session.frame, reader.exchange)
    finally:
        reader.release()
    return steps


@pytest.mark.requirement("D5", "X-3")
def test_a_card_is_made_in_39_exchanges_and_verified_in_9():
    card = blank()
    assert run(card, p.personalise)[-1] == p.STEP_VERIFIED
    assert len(card.meter.exchanges) == 39 + 9
    files = card.image.applications[AID].files
    assert sorted(files) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert files[1].value == 0 and files[2].value == files[3].value == COUNTER_START
    record = files[8].records[-1]
    first = G.unpack(record)
    assert (first["kind"], first["n"], first["seq"], first["device"]) == (1, 0, 0, ISSUER)
    assert record[36:] == record_h(Keys(ISSUER).chain, UID + b"\0", record[:36])


@pytest.mark.requirement("X-3")
def test_a_card_torn_at_any_exchange_can_be_finished():
    """Cut before the command, inside the card's writes, and before the answer, everywhere."""
    made = blank()
    run(made, p.personalise)
    tears = []
    for number, count in enumerate(made.meter.exchanges):
        tears += [Tear(exchange=number, cut=Cut("in", 0)), Tear(exchange=number, cut=Cut("out", 0))]
        tears += [Tear(exchange=number, cut=Cut("step", at)) for at in range(count.write_steps)]
    for tear in tears:
        card = blank()
        with pytest.raises((CardLost, LayoutError)):
            run(card, p.personalise, tear)
        assert run(card, p.resume)[-1] == p.STEP_VERIFIED, tear
        assert card.image.applications[AID].files == made.image.applications[AID].files, tear
        assert card.image.applications[AID].keys == made.image.applications[AID].keys, tear
        assert card.image.picc_key == made.image.picc_key
    figures.add("tears of a personalisation tried", len(tears))


@pytest.mark.requirement("X-3")
def test_a_card_whose_factory_key_was_changed_is_refused():
    card = blank()
    card.image.picc_key = CardKey("2K3DES", b"somebody else's!")
    with pytest.raises(CardStatusError) as caught:
        run(card, p.personalise)
    assert caught.value.status == 0xAE
    assert card.image.applications == {}


@pytest.mark.requirement("T5", "D4")
def test_rights_are_what_the_table_says():
    card = blank()
    run(card, p.personalise)
    image = card.image
    words = {number: file.rights for number, file in image.applications[AID].files.items()}
    assert words == {
        1: 0x1F2F,
        2: 0x12FF,
        3: 0x2FFF,
        4: 0x1F2F,
        5: 0x1F2F,
        6: 0x321F,
        7: 0x3F2F,
        8: 0x321F,
    }
    assert image.applications[AID].settings == 0x49
    assert image.picc_settings == 0x09
    assert (K1, K2, RECORDS_SEEN) == (1, 2, 10)
