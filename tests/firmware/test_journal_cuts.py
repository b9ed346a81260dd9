"""Power cut at every program and erase of a run over several block changes, in five torn modes."""

import pytest

from card_layouts.records.block_page import KEYS_AT, KEYS_BYTES
from card_layouts.records.entries import INTENT, OUTCOME
from simulator.flash import BLOCK_BYTES, RANDOM_BITS, TORN_QUARTERS, FlashCut, FlashPowerLost
from tests.firmware.journal_builders import (
    REFUSAL,
    ack_of,
    intent,
    mounted,
    new_flash,
    outcome,
    tap,
    uid_of,
)

pytestmark = pytest.mark.requirement("D13", "D15", "T16", "I9", "R-7", "W-131")

TAPS = 80  # more than one whole turn of a ring of four blocks


class Run:
    """One run kept step by step: what was durable when, and the flash it lay in."""

    def __init__(self):
        self.flash = new_flash()
        self.journal = mounted(self.flash)
        self.payloads = {}
        self.chain = {0: self.journal.H}
        self.acked = 0
        self.steps = []  # (name, argument, flash image, acked, durable head, operations)
        for number in range(TAPS):
            self._step("intent", number)
            self._step("outcome", self.journal.head_seq)
            self._step("idle", None)
            if number % 9 == 8:
                self._step("ack", self.journal.head_seq - 3)

    def _step(self, name, argument):
        image, head = self.flash.snapshot(), self.journal.head_seq
        values = (list(self.journal.open_intents), dict(self.journal.counters.values))
        self.flash.restart_count()
        act(self.journal, name, argument)
        operations = self.flash.operation
        self.steps.append((name, argument, image, self.acked, head, operations, values))
        if self.journal.head_seq > head:
            self.chain[self.journal.head_seq] = self.journal.H
        self.acked = self.journal.acked_seq


def act(journal, name, argument):
    if name == "intent":
        journal.append(INTENT, intent(uid_of(argument), argument, argument))
    elif name == "outcome":
        journal.append(OUTCOME, outcome(argument, time=argument))
    elif name == "ack":
        journal.acknowledge(ack_of(journal, argument))
    else:
        journal.idle()


@pytest.fixture(scope="module")
def run():
    return Run()


def cuts_of(run):
    for index, step in enumerate(run.steps):
        for operation in range(step[5]):
            for quarters in TORN_QUARTERS:
                yield index, FlashCut(operation, quarters, seed=index)


def cut_once(run, index, cut):
    """Play step `index` on its flash with the cut; return the flash as the cut left it."""
    name, argument, image, acked = run.steps[index][:4]
    flash = run.flash
    flash.restore(image)
    flash.cut_at()
    journal = mounted(flash)
    if acked > journal.acked_seq:
        journal.acknowledge(ack_of(journal, acked))
    # Mounting again may erase or zero less than the running journal had to: count from here.
    flash.restart_count()
    flash.cut_at(cut)
    try:
        act(journal, name, argument)
    except FlashPowerLost:
        return True
    finally:
        flash.cut_at()
    return False


def check_after(run, index):
    """Mount, compare with what was durable, write on over a block change, mount again."""
    _, _, _, acked, head, _, (open_intents, values) = run.steps[index]
    flash = run.flash
    journal = mounted(flash)
    assert journal.head_seq in (head, head + 1), "a durable entry was lost, or one invented"
    assert journal.H == run.chain[journal.head_seq]
    if journal.head_seq == head:
        assert journal.open_intents == open_intents
        kept = dict(values, floor=0)
        assert dict(journal.counters.values, floor=0) == kept
    slot = bytearray(128)
    for seq in range(acked + 1, journal.head_seq + 1):
        assert journal.read_slot(seq, slot), f"entry {seq} is unacknowledged and gone"
        assert journal.chain_at(seq) == run.chain[seq]
    pages = [flash.image[BLOCK_BYTES * block :][:256] for block in range(1, 5)]
    keys = [bytes(page[KEYS_AT:][:KEYS_BYTES]) for page in pages if page[0] == 0x54]
    assert sum(key not in (bytes(KEYS_BYTES), b"\xff" * KEYS_BYTES) for key in keys) <= 2
    journal.acknowledge(ack_of(journal, journal.head_seq))
    first = journal.head_seq
    for _ in range(32):
        journal.append(REFUSAL, bytes(96))
        journal.idle()
    again = mounted(flash)
    assert (again.head_seq, again.H) == (first + 32, journal.H)
    assert again.read_slot(first + 1, slot)


def test_no_cut_loses_a_durable_entry_or_stops_the_mount(run):
    cases = list(cuts_of(run))
    assert len(cases) >= 5 * (2 * TAPS + 2 * 5)
    for index, case in cases:
        assert cut_once(run, index, case)
        check_after(run, index)


@pytest.mark.parametrize("seed", range(20))
def test_random_bits_of_a_block_change_never_make_a_false_header(run, seed):
    changes = [i for i, step in enumerate(run.steps) if step[5] > 1]
    assert changes
    for index in changes:
        for operation in range(run.steps[index][5]):
            cut_once(run, index, FlashCut(operation, RANDOM_BITS, seed))
            check_after(run, index)


def test_a_cut_while_a_cut_is_repaired_is_repaired_at_the_next_mount(run):
    index = next(i for i, step in enumerate(run.steps) if step[5] >= 3)
    for first in range(run.steps[index][5]):
        for second in TORN_QUARTERS:
            cut_once(run, index, FlashCut(first, 2))
            run.flash.restart_count()
            run.flash.cut_at(FlashCut(0, second))
            try:
                mounted(run.flash)
            except FlashPowerLost:
                pass
            run.flash.cut_at()
            check_after(run, index)


def test_the_last_key_is_alone_after_every_mount(run):
    index = next(i for i, step in enumerate(run.steps) if step[5] >= 3)
    for operation in range(run.steps[index][5]):
        cut_once(run, index, FlashCut(operation, 2))
        mounted(run.flash)
        keys = 0
        for block in range(1, 5):
            page = run.flash.image[BLOCK_BYTES * block :][:256]
            if page[0] == 0x54 and page[KEYS_AT:][:KEYS_BYTES] != bytes(KEYS_BYTES):
                keys += 1
        # A torn new header may hold part of a key that nothing was sealed with yet.
        assert keys <= 2


def test_a_tap_is_two_programs_also_over_many_blocks():
    flash = new_flash()
    journal = mounted(flash)
    flash.restart_count()
    before, erases = flash.programs, flash.erases
    for number in range(300):
        tap(journal, number)
        journal.acknowledge(ack_of(journal, journal.head_seq))
        journal.idle()
    changes = 601 // 30
    # Two slots a tap; a block change adds the header page and the zeroing of the old key. The
    # first slot after a mount is left out.
    assert flash.programs - before == 601 + 2 * changes
    assert flash.erases - erases == changes + 1
