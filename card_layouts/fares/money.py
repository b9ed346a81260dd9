"""Money offers: what the tap would cost from each purse product, in each way it can be paid.

A new journey, the rest of an open one (transfer with a fee, upgrade, extra heads), or an extension
of a valid pass. The surcharge is part of every offer; a cap cuts the holder's own part.
Source: tariff-model.md section 3.2, steps 5, 6, 7 and 9; W-61 to W-64, W-74 to W-76, W-86, W-87.
"""

from card_layouts.fares import offers as o
from card_layouts.fares import sections as s
from card_layouts.fares.caps import begin_cap, cut, weigh_span
from card_layouts.fares.clock import first_bit, window
from card_layouts.fares.continuing import offer_rest
from card_layouts.fares.inputs import (
    C_SLOT0,
    C_SLOT_SIZE,
    KIND_CHARGE,
    RULE_CAP_FREE,
    RULE_CAPPED,
    RULE_CHARGE,
    RULE_ELSE,
    RULE_EXTENSION,
    WHY_CALENDAR,
    WHY_ENDED,
    WHY_GROUP,
    WHY_NEEDS,
    WHY_OTHER,
    WHY_PRICE,
    WHY_WINDOW,
    WHY_ZONE,
)
from card_layouts.fares.package import u16
from card_layouts.fares.prices import quote, set_party
from card_layouts.fares.rider import admits_party, default_party, set_group, unnamed_heads
from card_layouts.fares.sources import OTHERWISE, find_product, load, why_not, zones_of
from card_layouts.fares.surcharges import kind_of, no_surcharge, surcharge
from card_layouts.fares.wanted import ASK, wanted_zones


def gather_money(t, card, tap, named):
    """Work out the offers of every purse product; the best one that can be paid is `t.best`.

    `t.own` says whether the holder is priced; `named` whether the tap names the companions.
    """
    group = t.group
    for source in range(5):
        book = load(t, card, tap, source)
        if book < 0:
            t.why[source] = why_not(book)
            continue
        kind = t.products[source][s.P_KIND]
        if kind != s.PRODUCT_PURSE and kind != s.PRODUCT_TICKET:
            continue
        if not named:
            default_party(t, unnamed_heads(t, card))
        t.why[source] = _offers_of(t, card, tap, source)
        set_group(t, group)


def _offers_of(t, card, tap, source):
    """Propose what one source can offer; return its reason if it offers nothing."""
    product = t.products[source]
    if source:
        if not weigh_span(t, card, C_SLOT0 + (source - 1) * C_SLOT_SIZE, product):
            return WHY_ENDED
        fair = first_bit(t.day_bits)
    else:
        t.starts = 0
        fair = 0
    if not admits_party(t, product):
        t.too_many = 1
        return WHY_GROUP
    priced = product
    why = 0 if u16(product, s.P_GROUPS) >> t.group & 1 else WHY_GROUP
    if product[s.P_WINDOW] != s.NONE and not why:
        bits = window(t, product[s.P_WINDOW])
        if bits:
            fair = first_bit(bits) or fair
        else:
            why = WHY_WINDOW if t.window_days[product[s.P_WINDOW]] else WHY_CALENDAR
    rule = RULE_CHARGE
    if why:
        # Outside its window or group a product may be priced as another, at the full fare (W-87).
        other = u16(product, s.P_OTHERWISE)
        if other == s.NONE16 or not find_product(t, t.book, other, OTHERWISE):
            return why
        priced = t.products[OTHERWISE]
        set_group(t, t.full_group)
        rule = RULE_ELSE
    if priced[s.P_PRICES] == s.NONE:
        return WHY_PRICE
    begin_cap(t, card, source, product)
    t.why[source] = WHY_OTHER
    if t.open and t.paying == source and t.own:
        offer_rest(t, card, tap, source, product, priced)
    if product[s.P_FLAGS] & s.PRODUCT_NEEDS_PASS:
        why = _extension(t, card, tap, source, product)
    else:
        why = _new_journey(t, card, tap, source, product, priced, rule, fair)
    return why or t.why[source]


def _new_journey(t, card, tap, source, product, priced, rule, fair):
    """Propose a new journey from each zone of the stop; return why there is none, else 0."""
    fee = _fee(t, product, t.own + t.heads)
    defaults = zones_of(t, card, source) & t.all_zones
    why = WHY_ZONE
    before = 0
    for zone in range(1, t.zone_count + 1):
        if not t.here >> (15 - zone) & 1:
            continue
        wanted = wanted_zones(t, tap, defaults, zone)
        if wanted == ASK or wanted == before:
            continue  # this zone of the stop adds nothing
        before = wanted
        set_party(t, t.own, t.adults, t.youths, t.children)
        if quote(t, priced[s.P_PRICES], wanted) < 0:
            why = why and WHY_PRICE
            continue
        why = 0
        own = t.quoted_own
        others = t.quoted_others
        concession = t.quoted_full - own
        counted = cut(t, own, wanted)
        order = o.ORDER_CHARGE
        said = rule
        if counted < own:
            said = RULE_CAPPED
            if not counted:
                said = RULE_CAP_FREE
                order = o.ORDER_CAP_FREE
                concession = 0
        offer = t.offer
        offer[o.O_NEW] = 1
        offer[o.O_ZONE] = zone
        offer[o.O_ZONES] = t.quoted_zones
        offer[o.O_COMPANIONS] = t.heads
        offer[o.O_FAIR] = fair or t.surcharge_fair
        o.complete(t, source, product, KIND_CHARGE, order, said, counted, others, fee, concession)
        o.propose(t)
    return why


def _extension(t, card, tap, source, product):
    """Propose the zones that a valid pass lacks; return its reason if there is nothing to add.

    Companions hold no pass: with them there is no extension.
    """
    if t.heads or not t.own:
        return WHY_GROUP
    fee = _fee(t, product, 1)
    defaults = zones_of(t, card, source) & t.all_zones
    why = WHY_NEEDS
    t.capped = 0
    for slot in range(4):
        covered = t.extended[slot] & t.all_zones
        for zone in range(1, t.zone_count + 1):
            wanted = wanted_zones(t, tap, defaults, zone)
            missing = wanted & ~covered if wanted != ASK else 0
            if not covered or not t.here >> (15 - zone) & 1 or not missing:
                continue
            set_party(t, 1, 0, 0, 0)
            own = quote(t, product[s.P_PRICES], missing)
            if own < 0:
                why = why and WHY_PRICE
                continue
            why = 0
            concession = t.quoted_full - own
            offer = t.offer
            offer[o.O_NEW] = 1
            offer[o.O_ZONE] = zone
            offer[o.O_ZONES] = t.quoted_zones | covered
            offer[o.O_COMPANIONS] = 0
            offer[o.O_FAIR] = t.surcharge_fair
            order = o.ORDER_EXTENSION
            o.complete(
                t, source, product, KIND_CHARGE, order, RULE_EXTENSION, own, 0, fee, concession
            )
            o.propose(t)
    return why


def _fee(t, product, persons):
    """Return the surcharge on a new journey of so many persons."""
    if product[s.P_FLAGS] & s.PRODUCT_SURCHARGE:
        return surcharge(t, t.book, kind_of(product), persons, persons, 0)
    no_surcharge(t)
    return 0
