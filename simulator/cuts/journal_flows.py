"""Flows of the bare journal: its life before the cut, and the steps that are cut."""

from collections.abc import Callable

from card_layouts.records.slot import SLOTS_PER_BLOCK
from firmware.journal import Journal
from firmware.journal_block import JournalDamaged
from firmware.journal_errors import JournalFull
from simulator.cuts.journal import (
    BLOCKS,
    DEVICE,
    EPOCH,
    K_FIRST,
    JournalStage,
    intent,
    lease,
    other,
    outcome,
)
from simulator.cuts.stage import Complaint, Flow, Stage
from simulator.flash import BLOCK_BYTES, Flash, FlashCut, FlashPowerLost

RUN_TAPS = 64  # one whole turn of the ring, and a block more


def tap(stage: JournalStage, number: int = 1, committed: bool = True) -> None:
    """Journal one tap."""
    seq = stage.append(intent(number))
    stage.append(outcome(seq, committed))


def fresh(stage: JournalStage) -> None:
    """Nothing happened yet but two refusals."""
    stage.journal.idle()
    stage.append(other(1))
    stage.append(other(2))


def to_the_last_slot(stage: JournalStage) -> None:
    """One slot of the block is free; the next block was used before and is acknowledged."""
    stage.journal.idle()
    stage.append(lease(3))
    while stage.journal._ordinal < BLOCKS or stage.journal._index < SLOTS_PER_BLOCK - 1:
        stage.append(other(len(stage.durable)))
        if len(stage.durable) % SLOTS_PER_BLOCK == 0:
            stage.acknowledge(len(stage.durable))


def change_cut(stage: JournalStage) -> None:
    """Power failed just after the next header was durable: the old key still stands."""
    to_the_last_slot(stage)
    tap_number = 70
    stage.flash.restart_count()
    stage.flash.cut_at(FlashCut(3, 2))
    try:
        tap(stage, tap_number)
    except FlashPowerLost:
        pass
    stage.flash.cut_at()


def full(stage: JournalStage) -> None:
    """No slot is free and nothing is acknowledged."""
    try:
        for number in range(BLOCKS * SLOTS_PER_BLOCK + 1):
            stage.append(other(number))
    except JournalFull:
        stage.flight = None


def appends(stage: JournalStage) -> None:
    """Append one entry, and another one."""
    stage.append(other(7))
    stage.append(other(8))


def mount_again(stage: JournalStage) -> None:
    """Switch on and prepare."""
    stage.mount()
    stage.journal.idle()


def refuse_then_acknowledge(stage: JournalStage) -> None:
    """A full ring refuses; acknowledged, it goes on."""
    try:
        stage.append(other(5))
    except JournalFull:
        stage.flight = None
    stage.acknowledge(SLOTS_PER_BLOCK + 5)
    stage.journal.idle()
    try:
        tap(stage)
    except JournalFull:  # the one block that is free does not take it
        stage.flight = None
        stage.refused += 1


def acknowledge_and_prepare(stage: JournalStage) -> None:
    """What the dock does: acknowledge, erase ahead."""
    stage.acknowledge(stage.journal.head_seq)
    stage.journal.idle()
    stage.append(other(6))


def counters(stage: JournalStage) -> None:
    """A new lease, taps under it, one of them aborted, one open."""
    stage.append(lease(4))
    tap(stage, 1)
    tap(stage, 2, committed=False)
    stage.append(intent(3))


def a_turn(stage: JournalStage) -> None:
    """More than one turn of the ring, acknowledged as it goes; some taps stay open for a while."""
    for number in range(RUN_TAPS):
        tap(stage, number + 1)
        stage.journal.idle()
        if number % 9 == 8:
            stage.acknowledge(stage.journal.head_seq - 3)


class Provision(Stage):
    """The bench makes an empty journal over an old one; cut, it does so again."""

    def __init__(self) -> None:
        super().__init__()
        self.flash = Flash(BLOCK_BYTES * (BLOCKS + 1))
        Journal.provision(self.flash, 1, BLOCKS, DEVICE, EPOCH - 1, bytes(range(16)))
        old = Journal(self.flash, 1, BLOCKS).mount()
        for number in range(SLOTS_PER_BLOCK + 3):
            old.append(*other(number))
        self.flash = self.flash.clone()

    def act(self) -> None:
        try:
            Journal.provision(self.flash, 1, BLOCKS, DEVICE, EPOCH, K_FIRST)
        except JournalDamaged:  # a part that cannot be erased does not leave the bench
            self.refused += 1

    def recover(self) -> None:
        """Begin again: the bench was told that the board is not ready."""
        self.refused = 0
        self.act()

    def judge(self) -> list[Complaint]:
        if self.refused:
            return []
        self.flash.cut_at()
        self.flash.fault_at()
        stage = object.__new__(JournalStage)
        Stage.__init__(stage)
        stage.flash = self.flash
        stage.durable, stage.flight, stage.acked, stage.done = [], None, 0, 0
        return stage.judge()

    def keep(self) -> Flash:
        return self.flash.clone()

    def back(self, kept: Flash) -> None:
        self.flash = kept.clone()


def _flow(
    name: str,
    title: str,
    play: Callable[[JournalStage], None],
    steps: Callable[[JournalStage], None],
    nested: bool = True,
) -> Flow:
    return Flow(name, title, lambda: JournalStage(play, steps), nested)


JOURNAL_FLOWS = (
    Flow("provision", "an empty journal is made over an old one", Provision),
    _flow("mount", "power on after a cut block change", change_cut, mount_again),
    _flow("append", "two entries", fresh, appends),
    _flow("pair", "the two entries of a tap", fresh, tap),
    _flow("change", "a tap over a block change with key erase", to_the_last_slot, tap),
    _flow("full", "a full ring refuses, is acknowledged, goes on", full, refuse_then_acknowledge),
    _flow("idle", "acknowledged, erased ahead", to_the_last_slot, acknowledge_and_prepare),
    _flow("counters", "a lease and what is counted under it", fresh, counters),
    # What a cut in it leaves is nested above: a tap, a block change, an erase.
    _flow("turn", f"{RUN_TAPS} taps: more than a turn of the ring", fresh, a_turn, nested=False),
)
