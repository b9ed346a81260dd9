"""Power cuts of the validator in the middle of a tap, and tears of the taps that follow tears."""

import pytest

from card_layouts.answers import ACCEPTED, ALREADY_SHOWN, HOLD_AGAIN, TAP_AGAIN, opens
from simulator.field import FOREVER, answer_lost, commit_lost, commit_torn
from simulator.flash import TORN_QUARTERS, FlashCut, FlashPowerLost
from simulator.prng import Prng
from simulator.tap_world import FARE, GATE_A, GATE_B, PURSE, Device, OnCard, new_card
from simulator.tear_drill import Drill, settled
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
            assert settled([device], card)["open"] == 0
            device.watch.seconds += 20
            assert device.present(card) == ACCEPTED
            assert OnCard(card).purse == PURSE - FARE
        if not failed:
            break
        operation += 1
    assert operation >= 1
    figures.add("power cuts tried in taps", cuts)


def situation(device, card):
    """Return what a second try can tell apart: the card, the open entries, what is journalled."""
    on_card = OnCard(card)
    return on_card.state(), len(device.journal.open_intents), tuple(sorted(device.names()))


def explore(depth):
    """Tear a debit, then tear the next try at every position, and so on; return (tried, kinds).

    From every situation that can be told apart all positions are tried once (D30).
    """
    tried = 0
    known = {}
    layer = [Drill(new_card().image, [Device(GATE_A)])]
    for _ in range(depth):
        found = []
        for drill in layer:
            for tear in drill.tears():
                card, (device,) = drill.fork()
                answer = device.present(card, tear)
                tried += 1
                assert answer in (TAP_AGAIN, HOLD_AGAIN)
                assert OnCard(card).purse in (PURSE, PURSE - FARE)
                now = situation(device, card)
                if now not in known:
                    known[now] = True
                    device.watch.seconds += 3
                    found.append(Drill(card.image, [device]))
        layer = found
    for drill in layer:
        card, (device,) = drill.fork()
        assert opens(device.present(card))
        assert OnCard(card).purse == PURSE - FARE
        assert settled([device], card)["open"] == 0
    return tried, len(known)


@pytest.mark.requirement("D30")
def test_a_second_and_a_third_tear_change_nothing_about_the_money():
    tried, kinds = explore(3)
    figures.add(figures.TEARS, tried)
    assert kinds >= 6 and tried > 1500


@pytest.mark.full
@pytest.mark.requirement("D30")
def test_twenty_thousand_random_pairs_of_tears():
    prng, drill = Prng(20), Drill(new_card().image, [Device(GATE_A), Device(GATE_B)])
    tears, pairs = drill.tears(), 20_000
    for _ in range(pairs):
        card, devices = drill.fork()
        first, second, third = prng.choice(devices), prng.choice(devices), prng.choice(devices)
        torn = prng.choice(tears), prng.choice(tears)
        first.present(card, torn[0])
        again = second.present(card, torn[1])
        for device in devices:
            device.watch.seconds += 5
        assert opens(third.present(card)) or third.present(card) == ALREADY_SHOWN, torn
        assert OnCard(card).purse == PURSE - FARE, (torn, again)
        for device in devices:
            device.watch.seconds += 60
            assert opens(device.present(card))
        assert OnCard(card).purse == PURSE - FARE, (torn, again)
        assert settled(devices, card)["open"] == 0, torn
    figures.add(figures.TEARS, 2 * pairs)


@pytest.mark.parametrize("step", range(4))
def test_a_commit_torn_inside_the_card_is_one_of_both_and_never_a_mix(step):
    device, card = Device(), new_card()
    assert device.present(card, commit_torn(step, FOREVER)) == HOLD_AGAIN
    after = OnCard(card)
    whole = (after.purse, after.n) == (PURSE - FARE, 2) and after.newest["n"] == 2
    nothing = (after.purse, after.n) == (PURSE, 1) and after.newest["n"] == 1
    assert whole or nothing
