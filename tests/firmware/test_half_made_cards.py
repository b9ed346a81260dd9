"""Cards that personalisation left unfinished, or with default keys, open nothing."""

import pytest

from card_layouts.answers import opens
from card_layouts.cards import personalise
from card_layouts.cards.card_layout import FILE_V
from card_layouts.cards.conversation import CardLost, converse
from card_layouts.cards.desfire_issuer import IssuerSession
from card_layouts.crypto.triple_des_cpython import TripleDes
from card_layouts.errors import LayoutError
from card_layouts.records import entries_tap as e
from simulator.desfire_card import Cut, DesfireCard
from simulator.desfire_card.image import CardKey
from simulator.desfire_card.meter import Transcript
from simulator.field import Field, Tear
from simulator.prng import Prng
from simulator.reader import DirectReader
from simulator.worlds.tap_world import AID, FARE, PURSE, UID, Device, new_card, recipe, value_of
from tests import figures

pytestmark = pytest.mark.requirement("X-3")
ZERO = CardKey("AES", bytes(16), 0)


def torn(*tears):
    """Return a card whose personalisation met `tears`, with its transcript."""
    card = DesfireCard.blank(UID, Prng(3).bytes)
    card.meter = Transcript()
    field = Field()
    field.place(card)
    field.plan(*tears)
    reader = DirectReader(field)
    reader.poll()
    session = IssuerSession(bytearray(64))
    steps = personalise.personalise(session, recipe(), Prng(4).bytes, TripleDes, lambda step: None)
    try:
        converse(steps, session.frame, reader.exchange)
    except (CardLost, LayoutError):
        assert tears
    reader.release()
    return card


@pytest.mark.parametrize("version", [0, 1])
def test_a_loaded_card_with_default_keys_is_refused(version):
    card = new_card()
    application = card.image.applications[AID]
    application.keys[:] = [CardKey("AES", bytes(16), version) for _ in application.keys]
    device = Device()
    answer = device.present(card)
    assert not opens(answer) and not device.signals.opened()
    assert device.entries()[-1][2]["reason"] == e.REASON_NOT_GENUINE
    assert value_of(application.files[FILE_V]) == PURSE


def test_a_card_torn_anywhere_in_its_making_opens_no_gate_and_pays_nothing():
    """Once its contents are committed it is a card: it has no money, and is refused for that."""
    whole = torn().meter.exchanges
    cuts = [(number, cut) for number in range(len(whole)) for cut in (Cut("in", 0), Cut("out", 0))]
    cuts += [
        (number, Cut("step", at))
        for number, count in enumerate(whole)
        for at in range(count.write_steps)
    ]
    with_default_keys = 0
    for number, cut in cuts:
        card = torn(Tear(exchange=number, cut=cut))
        application = card.image.applications.get(AID)
        with_default_keys += application is not None and application.keys[1] == ZERO
        device = Device()
        assert not opens(device.present(card)), (number, cut)
        assert not device.signals.opened()
    assert with_default_keys > 20, "most states before the keys are changed have default keys"
    figures.add("unfinished cards held to a validator", len(cuts))


def test_a_finished_card_without_money_is_refused_and_with_money_pays():
    assert not opens(Device().present(torn()))
    card, device = new_card(), Device()
    assert opens(device.present(card))
    assert value_of(card.image.applications[AID].files[FILE_V]) == PURSE - FARE
