"""A single ticket priced by the engine: one rider group at a time, and how long it is good.

A ticket carries its product and nobody's journey: `rate` is asked as for a purse that holds only
that product. Every person pays the price of his group; nobody is another's companion. Where the
tariff gives the product no transfer time, the ticket is good on its line alone, for two hours (D9).
Source: W-50, W-53; tariff-model.md section 2, product "single"; decisions.md D9, D31.
"""

from card_layouts.fares import sections as s
from card_layouts.fares.engine import rate
from card_layouts.fares.inputs import (
    C_BALANCE,
    C_GROUP,
    C_ISSUER,
    C_PURSE_PRODUCT,
    D_AMOUNT,
    D_BOOK_AUTHORITY,
    D_CONCESSION,
    D_FULL,
    D_KIND,
    D_PAYER,
    D_REASON,
    D_REDUCTION,
    D_RIDER,
    D_RULE,
    D_START_ZONE,
    D_SURCHARGE,
    D_ZONE,
    D_ZONES,
    FLAG_LATE_TARIFF,
    FLAG_TICKET,
    KIND_CHARGE,
    KIND_REFUSED,
    REFUSED_NO_PRICE,
    REFUSED_NO_PRODUCT,
    T_ADULTS,
    T_BOOK,
    T_FLAGS,
)
from card_layouts.fares.journey import set_minutes
from card_layouts.fares.package import u16
from card_layouts.fares.place import choose_book, find_trip

LINE_MINUTES = 120  # D9
MINUTES_MAX = 2047
PURSE_OF_A_BUYER = (1 << 17) - 1  # cents: the most a CASH_SALE holds
# What all persons of one ticket have in common.
SHARED = (D_ZONES, D_ZONE, D_START_ZONE, D_BOOK_AUTHORITY)


class Priced:
    """What a ticket costs and is good for; `refused` is REFUSED_* when it cannot be sold.

    Units: cents; `rows` (group, heads, cents each), groups rising; `full` and `total` of all
    persons, before and after concessions. `different` says that one ticket cannot carry them all.
    """

    def __init__(self):
        self.refused = 0
        self.different = False
        self.rows = []
        self.full = self.total = self.minutes = self.rule = self.vat = 0
        self.authority = self.zones = self.zone = self.start_zone = 0
        self.concession = self.night = 0
        self.payer = 0  # of the tariff, who owes full - total; 0 = nobody
        self.line_only = 0


def price_single(t, card, tap, d, product, party):
    """Return the Priced of a ticket for `party` [(group, heads)] at the place and time of `tap`.

    CARD, TAP and DECISION are scratch of the caller; place, second and picked zones are filled in.
    Raises: RangeError, LayoutError for a broken package only.
    """
    sold = Priced()
    tap[T_ADULTS] = -1
    tap[T_FLAGS] = FLAG_TICKET | FLAG_LATE_TARIFF
    sold.refused = _own_book(t, tap)
    if sold.refused:
        return sold
    for group, heads in sorted(party):
        _fill_buyer(card, tap[T_BOOK], product, group)
        rate(t, card, tap, d)
        if d[D_KIND] == KIND_REFUSED:
            sold.refused = d[D_REASON]
            return sold
        is_ticket = t.products[0][s.P_KIND] == s.PRODUCT_TICKET
        # A group the tariff lacks is priced as an adult; no ticket may name it.
        if d[D_KIND] != KIND_CHARGE or not is_ticket or d[D_RIDER] != group:
            sold.refused = REFUSED_NO_PRODUCT
            return sold
        _add(sold, t, d, group, heads)
    if sold.different or not sold.rows or sold.full > PURSE_OF_A_BUYER:
        sold.refused = REFUSED_NO_PRICE
    else:
        _validity(sold, t)
    return sold


def _own_book(t, tap):
    """Make the book that prices here the tap's own: a ticket belongs to one authority."""
    if tap[T_BOOK]:
        return 0
    reason = find_trip(t, tap) or choose_book(t, tap)
    if not reason:
        tap[T_BOOK] = t.resident[t.book_at]
    return reason


def _fill_buyer(card, authority, product, group):
    for i in range(len(card)):
        card[i] = 0
    card[C_ISSUER] = authority
    card[C_PURSE_PRODUCT] = product
    card[C_GROUP] = group
    card[C_BALANCE] = PURSE_OF_A_BUYER


def _add(sold, t, d, group, heads):
    if not sold.rows:
        sold.zones, sold.zone, sold.start_zone, sold.authority = [d[field] for field in SHARED]
        sold.rule = d[D_RULE]
        sold.vat = t.products[0][s.P_VAT]
    elif [d[field] for field in SHARED] != [
        sold.zones, sold.zone, sold.start_zone, sold.authority
    ]:  # fmt: skip
        sold.different = True
    concession = d[D_CONCESSION]
    if concession and sold.concession and concession != sold.concession:
        sold.different = True  # a sale has room for one
    sold.concession = sold.concession or concession
    if d[D_REDUCTION]:
        sold.payer = sold.payer or d[D_PAYER]
    if d[D_SURCHARGE]:
        sold.night = 1
    sold.rows.append((group, heads, d[D_AMOUNT]))
    sold.full += heads * d[D_FULL]
    sold.total += heads * d[D_AMOUNT]


def _validity(sold, t):
    """Set how long the ticket is good, and whether only on its line."""
    product = t.products[0]
    sold.minutes = u16(product, s.P_MINUTES)
    if product[s.P_TRANSFER] == s.NONE:
        sold.line_only = 1
        sold.minutes = sold.minutes or LINE_MINUTES
    elif not sold.minutes:
        t.read(s.TRANSFERS, product[s.P_TRANSFER], t.transfer)
        by_start = u16(t.transfer, 2 * (sold.start_zone - 1))
        sold.minutes = max(by_start, set_minutes(t, sold.zones & t.all_zones))
    sold.minutes = min(max(sold.minutes, 1), MINUTES_MAX)
