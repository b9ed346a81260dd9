"""What one tap costs: one pure function for validator, ledger and auditor.

It knows no clock, card, stop table or language: the caller says where, when and who. Amounts are
cents of the tariff's currency; zones are 1-based and ordered; sets of zones are ZoneSets of
`cards/card_layout.py`; times are UTC seconds or minutes since 2020-01-01.

Rounding: none at tap time; a charge is a sum of table prices (tariff-model.md 3.3).
Source: decisions.md D31, D32; tariff-model.md section 3.2, steps 5, 6, 9.
"""

from collections import namedtuple

from card_layouts.cards.card_layout import zones_list, zones_run, zones_subset
from card_layouts.errors import RangeError

# Rider: who pays. `group` is the rider group applied, `product` the purse product on the card,
# `zones` its default ZoneSet (0 = none) in the numbering of `authority`, which sold it; elsewhere
# it means nothing (W-41). `companions` are the persons paid for besides the holder.
Rider = namedtuple("Rider", ("group", "product", "authority", "zones", "companions"))
# Place: where. `to_zone` 0 = let the default zones decide (W-63), else the zone asked for (W-34).
Place = namedtuple("Place", ("zone", "to_zone"))
# Journey: what the newest record left open. `start_minute` is absolute (minutes since 2020).
Journey = namedtuple(
    "Journey",
    ("authority", "start_zone", "zones", "start_minute", "charged", "transfers", "companions"),
)
# Charge: what this tap pays and the journey it leaves behind. full - reduction = amount of a new
# journey; an upgrade pays only what is missing (R-21 wants all three).
Charge = namedtuple(
    "Charge",
    (
        "amount",
        "full",
        "reduction",
        "concession",
        "rule",
        "zones",
        "start_zone",
        "start_minute",
        "charged",
        "transfers",
    ),
)

# The rule id of a charge = 16 * product number + one of these (tariff-model.md 3.2).
RULE_CHARGE = 0
RULE_TRANSFER = 1
RULE_UPGRADE = 2
RULE_NAMES = ("charge", "transfer", "upgrade")
# a late vehicle or a clock that is off by up to this much never costs the rider.
FAIRNESS_MINUTES = 5


def rate(tariff, rider, journey, place, now):
    """Return the Charge of a tap at `place` in the second `now`.

    Shape: `journey` is None when no journey is open.
    Raises: RangeError when the tariff has no price for this place or rider.
    """
    zone = place.zone
    if not 1 <= zone <= tariff.zone_count:
        raise RangeError("rate.zone: %d, the tariff has 1..%d" % (zone, tariff.zone_count))
    low, high = _wanted(tariff, rider, place)
    minute = now // 60
    fresh = _new_journey(tariff, rider, zone, low, high, minute)
    if journey is None or not _still_open(tariff, rider, journey, minute):
        return fresh
    if zones_subset(_wanted_set(place, zone), journey.zones):
        return _continued(rider, journey, 0, 0, 0, fresh.concession, RULE_TRANSFER, journey.zones)
    paid = zones_list(journey.zones)
    low, high = min(low, paid[0]), max(high, paid[-1])
    whole = _new_journey(tariff, rider, journey.start_zone, low, high, journey.start_minute)
    missing = whole.amount - journey.charged
    if missing < 0:
        missing = 0
    if missing >= fresh.amount:
        return fresh
    # The payer of the concession owes the discount on the added zones only.
    before = _new_journey(tariff, rider, journey.start_zone, paid[0], paid[-1], minute)
    full = whole.full - before.full
    if full < missing:
        full = missing
    return _continued(
        rider, journey, missing, full, full - missing, whole.concession, RULE_UPGRADE, whole.zones
    )


def _wanted(tariff, rider, place):
    """Return the run (low, high) the tap should cover (W-34, W-63)."""
    if place.to_zone:
        return min(place.zone, place.to_zone), max(place.zone, place.to_zone)
    default = zones_list(rider.zones) if rider.authority == tariff.authority else []
    if place.zone in default and default[-1] <= tariff.zone_count:
        return default[0], default[-1]
    # Boarding outside the default zones pays for this zone only (`away = "start"`).
    return place.zone, place.zone


def _wanted_set(place, zone):
    """Return the ZoneSet a transfer must have paid: here, and the zone asked for."""
    if place.to_zone:
        return zones_run(min(zone, place.to_zone), max(zone, place.to_zone))
    return zones_run(zone, zone)


def _still_open(tariff, rider, journey, minute):
    if journey.authority != tariff.authority or not journey.start_zone:
        return False
    if journey.start_zone > tariff.zone_count or rider.companions > journey.companions:
        return False
    age = minute - journey.start_minute
    return 0 <= age <= tariff.transfer_minutes(journey.start_zone) + FAIRNESS_MINUTES


def _new_journey(tariff, rider, start_zone, low, high, start_minute):
    persons = 1 + rider.companions
    full_group, concession = tariff.full_fare_group(rider.group)
    amount = tariff.price(low, high, rider.group) * persons
    full = tariff.price(low, high, full_group) * persons
    if full < amount:
        full = amount
    return Charge(
        amount,
        full,
        full - amount,
        concession,
        16 * rider.product + RULE_CHARGE,
        zones_run(low, high),
        start_zone,
        start_minute,
        amount,
        0,
    )


def _continued(rider, journey, amount, full, reduction, concession, rule, zones):
    transfers = journey.transfers + 1
    return Charge(
        amount,
        full,
        reduction,
        concession,
        16 * rider.product + rule,
        zones,
        journey.start_zone,
        journey.start_minute,
        journey.charged + amount,
        15 if transfers > 15 else transfers,
    )
