"""Shifts of drivers who sell tickets for cash: what really happened, and what the journals say.

The cash box is the truth; the ledger has only sealed slots. In between go wrong, drawn from one
seed: slots lost for a while or for ever, batches doubled and forged, sales and taps torn, and
faults of the device's own program. Some drivers keep money back. Source: trust.md T18.
"""

from typing import NamedTuple

from backend_sync.keyring.local import LocalKeyring
from card_layouts.records import entries
from card_layouts.records.entries_device import (
    COUNTED_NONE,
    SHIFT,
    SHIFT_BLIND_COUNT,
    SHIFT_END,
    SHIFT_START,
)
from card_layouts.records.entries_service import CASH_SALE, PAID_CARD, PAID_CASH, ROUNDING_ZERO
from simulator.ledger_traffic import AUTHORITY, OPERATOR, Journal, Traffic
from simulator.prng import Prng

FIRST_SECOND, SHIFT_S = 190_000_000, 8 * 3600
PRICES = (180, 240, 300, 360, 410)
STOLEN_MAX = 5000
Run = tuple[int, int, int, bytes, list[bytes]]

# What the device's own program got wrong in a shift.
NO_FAULT, SALE_TWICE, TOTAL_OFF = "none", "sale journalled twice", "own total off"


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
    fault: str

    @property
    def difference(self) -> int:
        return self.counted_cents - self.box_cents


class Till:
    """One vehicle's device and the box beside it."""

    def __init__(self, journal: Journal, prng: Prng) -> None:
        self.journal, self.prng = journal, prng
        self.shift, self.ticket, self.order = 0, 1, 0
        self.totals: dict[str, int] = {}
        self.box_cents = 0

    def play(self, traffic: Traffic, driver: int, sales: int) -> Played:
        """Play one shift; taps on cards happen in between."""
        prng, journal = self.prng, self.journal
        self.shift += 1
        first, before = journal.seq + 1, journal.chain
        self.box_cents, first_ticket = 0, self.ticket
        self.totals = {"tickets": 0, "voids": 0, "void_cents": 0, "cash": 0}
        fault = prng.choice((SALE_TWICE, TOTAL_OFF)) if prng.chance(1, 25) else NO_FAULT
        slots = [self._event(SHIFT_START, driver, first_seq=first, first_ticket=first_ticket)]
        sold: list[dict[str, int]] = []
        for number in range(sales):
            slots += traffic.tap(journal) if prng.chance(1, 2) else []
            if prng.chance(1, 20):
                continue  # torn before the entry was durable: no paper, so no money
            if sold and prng.chance(1, 8):
                slots.append(self._void(sold.pop(), driver))
                continue
            sold.append(self._sale(driver))
            slots.append(journal.seal(entries.CASH_SALE, CASH_SALE.pack(sold[-1])))
            if fault == SALE_TWICE and number == sales - 1:
                slots.append(journal.seal(entries.CASH_SALE, CASH_SALE.pack(sold[-1])))
                self.totals["cash"] += self._cash_of(sold[-1])
                self.totals["tickets"] += 1
        counted = self._handed_over()
        if prng.chance(1, 2):
            slots.append(self._event(SHIFT_BLIND_COUNT, driver, counted=counted))
        if fault == TOTAL_OFF:
            self.totals["cash"] += prng.choice((-1, 1)) * prng.choice(PRICES)
            self.totals["cash"] = max(self.totals["cash"], 0)
        slots.append(self._event(SHIFT_END, driver, first_seq=first, first_ticket=first_ticket,
                                 next_ticket=self.ticket, **self.totals))  # fmt: skip
        return Played(journal.device, self.shift, driver, first, before, slots, self.box_cents,
                      counted, fault)  # fmt: skip

    def _handed_over(self) -> int:
        """Return what the driver counts: the box, in one shift of six less, in one of 40 more."""
        if self.prng.chance(1, 6):
            return max(self.box_cents - self.prng.between(1, STOLEN_MAX), 0)
        return self.box_cents + (self.prng.between(1, 500) if self.prng.chance(1, 40) else 0)

    def _event(self, event: int, driver: int, **fields: int) -> bytes:
        values = {"time": self._now(), "clock": 0, "event": event, "shift": self.shift,
                  "driver": driver, "operator": OPERATOR, "authority": AUTHORITY,
                  "counted": COUNTED_NONE}  # fmt: skip
        return self.journal.seal(entries.SHIFT, SHIFT.pack({**values, **fields}))

    def _sale(self, driver: int) -> dict[str, int]:
        """Sell a ticket: the paper is out, and the money lies in the box."""
        prng = self.prng
        rounding = prng.between(-2, 2) if prng.chance(1, 3) else 0
        sale = {"time": self._now(), "ticket": self.ticket, "authority": AUTHORITY,
                "operator": OPERATOR, "shift": self.shift, "clerk": driver,
                "total": prng.choice(PRICES) * prng.between(1, 3), "order": self.order + 1,
                "rounding": ROUNDING_ZERO + rounding,
                "paid": PAID_CARD if prng.chance(1, 5) else PAID_CASH}  # fmt: skip
        self.ticket, self.order = self.ticket + 1, self.order + 1
        self.totals["tickets"] += 1
        self.totals["cash"] += self._cash_of(sale)
        self.box_cents += self._cash_of(sale)
        return sale

    def _void(self, sale: dict[str, int], driver: int) -> bytes:
        """Take a ticket back: the passenger has his money again."""
        void = {**sale, "ticket": self.ticket, "void_of": sale["ticket"], "time": self._now()}
        void.update(order=self.order + 1, clerk=driver)
        self.ticket, self.order = self.ticket + 1, self.order + 1
        self.totals["voids"] += 1
        self.totals["void_cents"] += sale["total"]
        self.totals["cash"] -= self._cash_of(sale)
        self.box_cents -= self._cash_of(sale)
        return self.journal.seal(entries.CASH_SALE, CASH_SALE.pack(void))

    def _cash_of(self, sale: dict[str, int]) -> int:
        return sale["total"] if sale["paid"] == PAID_CASH else 0

    def _now(self) -> int:
        return FIRST_SECOND + self.shift * SHIFT_S + self.journal.seq % SHIFT_S


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


def make_tills(keyring: LocalKeyring, prng: Prng, count: int) -> tuple[Traffic, list[Till]]:
    """Return a town's cards, and the devices in its vehicles; the last device only taps."""
    traffic = Traffic(keyring, cards=20 * count, devices=count + 1)
    return traffic, [Till(journal, prng.fork(f"till {journal.device}"))
                     for journal in traffic.devices[:-1]]  # fmt: skip
