"""What the journal remembers besides its entries: open intents, lease use, clock floor, the shift.

One rule (`apply`) serves the running board and the replay after a cut, so both always
come to the same state. Kept in every block header: older entries cannot be read back,
their keys are gone.
Source: decisions.md D15; card-bits.md section 3 "Counters at boot"; trust.md T6, T15.
"""

from card_layouts.cards.card_layout import G
from card_layouts.codec.bits import get_bits
from card_layouts.codec.timestamps import CLOCK_SIGNED
from card_layouts.records.entries import CASH_SALE, ENDED_BY_OUTCOME, INTENT, REFUSAL, SHIFT
from card_layouts.records.entries import CONFIG as CONFIG_TYPE
from card_layouts.records.entries import OUTCOME as OUTCOME_TYPE
from card_layouts.records.entries import TICKET as TICKET_TYPE
from card_layouts.records.entries_device import (
    CONFIG,
    CONFIG_SWITCHED,
    SHIFT_END,
    SHIFT_RUN_RESET,
    SHIFT_START,
)
from card_layouts.records.entries_service import TICKET
from card_layouts.records.entries_tap import OUTCOME, OUTCOME_ABORTED

CARRIED = (
    "lease",
    "lease_taps",
    "lease_cents",
    "floor",
    "ticket",
    "shift",
    "driver",
    "first_ticket",
    "shift_taps",
    "shift_value",
    "cash",
    "run_seq",
    "shift_seq",
    "void_cents",
    "voids",
    "shift_passed",
    "shift_refused",
)
# Counted from a shift's start to its end; what they say stays until the next start.
OF_SHIFT = (
    "cash",
    "shift_taps",
    "shift_value",
    "void_cents",
    "voids",
    "shift_passed",
    "shift_refused",
)

LEASE_ROLE = 5  # manifest.LEASE; importing it here would load Ed25519 before every tap
LEASE_TAPS_MAX = 2**24 - 1
AMOUNT_MAX = 2**30 - 1
COUNT_MAX = 2**16 - 1
NO_MONEY = -1  # what a TICKET asked: it counts in the shift, and in no lease
# Places in CASH_SALE and SHIFT: their tables would stay on every board's heap. A test compares.
SALE_TICKET = (32, 24)
SALE_VOID_OF = (56, 24)
SALE_TOTAL = (369, 17)
SALE_PAID = (390, 3)
PAID_CASH = 1
EVENT = (32, 4)
EVENT_SHIFT = (38, 12)
EVENT_DRIVER = (50, 20)


class Counters:
    """Open intents and the header's carried values; `values` is keyed by CARRIED."""

    def __init__(self):
        self.open_intents = []
        self.new_block()
        self.values = {}
        for name in CARRIED:
            self.values[name] = 0

    def take(self, values, intents):
        """Start from a block header's values and its rows (uid, n, seq)."""
        self.values = values
        self.open_intents = intents
        self.new_block()

    def new_block(self):
        """Forget what intents asked: the next block's replay could not know it either."""
        self._asked = {}

    def opens(self, entry_type):
        """True if an entry of this type stays open until its OUTCOME."""
        return entry_type in ENDED_BY_OUTCOME

    def apply(self, entry_type, payload, seq):
        """Take one durable entry into account."""
        if entry_type == INTENT:
            self._charge(seq, G.get(payload, "amount"))
        elif entry_type == TICKET_TYPE:
            self._asked[seq] = NO_MONEY
            self._ride(seq, NO_MONEY, 1)
        if self.opens(entry_type):
            self.open_intents.append((bytes(payload[0:7]), announced_n(entry_type, payload), seq))
        elif entry_type == OUTCOME_TYPE:
            self._close(payload)
        elif entry_type == CONFIG_TYPE:
            self._configure(payload)
        elif entry_type == CASH_SALE:
            self._sell(payload)
        elif entry_type == SHIFT:
            self._shift(payload, seq)
        elif entry_type == REFUSAL and self.values["driver"]:
            self._count("shift_refused", 1)

    def _charge(self, seq, cents):
        """Count an intent when it is made: a lease may be used up early, never overdrawn."""
        self._asked[seq] = cents
        self._add(1, cents)
        self._ride(seq, cents, 1)

    def _add(self, taps, cents):
        values = self.values
        values["lease_taps"] = min(values["lease_taps"] + taps, LEASE_TAPS_MAX)
        values["lease_cents"] = min(values["lease_cents"] + cents, AMOUNT_MAX)

    def _close(self, payload):
        of = OUTCOME.get(payload, "of")
        self.open_intents = [row for row in self.open_intents if row[2] != of]
        # An aborted intent of an earlier block stays counted: its amount is sealed away.
        cents = self._asked.pop(of, None)
        if cents is not None and OUTCOME.get(payload, "outcome") == OUTCOME_ABORTED:
            self._ride(of, cents, -1)
            if cents != NO_MONEY:
                self._add(-1, -cents)
        if OUTCOME.get(payload, "clock") == CLOCK_SIGNED:
            self.raise_floor(OUTCOME.get(payload, "time"))

    def _configure(self, payload):
        if CONFIG.get(payload, "result") != CONFIG_SWITCHED:
            return
        if CONFIG.get(payload, "role") == LEASE_ROLE:
            self.values["lease"] = CONFIG.get(payload, "new")
            self.values["lease_taps"] = self.values["lease_cents"] = 0
            self._asked = {}

    # The shift ------------------------------------------------------------------------

    def _count(self, name, more, limit=COUNT_MAX):
        self.values[name] = min(max(self.values[name] + more, 0), limit)

    def _ride(self, seq, cents, times):
        """Count (1) or uncount (-1) what a card paid in this shift."""
        if not self.values["driver"] or seq < self.values["shift_seq"]:
            return
        if cents > 0:
            self._count("shift_taps", times)
            self._count("shift_value", times * cents, AMOUNT_MAX)
        else:
            self._count("shift_passed", times)

    def _sell(self, payload):
        """Count a sale: the next ticket has the next number, the driver owes what he took.

        A void has a number too; what he gave back he does not owe.
        """
        values = self.values
        values["ticket"] = max(values["ticket"], get_bits(payload, *SALE_TICKET) + 1)
        total = get_bits(payload, *SALE_TOTAL)
        sign = 1
        if get_bits(payload, *SALE_VOID_OF):
            sign = -1
            self._count("voids", 1)
            self._count("void_cents", total, AMOUNT_MAX)
        if get_bits(payload, *SALE_PAID) == PAID_CASH:
            self._count("cash", sign * total, AMOUNT_MAX)

    def _shift(self, payload, seq):
        """Begin to count with a start, stop with an end; a run reset begins a run."""
        values = self.values
        event = get_bits(payload, *EVENT)
        if event == SHIFT_START:
            for name in OF_SHIFT:
                values[name] = 0
            values["shift"] = get_bits(payload, *EVENT_SHIFT)
            values["driver"] = get_bits(payload, *EVENT_DRIVER)
            values["shift_seq"] = seq
            values["first_ticket"] = self.next_ticket()
        elif event == SHIFT_END:
            values["driver"] = 0
        elif event == SHIFT_RUN_RESET:
            values["run_seq"] = seq

    def next_ticket(self):
        """Return the number of the next ticket sold, from 1."""
        return max(self.values["ticket"], 1)

    def raise_floor(self, seconds):
        """Raise the clock floor; it never falls."""
        if seconds > self.values["floor"]:
            self.values["floor"] = seconds

    def header_values(self):
        """Return the block header's fields this object carries, by name."""
        values = dict(self.values)
        row = 0
        for uid, n, seq in self.open_intents:
            values[f"intent_uid{row}"] = uid
            values[f"intent_n{row}"] = n
            values[f"intent_seq{row}"] = seq
            row += 1
        return values


def announced_n(entry_type, payload):
    """Return the count that the commit announced by this entry brings the card to."""
    if entry_type == TICKET_TYPE:
        return TICKET.get(payload, "counter") + 1
    # INTENT, ACTION, BLOCK and ACCESS hold uid 7 | G[7:36] | h: n lies as in G.
    return G.get(payload, "n")
