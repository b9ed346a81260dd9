"""Lives of one journal, each drawn from a seed: it is written, and power goes again and again.

`sim cuts` cuts once and once more at every operation; here many starts in a row lose their power,
with bits that are not sure; writes are lost unsaid, and a block wears out or dies. What anybody may
have been handed stays, byte for byte and in one chain: all that `append` returned for, and all that
was in the journal when a start had come to its end.
Source: trust.md T16; decisions.md D13; DECISIONS.md 41.
"""

from collections.abc import Iterator
from typing import NamedTuple

from card_layouts.records.chain import chain_next
from card_layouts.records.slot import SLOT_BYTES
from firmware.journal import Journal
from firmware.journal_block import JournalDamaged
from firmware.journal_errors import AcknowledgementRefused
from simulator.cuts.drill import MODE_NAMES
from simulator.cuts.journal import BLOCKS, DEVICE, EPOCH, new_flash, other
from simulator.cuts.stage import LOST, MOUNT, WRONG, Complaint
from simulator.flash import (
    DEAD,
    FAINT_BITS,
    NEARLY_BITS,
    NO_PROGRAM,
    RANDOM_BITS,
    UNSTABLE_BITS,
    WORN,
    FlashCut,
    FlashFault,
    FlashPowerLost,
)
from simulator.flash import LOST as LOST_WRITE
from simulator.prng import Prng

STEPS = (4, 20)  # of a life: an append of a few entries, or a start
FIRST_ENTRIES = 31  # so that a life begins anywhere in a block, or in the next
APPENDS_MAX = 2
STARTING, WRITING = 5, 2  # operations of flash among which a cut comes: more than there may be
UNSURE = (FAINT_BITS, NEARLY_BITS)
# What goes wrong for good: DECISIONS.md 41 says why no block stops taking erases here, and none
# dies in a start.
STARTING_FAULTS, WRITING_FAULTS = (LOST_WRITE, WORN), (LOST_WRITE, WORN, DEAD, NO_PROGRAM)
TORN = (0, 1, 2, 3, RANDOM_BITS, UNSTABLE_BITS)
LAST_STARTS = 8  # at the end of a life, whole: what is not sure shows in one of them


class Lived(NamedTuple):
    """What one life had in it."""

    entries: int
    starts: int
    cuts: int
    complaint: Complaint | None
    story: list[str]


class Life:
    """A journal, and beside it every entry that somebody may have been handed."""

    def __init__(self, seed: int) -> None:
        self.prng = Prng(seed)
        self.flash = new_flash()
        self.journal: Journal | None = Journal(self.flash, 1, BLOCKS).mount()
        self.handed: list[bytes] = []  # slot of seq 1 first
        self.chain = [self.journal.H]  # H behind seq 0, 1, ...
        self.acked = 0
        self.starts = self.cuts = 0
        self.story: list[str] = []
        self.buf = bytearray(SLOT_BYTES)

    def live(self) -> Lived:
        """Live to the end or to the first thing that is wrong."""
        complaint = next(self._steps(), None)
        return Lived(len(self.handed), self.starts, self.cuts, complaint, self.story)

    def _steps(self) -> Iterator[Complaint]:
        prng = self.prng
        for _ in range(prng.below(FIRST_ENTRIES)):
            self._append()
        for _ in range(prng.between(*STEPS)):
            self._plan()
            try:
                if self.journal is None:
                    yield from self._start()
                else:
                    self._go_on()
            except FlashPowerLost:
                self.journal = None
                self.cuts += 1
            except AcknowledgementRefused as refused:
                yield WRONG, str(refused)
            self.flash.cut_at()
            self.flash.fault_at()
        for _ in range(LAST_STARTS):
            yield from self._start()

    def _plan(self) -> None:
        """Draw what happens to the flash in the next step."""
        prng, flash = self.prng, self.flash
        flash.restart_count()
        words = []
        operations = STARTING if self.journal is None else WRITING
        if prng.chance(4, 5):
            mode = prng.choice(UNSURE if prng.chance(9, 10) else TORN)
            cut = FlashCut(prng.below(operations), mode, prng.u32())
            flash.cut_at(cut)
            words.append(f"cut in operation {cut.operation} at {MODE_NAMES[mode]}")
        if prng.chance(1, 20) and not flash.injected:
            kind = prng.choice(STARTING_FAULTS if self.journal is None else WRITING_FAULTS)
            fault = FlashFault(prng.below(operations), kind, prng.u32())
            flash.fault_at(fault)
            words.append(f"operation {fault.operation} {kind}")
        what = "starts" if self.journal is None else f"goes on behind entry {len(self.handed)}"
        self.story.append(", ".join([what, *words]))

    def _go_on(self) -> None:
        prng = self.prng
        for _ in range(prng.between(1, APPENDS_MAX)):
            self._append()
        if prng.chance(1, 3):
            self._acknowledge(prng.between(self.acked, len(self.handed)))
        if prng.chance(1, 3):
            self.journal = None  # switched off between two operations

    def _append(self) -> None:
        journal = self.journal
        assert journal is not None
        if not journal.admits_tap():
            self._acknowledge(len(self.handed))
        journal.append(*other(self.prng.u32()))
        journal.read_slot(journal.head_seq, self.buf)
        self._hand(bytes(self.buf))
        if self.prng.chance(1, 2):
            journal.idle()

    def _acknowledge(self, seq: int) -> None:
        assert self.journal is not None
        values = {"device": DEVICE, "epoch": EPOCH, "seq": seq, "incarnation": 1, "time": 0}
        self.journal.acknowledge(dict(values, H=self.chain[seq]))
        self.acked = max(self.acked, seq)

    def _hand(self, slot: bytes) -> None:
        self.handed.append(slot)
        self.chain.append(chain_next(self.chain[-1], slot))

    def _start(self) -> Iterator[Complaint]:
        """Mount, and compare with what was handed out; what is there now counts from now on."""
        self.starts += 1
        try:
            journal = Journal(self.flash, 1, BLOCKS).mount()
        except JournalDamaged as error:
            yield MOUNT, str(error)
            return
        head, count = journal.head_seq, len(self.handed)
        if head < count:
            yield LOST, f"{count} entries were durable, the journal has {head}"
        if journal.first_kept_seq > self.acked + 1:
            yield LOST, f"acknowledged to {self.acked}, kept from {journal.first_kept_seq} on"
        for seq in range(journal.first_kept_seq, head + 1):
            if not journal.read_slot(seq, self.buf):
                yield LOST, f"entry {seq} of {head} is not there"
            elif seq > count:
                self._hand(bytes(self.buf))
            elif self.buf != self.handed[seq - 1]:
                yield WRONG, f"entry {seq} is another one than was handed out"
        if journal.H != self.chain[head]:
            yield WRONG, f"another chain behind entry {head}"
        self.journal = journal
        if self.prng.chance(1, 2):
            journal.idle()


def live(seed: int) -> Lived:
    """Live the life of one seed."""
    return Life(seed).live()
