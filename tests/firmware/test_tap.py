"""One tap on real parts: what it costs, what it writes, what it answers."""

import pytest

from card_layouts.answers import ACCEPTED
from card_layouts.cards.card_layout import KIND_DEBIT
from tests.firmware.tap_world import FARE, PURSE, Device, OnCard, new_card


@pytest.mark.requirement("R-6", "W-93", "D15")
def test_a_debit_takes_ten_exchanges_336_bytes_and_two_slot_programs():
    device, card = Device(), new_card()
    before = device.flash.programs
    assert device.present(card) == ACCEPTED
    counts = card.meter.exchanges
    assert len(counts) == 10
    assert sum(c.bytes_in for c in counts) == 150
    assert sum(c.bytes_out for c in counts) == 186
    assert device.flash.programs - before == 2
    assert device.names() == ["INTENT", "OUTCOME"]
    after = OnCard(card)
    assert after.purse == PURSE - FARE
    assert after.newest["kind"] == KIND_DEBIT
    assert device.signals.opened()
