"""What an open journey still costs: nothing, a fee, the way further, or heads it does not cover.

Only the product that paid continues its journey. Children are the extra heads first, then youths,
then adults. Source: tariff-model.md section 3.2, steps 6 and 9; R-21.
"""

from card_layouts.cards.zones import zones_hull
from card_layouts.fares import offers as o
from card_layouts.fares import sections as s
from card_layouts.fares.caps import cut
from card_layouts.fares.inputs import (
    C_J_CHARGED,
    C_J_NIGHT,
    C_J_ZONES,
    KIND_TRANSFER,
    KIND_UPGRADE,
    RULE_EXTRA_HEADS,
    RULE_TRANSFER,
    RULE_UPGRADE,
)
from card_layouts.fares.prices import quote, set_party
from card_layouts.fares.sources import zones_of
from card_layouts.fares.surcharges import kind_of, no_surcharge, surcharge
from card_layouts.fares.wanted import ASK, wanted_zones


def free_transfer(t, card):
    """Propose the transfer of a party that the journey covers, inside its zones."""
    product = t.products[t.paying]
    no_surcharge(t)
    fee = 0
    if product[s.P_FLAGS] & s.PRODUCT_SURCHARGE:
        fee = surcharge(t, t.book, kind_of(product), 1 + t.heads, 0, card[C_J_NIGHT])
    offer = t.offer
    offer[o.O_NEW] = 0
    offer[o.O_ZONES] = card[C_J_ZONES]
    # Who pays a fee here goes on; without one the whole party may still come.
    offer[o.O_COMPANIONS] = t.heads if fee else t.covered
    offer[o.O_FAIR] = t.fair or t.surcharge_fair
    t.capped = t.cap_clips = t.starts = 0
    t.cap_left = -1
    offer[o.O_ZONE] = 0
    o.complete(t, t.paying, product, KIND_TRANSFER, o.ORDER_TRANSFER, RULE_TRANSFER, 0, 0, fee, 0)
    why = t.why[t.paying]
    o.propose(t)
    if why:
        t.why[t.paying] = why  # a pass keeps the reason it has as a right


def offer_rest(t, card, tap, source, product, priced):
    """Propose to go on with the journey that `source` paid, further or with more heads."""
    extra = t.heads - t.covered if t.heads > t.covered else 0
    if t.inside and not extra:
        return  # a free transfer, offered before
    if not t.inside and not t.transfer[s.TRANSFER_FLAGS] & s.TRANSFER_UPGRADE:
        return
    zones = card[C_J_ZONES] & t.all_zones
    if t.inside:
        _continue(t, card, source, product, priced, zones, zones, extra)
        return
    defaults = zones_of(t, card, source) & t.all_zones
    for zone in range(1, t.zone_count + 1):
        if t.here >> (15 - zone) & 1:
            wanted = wanted_zones(t, tap, defaults, zone)
            if wanted != ASK:
                whole = zones_hull(zones | wanted)
                _continue(t, card, source, product, priced, zones, whole, extra)


def _continue(t, card, source, product, priced, paid, zones, extra):
    """Propose the journey for `zones` instead of `paid`, with `extra` heads more than covered."""
    table = priced[s.P_PRICES]
    children = min(extra, t.children)
    youths = min(extra - children, t.youths)
    adults = extra - children - youths
    others = own = concession = 0
    credit = card[C_J_CHARGED]
    sold = paid
    if not t.inside:
        set_party(t, 1, t.adults - adults, t.youths - youths, t.children - children)
        whole = quote(t, table, zones)
        if whole < 0:
            return
        own = t.quoted_own
        sold = t.quoted_zones
        reduction = t.quoted_full - own
        if t.heads > extra or t.covered > t.heads or reduction:
            # What was his own before: the rest of the charge beside the companions' price.
            whole_own = own
            was = quote(t, table, paid)
            if was >= 0:
                if t.covered > t.heads:
                    credit = min(credit, was)  # whoever stays behind leaves no money to the others
                before = max(credit - t.quoted_others, 0)
                own = max(whole_own - before, 0)
                concession = max(reduction - (t.quoted_full - t.quoted_own), 0)
        missing = max(whole - credit, 0)
        own = min(missing, own if t.heads > extra else missing)
        others = missing - own
    if extra:
        set_party(t, 0, adults, youths, children)
        more = quote(t, table, zones)
        if more < 0:
            return
        others += more
    counted = cut(t, own, zones)
    if t.inside and source:
        t.capped = 0  # heads alone begin no span: only the holder's part counts
    if counted < own and not counted:
        concession = 0
    offer = t.offer
    offer[o.O_NEW] = offer[o.O_ZONE] = 0
    offer[o.O_ZONES] = sold | paid
    offer[o.O_COMPANIONS] = t.heads
    no_surcharge(t)
    fee = 0
    if product[s.P_FLAGS] & s.PRODUCT_SURCHARGE:
        fee = surcharge(t, t.book, kind_of(product), 1 + t.heads, extra, card[C_J_NIGHT])
    offer[o.O_FAIR] = t.fair or t.surcharge_fair
    rule = RULE_UPGRADE
    order = o.ORDER_UPGRADE
    if t.inside:
        rule = RULE_EXTRA_HEADS
        order = o.ORDER_TRANSFER
    o.complete(t, source, product, KIND_UPGRADE, order, rule, counted, others, fee, concession)
    offer[o.O_CHARGE] -= card[C_J_CHARGED] - credit
    o.propose(t)
