"""Power cuts of the validator in the middle of a tap, and of the card in its commit."""

import pytest

from card_layouts.answers import ACCEPTED, HOLD_AGAIN, opens
from simulator.field import FOREVER, answer_lost, commit_lost, commit_torn
from simulator.flash import TORN_QUARTERS, FlashCut, FlashPowerLost
from simulator.tears.terminals import journal_complaints
from simulator.worlds.tap_world import FARE, GATE_A, PURSE, Device, OnCard, new_card
from tests import figures


def cut_tap(device, card, operation, quarters, seed, *tears):
    """Tap with power failing at a flash operation; boot again. Return whether it failed."""
    device.flash.restart_count()
    device.flash.cut_at(FlashCut(operation, quarters, seed))
    try:
        device.present(card, *tears)
    except FlashPowerLost:
        failed = True
    else:
        failed = False
    device.flash.cut_at()
    device.boot()
    return failed


def filled_to(device, used):
    """Use up slots of the first block, so that the tap's entries meet its end."""
    while device.journal.head_seq < used:
        device.journal.append(13, bytes(96))


@pytest.mark.parametrize("used", [0, 27, 28, 29, 30], ids=lambda used: f"{used} slots used")
@pytest.mark.parametrize(
    "tears", [(), (answer_lost(),), (commit_lost(),)], ids=["whole", "answer lost", "commit lost"]
)
@pytest.mark.requirement("D13", "D15", "D30", "T16", "I6")
def test_power_cut_at_every_flash_operation_of_a_tap_loses_and_doubles_nothing(used, tears):
    operation, cuts = 0, 0
    while True:
        failed = False
        for quarters in TORN_QUARTERS:
            device, card = Device(GATE_A), new_card(seed=operation + 1)
            filled_to(device, used)
            failed = cut_tap(device, card, operation, quarters, operation, *tears) or failed
            cuts += 1
            device.watch.seconds += 20
            assert opens(device.present(card))
            assert OnCard(card).purse == PURSE - FARE
            assert journal_complaints([device], card) == []
            device.watch.seconds += 20
            assert device.present(card) == ACCEPTED
            assert OnCard(card).purse == PURSE - FARE
        if not failed:
            break
        operation += 1
    assert operation >= 1
    figures.add("power cuts tried in taps", cuts)


@pytest.mark.parametrize("step", range(4))
def test_a_commit_torn_inside_the_card_is_one_of_both_and_never_a_mix(step):
    device, card = Device(), new_card()
    assert device.present(card, commit_torn(step, FOREVER)) == HOLD_AGAIN
    after = OnCard(card)
    whole = (after.purse, after.n) == (PURSE - FARE, 2) and after.newest["n"] == 2
    nothing = (after.purse, after.n) == (PURSE, 1) and after.newest["n"] == 1
    assert whole or nothing
