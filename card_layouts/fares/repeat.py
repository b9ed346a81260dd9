"""Decide a journalled tap again with the engine, from its INTENT and what the ledger knows.

The validator writes the inputs of its decision into INTENT (D14): the journey and the T row before,
where, when, with whom. With what was sold to the card (`known`) the choice among products is
repeated, and what the validator read is compared; without it only the price of the product that
paid. A difference is never explained away, and what cannot be asked is never called one.
Source: decisions.md D14, D26; SPEC.md "INTENT".
"""

from card_layouts.cards.card_layout import (
    KIND_ACTIVATION,
    KIND_DEBIT,
    KIND_PASS,
    M_FIRST_USE,
    PREFIX_BYTES,
    G,
)
from card_layouts.cards.transit_record import START_MINUTE_MASK, SUM_MASK
from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares import inputs as i
from card_layouts.fares.card_lists import JOURNEY, load_journey
from card_layouts.fares.clock import service_day
from card_layouts.fares.engine import activate, rate
from card_layouts.records.entries_tap import CALL_NONE, STOP_NONE, TRIP_NONE

SAME = 0
DIFFERENT = 1
PRICE_ONLY = 2  # the choice among products cannot be repeated, the price can
UNRATED = 3  # no inputs or no such tariff: counted, never called a difference

RATEABLE = (KIND_DEBIT, KIND_PASS, KIND_ACTIVATION)
NO_TERMS = ((0, 0, 0),) * 4  # (length, left, cents) of each slot's row of file P
PASS_RULES = (
    i.RULE_ACTIVATION,
    i.RULE_TRAVEL_DAY,
    i.RULE_SCHOOL_TRIP,
    i.RULE_PASS,
    i.RULE_RIDE,
)
_PREFIX = bytes(PREFIX_BYTES)
_TAIL = bytes(8)
# These decisions rest on a pass beside the product that paid: the price alone cannot be asked.
_NEEDS_ALL = (i.RULE_EXTENSION,)
_ROW = ("start", "length", "counted", "left", "today", "cents")


class Repeater:
    """Repeats decisions under one mounted Tariff; its four lists are used again and again."""

    def __init__(self, tariff):
        self.tariff = tariff
        self.card = i.new_card()
        self.tap = i.new_tap()
        self.decision = i.new_decision()

    def verdict(self, intent, known=None, terms=NO_TERMS, same_device=False, named=True):
        """Return SAME, DIFFERENT, PRICE_ONLY or UNRATED for the unpacked INTENT fields `intent`.

        `intent["product"]` and its zones are those of the product that `paid_by` names.
        Shape: `known` is a CARD list with head, slots, T rows and counters of the card before the
        tap as the ledger sold and replayed them (money and journey are the entry's), or None;
        `terms` by slot, from the P rows; `same_device` whether the record before is the same
        device's; `named` False: nobody said who comes along, the card's own party counts.
        """
        body = body_of(intent)
        if not self._can_be_asked(intent, body):
            return UNRATED
        alone = known is None
        if alone and body["paid_by"] > i.PAID_BILLED:
            return DIFFERENT  # nothing on a card has that number
        # A pass carried the holder and another product paid for his companions.
        beside = intent["rule"] & 15 in PASS_RULES and intent["rule"] >> 4 != intent["product"]
        if alone and (intent["rule"] & 15 in _NEEDS_ALL or beside):
            return UNRATED
        if alone:
            known = _paying_alone(intent, body)
            _fill_from_entry(self.tariff, known, intent, body)
        if not self._decide(intent, body, known, terms, same_device, named):
            return DIFFERENT
        if not _agrees(self.decision, intent, body):
            return DIFFERENT
        if alone:
            return PRICE_ONLY
        return SAME if _read_as_known(known, self.decision, intent, body) else DIFFERENT

    def claim(self, intent, known, terms=NO_TERMS, same_device=False, named=True):
        """Decide with only those products of `known` that the entry names.

        Returns whether it agrees: the price is right, whatever was chosen. The decision then says
        what the validator wrote into file T.
        """
        body = body_of(intent)
        card = _named_alone(known, intent, body)
        decided = self._decide(intent, body, card, terms, same_device, named)
        return decided and _agrees(self.decision, intent, body)

    def _can_be_asked(self, intent, body):
        tariff = self.tariff
        if tariff is None or intent["tariff"] != tariff.version:
            return False
        return body["kind"] in RATEABLE

    def _decide(self, intent, body, known, terms, same_device, named):
        """Fill the decision; return False when no validator with this package could have."""
        self.card[:] = known
        _fill_money_and_journey(self.card, intent, body)
        _fill_tap(self.tap, intent, body, same_device, named)
        try:
            rate(self.tariff, self.card, self.tap, self.decision)
        except (RangeError, LayoutError):
            self.decision[i.D_KIND] = i.KIND_REFUSED
            self.decision[i.D_REASON] = 0
            return False
        slot = self.decision[i.D_ACTIVATES]
        if slot:
            activate(self.decision, *terms[slot - 1])
        return True


def body_of(intent):
    """Return the fields of the card record's body in an INTENT."""
    return G.unpack(_PREFIX + intent["body"] + _TAIL)


def row_read(card, d):
    """Return (start, length, counted, left, today, cents) as INTENT says the row of `card`.

    It is the row of the right that pays or carries in the decision `d`; None without one.
    """
    slot = d[i.D_PAID_BY] if 1 <= d[i.D_PAID_BY] <= i.SLOTS else d[i.D_SLOT]
    if not slot:
        return None
    at = i.slot_at(slot - 1)
    counted = 1 if card[at + i.S_DAY] and card[at + i.S_DAY] == d[i.D_DAY] else 0
    today = card[at + i.S_TODAY] if counted else 0
    left, cents = card[at + i.S_LEFT], card[at + i.S_CENTS]
    return card[at + i.S_START], card[at + i.S_LENGTH], counted, left, today, cents


def row_said(intent):
    """Return the row of file T that the validator says it read, as `row_read` does."""
    return tuple(intent["use_" + name] for name in _ROW)


def adopt_row(card, slot, intent, day):
    """Put the row that the validator read into slot 1..4 of `card`; `day` is the service day."""
    at = i.slot_at(slot - 1)
    card[at + i.S_START] = intent["use_start"]
    card[at + i.S_LENGTH] = intent["use_length"]
    card[at + i.S_DAY] = day if intent["use_counted"] else 0
    card[at + i.S_LEFT] = intent["use_left"]
    card[at + i.S_TODAY] = intent["use_today"]
    card[at + i.S_CENTS] = intent["use_cents"]


def _paying_alone(intent, body):
    """Return a CARD that holds only the product that paid."""
    card = i.new_card()
    if body["paid_by"] in (i.PAID_PURSE, i.PAID_BILLED):
        card[i.C_PURSE_PRODUCT] = intent["product"]
        card[i.C_PURSE_ZONES] = intent["product_zones"]
        return card
    at = i.slot_at(body["paid_by"] - 1)
    card[at + i.S_MECHANISM] = M_FIRST_USE
    card[at + i.S_PRODUCT] = intent["product"]
    card[at + i.S_ZONES] = intent["product_zones"]
    started = intent["use_start"] or intent["rule"] & 15 == i.RULE_ACTIVATION
    card[at + i.S_USAGE] = 1 if started else 0
    return card


def _fill_from_entry(tariff, card, intent, body):
    """Write what only the ledger could know better: group, counters, the row before the tap."""
    card[i.C_ISSUER] = intent["product_authority"]
    card[i.C_GROUP] = intent["group"]
    card[i.C_GROUP_UNTIL] = card[i.C_CONCESSION_UNTIL] = 0  # the group applied is what counts
    day = service_day(tariff, body["time"])
    card[i.C_CAP_DAY] = card[i.C_CAP_START] = day
    card[i.C_DAY_SUM] = intent["day_sum"]
    card[i.C_PERIOD_SUM] = intent["period_sum"]
    if 1 <= body["paid_by"] <= i.SLOTS:
        adopt_row(card, body["paid_by"], intent, day)


def _named_alone(known, intent, body):
    """Return `known` without the products that the entry does not name."""
    card = list(known)
    paid_by = body["paid_by"]
    if 1 <= paid_by <= i.SLOTS:
        card[i.C_PURSE_PRODUCT] = 0
    carries = intent["rule"] >> 4 if intent["rule"] & 15 in PASS_RULES else -1
    if 1 <= paid_by <= i.SLOTS and card[i.slot_at(paid_by - 1) + i.S_PRODUCT] == carries:
        carries = -1
    needs_pass = intent["rule"] & 15 in _NEEDS_ALL
    for slot in range(1, i.SLOTS + 1):
        at = i.slot_at(slot - 1)
        if slot != paid_by and card[at + i.S_PRODUCT] != carries and not needs_pass:
            card[at + i.S_MECHANISM] = 0
    return card


def _fill_money_and_journey(card, intent, body):
    # What the card let be taken was there, whatever its sums say.
    before = (body["L"] - body["D"] + body["amount"]) & SUM_MASK
    card[i.C_BALANCE] = max(before, body["amount"])
    was = {"authority": intent["was_authority"], "start_minute": intent["was_start_minute"]}
    for _place, name in JOURNEY:
        was[name] = intent["was_" + name]
    load_journey(card, was)


def _fill_tap(tap, intent, body, same_device, named):
    tap[i.T_SECONDS] = body["time"]
    tap[i.T_CLOCK] = 0
    tap[i.T_TRIP] = -1 if intent["trip"] == TRIP_NONE else intent["trip"]
    tap[i.T_CALL] = -1 if intent["call"] == CALL_NONE else intent["call"]
    tap[i.T_STOP] = -1 if intent["stop"] == STOP_NONE else intent["stop"]
    tap[i.T_PICKED] = intent["picked"]
    tap[i.T_YOUTHS] = intent["youths"] if named else 0
    tap[i.T_CHILDREN] = intent["children"] if named else 0
    adults = max(body["companions"] - intent["youths"] - intent["children"], 0)
    tap[i.T_ADULTS] = adults if named else -1
    tap[i.T_FLAGS] = i.FLAG_LATE_TARIFF | (i.FLAG_SAME_DEVICE if same_device else 0)
    tap[i.T_BOOK] = body["authority"]


def _read_as_known(card, d, intent, body):
    """Return whether the validator read of the card what the ledger knows to be on it."""
    product, zones = card[i.C_PURSE_PRODUCT], card[i.C_PURSE_ZONES]
    if 1 <= body["paid_by"] <= i.SLOTS:
        at = i.slot_at(body["paid_by"] - 1)
        product, zones = card[at + i.S_PRODUCT], card[at + i.S_ZONES]
    if (product, zones) != (intent["product"], intent["product_zones"]):
        return False
    if (card[i.C_ISSUER], d[i.D_RIDER]) != (intent["product_authority"], intent["group"]):
        return False
    row = row_read(card, d)
    return row is None or row == row_said(intent)


def _agrees(d, intent, body):
    """Return whether amounts, rule and the journey afterwards are what the entry says."""
    if d[i.D_KIND] == i.KIND_REFUSED:
        return False
    for field, value in (
        (i.D_FULL, intent["full"]),
        (i.D_REDUCTION, intent["reduction"]),
        (i.D_CONCESSION, intent["concession"]),
        (i.D_RULE, intent["rule"]),
        (i.D_AMOUNT, body["amount"]),
        (i.D_ZONES, body["zones"]),
        (i.D_ZONE, body["zone"]),
        (i.D_START_ZONE, body["start_zone"]),
        (i.D_CHARGED, body["charged"]),
        (i.D_TRANSFERS, body["transfers"]),
        (i.D_PAID_BY, body["paid_by"]),
        (i.D_COMPANIONS, body["companions"]),
        (i.D_NIGHT, body["night"]),
    ):
        if d[field] != value:
            return False
    return d[i.D_START_MINUTE] & START_MINUTE_MASK == body["start_minute"]
