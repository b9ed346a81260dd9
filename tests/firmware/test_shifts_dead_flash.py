"""Flash that dies under a shift, a sale or a void: nothing is said to be done that is not kept."""

import pytest

from card_layouts.records.entries_device import SHIFT_END, SHIFT_START
from firmware.partitions import SOLD_BLOCKS, SOLD_FIRST, USED_BLOCKS, USED_FIRST
from simulator.flash import DEAD
from simulator.worlds.tap_world import BLOCKS, FARE
from simulator.worlds.vehicle_world import DRIVER, OTHER_DRIVER, OTHER_PIN, Vehicle

FULL = "REFUSED_JOURNAL_FULL"


@pytest.fixture
def bus():
    return Vehicle()


def rows(bus, wanted):
    return [fields for name, _header, fields in bus.entries() if name == wanted]


@pytest.mark.requirement("T16", "X-5")
def test_worn_flash_that_remembers_no_order_sells_and_voids_nothing_and_says_so(bus):
    bus.sell(1)
    bus.flash._dead.update(dict.fromkeys(range(SOLD_FIRST, SOLD_FIRST + SOLD_BLOCKS), DEAD))
    assert bus.sell(2) == "unsold 2 FLASH_WORN"
    assert bus.void(3, 1) == "unsold 3 FLASH_WORN"
    assert bus.sign_off() == "shift closed 1 33"
    (end,) = [row for row in rows(bus, "SHIFT") if row["event"] == SHIFT_END]
    assert end["cash"] == FARE and end["next_ticket"] == 2


@pytest.mark.requirement("T14", "T16")
def test_worn_flash_that_remembers_no_use_accepts_no_ticket(bus):
    bus.sell(1)
    bus.flash._dead.update(dict.fromkeys(range(USED_FIRST, USED_FIRST + USED_BLOCKS), DEAD))
    assert bus.scan(bus.codes[0]) == "REFUSED_JOURNAL_FULL"
    assert "BARCODE" not in bus.names()


def lose_the_journal(bus):
    """Have every block of the journal take nothing any more."""
    bus.flash._dead.update(dict.fromkeys(range(1, 1 + BLOCKS), DEAD))


@pytest.mark.requirement("T16", "W-14")
def test_flash_that_dies_before_a_shift_is_journalled_leaves_it_as_it_was_and_says_so(bus):
    bus.sell(1)
    parked = Vehicle(driver=0)
    for vehicle in (bus, parked):
        lose_the_journal(vehicle)
    assert bus.sign_off() == f"unsigned {DRIVER} {FULL}"
    assert bus.told("run") == f"unsigned {DRIVER} {FULL}"
    assert bus.sign_on(OTHER_DRIVER, OTHER_PIN) == f"unsigned {OTHER_DRIVER} {FULL}"
    assert parked.sign_on() == f"unsigned {DRIVER} {FULL}"
    assert bus.journal.counters.values["driver"] == DRIVER
    assert parked.journal.counters.values["driver"] == 0
    assert [row["event"] for row in rows(bus, "SHIFT")] == [SHIFT_START]


@pytest.mark.requirement("T16", "X-8")
def test_flash_that_dies_before_a_void_is_journalled_voids_nothing_and_says_so(bus):
    bus.sell(1)
    owed = bus.journal.counters.values["cash"]
    lose_the_journal(bus)
    assert bus.void(2, 1) == f"unsold 2 {FULL}"
    assert bus.journal.counters.values["cash"] == owed == FARE
    bus.flash._dead.clear()
    bus.boot()
    assert bus.void(3, 1) == f"voided 3 1 {FARE}", "the ticket still stands"
