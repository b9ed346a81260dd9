"""Shifts of drivers who sell tickets for cash: what really happened, and what the journals say.

A vehicle's real firmware sells, voids, signs on and off; the cash box beside it is the truth, and
the ledger has only sealed slots. In between go wrong, drawn from one seed: power cut at any flash
operation, slots lost for a while or for ever, batches doubled and forged, taps torn, and faults
planted in the device's program. Some drivers keep money back. Source: trust.md T18.
"""

from typing import NamedTuple

from backend_sync.keyring.local import LocalKeyring
from card_layouts.records import entries
from card_layouts.tickets.single import CERTIFICATE_DAYS
from firmware.journal import Journal as FirmwareJournal
from simulator.bench.ledger_traffic import Journal, Traffic
from simulator.flash import FlashCut, FlashPowerLost
from simulator.prng import Prng
from simulator.worlds.tap_world import Keys, lease
from simulator.worlds.vehicle_world import ADULT, CHILD, DAY_S, Vehicle

FIRST_SECOND, SHIFT_S = 190_000_000, 8 * 3600
STOLEN_MAX = 5000
BLOCKS = 40  # of the journal: all that one vehicle's shifts need
FIRST_DRIVER, DRIVERS, RELIEF = 100, 37, 99
CUT_AT_MOST = 6  # flash operations of what is cut; behind its last one nothing is lost
Run = tuple[int, int, int, bytes, list[bytes]]

# What went wrong in a shift's own device.
NO_FAULT, SALE_TWICE, TOTAL_OFF = "none", "sale journalled twice", "own total off"
POWER_CUT, RELIEVED = "power cut", "driver relieved"


class Played(NamedTuple):
    """One shift as it was."""

    device: int
    shift: int
    driver: int
    first_seq: int
    before: bytes  # H before its first slot
    slots: list[bytes]
    box_cents: int  # what lay in the box at its end: the truth
    counted_cents: int  # what the driver handed over
    fault: str  # of its program: the evidence is at odds with itself
    events: list[str]  # what else happened to it

    @property
    def difference(self) -> int:
        return self.counted_cents - self.box_cents


class OnBoard(Journal):
    """The city's taps at this vehicle: announced by `made`, kept by the vehicle's own journal."""

    def __init__(self, made: Journal, journal: FirmwareJournal) -> None:
        self.device, self.k_chain = made.device, made.k_chain
        self.journal = journal
        self.seq = journal.head_seq

    def seal(self, kind: int, payload: bytes) -> bytes:
        self.seq = self.journal.append(kind, payload)
        return _slots(self.journal, self.seq)[0]


class Till:
    """One vehicle's device and the box beside it."""

    def __init__(self, made: Journal, keyring: LocalKeyring, prng: Prng) -> None:
        self.made, self.prng = made, prng
        drivers = [RELIEF, *range(FIRST_DRIVER, FIRST_DRIVER + DRIVERS)]
        self.bus = Vehicle(
            made.device, driver=0, pins=[(one, pin_of(one)) for one in drivers], epoch=0,
            blocks=BLOCKS, keys=Keys(made.device, keyring.keys.root, 0),
            lease=lease(not_after=(1 << 30) - 1),
        )  # fmt: skip
        self.order = self.box_cents = self.shifts = 0
        self.events: list[str] = []

    def play(self, traffic: Traffic, driver: int, sales: int) -> Played:
        """Play one shift; taps on cards happen in between."""
        prng, bus = self.prng, self.bus
        bus.watch.seconds = FIRST_SECOND + self.shifts * SHIFT_S
        bus.from_day = bus.watch.seconds // DAY_S - CERTIFICATE_DAYS // 2
        self.shifts += 1
        first, before = bus.journal.head_seq + 1, bus.journal.H
        self.box_cents, self.events = 0, []
        fault = prng.choice((SALE_TWICE, TOTAL_OFF)) if prng.chance(1, 25) else NO_FAULT
        shift = int(self._say(f"signon {driver} {pin_of(driver)}").split()[2])
        sold: list[tuple[int, int]] = []
        for _ in range(sales):
            bus.watch.seconds += 60 * prng.between(1, 4)
            if prng.chance(1, 2):
                traffic.tap(OnBoard(self.made, bus.journal))
            if sold and prng.chance(1, 8):
                self._void(sold.pop())
            else:
                self._sell(sold)
        if fault == SALE_TWICE and not self._sell_twice(sold):
            fault = NO_FAULT
        counted = self._handed_over()
        if fault == TOTAL_OFF:
            bus.journal.counters.values["cash"] += 300
        self._end(driver, counted)
        slots = _slots(bus.journal, first)
        return Played(self.made.device, shift, driver, first, before, slots, self.box_cents,
                      counted, fault, self.events)  # fmt: skip

    def _sell(self, sold: list[tuple[int, int]]) -> None:
        """Sell a ticket: the paper is out, and the money lies in the box."""
        self.order += 1
        zones = self.prng.choice((0, 0x6000))
        party = f"{ADULT} {self.prng.between(1, 3)}"
        if self.prng.chance(1, 3):
            party += f" {CHILD} 1"
        torn = len(self.events)
        _word, _order, serial, cents = self._say(f"sell {self.order} 0 {zones} {party}").split()
        self.box_cents += int(cents)
        sold.append((int(serial), int(cents)))
        if len(self.events) > torn and self.prng.chance(1, 2):
            self._void(sold.pop())  # while the power was away the passenger has changed his mind

    def _void(self, ticket: tuple[int, int]) -> None:
        """Take a ticket back, if the device lets it: the passenger has his money again."""
        self.order += 1
        if self._say(f"void {self.order} {ticket[0]}").split()[0] == "voided":
            self.box_cents -= ticket[1]

    def _sell_twice(self, sold: list[tuple[int, int]]) -> bool:
        """A fault of the program: the last sale of the shift is journalled once more."""
        self._sell(sold)
        journal = self.bus.journal
        slot = bytearray(_slots(journal, journal.head_seq)[0])
        if slot[1] >> 2 != entries.CASH_SALE:
            return False  # it was cut, and power came back behind it
        journal.append(entries.CASH_SALE, journal._sealer.open_seal(slot))
        return True

    def _handed_over(self) -> int:
        """Return what the driver counts: the box, in one shift of six less, in one of 40 more."""
        if self.prng.chance(1, 6):
            return max(self.box_cents - self.prng.between(1, STOLEN_MAX), 0)
        return self.box_cents + (self.prng.between(1, 500) if self.prng.chance(1, 40) else 0)

    def _end(self, driver: int, counted: int) -> None:
        """Sign the driver off; one in twelve goes home without, and another one signs on."""
        if self.prng.chance(1, 12):
            self.events.append(RELIEVED)
            self._say(f"signon {RELIEF} {pin_of(RELIEF)}")
            self._say(f"signoff {pin_of(RELIEF)}")
        else:
            blind = f" {counted}" if self.prng.chance(1, 2) else ""
            self._say(f"signoff {pin_of(driver)}{blind}")

    def _say(self, message: str) -> str:
        """Tell the device something, in one case of ten with a power cut; return its answer.

        After a cut the driver says it again, and again until there is an answer.
        """
        bus = self.bus
        if self.prng.chance(1, 10):
            bus.flash.restart_count()
            operation, quarters = self.prng.below(CUT_AT_MOST), self.prng.below(5)
            bus.flash.cut_at(FlashCut(operation, quarters, self.prng.below(1000)))
            try:
                return bus.told(message)
            except FlashPowerLost:
                self.events.append(POWER_CUT)
                bus.flash.cut_at()
                bus.boot()
            finally:
                bus.flash.cut_at()
        return bus.told(message)


def pin_of(driver: int) -> str:
    """Return a driver's PIN."""
    return f"{driver * 7919 % 10_000:04d}"


def _slots(journal: FirmwareJournal, first: int) -> list[bytes]:
    """Return the sealed slots from `first` on, as a dock would take them."""
    found = []
    slot = bytearray(128)
    for seq in range(first, journal.head_seq + 1):
        assert journal.read_slot(seq, slot)
        found.append(bytes(slot))
    return found


class Delivery(NamedTuple):
    """How a shift's slots come to the ledger: runs at first, and runs when lines have healed."""

    first: list[Run]
    later: list[Run]
    lost: bool  # a slot of it never comes
    faults: list[str]


def deliver(played: Played, prng: Prng) -> Delivery:
    """Cut a shift's slots into runs; lose, double and forge some of them."""
    count = len(played.slots)
    faults: list[str] = []
    held_back: set[int] = set()
    lost = False
    if prng.chance(1, 4):
        low = prng.below(count)
        held_back = set(range(low, min(low + prng.between(1, 6), count)))
        lost = prng.chance(1, 40)
        faults.append("slots lost for ever" if lost else "slots late")
    first = _runs(played, [i for i in range(count) if i not in held_back])
    if prng.chance(1, 4):
        first += [prng.choice(first)] if first else []
        faults.append("batch doubled")
    if held_back and prng.chance(1, 3):
        at = min(held_back)
        forged = bytearray(played.slots[at])
        forged[20] ^= 1
        first.append((played.device, 0, played.first_seq + at, bytes(32), [bytes(forged)]))
        faults.append("slot forged")
    prng.shuffle(first)
    later = [] if lost else _runs(played, sorted(held_back))
    return Delivery(first, later, lost, faults)


def _runs(played: Played, places: list[int]) -> list[Run]:
    """Return the slots at `places` as runs without holes."""
    found: list[Run] = []
    for place in places:
        slot = played.slots[place]
        seq = played.first_seq + place
        if found and found[-1][2] + len(found[-1][4]) == seq:
            found[-1][4].append(slot)
        else:
            found.append((played.device, 0, seq, bytes(32), [slot]))
    return found


def make_town(keyring: LocalKeyring, tills: int) -> Traffic:
    """Return a town's cards and as many devices as tills, and one that only taps."""
    return Traffic(keyring, cards=20 * tills, devices=tills + 1)
