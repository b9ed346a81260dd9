"""What one tap costs: one pure function for validator, ledger and auditor.

`rate` builds offers from the open journey, the rights and the purses of a card and takes the best
by one fixed order. It knows no clock, card, link or language and allocates nothing: the caller says
where, when and who in flat lists (`inputs.py`), the tariff is read in place (`mounted.py`).

Rounding: none at tap time; every charge is a sum of table prices, cut only by a cap.
Source: tariff-model.md section 3.2; decisions.md D2, D31 to D33.
"""

from card_layouts.codec.timestamps import CLOCK_UNSET
from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares import offers as o
from card_layouts.fares import sections as s
from card_layouts.fares.clock import END_MAX, read_clock
from card_layouts.fares.continuing import free_transfer
from card_layouts.fares.inputs import (
    C_BALANCE,
    D_AMOUNT,
    D_CHARGED,
    D_CLIP,
    D_DAY,
    D_FULL,
    D_GROUP,
    D_KIND,
    D_OWN,
    D_REASON,
    D_RIDER,
    D_RULE,
    D_T_CENTS,
    D_T_DAY,
    D_T_LEFT,
    D_T_LENGTH,
    D_UNIT,
    D_VERSION,
    DECISION_SIZE,
    FLAG_LATE_TARIFF,
    KIND_REFUSED,
    REFUSED_AUTHORITY,
    REFUSED_CLOCK,
    REFUSED_COMPANIONS,
    REFUSED_FUNDS,
    REFUSED_NO_PRICE,
    REFUSED_NO_PRODUCT,
    REFUSED_SEMANTICS,
    REFUSED_TARIFF,
    RULE_CAPPED,
    T_CLOCK,
    T_FLAGS,
    WHY_EMPTY,
    WHY_FOREIGN,
    WHY_PRICE,
)
from card_layouts.fares.journey import find_journey
from card_layouts.fares.money import gather_money
from card_layouts.fares.package import BROKEN, SEMANTICS
from card_layouts.fares.place import choose_book, find_trip, use_book
from card_layouts.fares.prices import quote, set_party
from card_layouts.fares.rider import default_party, named_party, read_rider, unnamed_heads
from card_layouts.fares.rights import weigh_rights
from card_layouts.fares.settle import keep_counters, settle_offer, settle_right, write_reasons
from card_layouts.fares.sources import forget, zones_of
from card_layouts.fares.wanted import ASK, wanted_zones


def rate(t, card, tap, d):
    """Decide the tap: fill the DECISION list `d` from the lists CARD and TAP under the Tariff `t`.

    Nothing is returned and nothing is allocated. A refusal is a decision; D_ACTIVATES asks for
    `activate` once the P row is read. Raises: RangeError, LayoutError for a broken package only:
    whatever its bytes are.
    """
    try:
        _rate(t, card, tap, d)
    except BROKEN as error:
        if isinstance(error, (LayoutError, RangeError)):
            raise
        raise LayoutError("package: its sections contradict each other: %r" % (error,))


def _rate(t, card, tap, d):
    for i in range(DECISION_SIZE):
        d[i] = 0
    d[D_VERSION] = t.version
    reason = _prepare(t, card, tap, d)
    if reason:
        _refuse(t, card, d, reason)
        return
    named = named_party(t, tap)
    t.balance = card[C_BALANCE]
    if _continues(t, card, named):
        settle_offer(t, card, d)
        return
    weigh_rights(t, card, tap)
    if t.right and _ride(t, card, tap, d, named):
        return
    t.own = 1
    t.balance = card[C_BALANCE]
    t.found = 0
    _continues(t, card, named)
    gather_money(t, card, tap, named)
    if t.found:
        settle_offer(t, card, d)
    else:
        _refuse(t, card, d, _why_nothing(t))


def activate(d, length, left, cents):
    """Complete a decision whose D_ACTIVATES is set with what was sold (P row of that slot).

    Shape: `length` days or units of the product's minutes, `left` travel days or rides sold,
    `cents` the cap's threshold; 0 where the product has none. The threshold that was sold may cut
    the holder's own part once more.
    """
    d[D_T_LENGTH] = length
    if left:
        d[D_T_LEFT] = left - 1 if d[D_T_DAY] else left
    if d[D_UNIT]:
        d[D_T_CENTS] = min(d[D_T_CENTS] + length * d[D_UNIT], END_MAX)
    elif cents:
        more = d[D_OWN] - cents
        if more > 0 and d[D_CLIP]:
            d[D_AMOUNT] -= more
            d[D_FULL] -= more
            d[D_CHARGED] -= more
            d[D_OWN] = cents
            d[D_RULE] = d[D_RULE] & ~15 | RULE_CAPPED
        d[D_T_CENTS] = max(cents - d[D_OWN], 0)


def _prepare(t, card, tap, d):
    """Read clock, place, book, rider and journey. Return 0 or the refusal."""
    forget(t)
    t.asked = -1
    t.found = t.too_many = 0
    if t.semantics > SEMANTICS:
        return REFUSED_SEMANTICS
    if tap[T_CLOCK] == CLOCK_UNSET:
        return REFUSED_CLOCK
    reason = find_trip(t, tap)
    read_clock(t, tap)
    d[D_DAY] = t.day
    reason = reason or choose_book(t, tap)
    if reason:
        return reason
    if t.day < t.valid_from or t.day > t.valid_to and not tap[T_FLAGS] & FLAG_LATE_TARIFF:
        return REFUSED_TARIFF
    read_rider(t, card)
    d[D_GROUP] = d[D_RIDER] = t.group
    keep_counters(t, card, d)
    return find_journey(t, card, tap)


def _continues(t, card, named):
    """Propose the transfer of an open journey; return whether it is free: then nothing beats it."""
    if not t.open or not t.inside:
        return False
    if not named:
        default_party(t, unnamed_heads(t, card))
    if t.heads > t.covered:
        return False
    free_transfer(t, card)
    return t.found and not t.best[o.O_TOTAL]


def _ride(t, card, tap, d, named):
    """Let the holder ride on his pass unless money is cheaper; return False if it cannot be.

    Companions named on the tap are charged beside it; the default party is not travelling.
    """
    if not named:
        default_party(t, 0)
    total = t.right_surcharge
    if not total and not t.heads:
        _settle_right(t, card, tap, d, 0, 0)
        return True
    purse = card[C_BALANCE]
    forgiven = t.resident[t.book_at + s.BOOK_FLAGS] & s.BOOK_NIGHT_FREE
    waived = 1 if total > purse and forgiven else 0
    beside = 1 if t.heads else 0
    if beside:
        able = _charge_companions(t, card, tap, purse if waived else purse - total)
        if not able and total and forgiven and not waived:
            # The purse pays the companions; what is then missing for the fee is let off.
            waived = 1
            t.asked = -1
            able = _charge_companions(t, card, tap, purse)
        if not able:
            if t.asked < 0:
                t.too_many = 1  # the pass would carry its holder, but nothing his companions
            elif not waived:
                t.asked += total
            return False
        total = t.kept[o.O_TOTAL] + (0 if waived else total)
    elif waived:
        total = 0  # what is let off makes no other offer the cheaper one
    elif total > purse:
        t.asked = total
        return False
    t.own = 1
    t.balance = purse
    t.found = 0
    _continues(t, card, named)
    gather_money(t, card, tap, named)
    if t.found and _beats(t.best, total):
        settle_offer(t, card, d)
        return True
    if not named:
        default_party(t, 0)
    _settle_right(t, card, tap, d, beside, waived)
    return True


def _charge_companions(t, card, tap, balance):
    """Keep the cheapest way to pay for the companions of a pass holder; False if there is none."""
    t.own = 0
    t.balance = balance
    t.found = 0
    gather_money(t, card, tap, True)
    if t.found:
        kept = t.kept
        t.kept = t.best
        t.best = kept
    return t.found


def _beats(best, total):
    """Return whether an offer beats a right of `total`; of equal ones a transfer comes first."""
    if best[o.O_TOTAL] != total:
        return best[o.O_TOTAL] < total
    return best[o.O_ORDER] == o.ORDER_TRANSFER


def _settle_right(t, card, tap, d, beside, waived):
    """Work out what the ride is worth in the book of the pass, and write the decision."""
    source = t.right
    product = t.products[source]
    book = t.book
    use_book(t, t.product_book[source])
    t.right_zones = zones_of(t, card, source) & t.all_zones
    t.shadow = 0
    if product[s.P_SHADOW] != s.NONE:
        set_party(t, 1, 0, 0, 0)
        for zone in range(1, t.zone_count + 1):
            if t.here & t.right_zones & 1 << (15 - zone):
                wanted = wanted_zones(t, tap, t.right_zones, zone)
                cents = quote(t, product[s.P_SHADOW], wanted) if wanted != ASK else -1
                if cents > 0 and (not t.shadow or cents < t.shadow):
                    t.shadow = cents
    if beside:
        use_book(t, book)  # the journey is the one that the companions pay
    settle_right(t, card, d, beside, waived)


def _why_nothing(t):
    """Return the refusal when no offer can be paid, the most useful one to tell first."""
    if t.asked >= 0:
        return REFUSED_FUNDS
    if t.too_many:
        return REFUSED_COMPANIONS
    foreign = empty = True
    for source in range(5):
        why = t.why[source]
        if why == WHY_PRICE:
            return REFUSED_NO_PRICE
        if why != WHY_EMPTY:
            empty = False
            if why != WHY_FOREIGN:
                foreign = False
    return REFUSED_AUTHORITY if foreign and not empty else REFUSED_NO_PRODUCT


def _refuse(t, card, d, reason):
    d[D_KIND] = KIND_REFUSED
    d[D_REASON] = d[D_RULE] = reason
    if reason == REFUSED_FUNDS:
        d[D_AMOUNT] = t.asked
    write_reasons(t, card, d)
