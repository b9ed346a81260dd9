"""What a decision says and changes on the card: amounts, journey, T row, counters.

G always changes, T only when one of its fields does, P and S never by a tap.
Source: tariff-model.md section 3.2, step 11, and section 8; R-21.
"""

from card_layouts.cards.zones import zones_first
from card_layouts.fares import offers as o
from card_layouts.fares import sections as s
from card_layouts.fares.caps import day_counts, period_counts
from card_layouts.fares.clock import end_minute
from card_layouts.fares.inputs import (
    C_CAP_DAY,
    C_CAP_START,
    C_DAY_SUM,
    C_J_CHARGED,
    C_J_NIGHT,
    C_J_START_MINUTE,
    C_J_START_ZONE,
    C_J_TRANSFERS,
    C_PERIOD_SUM,
    C_PURSE_PRODUCT,
    C_SLOT0,
    C_SLOT_SIZE,
    D_ACTIVATES,
    D_AMOUNT,
    D_BOOK_AUTHORITY,
    D_CAP_DAY,
    D_CAP_START,
    D_CHARGED,
    D_CHILDREN,
    D_CLIP,
    D_COMPANIONS,
    D_CONCESSION,
    D_DAY_BEFORE,
    D_DAY_SUM,
    D_FULL,
    D_GROUP,
    D_HEADS,
    D_KIND,
    D_MODIFIERS,
    D_NIGHT,
    D_OWN,
    D_PAID_BY,
    D_PAYER,
    D_PERIOD_BEFORE,
    D_PERIOD_SUM,
    D_PRODUCT,
    D_REDUCTION,
    D_RULE,
    D_SLOT,
    D_START_MINUTE,
    D_START_ZONE,
    D_SURCHARGE,
    D_T_CENTS,
    D_T_DAY,
    D_T_LEFT,
    D_T_LENGTH,
    D_T_SLOT,
    D_T_START,
    D_T_TODAY,
    D_T_WRITE,
    D_TRANSFERS,
    D_UNIT,
    D_WHY0,
    D_YOUTHS,
    D_ZONE,
    D_ZONES,
    KIND_ACTIVATION,
    KIND_PASS,
    PAID_BILLED,
    RULE_ACTIVATION,
    RULE_PASS,
    RULE_RIDE,
    RULE_SCHOOL_TRIP,
    RULE_TRAVEL_DAY,
    S_CENTS,
    S_DAY,
    S_LEFT,
    S_LENGTH,
    S_MECHANISM,
    S_START,
    S_TODAY,
    WHY_EMPTY,
    WHY_OTHER,
    WHY_USED,
)
from card_layouts.fares.journey import set_minutes
from card_layouts.fares.package import u16
from card_layouts.fares.rights import (
    CONSUMES_ACTIVATION,
    CONSUMES_DAY,
    CONSUMES_NOTHING,
    CONSUMES_TRIP,
)

TRANSFERS_MAX = 15  # of a G record: saturates


def settle_offer(t, card, d):
    """Write the best offer into the decision."""
    best = t.best
    source = best[o.O_SOURCE]
    t.why[source] = WHY_USED
    d[D_KIND] = best[o.O_KIND]
    d[D_AMOUNT] = best[o.O_PAY]
    d[D_FULL] = best[o.O_FULL]
    d[D_CONCESSION] = best[o.O_CONCESSION]
    d[D_PAYER] = best[o.O_PAYER]
    d[D_RULE] = 16 * best[o.O_PRODUCT] + best[o.O_RULE]
    d[D_MODIFIERS] = best[o.O_SURCHARGE_NUMBER] | best[o.O_FAIR] << 4
    d[D_SURCHARGE] = best[o.O_SURCHARGE]
    d[D_PRODUCT] = best[o.O_PRODUCT]
    d[D_SLOT] = source
    d[D_GROUP] = best[o.O_GROUP]
    d[D_OWN] = best[o.O_OWN]
    d[D_CLIP] = best[o.O_CLIP]
    _journey(t, card, d, best, best[o.O_NIGHT])
    d[D_PAID_BY] = PAID_BILLED if best[o.O_BILLED] and not source else source
    if best[o.O_CAPPED] or best[o.O_ACTIVATES]:
        _count(t, card, d, best)
    _finish(t, card, d)


def settle_right(t, card, d, beside, waived):
    """Write the pass chosen by `weigh_rights`; `beside`: `kept` charges companions as well.

    `waived` 1: the purse cannot pay the surcharge and the tariff lets him ride all the same.
    """
    source = t.right
    product = t.products[source]
    t.why[source] = WHY_USED
    fee = 0 if waived else t.right_surcharge
    d[D_KIND] = KIND_ACTIVATION if t.consumes == CONSUMES_ACTIVATION else KIND_PASS
    d[D_RULE] = 16 * u16(product, s.P_NUMBER) + _rule(t, product)
    d[D_MODIFIERS] = t.right_surcharge_number | t.right_fair << 4
    d[D_PRODUCT] = u16(product, s.P_NUMBER)
    d[D_SLOT] = source
    d[D_PAYER] = product[s.P_PAYER] if t.shadow else 0
    d[D_SURCHARGE] = fee
    d[D_AMOUNT] = fee
    d[D_FULL] = fee + t.shadow
    night = t.right_night
    kept = t.kept
    if beside:
        d[D_AMOUNT] += kept[o.O_PAY]
        d[D_FULL] += kept[o.O_FULL]
        d[D_SURCHARGE] += kept[o.O_SURCHARGE]
        night |= kept[o.O_NIGHT]
        d[D_PAID_BY] = kept[o.O_SOURCE]
        if kept[o.O_BILLED]:
            d[D_PAYER] = kept[o.O_PAYER]
            if not kept[o.O_SOURCE]:
                d[D_PAID_BY] = PAID_BILLED
    else:
        kept[o.O_NEW] = 1
        kept[o.O_ZONES] = t.right_zones
        kept[o.O_CHARGE] = kept[o.O_COMPANIONS] = kept[o.O_ZONE] = 0
        kept[o.O_SOURCE] = source
        d[D_PAID_BY] = source
    _journey(t, card, d, kept, night)
    if t.consumes != CONSUMES_NOTHING:
        _use(t, card, d, source, product)
    _finish(t, card, d)


def _rule(t, product):
    if t.consumes == CONSUMES_ACTIVATION:
        return RULE_ACTIVATION
    if t.consumes == CONSUMES_DAY:
        return RULE_RIDE if product[s.P_KIND] == s.PRODUCT_PACK else RULE_TRAVEL_DAY
    return RULE_SCHOOL_TRIP if t.consumes == CONSUMES_TRIP else RULE_PASS


def _journey(t, card, d, offer, night):
    """Write the journey this tap leaves behind."""
    zones = offer[o.O_ZONES]
    d[D_ZONES] = zones
    d[D_COMPANIONS] = offer[o.O_COMPANIONS]
    d[D_BOOK_AUTHORITY] = t.resident[t.book_at]
    d[D_HEADS] = t.heads
    d[D_YOUTHS] = t.youths
    d[D_CHILDREN] = t.children
    d[D_ZONE] = offer[o.O_ZONE] or zones_first(t.here & zones or t.here)
    if offer[o.O_NEW]:
        d[D_START_ZONE] = _start_zone(t, offer[o.O_SOURCE], zones)
        d[D_START_MINUTE] = t.minute
        d[D_CHARGED] = offer[o.O_CHARGE]
        d[D_NIGHT] = night
        return
    d[D_START_ZONE] = card[C_J_START_ZONE]
    d[D_START_MINUTE] = card[C_J_START_MINUTE]
    d[D_CHARGED] = card[C_J_CHARGED] + offer[o.O_CHARGE]
    d[D_TRANSFERS] = min(card[C_J_TRANSFERS] + 1, TRANSFERS_MAX)
    d[D_NIGHT] = night | card[C_J_NIGHT]


def _start_zone(t, source, zones):
    """Return the zone a journey starts in: of several, the one with the longest transfer time."""
    lowest = zones_first(t.here)
    row = t.products[source][s.P_TRANSFER]
    if t.here == 1 << (15 - lowest) or row == s.NONE:
        return lowest
    t.read(s.TRANSFERS, row, t.transfer)
    start = lowest
    longest = max(u16(t.transfer, 2 * lowest - 2), set_minutes(t, zones & t.all_zones))
    for zone in range(lowest + 1, t.zone_count + 1):
        if t.here >> (15 - zone) & 1 and u16(t.transfer, 2 * zone - 2) > longest:
            longest = u16(t.transfer, 2 * zone - 2)
            start = zone
    return start


def _use(t, card, d, source, product):
    """Write the T row of a pass: first use, a travel day, a ride or a trip of the day."""
    at = C_SLOT0 + (source - 1) * C_SLOT_SIZE
    _copy_row(card, d, at)
    d[D_T_SLOT] = source
    d[D_T_WRITE] = 1
    quota = product[s.P_TRAVEL_DAYS]
    if product[s.P_KIND] == s.PRODUCT_PACK:
        quota = product[s.P_USES]
    if t.consumes == CONSUMES_ACTIVATION:
        d[D_T_START] = t.day
        d[D_T_LEFT] = quota - 1 if quota else 0
        d[D_ACTIVATES] = source
        d[D_UNIT] = u16(product, s.P_MINUTES)
        if d[D_UNIT]:
            d[D_T_CENTS] = t.minute - end_minute(t.day, 0)  # `activate` adds the length sold
    elif t.consumes == CONSUMES_DAY:
        d[D_T_LEFT] = card[at + S_LEFT] - 1
    if product[s.P_TRIPS_DAY]:
        same = card[at + S_DAY] == t.right_day and t.consumes != CONSUMES_ACTIVATION
        d[D_T_TODAY] = card[at + S_TODAY] + 1 if same else 1
    if quota or product[s.P_TRIPS_DAY]:
        d[D_T_DAY] = t.right_day


def _count(t, card, d, best):
    """Write what a cap counts: the T row of a slot or a counter of the purse."""
    source = best[o.O_SOURCE]
    product = t.products[source]
    if source:
        at = C_SLOT0 + (source - 1) * C_SLOT_SIZE
        if not best[o.O_ACTIVATES] and best[o.O_LEFT] == card[at + S_CENTS]:
            return
        d[D_T_WRITE] = 1
        _copy_row(card, d, at)
        d[D_T_SLOT] = source
        d[D_T_CENTS] = best[o.O_LEFT]
        if best[o.O_ACTIVATES]:
            d[D_T_START] = t.day
            d[D_ACTIVATES] = source
        return
    if u16(product, s.P_CAP_DAYS) == 1:
        same = day_counts(t, card)
        d[D_CAP_DAY] = card[C_CAP_DAY] if same else t.day
        d[D_DAY_SUM] = (card[C_DAY_SUM] if same else 0) + best[o.O_OWN]
        d[D_T_WRITE] = 0 if same and not best[o.O_OWN] else 1
        return
    same = period_counts(t, card, product)
    d[D_CAP_START] = card[C_CAP_START] if same else t.day
    d[D_PERIOD_SUM] = (card[C_PERIOD_SUM] if same else 0) + best[o.O_OWN]
    d[D_T_WRITE] = 0 if same and not best[o.O_OWN] else 1


def _copy_row(card, d, at):
    d[D_T_START] = card[at + S_START]
    d[D_T_LENGTH] = card[at + S_LENGTH]
    d[D_T_DAY] = card[at + S_DAY]
    d[D_T_LEFT] = card[at + S_LEFT]
    d[D_T_TODAY] = card[at + S_TODAY]
    d[D_T_CENTS] = card[at + S_CENTS]


def keep_counters(t, card, d):
    """Write the card's counters into the decision: as they are until a cap counts."""
    d[D_CAP_DAY] = card[C_CAP_DAY]
    d[D_DAY_SUM] = card[C_DAY_SUM]
    d[D_CAP_START] = card[C_CAP_START]
    d[D_PERIOD_SUM] = card[C_PERIOD_SUM]
    d[D_DAY_BEFORE] = card[C_DAY_SUM] if day_counts(t, card) else 0


def write_reasons(t, card, d):
    """Write why each source was used or not; what was never asked was not needed."""
    for source in range(5):
        why = t.why[source]
        if why == WHY_EMPTY:
            at = C_SLOT0 + (source - 1) * C_SLOT_SIZE + S_MECHANISM if source else C_PURSE_PRODUCT
            if card[at]:
                why = WHY_OTHER
        d[D_WHY0 + source] = why


def _finish(t, card, d):
    d[D_REDUCTION] = d[D_FULL] - d[D_AMOUNT]
    d[D_PERIOD_BEFORE] = t.period_before
    write_reasons(t, card, d)
