"""The last block that is free is dead: whatever a device was about to write, it goes on.

`free_slots` counts on a block that only shows when it is opened that it takes nothing any more.
Found by histories (pinned: boot-full, refusal-full); a tap's refusal is in test_tap_refusals.py.
"""

import pytest

from card_layouts.link import messages as m
from card_layouts.records.slot import SLOTS_PER_BLOCK
from simulator.clock import WorldClock
from simulator.flash import DEAD, FlashFault
from simulator.histories.boards import IMAGE_HASH, VERSION, Gate
from simulator.histories.places import FIRST_GATE
from simulator.histories.prices import AREAS
from simulator.prng import Prng
from simulator.worlds.tap_world import GATE_B, NOW
from simulator.worlds.vehicle_world import ADULT, Vehicle
from tests.firmware.package_builders import envelope_of
from tests.firmware.test_updates import ONE, TARIFF, Board

pytestmark = pytest.mark.requirement("T16", "D15")


def spend(journal, flash):
    """Fill a journal up to its last block, which takes nothing; return its head."""
    while journal.free_slots() > SLOTS_PER_BLOCK:
        journal.append(13, bytes(96))
    assert journal.admits_tap()
    flash.restart_count()
    flash.fault_at(FlashFault(0, DEAD))
    flash.erase(journal._blocks.place(journal._next))
    flash.fault_at()
    return journal.head_seq


def test_a_device_starts_without_its_boot_entry_and_docks():
    gate = Gate(FIRST_GATE, 0, WorldClock(NOW), Prng(1), AREAS[0])
    assert gate.power_on()
    head = spend(gate.journal, gate.flash)
    gate.validator.boot(IMAGE_HASH, VERSION)
    assert gate.journal.head_seq == head
    assert gate.validator.tick(False) is not None


def test_a_package_that_is_refused_is_refused_without_its_entry():
    board = Board()
    head = spend(board.journal, board.journal._flash)
    status = board.updates.offer(envelope_of(TARIFF, 1, ONE, k_cfg=b"d" * 16))[0]
    assert status == m.WANT_REFUSED and board.journal.head_seq == head


@pytest.mark.requirement("W-92")
def test_a_single_without_its_entry_is_not_sold():
    bus = Vehicle()
    head = spend(bus.journal, bus.flash)
    assert bus.sell(1, (ADULT, 1)) == "unsold 1 REFUSED_JOURNAL_FULL"
    assert bus.journal.head_seq == head and bus.codes == []


@pytest.mark.requirement("W-50")
def test_a_code_whose_entry_finds_no_room_is_refused():
    seller, bus = Vehicle(GATE_B), Vehicle()
    seller.sell(1)
    head = spend(bus.journal, bus.flash)
    assert bus.scan(seller.codes[0]) == "REFUSED_JOURNAL_FULL"
    assert bus.journal.head_seq == head
