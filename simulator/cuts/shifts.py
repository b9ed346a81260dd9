"""A driver's shift on a vehicle's device: sign-on, sale, void, sign-off, and another driver.

The driver says his messages one after the other; after a cut he says the one again that had no
answer, and goes on. In the end the journal must say what it says of the same shift uncut, entry by
entry, and its counters what its entries do. Source: trust.md T18, X-8, X-15.
"""

from collections.abc import Hashable, Sequence
from functools import cache
from typing import Any, NamedTuple

from card_layouts.tickets.single import Code
from firmware.journal_block import JournalDamaged
from firmware.journal_errors import JournalFull
from simulator.cuts.stage import DOUBLED, LOST, MOUNT, WRONG, Complaint, Flow, Stage
from simulator.flash import Flash
from simulator.worlds.vehicle_world import OTHER_DRIVER, OTHER_PIN, PIN, SIGN_ON, Vehicle

SELL, SELL_TWO = "sell 1 0 0 0 1", "sell 2 0 24576 0 2"
VOID, VOID_TWO = "void 3 1", "void 4 2"
SIGN_OFF = f"signoff {PIN} 676"
RELIEF = f"signon {OTHER_DRIVER} {OTHER_PIN}"
SALE_FIELDS = ("ticket", "void_of", "order", "total", "clerk", "shift", "full", "rule")
SHIFT_FIELDS = (
    *("event", "shift", "driver", "first_seq", "first_ticket", "next_ticket", "tickets"),
    *("voids", "void_cents", "cash", "counted", "ended_by"),
)
SAID = {"CASH_SALE": SALE_FIELDS, "SHIFT": SHIFT_FIELDS}
Entry = tuple[Any, ...]


class Kept(NamedTuple):
    """What outlasts a cut: flash, paper, and how many messages had their answer."""

    flash: Flash
    printed: list[Any]
    answered: int


class ShiftStage(Stage):
    """`before` was said before the cut, `messages` are; `used` slots of the block are full."""

    def __init__(self, before: Sequence[str], messages: Sequence[str], used: int = 0) -> None:
        super().__init__()
        self.messages, self.before, self.used = messages, before, used
        self.bus = Vehicle(driver=0)
        self.back(_lived(tuple(before), used))
        self.bus.boot()
        self.flash.restart_count()

    def act(self) -> None:
        while self.answered < len(self.messages):
            try:
                self.bus.say(self.messages[self.answered])
            except JournalFull:  # its blocks take nothing any more: it claims nothing either
                self.refused += 1
                return
            self.answered += 1

    def recover(self) -> None:
        try:
            self.bus.boot()
        except JournalDamaged as error:
            self.told.append((MOUNT, str(error)))
            raise
        self.act()

    def judge(self) -> list[Complaint]:
        self.flash.cut_at()
        self.flash.fault_at()
        self.bus.boot()
        self.act()
        for message in self.messages:  # said once more it changes nothing
            self.bus.say(message)
        found = entries_of(self.bus)
        self.committed += len(found)
        wanted = _uncut(tuple(self.before), tuple(self.messages), self.used)
        complaints = list(self.told)
        if len(found) != len(set(found)) or len(found) > len(wanted):
            complaints.append((DOUBLED, f"{len(found)} entries, {len(wanted)} wanted"))
        elif found != wanted:
            complaints.append((LOST, f"{found} instead of {wanted}"))
        return complaints + self._paper() + self._counted(found)

    def _paper(self) -> list[Complaint]:
        """Every ticket on paper is in the journal, and is the same however often it came out."""
        codes: dict[int, str] = {}
        for _lines, code in self.bus.paper.printed:
            serial = Code(code).ticket["serial"]
            if codes.setdefault(serial, code) != code:
                return [(DOUBLED, f"two tickets have number {serial}")]
            if serial >= self.bus.journal.counters.next_ticket():
                return [(LOST, f"ticket {serial} is on paper and in no entry")]
        return []

    def _counted(self, found: list[Entry]) -> list[Complaint]:
        """The counters must say of the newest shift what its entries say."""
        values = self.bus.journal.counters.values
        sales = [row for row in found if row[0] == "CASH_SALE" and row[6] == values["shift"]]
        cash = sum(-row[4] if row[2] else row[4] for row in sales)
        voids = sum(row[2] > 0 for row in sales)
        said = (values["cash"], values["voids"])
        return [] if said == (cash, voids) else [(WRONG, f"counters {said}, {(cash, voids)} due")]

    def keep(self) -> Kept:
        return Kept(self.flash.clone(), list(self.bus.paper.printed), self.answered)

    def situation(self) -> Hashable:
        """The flash, and what the driver and the passengers have."""
        return super().situation(), self.answered, len(self.bus.paper.printed)

    def back(self, kept: Kept) -> None:
        self.flash = self.bus.flash = kept.flash.clone()
        self.bus.paper.printed = list(kept.printed)
        self.answered = kept.answered


def entries_of(bus: Vehicle) -> list[Entry]:
    """Return the sales and the shifts' events of a journal, as what counts of them."""
    rows = []
    for name, _header, fields in bus.entries():
        if name in SAID:
            rows.append((name, *(fields[one] for one in SAID[name])))
    return rows


@cache
def _lived(before: tuple[str, ...], used: int) -> Kept:
    bus = Vehicle(driver=0)
    for message in before:
        bus.say(message)
    while bus.journal._index < used:
        bus.journal.append(13, bytes(96))
    return Kept(bus.flash, bus.paper.printed, 0)


@cache
def _uncut(before: tuple[str, ...], messages: tuple[str, ...], used: int) -> list[Entry]:
    stage = ShiftStage(before, messages, used)
    stage.act()
    return entries_of(stage.bus)


def _flow(name: str, title: str, before: Sequence[str], messages: Sequence[str]) -> Flow:
    return Flow(name, title, lambda: ShiftStage(before, messages))


SHIFT_FLOWS = (
    _flow("sign-on", "a driver signs on", (), (SIGN_ON,)),
    _flow("sale", "a ticket is sold and printed", (SIGN_ON,), (SELL,)),
    _flow("void", "a ticket is voided", (SIGN_ON, SELL, SELL_TWO), (VOID,)),
    _flow("sign-off", "a driver signs off", (SIGN_ON, SELL, SELL_TWO, VOID), (SIGN_OFF,)),
    _flow("relief", "another driver signs on", (SIGN_ON, SELL), (RELIEF,)),
    Flow(
        "shift-28",
        "a void and a sign-off over a block change",
        lambda: ShiftStage((SIGN_ON, SELL, SELL_TWO), (VOID, VOID_TWO, SIGN_OFF), 28),
    ),
)
