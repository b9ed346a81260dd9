"""What a tap should cost, or why not: fills the lists of the fare engine and reads its decision.

Refusals are REASON numbers of entries_tap (also answers). Nothing is written here; file T and one
row of file P are read when, and only when, the decision needs them (D6, D33).
Source: trust.md 4.2 DECIDE; decisions.md D2, D31; requirements X-5, W-36.
"""

from card_layouts.answers import MODE_TARIFF_EXPIRED
from card_layouts.cards.card_layout import (
    FILE_P,
    FILE_T,
    KIND_ACTIVATION,
    KIND_DEBIT,
    KIND_PASS,
    P_SLOT,
    P_SLOT_BYTES,
    T_BYTES,
    T,
    p_slot_at,
)
from card_layouts.cards.counter import N_MAX
from card_layouts.cards.transit_record import START_MINUTE_MASK, balance
from card_layouts.cards.zones import zone_bit
from card_layouts.codec.timestamps import CLOCK_UNSET, day_of, month_of
from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares import sections as s
from card_layouts.fares.card_lists import (
    has_usage,
    load_head,
    load_journey,
    load_usage,
    usage_after,
)
from card_layouts.fares.clock import read_clock
from card_layouts.fares.engine import activate, rate
from card_layouts.fares.inputs import (
    C_BALANCE,
    D_ACTIVATES,
    D_AMOUNT,
    D_BOOK_AUTHORITY,
    D_CHARGED,
    D_COMPANIONS,
    D_KIND,
    D_NIGHT,
    D_PAID_BY,
    D_REASON,
    D_START_MINUTE,
    D_START_ZONE,
    D_T_WRITE,
    D_TRANSFERS,
    D_ZONE,
    D_ZONES,
    FLAG_GATE,
    FLAG_LATE_TARIFF,
    FLAG_SAME_DEVICE,
    FLAG_TRIP_RESET,
    KIND_REFUSED,
    KIND_TRANSFER,
    REFUSED_BOOK,
    REFUSED_FUNDS,
    T_ADULTS,
    T_BOOK,
    T_CALL,
    T_CHILDREN,
    T_CLOCK,
    T_FLAGS,
    T_PICKED,
    T_SECONDS,
    T_STOP,
    T_TRIP,
    T_YOUTHS,
    new_card,
    new_decision,
    new_tap,
)
from card_layouts.fares.package import BROKEN
from card_layouts.fares.place import choose_book, find_trip
from card_layouts.records.entries_tap import (
    REASON_AUTHORITY,
    REASON_CARD_EXPIRED,
    REASON_CLOCK_UNSET,
    REASON_COUNTER_END,
    REASON_FUNDS,
    REASON_NO_PRICE,
    REASON_NO_PRODUCT,
    REASON_PASS_BACK,
    REASON_TARIFF,
    TERMINAL_GATE,
    TERMINAL_LIFT,
)

GATES = (TERMINAL_GATE, TERMINAL_LIFT)
# By the engine's REFUSED_* numbers 0..12.
REASONS = (
    0,
    REASON_NO_PRICE,
    REASON_TARIFF,
    REASON_CLOCK_UNSET,
    REASON_NO_PRICE,
    REASON_TARIFF,
    REASON_AUTHORITY,
    REASON_NO_PRODUCT,
    REASON_NO_PRICE,
    REASON_FUNDS,
    REASON_PASS_BACK,
    REASON_NO_PRODUCT,
    REASON_NO_PRICE,
)


def refuse_card(head, n, profile, now, clock):
    """Return why a card with the S fields `head` may not travel here at all, or 0."""
    if head["authority"] not in profile.get("issuers", (profile["authority"],)):
        return REASON_AUTHORITY
    if n >= N_MAX - 1:
        return REASON_COUNTER_END
    if clock == CLOCK_UNSET:
        return REASON_CLOCK_UNSET
    if month_of(day_of(now)) > head["expires"]:
        return REASON_CARD_EXPIRED
    return 0


def where(tap, profile):
    """Fill the place of a TAP from the profile: trip and call, or stop, or a gate's own zone."""
    tap[T_TRIP] = profile.get("trip", -1)
    tap[T_CALL] = profile.get("call", -1)
    tap[T_STOP] = profile.get("stop", -1)
    zone = profile.get("zone", 0)
    tap[T_PICKED] = profile.get("picked", 0) or (zone_bit(zone) if zone else 0)
    tap[T_BOOK] = profile.get("book", 0)


class Pricing:
    """The lists of one validator's decisions, made once and filled for every tap."""

    def __init__(self):
        self.card = new_card()
        self.tap = new_tap()
        self.decision = new_decision()
        self.usage = None  # T of this card, 44 bytes, once it was read

    def begin(self, seen, profile, same_device):
        """Fill CARD and TAP from what was read of the card and what is known of the place."""
        self.usage = None
        card, tap = self.card, self.tap
        load_head(card, seen.head)
        load_journey(card, seen.newest)
        card[C_BALANCE] = balance(seen.newest)
        tap[T_SECONDS] = seen.time
        tap[T_CLOCK] = seen.clock
        where(tap, profile)
        tap[T_ADULTS] = profile.get("adults", -1)
        tap[T_YOUTHS] = profile.get("youths", 0)
        tap[T_CHILDREN] = profile.get("children", 0)
        tap[T_FLAGS] = (
            FLAG_LATE_TARIFF
            | (FLAG_GATE if profile.get("terminal") in GATES else 0)
            | (FLAG_SAME_DEVICE if same_device else 0)
        )

    def price(self, tariff):
        """Rate the tap; return the REASON number, 0 when it may ride.

        A broken package has no price for anybody; what it raises is named on the dock's log.
        """
        try:
            rate(tariff, self.card, self.tap, self.decision)
        except (RangeError, LayoutError):
            self.decision[D_KIND] = KIND_REFUSED
            return REASON_NO_PRICE
        return REASONS[self.decision[D_REASON]]

    def decide(self, session, seen, tariff):
        """Price the tap, reading T and P where the decision rests on them. Return the REASON.

        Shape: a conversation: one exchange for T, one for P at an activation.
        """
        if has_usage(self.card):
            yield from self._read_usage(session, seen)
        reason = self.price(tariff)
        if self.usage is None and _purse_counts(tariff):
            yield from self._read_usage(session, seen)
            reason = self.price(tariff)
        slot = self.decision[D_ACTIVATES]
        if slot and not reason:
            row = yield from session.read_data(FILE_P, p_slot_at(slot - 1), P_SLOT_BYTES)
            sold = P_SLOT.unpack(row)
            activate(self.decision, sold["length"], sold["travel_days"], sold["price"])
        return reason

    def covers(self, seen, tariff, profile):
        """Return whether the newest record already pays for a tap here and now."""
        self.begin(seen, profile, False)
        self.tap[T_FLAGS] |= FLAG_TRIP_RESET
        # A right covers nothing by itself: its first use or travel day must be written first.
        d = self.decision
        return self.price(tariff) == 0 and d[D_KIND] == KIND_TRANSFER and d[D_AMOUNT] == 0

    def asks(self):
        """Return whether there is an amount to be told: a price, or one that cannot be paid."""
        d = self.decision
        return d[D_KIND] != KIND_REFUSED or d[D_REASON] == REFUSED_FUNDS

    def kind(self):
        """Return the kind of the G record this tap writes."""
        if self.decision[D_AMOUNT]:
            return KIND_DEBIT
        return KIND_ACTIVATION if self.decision[D_ACTIVATES] else KIND_PASS

    def usage_to_write(self, head):
        """Return the 44 bytes of T to be staged, or None when T stays as it is."""
        if not self.decision[D_T_WRITE]:
            return None
        return usage_after(self.decision, head, self.usage)

    def _read_usage(self, session, seen):
        self.usage = bytes((yield from session.read_data(FILE_T, 0, T_BYTES)))
        load_usage(self.card, seen.head, T.unpack(self.usage))


def ride(values, d, line):
    """Write the journey that the decision `d` makes into the fields of the next record."""
    values["authority"] = d[D_BOOK_AUTHORITY]
    values["line"] = line
    values["zone"] = d[D_ZONE]
    values["start_zone"] = d[D_START_ZONE]
    values["zones"] = d[D_ZONES]
    values["start_minute"] = d[D_START_MINUTE] & START_MINUTE_MASK
    values["charged"] = d[D_CHARGED]
    values["transfers"] = d[D_TRANSFERS]
    values["paid_by"] = d[D_PAID_BY]
    values["night"] = d[D_NIGHT]
    values["companions"] = d[D_COMPANIONS]


def degraded(tariff):
    """Return the mode flag of a tariff that has ended: it prices on, and everybody sees it."""
    return MODE_TARIFF_EXPIRED if tariff.day > tariff.valid_to else 0


def place_in(tariff, tap, authority):
    """Return (REASON or 0, zones): where the filled TAP is in the book of `authority`."""
    tap[T_BOOK] = authority
    try:
        refused = find_trip(tariff, tap)
        read_clock(tariff, tap)
        if tariff.day < tariff.valid_from:
            return REASON_TARIFF, 0
        refused = refused or choose_book(tariff, tap)
    except BROKEN:
        return REASON_NO_PRICE, 0
    if refused:
        return (REASON_AUTHORITY if refused == REFUSED_BOOK else REASON_NO_PRICE), 0
    return 0, tariff.here


def _purse_counts(t):
    """Return whether the purse product that was weighed has a cap: its sums are in file T."""
    return t.product_book[0] >= 0 and t.products[0][s.P_CAP_TABLE] != s.NONE
