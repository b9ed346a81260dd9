"""What a station can do to a card, one class a service: what it reads, counts, writes and stages.

Every service is one action of the card: it moves A by one and is committed once (station.py).
`right` is the lease's; `fill` gets the fields of the card's next record and returns those of ACTION
that are its own; nothing is staged before `stage`. Source: card.md T1; SPEC.md ACTION; D9.
"""

from card_layouts.cards.card_layout import (
    FILE_V,
    KILLED_B,
    KIND_LOAD,
    KIND_PRODUCT,
    KIND_REFUND,
    KIND_UNBLOCK,
    S,
)
from card_layouts.cards.directory import enter_right
from card_layouts.cards.transit_app import block_steps, stage_load
from card_layouts.cards.transit_record import add_action, add_debit, add_load
from card_layouts.cards.transit_service import stage_product, stage_refund, stage_unblock
from card_layouts.errors import LayoutError
from card_layouts.packages.lease import RIGHT_LOAD, RIGHT_SELL, RIGHT_UNBLOCK
from card_layouts.records.entries_service import ACT_LOAD, ACT_PRODUCT, ACT_REFUND, ACT_UNBLOCK
from card_layouts.records.entries_tap import REASON_BLOCKED, REASON_COUNTER_END

AMOUNT_MAX = (1 << 16) - 1  # cents of one record, G.amount


class Load:
    """Money that was paid becomes money on the card."""

    act, kind, right = ACT_LOAD, KIND_LOAD, RIGHT_LOAD

    def refusal(self, seen):
        """Return why this card may not have it, or 0."""
        return REASON_BLOCKED if seen.b > seen.head["u"] else 0

    def read(self, session):
        """Read what else is needed under K2; a conversation."""
        return
        yield

    def fill(self, values, seen, order):
        """Count the order into the record's `values`; return ACTION's own fields."""
        add_load(values, order.cents)
        self.cents = order.cents
        return {}

    def stage(self, session, record):
        """Stage everything but the commit; a conversation."""
        yield from stage_load(session, self.cents, record)


class Product(Load):
    """A right that was paid for: `right` 24 bytes of P slot `slot`, copied to J's place `copy`."""

    act, kind, right = ACT_PRODUCT, KIND_PRODUCT, RIGHT_SELL

    def __init__(self, slot, bought, copy=0):
        self.slot = slot
        self.bought = bought
        self.copy = copy

    def fill(self, values, seen, order):
        """Put the right into the head's directory; what an earlier sale used is no longer its."""
        add_action(values)
        head = dict(seen.head)
        self.usage = enter_right(head, self.slot, self.bought)
        self.head = S.pack(head)
        return {"slot": self.slot, "slot_bytes": self.bought, "use_reset": 1 << self.slot}

    def stage(self, session, record):
        """Stage S, P, T, J, the counters and the record."""
        yield from stage_product(
            session, self.head, self.slot, self.bought, self.usage, self.copy, record
        )


class Refund(Load):
    """The whole purse is paid out and the card blocked; the clerk pays `cents` once it is done."""

    act, kind, right = ACT_REFUND, KIND_REFUND, RIGHT_SELL
    cents = 0

    def refusal(self, seen):
        """A card that cannot be blocked once more cannot be paid out either."""
        return super().refusal(seen) or (REASON_COUNTER_END if seen.b + 1 >= KILLED_B else 0)

    def read(self, session):
        """Ask the purse itself: the record's sums are only what was written down about it."""
        self.cents = yield from session.get_value(FILE_V)
        if not 0 <= self.cents <= AMOUNT_MAX:
            raise LayoutError("card.V: %d, a record holds 0..%d" % (self.cents, AMOUNT_MAX))

    def fill(self, values, seen, order):
        """Count the money out, and the card a generation up."""
        add_debit(values, self.cents)
        add_action(values)
        values["b"] = seen.b + 1
        self.steps = block_steps(seen.b, seen.b + 1)
        return {}

    def stage(self, session, record):
        """Stage V, the counters and the record."""
        yield from stage_refund(session, self.cents, self.steps, record)


class Unblock(Load):
    """Every block written so far is forgiven; older lists find nothing to do (D4)."""

    act, kind, right = ACT_UNBLOCK, KIND_UNBLOCK, RIGHT_UNBLOCK

    def refusal(self, seen):
        """Blocked cards are what it is for."""
        return 0

    def fill(self, values, seen, order):
        """Raise u to the card's block generation."""
        add_action(values)
        head = dict(seen.head)
        head["u"] = seen.b
        self.head = S.pack(head)
        return {"u": seen.b}

    def stage(self, session, record):
        """Stage S, its copy, the counters and the record."""
        yield from stage_unblock(session, self.head, record)
