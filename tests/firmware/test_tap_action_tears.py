"""One action at five validators, torn everywhere: carried out once, and done for all the others."""

import pytest

from card_layouts.answers import ACCEPTED
from card_layouts.records import entries_tap as e
from simulator.tears.drill import STORIES, Event, Findings, Played, transcript
from simulator.tears.positions import positions
from simulator.tears.taps import WebLoad
from simulator.tears.terminals import journal_complaints
from simulator.worlds.tap_world import GATE_A, PURSE, Device, OnCard, new_card
from simulator.worlds.waiting_actions import action_list, waiting
from tests import figures

pytestmark = pytest.mark.requirement("W-143", "D9", "I11", "T1", "I1", "D30")

LOADED = 1500
GATES = 5
SAMPLE = 31  # every so many positions are torn in the everyday tests


def torn_at(position, first, gates, card):
    """Tear at gate `first`, then hold the card to every gate in turn, that one last."""
    for device in gates[first:] + gates[:first] + [gates[first]]:
        tears = (position.tear,) if device is gates[first] and not device.watch.ticks else ()
        device.watch.ticks += 1
        device.present(card, *tears)
        for other in gates:
            other.watch.seconds += 60


def once_at_five_validators(step, first_gates):
    """Return at how many positions the one action was torn, each time carried out once."""
    places = positions(transcript(WebLoad()))[::step]
    for position in places:
        for first in first_gates:
            card = new_card()
            gates = [Device(GATE_A + i, actions=action_list(waiting())) for i in range(GATES)]
            torn_at(position, first, gates, card)
            after = OnCard(card)
            committed = [
                (device.number, header["seq"])
                for device in gates
                for name, header, _ in device.entries()
                if name == "ACTION" and header["seq"] in ended(device)
            ]
            assert len(committed) == 1, (position, committed)
            assert after.actions == 2 and after.newest["L"] == PURSE + LOADED
            assert after.purse == after.newest["L"] - after.newest["D"]
            assert journal_complaints(gates, card) == []
            for device in gates:
                device.watch.seconds += 7200
                assert device.present(card) == ACCEPTED
                assert ("action", "done") in device.signals.seen, "refused as done by every one"
            assert OnCard(card).newest["L"] == PURSE + LOADED
    return len(places) * len(first_gates)


def ended(device):
    """Return the seqs that the device knows to be committed."""
    return [
        fields["of"]
        for name, _, fields in device.entries()
        if name == "OUTCOME" and fields["outcome"] == e.OUTCOME_COMMITTED
    ]


def test_an_action_offered_by_five_validators_and_torn_is_carried_out_once():
    figures.add(figures.TEARS, once_at_five_validators(SAMPLE, [0]))


@pytest.mark.full
@pytest.mark.parametrize("first", range(GATES))
def test_an_action_offered_by_five_validators_and_torn_anywhere_is_carried_out_once(first):
    figures.add(figures.TEARS, once_at_five_validators(1, [first]))


def test_a_load_and_its_fare_torn_at_a_sample_of_positions_are_whole_and_cost_once():
    flow = WebLoad()
    for position in positions(transcript(flow))[::SAMPLE]:
        for _name, story in STORIES:
            findings = Findings()
            Played(flow, findings).play([Event(0, position.tear), *story]).end()
            assert findings.total == 0, findings.examples
            figures.add(figures.TEARS, 1)
