"""Taps and services with a journal: the flows of tears/ at one terminal, whose flash is cut.

A watch stands between reader and card: when a commit leaves, a journal mounted on a copy of the
flash must already hold the entry that announces it (trust.md I6).
"""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from card_layouts.answers import HOLD_AGAIN, name_of, opens
from card_layouts.cards.ulc_layout import PAGE_COUNTER
from card_layouts.cards.ultralight_c import WRITE
from card_layouts.records.entries_tap import OUTCOME_ABORTED, OUTCOME_COMMITTED
from firmware.journal import Journal
from firmware.journal_block import JournalDamaged
from simulator.cuts.stage import (
    CHARGED,
    DOUBLED,
    FREE,
    LOST,
    MOUNT,
    OPENED,
    SENT,
    WRONG,
    Complaint,
    Stage,
)
from simulator.desfire_card import DesfireCard, Transcript
from simulator.field import COMMIT
from simulator.flash import Flash, FlashPowerLost
from simulator.prng import Prng
from simulator.tears.flow import Flow as CardFlow
from simulator.tears.flow import Scene
from simulator.tears.terminals import (
    GREEN,
    NOTHING,
    OPENING,
    UNKNOWN,
    Shown,
    Validator,
    journal_complaints,
)
from simulator.ultralight_c import UltralightC
from simulator.worlds.tap_world import BLOCKS, GATE_A, Device, OnCard
from simulator.worlds.ticket_gate import TicketGate, ticket

LATER_S = 20  # between power on and the next try: longer than the grace of a re-tap
SEQ_MASK = (1 << 26) - 1


class Kept(NamedTuple):
    """What outlasts a cut: flash, EEPROM, time, and what people saw so far."""

    flash: Flash
    image: Any
    seconds: int
    greens: int


class TapStage(Stage):
    """Terminal 0 of a card flow of tears/; `used` slots of its block were written before."""

    def __init__(self, flow: CardFlow, used: int = 0) -> None:
        super().__init__()
        self.flow = flow
        self.scene: Scene = flow.start()
        terminal: Any = self.scene.terminals[0]
        self.terminal = terminal
        self.device: Device = terminal.device
        while self.device.journal._index < used:
            self.device.journal.append(13, bytes(96))
        self.first = self.now = flow.look(self.scene)
        self.greens = 0
        self.flash = self.device.flash
        self.flash.restart_count()

    # Stage ----------------------------------------------------------------------------

    def act(self) -> None:
        self._present()

    def recover(self) -> None:
        """Power on; the same card again, and once more when the grace is over."""
        try:
            self.terminal.boot()
        except JournalDamaged as error:
            self.told.append((MOUNT, str(error)))
            raise
        for _ in range(2):
            self.terminal.later(LATER_S)
            self._present()

    def judge(self) -> list[Complaint]:
        self.flash.cut_at()
        self.flash.fault_at()
        flow, found = self.flow, list(self.told)
        words = flow.complaint(self.first, self.now, self.greens)
        if words and self.greens and not flow.charged(self.first, self.now):
            found.append((FREE, words))
        elif words:
            found.append((WRONG, words))
        return found + self._journal()

    def keep(self) -> Kept:
        image = self.scene.card.image.clone()
        return Kept(self.flash.clone(), image, self.device.watch.seconds, self.greens)

    def situation(self) -> Hashable:
        """Flash and EEPROM."""
        return super().situation(), self.flow.text(self.scene)

    def back(self, kept: Kept) -> None:
        self.scene = self.scene._replace(card=self._card(kept.image.clone()))
        self.flash = self.device.flash = kept.flash.clone()
        self.device.watch.seconds = kept.seconds
        self.greens = kept.greens
        self.now = self.flow.look(self.scene)

    # One presentation -------------------------------------------------------------------

    def _card(self, image: Any) -> Any:
        return DesfireCard(image, Prng(1).bytes, meter=Transcript())

    def _present(self) -> None:
        card = self.scene.card
        self._watch(card)
        before = self.now
        try:
            shown: Shown = self.terminal.present(card)
        except FlashPowerLost:
            self.now = self.flow.look(self.scene)
            if self.device.signals.opened() and not self._taken():
                self.told.append((OPENED, "then power failed"))
            raise
        self.now = self.flow.look(self.scene)
        self.greens += shown.kind == GREEN
        if shown.early or shown.kind == GREEN and not self._taken():
            self.told.append((OPENED, shown.name))
        if shown.kind == NOTHING and self.flow.took(before, self.now):
            self.told.append((CHARGED, shown.name))

    def _taken(self) -> bool:
        return self.flow.committed_at(self.terminal, self.first, self.now)

    def _watch(self, card: Any) -> None:
        whole: Callable[..., bytes] = type(card).exchange

        def exchange(command: bytes, cut: Any = None) -> bytes:
            if self._commits(command) and not self._announced(card.uid):
                self.told.append((SENT, f"command {command[0]:02X}"))
            return whole(card, command, cut)

        card.exchange = exchange

    def _commits(self, command: bytes) -> bool:
        return command[0] == COMMIT

    def _announced(self, uid: bytes) -> bool:
        """Return whether a journal mounted on a copy of this flash knows of an open entry."""
        try:
            journal = Journal(self.flash.clone(), 1, BLOCKS).mount()
        except JournalDamaged:
            return False
        return journal.find_open(uid) is not None

    # The journal, once all is over --------------------------------------------------------

    def _journal(self) -> list[Complaint]:
        try:
            self.terminal.boot()
        except JournalDamaged as error:
            return [(MOUNT, str(error))]
        entries = self.device.entries()
        self.committed += len(entries)
        announced = [h["seq"] & SEQ_MASK for name, h, _ in entries if name in OPENING]
        on_card = OnCard(self.scene.card)
        found: list[Complaint] = []
        for record in on_card.records:
            ours = record["device"] == self.device.number
            if ours and record["seq"] not in announced and record["n"] > self.first.n:
                found.append((LOST, f"the card has entry {record['seq']}, the journal has not"))
        if len(set(announced)) < len(announced):
            found.append((DOUBLED, f"entries {announced}"))
        words = journal_complaints([self.device], self.scene.card)
        return found + [(WRONG, one) for one in words]


class TicketStage(TapStage):
    """A tourist ticket at the firmware's own gate: its ACK is the commit."""

    def __init__(self) -> None:
        super().__init__(TicketFlow())

    def _card(self, image: Any) -> Any:
        return UltralightC(image, Prng(5).bytes, meter=Transcript())

    def _commits(self, command: bytes) -> bool:
        return command[0] == WRITE and command[1] == PAGE_COUNTER

    def _journal(self) -> list[Complaint]:
        try:
            self.terminal.boot()
        except JournalDamaged as error:
            return [(MOUNT, str(error))]
        entries = self.device.entries()
        self.committed += len(entries)
        ended = [(f["of"], f["outcome"]) for name, _, f in entries if name == "OUTCOME"]
        found: list[Complaint] = []
        if len(dict(ended)) < len(ended):
            found.append((DOUBLED, f"outcomes {ended}"))
        for name, header, _fields in entries:
            verdict = dict(ended).get(header["seq"])
            if name == "TICKET" and verdict not in (OUTCOME_COMMITTED, OUTCOME_ABORTED):
                found.append((WRONG, f"entry {header['seq']}: outcome {verdict}"))
        taken = sum(result == OUTCOME_COMMITTED for _of, result in ended)
        if taken != self.now - self.first:
            found.append((LOST, f"{self.now - self.first} uses, {taken} in the journal"))
        return found


class TicketFlow(CardFlow):
    """A ticket's use: the count on the card is the money."""

    name, title, ticket = "ticket", "a tourist ticket is used", True

    def start(self) -> Scene:
        return Scene(ticket(), [TicketTerminal(TicketGate(GATE_A))])

    def text(self, scene: Scene) -> str:
        return repr(scene.card.image)

    def look(self, scene: Scene) -> int:
        scene.card.power_on()
        scene.card.power_off()
        count: int = scene.card.image.counter
        return count

    def took(self, before: int, after: int) -> bool:
        return after > before

    def committed_at(self, terminal: Any, first: int, now: int) -> bool:
        return now > first

    def complaint(self, first: int, last: int, greens: int) -> str:
        # A use, and another one when the grace is over; a use that nobody let through is settled.
        return "" if greens and 1 <= last - first <= greens + 1 else f"{last - first} uses"


class TicketTerminal(Validator):
    """A ticket gate as the drill sees it."""

    def present(self, card: Any, *tears: Any) -> Shown:
        """Tap."""
        code = self.device.present(card, *tears)
        kind = GREEN if opens(code) else UNKNOWN if code == HOLD_AGAIN else NOTHING
        return Shown(kind, name_of(code), self.device.signals.opened() and not opens(code))
