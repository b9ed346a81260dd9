"""Every tear of a ticket's tap in the real firmware, and a second try here, elsewhere, rebooted.

The positions come from the transcript of the tap; a page that was being written is left old, new,
half, erased or with garbage. What must hold afterwards is written once, in `ended_well`.
"""

import pytest

from card_layouts.answers import ACCEPTED, ACCEPTED_SETTLED, HOLD_AGAIN, TAP_AGAIN, opens
from card_layouts.records.entries import BOOT
from card_layouts.records.entries_tap import OUTCOME_ABORTED, OUTCOME_COMMITTED
from simulator.desfire_card import Cut
from simulator.field import Tear
from simulator.flash import TORN_QUARTERS, Flash, FlashCut, FlashPowerLost
from simulator.ultralight_c import tearing
from simulator.worlds.tap_world import GATE_A, GATE_B, NOW
from simulator.worlds.ticket_gate import TicketGate, slot_of, ticket
from simulator.worlds.ticket_world import positions, torn_kinds
from tests import figures

pytestmark = pytest.mark.requirement("W-89", "W-94", "T1", "D15", "D30")
GARBAGE = 3
COMMIT = 8


def cuts():
    """Return (tear, what is left of a torn page) for every position of a tap."""
    card = ticket()
    assert TicketGate().present(card) == ACCEPTED
    rows = positions(card.meter.exchanges)
    assert len(rows) == 126
    figures.add(figures.TEARS, len(rows))
    return [
        (Tear(exchange=number, cut=cut), kind)
        for number, cut in rows
        for kind in torn_kinds(cut, GARBAGE)
    ]


def tear_all(second_try, tears=None, at_once=False):
    """Tear the tap everywhere; call second_try(gate, card, answer, was_used) after each."""
    committed = []
    for tear, kind in tears or cuts():
        gate, card = TicketGate(), ticket(kind, at_once)
        answer = gate.present(card, tear)
        committed.append(card.image.counter == 2)
        assert not gate.signals.opened(), f"torn at {tear}: opened without the ACK"
        assert answer in (TAP_AGAIN, HOLD_AGAIN), tear
        assert (answer == HOLD_AGAIN) == bool(gate.journal.open_intents), tear
        assert answer == HOLD_AGAIN or not committed[-1], tear
        gate.watch.seconds += 5
        try:
            second_try(gate, card, answer, committed[-1])
        except AssertionError as error:
            raise AssertionError(f"torn at {tear}, a page left {kind}: {error}") from error
    return committed


def ended_well(gates, card):
    """Each entry has one outcome, and it is what the ticket's count says."""
    committed = 0
    for gate in gates:
        ended = {}
        for name, _, fields in gate.entries():
            if name == "OUTCOME":
                assert fields["of"] not in ended
                ended[fields["of"]] = fields["outcome"]
        for name, header, _ in gate.entries():
            if name == "TICKET":
                assert ended[header["seq"]] in (OUTCOME_COMMITTED, OUTCOME_ABORTED)
                committed += ended[header["seq"]] == OUTCOME_COMMITTED
        assert not gate.journal.open_intents
    assert committed == card.image.counter - 1


@pytest.mark.parametrize("at_once", [False, True], ids=["counts at power-up", "counts at once"])
def test_a_ticket_torn_anywhere_is_used_once_at_the_same_validator(at_once):
    def again(gate, card, answer, was_used):
        second = gate.present(card)
        assert second == (ACCEPTED_SETTLED if was_used else ACCEPTED)
        assert gate.signals.opened() and opens(second)
        assert card.image.counter == 2 and slot_of(card)["device"] == GATE_A
        ended_well([gate], card)

    committed = tear_all(again, at_once=at_once)
    # Time runs one way: only the four bits of the last ACK are lost with the tap done.
    assert committed == [False] * (len(committed) - 1) + [True]


def test_a_ticket_torn_anywhere_survives_a_reboot_before_the_second_try():
    def rebooted(gate, card, answer, was_used):
        gate.boot()
        assert gate.present(card) == (ACCEPTED_SETTLED if was_used else ACCEPTED)
        assert card.image.counter == 2
        ended_well([gate], card)

    tear_all(rebooted)


def test_a_ticket_torn_anywhere_goes_through_elsewhere_and_the_first_validator_learns_the_truth():
    def elsewhere(gate, card, answer, was_used):
        other = TicketGate(GATE_B)
        other.watch.seconds = NOW + 60
        assert other.present(card) == ACCEPTED and other.signals.opened()
        assert card.image.counter == 2 + was_used
        gate.watch.seconds += 120
        assert gate.present(card) == ACCEPTED
        assert card.image.counter == 3 + was_used
        ended_well([gate, other], card)

    tear_all(elsewhere)


def test_the_second_try_may_be_torn_as_well_by_class():
    """Before, between and after the write steps of each exchange, twice in a row."""
    card = ticket()
    assert TicketGate().present(card) == ACCEPTED
    classes = []
    for number, count in enumerate(card.meter.exchanges):
        for cut in ("in", *range(count.write_steps), "out"):
            cut = Cut("step", cut) if isinstance(cut, int) else Cut(cut, 0)
            classes.append(Tear(exchange=number, cut=cut))

    def twice(gate, card, answer, was_used):
        start, image = gate.flash.snapshot(), card.image
        for tear in classes:
            flash = Flash(len(start))
            flash.restore(start)
            again, card = TicketGate(flash=flash), ticket()
            card.image = image.clone()
            again.watch.seconds = NOW + 5
            second = again.present(card, tear)
            if opens(second):
                assert second == ACCEPTED_SETTLED, "the tear lies behind the last exchange"
            else:
                assert not again.signals.opened()
                assert opens(again.present(card))
            assert card.image.counter == 2
            ended_well([again], card)

    tear_all(twice, [(tear, tearing.half) for tear in classes])
    figures.add("double tears of a ticket's tap in the firmware", len(classes) ** 2)


@pytest.mark.parametrize("exchange", range(COMMIT + 1))
def test_a_command_that_never_left_the_reader_leaves_the_ticket_as_it_was(exchange):
    gate, card = TicketGate(), ticket()
    assert gate.present(card, Tear(exchange=exchange)) == TAP_AGAIN
    assert card.image.counter == 1 and not gate.signals.opened()
    assert gate.present(card) == ACCEPTED
    ended_well([gate], card)


@pytest.mark.requirement("D13", "I6")
@pytest.mark.parametrize("used", [0, 28, 29, 30], ids=lambda used: f"{used} slots used")
@pytest.mark.parametrize("cut", [None, "in", "out"], ids=["whole", "unheard", "ACK lost"])
def test_power_cut_at_every_flash_operation_of_a_ticket_tap_loses_and_doubles_nothing(used, cut):
    tears = [Tear(exchange=COMMIT, cut=Cut(cut, 0))] if cut else []
    operation, failed, cuts_tried = 0, True, 0
    while failed:
        failed = False
        for quarters in TORN_QUARTERS:
            gate, card = TicketGate(), ticket()
            while gate.journal.head_seq < used:
                gate.journal.append(BOOT, bytes(96))
            gate.flash.restart_count()
            gate.flash.cut_at(FlashCut(operation, quarters, operation))
            try:
                gate.present(card, *tears)
            except FlashPowerLost:
                failed = True
                assert not gate.signals.opened()
            gate.flash.cut_at()
            gate.boot()
            gate.watch.seconds += 20
            assert opens(gate.present(card)) and gate.signals.opened()
            ended_well([gate], card)
            cuts_tried += 1
        operation += 1
    assert operation > (1 if cut else 2), "TICKET, and OUTCOME where the ACK came"
    figures.add("power cuts tried in taps", cuts_tried)
