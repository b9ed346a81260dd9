"""Decide a journalled tap again with the engine, from its INTENT and what the ledger knows.

The validator writes the inputs of its decision into INTENT (D14): the journey and the T row before,
where, when, with whom. With what was sold to the card (`known`) the choice among products is
repeated; without it only the price of the product that paid. A difference is never explained away,
and what cannot be asked is never called one. Source: decisions.md D14, D26; SPEC.md "INTENT".
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
_PREFIX = bytes(PREFIX_BYTES)
_TAIL = bytes(8)
# These decisions rest on a pass beside the product that paid: the price alone cannot be asked.
_NEEDS_ALL = (i.RULE_EXTENSION,)


class Repeater:
    """Repeats decisions under one mounted Tariff; its four lists are used again and again."""

    def __init__(self, tariff):
        self.tariff = tariff
        self.card = i.new_card()
        self.tap = i.new_tap()
        self.decision = i.new_decision()

    def verdict(self, intent, known=None, terms=(0, 0, 0), same_device=False):
        """Return SAME, DIFFERENT, PRICE_ONLY or UNRATED for the unpacked INTENT fields `intent`.

        `intent["product"]` and its zones are those of the product that `paid_by` names.
        Shape: `known` is a CARD list with the purse, slots, T rows and group of the card before the
        tap as the ledger sold and replayed them, or None; `terms` (length, left, cents) of the P
        row, for an activation; `same_device` whether the record before is the same device's.
        """
        body = G.unpack(_PREFIX + intent["body"] + _TAIL)
        tariff = self.tariff
        if body["kind"] not in RATEABLE or tariff is None or intent["tariff"] != tariff.version:
            return UNRATED
        if body["paid_by"] > i.PAID_BILLED:
            return DIFFERENT  # nothing on a card has that number
        alone = known is None
        # A pass carried the holder and another product paid for his companions.
        beside = intent["rule"] & 15 in _PASS_RULES and intent["rule"] >> 4 != intent["product"]
        if alone and (intent["rule"] & 15 in _NEEDS_ALL or beside):
            return UNRATED
        self.card[:] = known if known else _paying_alone(intent, body)
        _fill_before(tariff, self.card, intent, body)
        _fill_tap(self.tap, intent, body, same_device)
        try:
            rate(tariff, self.card, self.tap, self.decision)
        except (RangeError, LayoutError):
            return DIFFERENT  # a validator with this package could not have priced it either
        if self.decision[i.D_ACTIVATES]:
            activate(self.decision, *terms)
        if not _agrees(self.decision, intent, body):
            return DIFFERENT
        return PRICE_ONLY if alone else SAME


_PASS_RULES = (
    i.RULE_ACTIVATION,
    i.RULE_TRAVEL_DAY,
    i.RULE_SCHOOL_TRIP,
    i.RULE_PASS,
    i.RULE_RIDE,
)


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


def _fill_before(tariff, card, intent, body):
    """Write group, money, journey and the T row before the tap into CARD."""
    card[i.C_ISSUER] = intent["product_authority"]
    card[i.C_GROUP] = intent["group"]
    card[i.C_GROUP_UNTIL] = card[i.C_CONCESSION_UNTIL] = 0  # the group applied is what counts
    # What the card let be taken was there, whatever its sums say.
    before = (body["L"] - body["D"] + body["amount"]) & SUM_MASK
    card[i.C_BALANCE] = max(before, body["amount"])
    day = service_day(tariff, body["time"])
    card[i.C_CAP_DAY] = card[i.C_CAP_START] = day
    card[i.C_DAY_SUM] = intent["day_sum"]
    card[i.C_PERIOD_SUM] = intent["period_sum"]
    if 1 <= body["paid_by"] <= i.SLOTS:
        at = i.slot_at(body["paid_by"] - 1)
        card[at + i.S_START] = intent["use_start"]
        card[at + i.S_LENGTH] = intent["use_length"]
        card[at + i.S_DAY] = day if intent["use_counted"] else 0
        card[at + i.S_LEFT] = intent["use_left"]
        card[at + i.S_TODAY] = intent["use_today"]
        card[at + i.S_CENTS] = intent["use_cents"]
    was = {"authority": intent["was_authority"], "start_minute": intent["was_start_minute"]}
    for _place, name in JOURNEY:
        was[name] = intent["was_" + name]
    load_journey(card, was)


def _fill_tap(tap, intent, body, same_device):
    tap[i.T_SECONDS] = body["time"]
    tap[i.T_CLOCK] = 0
    tap[i.T_TRIP] = -1 if intent["trip"] == TRIP_NONE else intent["trip"]
    tap[i.T_CALL] = -1 if intent["call"] == CALL_NONE else intent["call"]
    tap[i.T_STOP] = -1 if intent["stop"] == STOP_NONE else intent["stop"]
    tap[i.T_PICKED] = intent["picked"]
    tap[i.T_YOUTHS] = intent["youths"]
    tap[i.T_CHILDREN] = intent["children"]
    tap[i.T_ADULTS] = max(body["companions"] - intent["youths"] - intent["children"], 0)
    tap[i.T_FLAGS] = i.FLAG_LATE_TARIFF | (i.FLAG_SAME_DEVICE if same_device else 0)
    tap[i.T_BOOK] = body["authority"]


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
