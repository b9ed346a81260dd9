"""An offer: one way this tap could be paid, as a flat list of numbers.

Two lists suffice: the one being worked out and the best so far; a better one changes places with
it. The key (total, order, rank, source) is total: no two offers tie. Source: tariff-model.md 3.2.
"""

from card_layouts.fares.inputs import (
    KIND_ACTIVATION,
    KIND_CHARGE,
    RULE_ACTIVATION,
    WHY_FUNDS,
    WHY_OTHER,
)
from card_layouts.fares.package import u16
from card_layouts.fares.sections import (
    P_FLAGS,
    P_KIND,
    P_NUMBER,
    P_PAYER,
    P_RANK,
    PRODUCT_BILLED,
    PRODUCT_PURSE,
)

O_TOTAL = 0  # cents compared: own and companions' part and surcharge, billed or not
O_ORDER = 1  # ORDER_*: decides between equal totals
O_RANK = 2  # of the product
O_SOURCE = 3  # 0 purse, 1..4 slot
O_PAY = 4  # cents out of the purse
O_FULL = 5  # without concession, with surcharge
O_OWN = 6  # own part that counts towards a cap
O_SURCHARGE = 7
O_SURCHARGE_NUMBER = 8
O_FAIR = 9  # reading that helped, FAIR_*
O_RULE = 10  # RULE_*
O_KIND = 11  # KIND_*
O_ZONES = 12  # paid mask of the journey after
O_NEW = 13  # 1: a new journey begins
O_CHARGE = 14  # added to the journey's charges: without surcharge
O_COMPANIONS = 15  # covered after
O_CONCESSION = 16
O_PAYER = 17
O_GROUP = 18
O_PRODUCT = 19
O_CAPPED = 20  # 1: a cap counts this offer
O_LEFT = 21  # cents left to the cap of a slot after
O_ACTIVATES = 22
O_CLIP = 23
O_BILLED = 24
O_NIGHT = 25  # 1: a surcharge that is asked once a journey
O_ZONE = 26  # zone of the stop the price was taken for, 0 = any inside the journey
OFFER_SIZE = 27

ORDER_TRANSFER, ORDER_CAP_FREE, ORDER_UPGRADE, ORDER_CHARGE, ORDER_EXTENSION = 0, 1, 2, 3, 4


def is_better(offer, best):
    """Return whether `offer` comes before `best` in the fixed order."""
    for field in range(O_SOURCE + 1):
        if offer[field] != best[field]:
            return offer[field] < best[field]
    return False


def propose(t):
    """Keep the offer being worked out if the purse can pay it and none before was better."""
    offer = t.offer
    if offer[O_PAY] > t.balance:
        t.why[offer[O_SOURCE]] = WHY_FUNDS
        if t.asked < 0 or offer[O_PAY] < t.asked:
            t.asked = offer[O_PAY]
        return
    t.why[offer[O_SOURCE]] = WHY_OTHER
    if not t.found or is_better(offer, t.best):
        t.offer = t.best
        t.best = offer
        t.found = 1


def complete(t, source, product, kind, order, rule, own, others, fee, concession):
    """Fill in what every offer has: amounts, payer, key.

    `own` and `others` are the parts of the holder and of companions, `fee` the surcharge,
    `concession` what the holder's group saves.
    """
    offer = t.offer
    total = own + others + fee
    billed = product[P_FLAGS] & PRODUCT_BILLED and product[P_KIND] == PRODUCT_PURSE
    offer[O_TOTAL] = total
    offer[O_ORDER] = order
    offer[O_RANK] = product[P_RANK]
    offer[O_SOURCE] = source
    offer[O_PAY] = 0 if billed else total
    # Who is billed owes the rider's own price, not the full fare.
    offer[O_FULL] = total if billed else total + concession
    offer[O_OWN] = own if t.capped else 0
    offer[O_CHARGE] = own + others
    offer[O_SURCHARGE] = fee
    offer[O_SURCHARGE_NUMBER] = t.surcharge_number
    offer[O_NIGHT] = t.surcharge_once
    first = t.starts and t.capped and kind == KIND_CHARGE
    offer[O_RULE] = RULE_ACTIVATION if first else rule
    offer[O_KIND] = KIND_ACTIVATION if first else kind
    offer[O_CONCESSION] = t.concession if concession and not billed else 0
    offer[O_PAYER] = t.payer if concession else 0
    if billed:
        offer[O_PAYER] = product[P_PAYER]
    offer[O_GROUP] = t.group
    offer[O_PRODUCT] = u16(product, P_NUMBER)
    offer[O_BILLED] = 1 if billed else 0
    offer[O_CAPPED] = t.capped
    offer[O_LEFT] = max(t.cap_left - own, 0)
    offer[O_ACTIVATES] = source if t.starts and t.capped else 0
    offer[O_CLIP] = 1 if t.cap_clips else 0
