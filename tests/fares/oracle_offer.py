"""The oracle's prices, caps and surcharges of one offer, every clock reading asked by itself.

Source: tariff-model.md sections 1 (M1, M5, M9), 3.2 steps 7 and 9, and 3.3.
"""

import datetime

from tests.fares import oracle_tariff, oracle_windows
from tests.fares.oracle_tariff import CLASSES
from tests.fares.oracle_windows import service_date

NOBODY = ""
SURCHARGED_AS = {"purse": "purse", "pass": "pass", "ticket": "single", "ticket_pack": "single"}


def sold_now(ask, table, group, wanted):
    """Return the set that is sold in the kindest reading of the clock, by the prices in force then.

    Of readings alike, one in which a window's price holds comes first.
    """
    book, feed, found = ask["book"], ask["feed"], []
    for place, (_name, wall) in enumerate(ask["readings"]):

        def in_force(zones, wall=wall):
            return oracle_tariff.price_at(book, feed, table, group, zones, wall)

        sold = oracle_tariff.sold_as(book, table, group, wanted, ask["ahead"], in_force)
        if sold is not None:
            usual = in_force(sold) == oracle_tariff.sold_sets(book, table, group)[sold]
            found.append((in_force(sold), usual, place, sold))
    return min(found, key=lambda one: one[:3])[3] if found else None


def kindest_price(ask, table, group, sold):
    """Return (cents, reading): the lowest price over every reading of the clock."""
    if sold is None:
        return None, "none"
    prices = [
        (oracle_tariff.price_at(ask["book"], ask["feed"], table, group, sold, wall), place, name)
        for place, (name, wall) in enumerate(ask["readings"])
    ]
    if prices[0][0] is None:
        return None, "none"
    cents, _place, name = min(prices)
    return cents, name


def companions_price(ask, table, party, sold):
    """Return what companions pay: by age class only, never by the holder's concession."""
    total = 0
    for age_class in CLASSES:
        if not party[age_class]:
            continue
        group = oracle_tariff.age_group(ask["book"], age_class)
        each, _name = kindest_price(ask, table, group, sold) if group else (None, "")
        if each is None:
            return None
        total += each * party[age_class]
    return total


def price(offer, ask, product, own, companions, persons, boarding=None, surcharges=None):
    """Fill amount, surcharge and total of an offer; a billed product takes nothing now.

    `persons` travel; of them `boarding` start now and the others change, None where all start.
    """
    surcharge, first = 0, 0
    changing = boarding is not None
    for number, row, spared in ask["surcharges"] if surcharges is None else surcharges:
        if not _asked_of(product, row):
            continue
        each_head = row.get("per_person", True)
        taken = row.get("once_per_journey", True) and offer["night"]
        heads = persons
        if changing and (taken or not row.get("on_transfer", False)):
            heads = boarding if each_head else 0  # who boards only now has not paid it yet
        if not heads:
            continue
        if spared:
            offer["fairness"] = spared if offer["fairness"] == "none" else offer["fairness"]
        else:
            each = oracle_tariff.cents(row["cents"])
            surcharge += each * (heads if each_head else 1)
            first = first or number
            if row.get("once_per_journey", True):
                offer["night"] = True
    total = own + companions + surcharge
    billed = "payer" in product and product["kind"] == "purse"
    offer.update(total=total, surcharge=surcharge, surcharge_number=first, full=total)
    offer.update(amount=0 if billed else total, billed=total if billed else 0)


def surcharges_now(ask, book):
    """Return [(number, row, reading)] of the surcharges that the clock itself asks for.

    The reading is the first one at which it would not be asked, "" if it is asked at all of them.
    """
    found = []
    for number, row in enumerate(book.get("surcharges", {}).values(), 1):
        spared = [
            name
            for name, wall in ask["readings"]
            if not oracle_windows.in_window(book, ask["feed"], row["window"], wall)
        ]
        if "none" not in spared:
            found.append((number, row, spared[0] if spared else ""))
    return found


def _asked_of(product, row):
    kind = SURCHARGED_AS[product["kind"]]
    return kind in row.get("on", ["purse", "single"]) and product.get("surcharge", True)


def key(product, slot, offer):
    """Return the order of money offers of one total: cap free, upgrade, charge, extension."""
    place = 1 if offer["free_by_cap"] else 4 if offer["rule"] == "extension" else 3
    if offer["kind"] == "upgrade":
        place = 2
    return (place, product.get("rank", 50), slot)


# --- caps -----------------------------------------------------------------------------------------


def add_cap(offer, ask, use, wanted):
    """Clip the holder's own part to what is left of the cap, and count it.

    Only what lies wholly inside the own zones counts, and is ever free.
    """
    product, held = use["product"], use["held"]
    if "cap" not in product:
        return
    everywhere = frozenset(ask["book"]["zones"]["order"])
    zones = use["zones"] or everywhere
    inside = wanted <= zones
    if use["slot"] == 0:
        if inside:
            _cap_of_purse(offer, ask, product, zones, use["group"])
        return
    if not inside:
        return
    days = [service_date(ask["clock"], wall) for _name, wall in ask["readings"]]
    row = {name: held[name] for name in ("start", "length", "day", "left", "today", "cents")}
    if held["start"] is None or not any(cap_is_open(held, day) for day in days):
        threshold = _threshold(ask, product, zones, use["group"])
        if threshold is None:
            return
        _clip(offer, product, threshold)
        row.update(start=ask["day"])
        offer.update(row=row, activates=use["slot"], own_in_cap=offer["own"])
        if offer["kind"] != "upgrade":  # going on stays going on
            offer.update(kind="activation", rule="activation")
        offer["clips"] = product["cap"].get("overshoot", "clip") == "clip"
    else:
        _clip(offer, product, held["cents"])
        row["cents"] = max(0, held["cents"] - offer["own"])
        offer["row"] = row if row["cents"] != held["cents"] else None


def cap_is_open(held, day):
    return held["start"] <= day < held["start"] + datetime.timedelta(days=held["length"])


def why_ended(ask, held):
    """Return "ended" when the last day of a purse product in a slot is over and no cap runs."""
    days = [service_date(ask["clock"], wall) for _name, wall in ask["readings"]]
    if held["last"] is None or any(day <= held["last"] for day in days):
        return ""
    running = held["start"] is not None and any(cap_is_open(held, day) for day in days)
    return "" if running else "ended"


def _clip(offer, product, left):
    full = offer["own"]
    clips = product["cap"].get("overshoot", "clip") == "clip"
    offer["own"] = offer["own_in_cap"] = min(full, left) if clips or left == 0 else full
    offer["free_by_cap"] = full > 0 and offer["own"] == 0  # the full fare would be free, too
    if offer["own"] < full and offer["kind"] != "upgrade":
        offer["rule"] = "capped charge" if offer["own"] else "cap free"


def _threshold(ask, product, zones, group):
    """Return the price of the own zones in the cap's table; without a price there is no cap."""
    table = product["cap"]["threshold"]
    sold = oracle_tariff.sold_as(ask["book"], table, group, zones, ask["ahead"])
    return oracle_tariff.sold_sets(ask["book"], table, group).get(sold)


def _cap_of_purse(offer, ask, product, zones, group):
    """A cap of the purse itself: the sums of the day and of the longer span stand in T."""
    caps, cap = dict(ask["card"]["caps"]), product["cap"]
    threshold = _threshold(ask, product, zones, group)
    if threshold is None:
        return
    days = [service_date(ask["clock"], wall) for _name, wall in ask["readings"]]
    start, total = ("day", "day_sum") if cap["days"] == 1 else ("start", "period_sum")
    length = datetime.timedelta(days=cap["days"])
    if caps[start] is None or not any(caps[start] <= day < caps[start] + length for day in days):
        caps[start], caps[total] = ask["day"], 0
    _clip(offer, product, max(0, threshold - caps[total]))
    caps[total] += offer["own"]
    offer["caps"] = caps
