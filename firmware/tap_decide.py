"""What a tap should cost, or why not: a pure choice from what was read and where we are.

Refusals are REASON numbers of entries_tap (also answers). Nothing is written and no card is spoken
to. Source: trust.md 4.2 DECIDE; decisions.md D2, D31; requirements X-5.
"""

from collections import namedtuple

from card_layouts.answers import MODE_TARIFF_EXPIRED
from card_layouts.cards.counter import N_MAX
from card_layouts.cards.transit_record import START_MINUTE_MASK, balance, start_minute
from card_layouts.codec.timestamps import CLOCK_UNSET, day_of, month_of
from card_layouts.errors import RangeError
from card_layouts.fares.rate import Journey, Place, Rider, rate
from card_layouts.records.entries_tap import (
    REASON_AUTHORITY,
    REASON_CARD_EXPIRED,
    REASON_CLOCK_UNSET,
    REASON_COUNTER_END,
    REASON_FUNDS,
    REASON_NO_PRICE,
    REASON_NO_PRODUCT,
    REASON_TARIFF,
)

FULL_FARE_GROUP = 0

# What to charge: a fares Charge, who pays, where, and the issuer whose product it is.
Choice = namedtuple("Choice", ("charge", "rider", "place", "issuer"))


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


def refuse_tariff(tariff, now):
    """Return (reason, degraded mode): an expired tariff still prices, an early one does not."""
    if tariff is None or tariff.service_day(now) < tariff.valid_from:
        return REASON_TARIFF, 0
    return 0, 0 if tariff.valid_on(now) else MODE_TARIFF_EXPIRED


def rider_of(head, day):
    """Return the Rider of S: group and concession fall back to the full fare when they end."""
    group = head["group"]
    if head["group_until"] and day > head["group_until"]:
        group = FULL_FARE_GROUP
    return Rider(
        group,
        head["purse_product"],
        head["authority"],
        head["purse_zones"],
        head["purse_companions"],
    )


def journey_of(newest):
    """Return the Journey the fields `newest` of G leave open, or None; as rerate.py reads it."""
    if not newest["start_zone"]:
        return None
    return Journey(
        newest["authority"],
        newest["start_zone"],
        newest["zones"],
        start_minute(newest),
        newest["charged"],
        newest["transfers"],
        newest["companions"],
    )


def place_of(tariff, profile):
    """Return the Place of this tap: the zone of the trip's stop unless the profile names one."""
    zone = profile.get("zone", 0)
    if not zone:
        zone = tariff.zone_of(profile.get("stop", 0))
    return Place(zone, profile.get("to_zone", 0))


def choose(head, newest, tariff, profile, now):
    """Return (reason, Choice or None) for a card that may travel here."""
    if not head["purse_product"]:
        return REASON_NO_PRODUCT, None
    rider = rider_of(head, tariff.service_day(now))
    try:
        place = place_of(tariff, profile)
        charge = rate(tariff, rider, journey_of(newest), place, now)
    except RangeError:
        return REASON_NO_PRICE, None
    choice = Choice(charge, rider, place, head["authority"])
    if charge.amount > balance(newest):
        return REASON_FUNDS, choice
    return 0, choice


def ride(values, choice, authority, line):
    """Write the journey this tap makes into the fields of the next record."""
    charge = choice.charge
    values["authority"] = authority
    values["line"] = line
    values["zone"] = choice.place.zone
    values["start_zone"] = charge.start_zone
    values["zones"] = charge.zones
    values["start_minute"] = charge.start_minute & START_MINUTE_MASK
    values["charged"] = charge.charged
    values["transfers"] = charge.transfers
    values["paid_by"] = 0
    values["night"] = 0
    values["companions"] = choice.rider.companions
