"""Bench rows of the journal: what the flash pays for taps, counted at the flash itself."""

from collections.abc import Iterator

from card_layouts.records.slot import SLOTS_PER_BLOCK
from simulator.bench.board import BLOCKS
from simulator.bench.row import Row
from simulator.bench.taps import run_taps

TAPS = 1000
SLOTS_PER_TAP = 2  # INTENT and OUTCOME (decisions.md D15)
RING_TAPS = BLOCKS * SLOTS_PER_BLOCK // SLOTS_PER_TAP  # after so many, every block was used once


def rows(plant: str | None) -> Iterator[Row]:
    """Yield the journal.* rows over a ring that has gone round."""
    run = run_taps(TAPS, plant, warm_up=RING_TAPS)
    slots = run.slot_programs / TAPS
    yield Row("journal.programs_per_tap", slots, "", "D15", SLOTS_PER_TAP, f"<= {SLOTS_PER_TAP}")
    # Two pages a block of 15 taps: its header, and the old block's key programmed to zero.
    headers = 2 * SLOTS_PER_TAP / SLOTS_PER_BLOCK
    yield Row("journal.header_programs_per_tap", run.header_programs / TAPS, "", "D13",
              round(headers, 4), "<= 0.2")  # fmt: skip
    erases = TAPS * SLOTS_PER_TAP / SLOTS_PER_BLOCK
    yield Row("journal.erases_per_1000_taps", run.erases, "", "a ring of 30-slot blocks",
              round(erases, 1), "<= 68")  # fmt: skip
