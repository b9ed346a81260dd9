"""The oracle's money: what a purse charges, upgrades, extensions, and companions beside a pass.

Source: tariff-model.md sections 3.2 steps 5 to 9 and 3.3.
"""

from tests.fares import oracle_rights, oracle_tariff, oracle_windows
from tests.fares.oracle_journey import (
    companions_allowed,
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
    companions_price,
    key,
    kindest_price,
    price,
    sold_now,
    why_ended,
)
from tests.fares.oracle_wanted import wanted_sets
from tests.fares.oracle_windows import service_date

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
        if found and min(offer["amount"] for offer in found) > ask["card"]["balance"]:
            why = "funds"
        whys[slot] = why or "can"
        offers += found
    return offers, whys


def with_companions(ask, right):
    """Return the right with what its companions pay by the cheapest purse; None if none can."""
    balance = ask["card"]["balance"]
    if right["surcharge"] > balance:
        right = oracle_rights.without_surcharge(ask, right)
    if ask["tap"]["companions"] is None or not heads(ask["party"]):
        return right
    offers, _whys = purse_offers(ask, holder=False)
    if not offers:
        return None
    if not any(offer["amount"] + right["surcharge"] <= balance for offer in offers):
        right = oracle_rights.without_surcharge(ask, right)
    payable = [offer for offer in offers if offer["amount"] + right["surcharge"] <= balance]
    money = min(payable or offers, key=lambda offer: (offer["total"], offer["key"]))
    return {
        **right,
        "amount": right["amount"] + money["amount"],
        "total": right["total"] + money["total"],
        "full": right["full"] + money["full"],
        "surcharge": right["surcharge"] + money["surcharge"],
        "companions": heads(ask["party"]),
        "night": right["night"] or money["night"],
        "fairness": money["fairness"] if right["fairness"] == "none" else right["fairness"],
        **{name: money[name] for name in OF_THE_JOURNEY},
    }


# What the company paid bounds where it may change; the holder has the pass everywhere else.
OF_THE_JOURNEY = ("authority", "zones", "zone", "start_zone", "charged", "paid_by", "caps")


def _purse(ask, product, slot, held, zones, holder):
    """Return (offers, "") of one purse product, or ([], why not)."""
    if slot and (why := why_ended(ask, held)):
        return [], why
    if not companions_allowed(ask, product):
        return [], "companions"
    priced, group, otherwise = product, ask["group"], False
    admitted = oracle_tariff.admits(ask["book"], product, ask["group"])
    if not admitted or not _in_window(ask, product):
        if "else" not in product:
            return [], _why_closed(ask, product) if admitted else "group"
        priced = ask["book"]["products"][product["else"]]
        group = oracle_tariff.age_group(ask["book"], ask["book"]["groups"][ask["group"]]["class"])
        otherwise = True
    if product.get("needs") == "pass":
        if heads(ask["party"]) or not holder:
            return [], "group"  # company holds no pass that could be extended
        return _extension(ask, product, priced, group, slot, zones)
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


def _in_window(ask, product):
    return "window" not in product or any(
        oracle_windows.in_window(ask["book"], ask["feed"], product["window"], wall)
        for _name, wall in ask["readings"]
    )


def _why_closed(ask, product):
    walls = [wall for _name, wall in ask["readings"]]
    days = (
        oracle_windows.on_window_days(ask["book"], ask["feed"], product["window"], wall)
        for wall in walls
    )
    return "window" if any(days) else "calendar"


def _window_reading(ask, use):
    """Return the first reading of the clock that lies in the product's window, if it has one."""
    if "window" not in use["product"] or use["otherwise"]:
        return "none"
    return [
        name
        for name, wall in ask["readings"]
        if oracle_windows.in_window(ask["book"], ask["feed"], use["product"]["window"], wall)
    ][0]


def _charges(ask, use, zone, wanted):
    """Return the charge for a new journey and the upgrade of the open one."""
    table, group = use["priced"]["prices"], use["group"]
    order = ask["book"]["zones"]["order"]
    sold = sold_now(ask, table, group, wanted)
    own, _name = kindest_price(ask, table, group, sold)
    others = companions_price(ask, table, ask["party"], sold)
    offers = []
    if own is not None and others is not None:
        offer = starting(ask, ask["book"], use["product"], use["slot"], zone, sold)
        offer.update(kind="charge", rule="else product" if use["otherwise"] else "charge")
        offer.update(
            group=group, fairness=_window_reading(ask, use), companions=heads(ask["party"])
        )
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
        if use["holder"]:
            _concession(offer, ask, table, group, sold)
        offer["charged"] = offer["own"] + others
        offer["key"] = (*key(use["product"], use["slot"], offer), order.index(zone))
        offers.append(offer)
    return offers + (_upgrade(ask, use, zone, wanted) if use["holder"] else [])


def _upgrade(ask, use, zone, wanted):
    """The difference to a wider set, while the journey is open and this product paid for it."""
    journey, slot = ask["journey"], use["slot"]
    if journey is None or journey["slot"] != slot or not journey["row"].get("upgrade", True):
        return []
    if ask["here"] & journey["zones"] and ask["picked"] <= journey["zones"]:
        return []  # nobody leaves the zones paid, though another zone of the stop lie outside
    table, group = use["priced"]["prices"], use["group"]
    party = ask["party"]
    covered, extra = extra_heads(party, journey["companions"])
    target = oracle_tariff.span_of(ask["book"], journey["zones"] | wanted)
    sold = sold_now(ask, table, group, target)
    own, _name = kindest_price(ask, table, group, sold)
    others = companions_price(ask, table, covered, sold)
    new = companions_price(ask, table, extra, sold)
    if own is None or others is None or new is None:
        return []
    offer = continuing(ask, use["product"], slot, journey, zone)
    offer.update(kind="upgrade", rule="upgrade", group=group, zones=sold)
    offer["fairness"] = journey["fairness"]
    before = sold_now(ask, table, group, journey["zones"])
    others_before = companions_price(ask, table, covered, before) or 0
    own_before, _name = kindest_price(ask, table, group, before)
    paid = journey["charged"]
    if heads(covered) < journey["companions"] and own_before is not None:
        paid = min(paid, own_before + others_before)  # who stays behind takes his money with him
    difference = max(0, own + others - paid)
    paid_for_own = max(0, paid - others_before)
    offer["own"] = own_part = min(difference, max(0, own - paid_for_own))
    add_cap(offer, ask, use, target)
    rest = difference - own_part
    persons = 1 + heads(party)
    price(offer, ask, use["product"], offer["own"], rest + new, persons, boarding=heads(extra))
    _concession(offer, ask, table, group, sold, before)
    offer["charged"] = paid + offer["own"] + rest + new
    offer["companions"] = heads(party)
    order = ask["book"]["zones"]["order"]
    offer["key"] = (*key(use["product"], slot, offer), order.index(zone))
    offer["zone"] = min(ask["here"] & sold or {zone}, key=order.index)
    return [offer]


def _extension(ask, product, priced, group, slot, zones):
    """What a valid pass lacks of the zones wanted, priced by a table of its own."""
    offers, why = [], "needs a pass"
    for held in ask["card"]["slots"]:
        covered = _pass_zones(ask, held)
        if not covered:  # no pass, or one for zones that are no more
            continue
        for zone, wanted in wanted_sets(ask, zones):
            lacking = wanted - covered
            if not lacking:
                continue
            table = priced["prices"]
            sold = sold_now(ask, table, group, lacking)
            own, _name = kindest_price(ask, table, group, sold)
            others = companions_price(ask, table, ask["party"], sold)
            if own is None or others is None:
                why = "price"
                continue
            offer = starting(ask, ask["book"], product, slot, zone, covered | sold)
            offer.update(kind="charge", rule="extension", group=group)
            offer.update(own=own, companions=heads(ask["party"]))
            price(offer, ask, product, own, others, persons=1 + heads(ask["party"]))
            _concession(offer, ask, table, group, sold)
            offer["charged"] = own + others
            place = ask["book"]["zones"]["order"].index(zone)
            offer["key"] = (*key(product, slot, offer), place)
            offers.append(offer)
    return offers, "" if offers else why


def _pass_zones(ask, held):
    """Return the zones of a pass in use that is valid but for its zones, else None."""
    if held is None or held["mechanism"] == 0:
        return None
    book, right, covered, why = oracle_rights.issued(ask, held)
    if why or right["kind"] != "pass" or book is not ask["book"]:
        return None
    if oracle_rights.why_not(ask, book, right, held, covered) != "zone":
        return None
    if oracle_rights.why_not(ask, book, right, held, covered, whatever_zone=True):
        return None
    days = [service_date(ask["clock"], wall) for _name, wall in ask["readings"]]
    return None if oracle_rights.uses_up(right, held, days) else covered


def _concession(offer, ask, table, group, sold, before=None):
    """The price without concession is the full group's; who owes the rest is the group's payer.

    In an upgrade only what the wider set adds to the concession of the set paid `before`.
    """
    rest = _reduction(ask, table, group, sold)
    if before is not None:
        rest = max(0, rest - _reduction(ask, table, group, before))
    billed = offer["payer"] != NOBODY  # the holder is billed what the rider would have paid
    if rest > 0 and not billed and not offer["free_by_cap"]:
        row = ask["book"]["groups"][group]
        offer["full"] += rest
        offer["concession"] = row.get("concession", 0)
        offer["payer"] = row.get("payer", NOBODY)


def _reduction(ask, table, group, sold):
    own, _name = kindest_price(ask, table, group, sold)
    full, _name = kindest_price(ask, table, oracle_tariff.full_group(ask["book"], group), sold)
    return max(full - own, 0) if own is not None and full is not None else 0
