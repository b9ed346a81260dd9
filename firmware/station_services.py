"""What can be done to a card under its K2: one class a service, and `carry_out`, which does it.

Every service is one action of the card: it moves A by one and is committed once, at a counter
(station.py) or by the validator that the card is tapped at next (tap_actions.py).
`right` is the lease's; `fill` gets the fields of the card's next record and returns those of ACTION
that are its own; nothing is staged before `stage`. Source: card.md T1; SPEC.md ACTION; D9.
"""

from collections import namedtuple

from card_layouts.cards.card_layout import (
    FILE_T,
    FILE_V,
    KILLED_B,
    KIND_ADJUST,
    KIND_LOAD,
    KIND_PRODUCT,
    KIND_REFUND,
    KIND_UNBLOCK,
    M_EMPTY,
    P_SLOT,
    T_BYTES,
    S,
    T,
)
from card_layouts.cards.directory import enter_right, free_place
from card_layouts.cards.transit_app import block_steps, stage_load
from card_layouts.cards.transit_record import add_action, add_debit, add_load
from card_layouts.cards.transit_service import (
    stage_action,
    stage_product,
    stage_refund,
    stage_unblock,
)
from card_layouts.errors import LayoutError
from card_layouts.packages.lease import RIGHT_LOAD, RIGHT_SELL, RIGHT_UNBLOCK
from card_layouts.records.entries import ACTION as ACTION_TYPE
from card_layouts.records.entries_service import (
    ACT_ADJUST,
    ACT_LOAD,
    ACT_NOTHING,
    ACT_PRODUCT,
    ACT_REFUND,
    ACT_UNBLOCK,
    ACTION,
)
from card_layouts.records.entries_tap import (
    GATE_NONE,
    PHASE_STAGE,
    REASON_BLOCKED,
    REASON_CARD_ERROR,
    REASON_COUNTER_END,
    REASON_LIMIT,
    REASON_NO_PLACE,
)
from firmware.card_writer import DECIDE, STAGE
from firmware.tap_entries import announce

AMOUNT_MAX = (1 << 16) - 1  # cents of one record, G.amount
BOUNDARY = 0xBE
COMMAND_CREDIT = 0x0C

# What was paid for: `action` 30 bits, the id of the sale's action at the ledger; `k` the card's
# action number, from 1; `version` of that k; `cents` of a load; `channel` a CHANNEL_... number.
Order = namedtuple("Order", ("action", "k", "version", "cents", "channel"))

DAY_S = 86400


def carry_out(writer, seen, order, service, source):
    """Commit `order` on the card seen and return COMMITTED, NOT_SENT or UNKNOWN.

    Shape: a conversation in a session of K2 in which nothing is pending, A being order.k - 1;
    `writer` a CardWriter; `source` the fields of ACTION that say where the order came from.
    """
    yield from service.read(writer.session)
    seq = writer.next_seq()
    values = writer.follow(seen, seq, service.kind, seen.b)
    own = service.fill(values, seen, order)
    own.update(source)
    service.record = writer.chain(seen, values)
    payload = _entry(writer, seen.uid, order, service, own)
    writer.mark(DECIDE)
    seen.phase = PHASE_STAGE
    yield from service.stage(writer.session, service.record)
    writer.mark(STAGE)
    return (yield from writer.commit(seen, ACTION_TYPE, payload, seq, GATE_NONE))


def _entry(writer, uid, order, service, own):
    values = announce(uid, service.record)
    values.update(own)
    values["k"] = order.k
    values["version"] = order.version
    values["kind"] = service.act
    values["action"] = order.action
    values["channel"] = order.channel
    values["operator"] = writer.profile.get("operator", 0)
    values["shift"] = writer.profile.get("shift", 0)
    values["mode"] = writer.mode
    return ACTION.pack(values)


def reason_of(error):
    """Return why a service ended with a CardStatusError: a credit beyond the card's maximum?"""
    if error.command == COMMAND_CREDIT and error.status == BOUNDARY:
        return REASON_LIMIT
    return REASON_CARD_ERROR


class Load:
    """Money that was paid becomes money on the card."""

    act, kind, right = ACT_LOAD, KIND_LOAD, RIGHT_LOAD
    cents = 0
    head = None  # the 44 bytes of S that were written, if they were
    record = b""  # the card's next record

    def refusal(self, seen):
        """Return why this card may not have it, or 0."""
        return REASON_BLOCKED if seen.b > seen.head["u"] else 0

    def survey(self, session, seen):
        """Return the conversation that reads what else is needed under K1: nothing."""
        return ()

    def read(self, session):
        """Return the conversation that reads what else is needed under K2: nothing."""
        return ()

    def fill(self, values, seen, order):
        """Count the order into the record's `values`; return ACTION's own fields."""
        add_load(values, order.cents)
        self.cents = order.cents
        return {}

    def stage(self, session, record):
        """Stage everything but the commit; a conversation."""
        yield from stage_load(session, self.cents, record)


class Adjust(Load):
    """Money that somebody gives: a goodwill."""

    act, kind = ACT_ADJUST, KIND_ADJUST


class Nothing(Load):
    """An action that was withdrawn: the card counts it, and nothing else."""

    act, kind = ACT_NOTHING, KIND_ADJUST

    def refusal(self, seen):
        """Nothing is given to nobody."""
        return 0

    def fill(self, values, seen, order):
        """Count the action."""
        add_action(values)
        return {}

    def stage(self, session, record):
        """Stage the counters and the record."""
        yield from stage_action(session, 1, record)


class Product(Load):
    """A right that was paid for: 24 bytes of P, copied to J's place `copy`.

    It is for `slot`, unless a right that may still run is there: then for a free one (W-56).
    """

    act, kind, right = ACT_PRODUCT, KIND_PRODUCT, RIGHT_SELL

    def __init__(self, slot, bought, copy=0):
        self.slot = slot
        self.bought = bought
        self.copy = copy
        self.used = None  # the fields of T, if they were read

    def survey(self, session, seen):
        """Read file T, if only that can tell whether the slot is free: K2 may not (card.md)."""
        if free_place(seen.head, self.slot, seen.time // DAY_S) != self.slot:
            self.used = T.unpack((yield from session.read_data(FILE_T, 0, T_BYTES)))

    def refusal(self, seen):
        """No right is written over another that may still run; an empty one takes it away."""
        if P_SLOT.get(self.bought, "mechanism") != M_EMPTY:
            place = free_place(seen.head, self.slot, seen.time // DAY_S, self.used)
            if place < 0:
                return super().refusal(seen) or REASON_NO_PLACE
            if place != self.slot:
                bought = bytearray(self.bought)
                P_SLOT.put(bought, "slot", place)
                self.slot, self.bought, self.copy = place, bytes(bought), place & 1
        return super().refusal(seen)

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
