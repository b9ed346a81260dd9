"""Every single tear of every flow, followed by further tries here, elsewhere, after a power cut."""

import pytest

from card_layouts.answers import (
    ACCEPTED,
    ACCEPTED_SETTLED,
    HOLD_AGAIN,
    LOADED,
    LOADED_BEFORE,
    TAP_AGAIN,
    name_of,
)
from simulator.tears.drill import Event, Findings, Played, transcript
from simulator.tears.flows import FLOWS
from simulator.tears.positions import positions
from simulator.tears.search import explore, pairs, singles
from simulator.tears.services import LoadFlow
from simulator.tears.taps import Debit
from simulator.worlds.tap_world import FARE, PURSE, UID, Device, OnCard, new_card
from tests import figures

# card.md section 5: positions of a flow, and in how many the card is the new one already. Of the
# debit these are the steps behind the card's journal mark (4) and the lost answer (9 bytes).
POSITIONS = {
    "debit": (345, 13),
    "transfer": (316, 12),
    "activation": (482, 13),
    "best": (470, 14),
    "web-load": (669, 221),  # the load's own commit, then every position of the fare
    "load": (462, 14),
    "product": (708, 17),
    "refund": (481, 14),
    "block": (316, 12),
    "unblock": (569, 15),
    "kill": (259, 12),
    "key": (143, 21),  # ChangeKey is not the last exchange: its version is read back
    "inspection": (295, 0),
    "re-tap": (207, 0),
    "ticket": (126, 1),  # an ACK is four bits: here one byte
}
ids = [flow.name for flow in FLOWS]
SECOND_EVERY = 11
# Two commits in one tap: everything about it is of the large figures, a sample is in
# test_tap_action_tears.py.
flows = [
    pytest.param(flow, marks=pytest.mark.full if flow.name == "web-load" else (), id=flow.name)
    for flow in FLOWS
]


@pytest.mark.requirement("R-6", "R-10", "T1", "I1", "I11", "I13", "I14", "I15", "D7", "D8", "D30")
@pytest.mark.parametrize("flow", flows)
def test_a_flow_torn_at_every_position_is_whole_and_costs_once(flow):
    found = singles(flow)
    assert found.findings.total == 0, "\n".join(found.findings.examples)
    wanted, new = POSITIONS[flow.name]
    assert len(found.held) == wanted == found.sent + found.received + found.steps
    assert found.states["new"] == new and found.states["mixed"] == 0
    assert found.stories >= 3 * wanted
    figures.add(figures.TEARS, len(found.held))


@pytest.mark.requirement("D4", "W-94")
@pytest.mark.parametrize("flow", FLOWS, ids=ids)
def test_a_flow_costs_what_the_card_table_says(flow):
    """card.md section 3 and, for tickets, section 6: 49 + 66 bytes and 4 ACKs. No differences."""
    counts = transcript(flow)
    bytes_both_ways = sum(c.bytes_in + c.bytes_out for c in counts)
    assert (len(counts), bytes_both_ways) == (flow.exchanges, flow.byte_count)


@pytest.mark.requirement("R-6", "T1", "D15", "D30")
def test_a_torn_debit_says_what_it_knows_and_writes_only_what_it_must():
    for position in positions(transcript(Debit())):
        card, gate = new_card(), Device()
        answer = gate.present(card, position.tear)
        torn = OnCard(card)
        assert answer in (TAP_AGAIN, HOLD_AGAIN)
        assert (gate.journal.find_open(UID) is not None) == (answer == HOLD_AGAIN)
        if answer == TAP_AGAIN:
            assert torn.n == 1 and gate.names() == []
        gate.watch.seconds += 5
        second = gate.present(card)
        assert second == (ACCEPTED_SETTLED if torn.n > 1 else ACCEPTED)
        assert gate.signals.opened()
        after = OnCard(card)
        assert (after.purse, after.n) == (PURSE - FARE, 2)


@pytest.mark.requirement("R-10", "I11", "D30")
def test_a_torn_load_is_known_or_unknown_and_then_done():
    flow = LoadFlow()
    for position in positions(transcript(flow)):
        played = Played(flow, Findings()).play([Event(0, position.tear), Event(1), Event(0)])
        torn, elsewhere, back = (shown.name for shown in played.shown)
        assert torn in (name_of(TAP_AGAIN), name_of(HOLD_AGAIN))
        assert elsewhere in (name_of(LOADED), name_of(LOADED_BEFORE))
        assert back in (name_of(LOADED), name_of(LOADED_BEFORE))
        assert played.now.purse == PURSE + 1500


@pytest.mark.requirement("D30")
@pytest.mark.parametrize("every", [SECOND_EVERY, pytest.param(1, marks=pytest.mark.full)])
@pytest.mark.parametrize("flow", flows)
def test_a_second_tear_changes_nothing_about_the_money(flow, every):
    """A second tear at every position with --full, at every 11th otherwise; the first at all."""
    found = explore(flow, 2, every)
    assert found.findings.total == 0, "\n".join(found.findings.examples)
    assert found.tried > 500 // every and (found.situations > 1 or flow.name == "inspection")
    figures.add(figures.TEARS, found.tried)


@pytest.mark.full
@pytest.mark.requirement("D30")
@pytest.mark.parametrize("flow", [f for f in FLOWS if f.name != "web-load"], ids=lambda f: f.name)
def test_a_third_tear_changes_nothing_about_the_money(flow):
    found = explore(flow, 3)
    assert found.findings.total == 0, "\n".join(found.findings.examples)
    figures.add(figures.TEARS, found.tried)


@pytest.mark.requirement("D30")
@pytest.mark.parametrize("flow", FLOWS, ids=ids)
def test_a_few_random_pairs_of_tears(flow):
    found = pairs(flow, 50, 1)
    assert found.total == 0, "\n".join(found.examples)
    figures.add(figures.TEARS, 100)


@pytest.mark.full
@pytest.mark.requirement("D30")
@pytest.mark.parametrize("part", range(4))
def test_twenty_thousand_random_pairs_of_tears(part):
    found = pairs(Debit(), 5_000, 20_000 * (part + 1))
    assert found.total == 0, "\n".join(found.examples)
    figures.add(figures.TEARS, 10_000)
