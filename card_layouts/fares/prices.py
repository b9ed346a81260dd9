"""How much: the price of a set of zones for a party, from tables alone (M1).

A set that the table lists with a hole is sold as itself; any other is sold as the cheapest listed
superset of its run. A window may replace prices: of all readings of the clock the kindest counts.
Rounding: none; a price is a sum of table entries. Source: tariff-model.md 3.2, step 5, and 3.3.
"""

from card_layouts.cards.zones import zones_count
from card_layouts.fares import sections as s
from card_layouts.fares.clock import window
from card_layouts.fares.package import u16, u24


def set_party(t, own, adults, youths, children):
    """Say whose price is asked next: `own` 1 for the holder, and companions by age class."""
    t.party_own = own
    t.party_adults = adults
    t.party_youths = youths
    t.party_children = children


def quote(t, table, zones):
    """Return the cents of the party for `zones`, -1 where the table has no price.

    Sets `quoted_own`, `quoted_full` (own part without concession), `quoted_others` and
    `quoted_zones`, the set that is sold.
    """
    r = t.resident
    at = t.tables_at + 12 * table
    rest = t.valid_bits
    total = -1
    for when in range(6, 10, 2):
        if r[at + when] == s.NONE:
            break
        bits = window(t, r[at + when]) & rest
        if bits:
            rest &= ~bits
            total = _cheaper(t, r[at + when + 1], zones, total)
    if rest:
        total = _cheaper(t, table, zones, total)
    return total


def _cheaper(t, table, zones, least):
    """Quote one table; keep it if it is the first or below `least`. Return the smaller total."""
    sold = _find_set(t, table, zones)
    if not sold:
        return least
    own = full = 0
    if t.party_own:
        own = u24(t.prices, 3 * t.group)
        full = u24(t.prices, 3 * t.full_group) if t.full_group != t.group else own
        if own == s.NO_PRICE:
            return least
        if full == s.NO_PRICE or full < own:
            full = own
    others = 0
    if t.party_adults:
        others = _class_price(t, 2, t.party_adults)
    if t.party_youths and others >= 0:
        more = _class_price(t, 1, t.party_youths)
        others = others + more if more >= 0 else -1
    if t.party_children and others >= 0:
        more = _class_price(t, 0, t.party_children)
        others = others + more if more >= 0 else -1
    if others < 0 or 0 <= least <= own + others:
        return least
    t.quoted_own = own
    t.quoted_full = full
    t.quoted_others = others
    t.quoted_zones = sold
    return own + others


def _class_price(t, age_class, heads):
    cents = u24(t.prices, 3 * t.resident[t.book_at + s.BOOK_CLASS + age_class])
    return -1 if cents == s.NO_PRICE else cents * heads


def _find_set(t, table, zones):
    """Read the price row for `zones`; return the set that is sold, 0 if none is."""
    r = t.resident
    at = t.tables_at + 12 * table
    first = 1
    while not zones >> (15 - first) & 1:
        first += 1
    last = first
    for zone in range(first + 1, r[at + 5] + 1):
        if zones >> (15 - zone) & 1:
            last = zone
    hull = (1 << (16 - first)) - (1 << (15 - last))
    if zones != hull and r[at + 4]:
        row = _listed_row(t, at, zones)
        if row >= 0:
            t.read(s.PRICES, row, t.prices)
            return zones
    count = r[at + 5]
    runs = count * (count + 1) // 2
    # The holder's group chooses the set for the whole party.
    cell = t.cell
    t.read(s.CELLS, u16(r, at) + t.group * runs + s.run_index(count, first, last), cell)
    row = u16(cell, 0)
    if row == s.NONE16:
        return 0
    sold = u16(cell, 2)
    if u16(cell, 6) != sold and not r[t.book_at + s.BOOK_FLAGS] & s.BOOK_LEAN_DOWN:
        if zones_count(u16(cell, 6) & t.ahead) > zones_count(sold & t.ahead):
            row = u16(cell, 4)
            sold = u16(cell, 6)
    t.read(s.PRICES, row, t.prices)
    return sold


def _listed_row(t, table_at, zones):
    first = u16(t.resident, table_at + 2)
    t.read(s.LISTED, first, t.listed)
    for i in range(t.resident[table_at + 4]):
        if u16(t.listed, 4 * i) == zones:
            return u16(t.listed, 4 * i + 2)
    return -1
