"""The right that a product is on the card: what was bought elsewhere, as 24 bytes of file P.

A validator asks the tariff how a product works; the right says what of it was bought: where, for
whom, how long, and by when it has to be begun. Source: SPEC.md table P_SLOT; W-48, W-54 to W-57.
"""

import datetime

from backend_sync.sales.offered import NotOffered, Offer, Price
from backend_sync.tariffs.when import date, day
from card_layouts.cards.card_layout import (
    M_CALENDAR,
    M_FIRST_USE,
    M_FLEX,
    M_RIDES,
    M_SCHOOL,
    M_TIMED,
    P_SLOT,
)
from card_layouts.fares import sections as s
from card_layouts.fares.package import u16

BEGINS = (s.SPAN_FIRST_USE, s.SPAN_FIRST_USE_OR_DATE)
HOLDER = 1  # P_SLOT.scope of what is nobody's own


def right_of(offer: Offer, number: int, price: Price, channel: int) -> tuple[bytes, int]:
    """Return (product `number` at `price` as a right, its last day to begin or to hold; 0: none).

    Shape: 24 bytes, for slot 0 and with no number of a sale yet. Bought on the day of the offer.
    Raises: NotOffered when its days are over.
    """
    row, sale = offer.rows_of(number)
    last = _last_day(row, sale, offer.day)
    if last and last < offer.day:
        raise NotOffered(f"product {number}: its last day was {date(last)}; it is sold no more")
    begins = row[s.P_SPAN] in BEGINS
    area = offer.tariff.authority
    right = P_SLOT.pack({
        "mechanism": _mechanism(row), "product": number, "authority_use": area,
        "authority_sale": area, "scope": 0 if row[s.P_FLAGS] & s.PRODUCT_PERSONAL else HOLDER,
        "group": price.group, "zones": offer.mask(price.zones),
        "first_day": u16(row, s.P_FIRST_DAY) or offer.day, "last_day": last,
        "length": (price.length or u16(sale, 2)) if begins else 0,
        "travel_days": row[s.P_TRAVEL_DAYS] or row[s.P_USES], "trips_day": row[s.P_TRIPS_DAY],
        "price": price.cents, "channel": channel,
    })  # fmt: skip
    return bytes(right), last


def _last_day(row: bytearray, sale: bytearray, today: int) -> int:
    """Return the last day to begin, or of what does not begin to hold; 0 for no end."""
    found = [u16(row, s.P_LAST_DAY)]
    if row[s.P_SPAN] == s.SPAN_YEAR:
        found.append(day(datetime.date(date(today).year, 12, 31)))
    elif row[s.P_SPAN] in BEGINS and u16(sale, 6):
        found.append(today + u16(sale, 6))
    return min(filter(None, found), default=0)


def _mechanism(row: bytearray) -> int:
    """Return how it works, in short: for inspectors, and not 0."""
    if row[s.P_TRAVEL_DAYS]:
        return M_FLEX
    if row[s.P_TRIPS_DAY]:
        return M_SCHOOL
    if u16(row, s.P_MINUTES):
        return M_TIMED
    if row[s.P_KIND] == s.PRODUCT_PACK:
        return M_RIDES
    return M_FIRST_USE if row[s.P_SPAN] in BEGINS else M_CALENDAR
