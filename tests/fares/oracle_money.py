"""The oracle's money: what a purse charges, upgrades, extensions, and companions beside a pass.

Source: tariff-model.md sections 3.2 steps 5 to 9 and 3.3.
"""

from tests.fares import oracle_rights, oracle_tariff
from tests.fares.oracle_journey import (
    continuing,
    extra_heads,
    heads,
    open_journey,
    starting,
    transfer_offers,
)
from tests.fares.oracle_offer import (
    NOBODY,
    add_cap,
    cap_is_open,
    companions_price,
    key,
    kindest_price,
    price,
)
from tests.fares.oracle_tariff import CLASSES, service_date

__all__ = ["open_journey", "purse_offers", "transfer_offers", "with_companions"]


def purse_offers(ask, holder=True):
    """Return the offers of the purse and of purse products in slots, and {slot: reason}.

    Without the holder, whom a pass carries, only companions are charged.
    """
    offers, whys = [], {}
    sources = [(0, ask["card"]["purse"]), *enumerate(ask["card"]["slots"], 1)]
    for slot, held in sources:
        if held is None or (slot and held["mechanism"] == 0):
            if slot == 0:
                whys[0] = "empty"
            continue
        _book, product, zones, why = oracle_rights.issued(ask, held)
        if product is not None and product["kind"] not in ("purse", "ticket"):
            continue
        if product is None and slot:
            continue
        found, why = ([], why) if why else _purse(ask, product, slot, held, zones, holder)
        whys[slot] = why or "can"
        offers += found
    return offers, whys


def with_companions(ask, right):
    """Return the right with what its companions pay by the cheapest purse; None if none can."""
    if ask["tap"]["companions"] is None or not heads(ask["party"]):
        return right
    offers, _whys = purse_offers(ask, holder=False)
    payable = [o for o in offers if o["amount"] + right["surcharge"] <= ask["card"]["balance"]]
    if not payable:
        return None
    money = min(payable, key=lambda offer: (offer["total"], offer["key"]))
    return {
        **right,
        "amount": right["amount"] + money["amount"],
        "total": right["total"] + money["total"],
        "full": right["full"] + money["full"],
        "surcharge": right["surcharge"] + money["surcharge"],
        "companions": heads(ask["party"]),
        "charged": money["charged"],
        "caps": money["caps"],
        "night": right["night"] or money["night"],
    }


def _purse(ask, product, slot, held, zones, holder):
    """Return (offers, "") of one purse product, or ([], why not)."""
    if slot and (why := _why_ended(ask, held)):
        return [], why
    priced, group, otherwise = product, ask["group"], False
    admitted = oracle_tariff.admits(ask["book"], product, ask["group"])
    if not admitted or not _in_window(ask, product):
        if "else" not in product:
            return [], "window" if admitted else "group"
        priced = ask["book"]["products"][product["else"]]
        group = oracle_tariff.age_group(ask["book"], ask["book"]["groups"][ask["group"]]["class"])
        otherwise = True
    if not companions_allowed(ask, product):
        return [], "companions"
    if product.get("needs") == "pass":
        return _extension(ask, product, priced, group, slot) if holder else ([], "needs a pass")
    use = {
        "product": product,
        "priced": priced,
        "group": group,
        "otherwise": otherwise,
        "slot": slot,
        "held": held,
        "zones": zones,
        "holder": holder,
    }
    wishes = wanted_sets(ask, zones)
    offers = [offer for zone, wanted in wishes for offer in _charges(ask, use, zone, wanted)]
    if not wishes:
        return [], "zone"
    return offers, "" if offers else "price"


def _why_ended(ask, held):
    days = [service_date(ask["clock"], wall) for _name, wall in ask["readings"]]
    if held["last"] is None or any(day <= held["last"] for day in days):
        return ""
    running = held["start"] is not None and any(cap_is_open(held, day) for day in days)
    return "" if running else "ended"


def _in_window(ask, product):
    return "window" not in product or any(
        oracle_tariff.in_window(ask["book"], ask["feed"], product["window"], wall)
        for _name, wall in ask["readings"]
    )


def companions_allowed(ask, product):
    """W-62: the same or a younger age class, or as the product says."""
    party, allowed = ask["party"], product.get("companions", {})
    if not heads(party):
        return True
    if heads(party) > allowed.get("max", 0):
        return False
    classes = allowed.get("class", "own_or_younger")
    own = CLASSES.index(ask["book"]["groups"][ask["group"]]["class"])
    if classes == "own":
        return all(not party[other] for other in CLASSES if other != CLASSES[own])
    return classes == "any" or all(not party[older] for older in CLASSES[own + 1 :])


def wanted_sets(ask, default):
    """Return [(zone of the tap, set of zones wanted)], one for each zone the stop lies in."""
    return [
        (zone, wanted)
        for zone in ask["book"]["zones"]["order"]
        if zone in ask["here"]
        for wanted in _wanted_from(ask, default, zone)
    ]


def _wanted_from(ask, default, zone):
    picked, here = ask["picked"], frozenset([zone])
    if picked:
        return [picked | here]
    if not default:
        return [here]
    if zone in default:
        return [default]
    if default & ask["ahead"]:
        return [oracle_tariff.span_of(ask["book"], here | (default & ask["ahead"]))]
    away = ask["book"]["zones"].get("away", "start")
    if away == "end":
        ends = oracle_tariff.stop_zones(ask["book"], ask["feed"], ask["last_stop"])
        return [oracle_tariff.span_of(ask["book"], here | {end}) for end in sorted(ends)]
    return [] if away == "ask" else [here]


def _charges(ask, use, zone, wanted):
    """Return the charge for a new journey and the upgrade of the open one."""
    table, group = use["priced"]["prices"], use["group"]
    sold = oracle_tariff.sold_as(ask["book"], table, group, wanted, ask["ahead"])
    own, fairness = kindest_price(ask, table, group, sold)
    others = companions_price(ask, table, ask["party"], sold)
    offers = []
    if own is not None and others is not None:
        offer = starting(ask, ask["book"], use["product"], use["slot"], zone, sold)
        offer.update(kind="charge", rule="else product" if use["otherwise"] else "charge")
        offer.update(group=group, fairness=fairness, companions=heads(ask["party"]))
        offer["own"] = own = own if use["holder"] else 0
        if use["holder"]:
            add_cap(offer, ask, use, wanted)
        price(
            offer,
            ask,
            use["product"],
            offer["own"],
            others,
            persons=heads(ask["party"]) + (use["holder"]),
        )
        _concession(offer, ask, table, group, sold, own)
        offer["charged"] = offer["own"] + others
        offer["key"] = key(use["product"], use["slot"], offer)
        offers.append(offer)
    return offers + (_upgrade(ask, use, zone, wanted) if use["holder"] else [])


def _upgrade(ask, use, zone, wanted):
    """The difference to a wider set, while the journey is open and this product paid for it."""
    journey, slot = ask["journey"], use["slot"]
    if journey is None or journey["slot"] != slot or not journey["row"].get("upgrade", True):
        return []
    if wanted <= journey["zones"] and ask["here"] & journey["zones"]:
        return []
    table, group = use["priced"]["prices"], use["group"]
    covered, extra = extra_heads(ask["party"], journey["companions"])
    target = oracle_tariff.span_of(ask["book"], journey["zones"] | wanted)
    sold = oracle_tariff.sold_as(ask["book"], table, group, target, ask["ahead"])
    own, fairness = kindest_price(ask, table, group, sold)
    others = companions_price(ask, table, covered, sold)
    new = companions_price(ask, table, extra, sold)
    if own is None or others is None or new is None:
        return []
    offer = continuing(ask, use["product"], slot, journey, zone)
    offer.update(kind="upgrade", rule="upgrade", group=group, zones=sold, fairness=fairness)
    difference = max(0, own + others - journey["charged"])
    offer["own"] = min(difference, own)
    if not heads(covered):
        add_cap(offer, ask, use, target)
    rest = difference - min(difference, own)
    price(offer, ask, use["product"], offer["own"], rest + new, heads(extra), transfer=True)
    offer["charged"] = journey["charged"] + offer["own"] + rest + new
    offer["companions"] = heads(ask["party"])
    offer["key"] = key(use["product"], slot, offer)
    return [offer]


def _extension(ask, product, priced, group, slot):
    """What a valid pass lacks of the zones wanted, priced by a table of its own."""
    offers = []
    for held in ask["card"]["slots"]:
        covered = _pass_zones(ask, held)
        if covered is None:
            continue
        for zone in ask["book"]["zones"]["order"]:
            lacking = (ask["picked"] | {zone}) - covered
            if zone not in ask["here"] or not lacking:
                continue
            table = priced["prices"]
            sold = oracle_tariff.sold_as(ask["book"], table, group, lacking, ask["ahead"])
            own, fairness = kindest_price(ask, table, group, sold)
            others = companions_price(ask, table, ask["party"], sold)
            if own is None or others is None:
                continue
            offer = starting(ask, ask["book"], product, slot, zone, covered | sold)
            offer.update(kind="charge", rule="extension", group=group, fairness=fairness)
            offer.update(own=own, companions=heads(ask["party"]))
            price(offer, ask, product, own, others, persons=1 + heads(ask["party"]))
            offer["charged"] = own + others
            offer["key"] = key(product, slot, offer)
            offers.append(offer)
    return offers, "" if offers else "needs a pass"


def _pass_zones(ask, held):
    """Return the zones of a pass in use that is valid but for its zones, else None."""
    if held is None or held["mechanism"] == 0:
        return None
    book, right, covered, why = oracle_rights.issued(ask, held)
    if why or right["kind"] != "pass" or book is not ask["book"]:
        return None
    if oracle_rights.why_not(ask, book, right, held, covered, whatever_zone=True):
        return None
    return None if oracle_rights.needs_start(right, held) else covered


def _concession(offer, ask, table, group, sold, own):
    """The price without concession is the full group's; who owes the rest is the group's payer."""
    full_name = oracle_tariff.full_group(ask["book"], group)
    full, _name = kindest_price(ask, table, full_name, sold)
    rest = full - own if full is not None and own else 0
    if rest > 0 and not offer["billed"]:
        row = ask["book"]["groups"][group]
        offer["full"] += rest
        offer.update(payer=row.get("payer", NOBODY), concession=row.get("concession", 0))
