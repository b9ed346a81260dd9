"""The oracle's journeys: is one open, who may go on in it, and what the next tap finds on the card.

Source: tariff-model.md sections 3.2 step 6 and 3.3 (transfer, pass-back); W-15, W-38, W-50.
"""

import datetime

from tests.fares import oracle_rights, oracle_tariff, oracle_visits
from tests.fares.oracle_offer import NOBODY, add_cap, companions_price, price, sold_now, why_ended
from tests.fares.oracle_tariff import CLASSES

PASS_BACK_S = 300


def heads(party):
    return sum(party.values())


def open_journey(ask):
    """Return the journey that this tap may continue, None, or "pass-back" when it is refused."""
    ask["passed_back"] = None
    journey = ask["card"]["journey"]
    if journey is None or journey["authority"] != ask["book"]["authority"]:
        return None
    order = ask["book"]["zones"]["order"]
    zones = oracle_tariff.named(ask["book"], journey["zones"])
    journey = {**journey, "zones": zones, "start_zone": order[journey["start_zone"] - 1]}
    slot, held, product, own_zones = _paying(ask, journey)
    if product is None or "transfer" not in product:
        return None
    row = ask["book"]["transfer"][product["transfer"]]
    fairness = _still_open(ask, row, journey)
    if fairness is None:
        return None
    if _is_pass_back(ask, journey, row):
        if product.get("personal", False) or ask["tap"]["gate"]:
            return "pass-back"
        if row.get("pass_back", "charge") == "refuse":
            return "pass-back"
        ask["passed_back"] = slot
        return None
    return {
        **journey,
        "slot": slot,
        "held": held,
        "product": product,
        "own_zones": own_zones,
        "row": row,
        "fairness": fairness,
    }


def _paying(ask, journey):
    """Return (slot, what it holds, product, its zones) of what paid; no product if it is gone."""
    card, paid_by = ask["card"], journey["paid_by"]
    slot = 0 if paid_by == 5 else paid_by
    held = card["slots"][slot - 1] if slot else card["purse"]
    if held is None or not held["mechanism"]:
        return slot, None, None, frozenset()
    book, product, zones, why = oracle_rights.issued(ask, held)
    gone = why or book is not ask["book"]
    return slot, held, None if gone else product, zones


def _still_open(ask, row, journey):
    """Return the first reading by which it is within its minutes, None if closed or out of legs."""
    limit = oracle_tariff.transfer_minutes(
        ask["book"], row, journey["start_zone"], journey["zones"]
    )
    age, one = ask["minute"] - journey["start_minute"], datetime.timedelta(minutes=1)
    if not limit:
        return None  # from there nobody changes, not even at once
    if age < -5 or 0 < row.get("legs", 0) <= journey["transfers"]:
        return None
    in_time = [name for name, wall in ask["readings"] if age - (ask["wall"] - wall) // one <= limit]
    return in_time[0] if in_time else None


def _is_pass_back(ask, journey, row):
    """The same card again at the same place, and nobody else is covered by the journey."""
    tap = ask["tap"]
    soon = 0 <= tap["seconds"] - journey["time"] < row.get("pass_back_seconds", PASS_BACK_S)
    same_place = tap["same_device"] and not tap["trip_reset"]
    return soon and same_place and journey["companions"] == 0


def transfer_offers(ask):
    """Return the offer of the open journey: free where it is paid, extra heads charged."""
    journey = ask["journey"]
    if journey is None or not (ask["here"] & journey["zones"]):
        return []
    if not ask["picked"] <= journey["zones"]:
        return []
    party = ask["party"]
    covered, extra = extra_heads(party, journey["companions"])
    persons = 1 + heads(covered)
    if heads(extra) and not _may_take_more(ask, journey):
        return []
    order = ask["book"]["zones"]["order"]
    zone = min(ask["here"] & journey["zones"], key=order.index)
    offer = continuing(ask, journey["product"], journey["slot"], journey, zone)
    offer.update(kind="transfer", rule="transfer", extra=heads(extra))
    offer["fairness"] = journey["fairness"]
    cost = 0
    if heads(extra):
        table = journey["product"]["prices"]
        sold = sold_now(ask, table, ask["group"], journey["zones"])
        cost = companions_price(ask, table, extra, sold)
        if cost is None:
            return []
        # Money changes hands on an open journey, so the card records it as an upgrade.
        offer.update(kind="upgrade", rule="extra heads", charged=journey["charged"] + cost)
        offer.update(companions=heads(party))
        use = {"product": journey["product"], "held": journey["held"], "slot": journey["slot"]}
        use |= {"zones": journey["own_zones"], "group": ask["group"]}
        if journey["slot"] == 0:
            add_cap(offer, ask, use, journey["zones"])
    price(offer, ask, journey["product"], 0, cost, persons + heads(extra), boarding=heads(extra))
    if offer["total"]:
        offer["companions"] = heads(party)  # who pays a fee is who goes on
    offer["key"] = (0, journey["product"].get("rank", 50), journey["slot"])
    return [offer]


def _may_take_more(ask, journey):
    """A pass has no price for heads; a purse takes those its product admits, while it lasts."""
    if journey["product"]["kind"] not in ("purse", "ticket"):
        return False
    product, group = journey["product"], ask["group"]
    if not oracle_tariff.admits(ask["book"], product, group) and "else" not in product:
        return False
    ended = journey["slot"] and why_ended(ask, journey["held"])
    return not ended and companions_allowed(ask, product)


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


def party_of(ask, journey):
    """Return who travels: who is named; else the default party, of it at most who is covered.

    In an open journey nobody pays for heads that he did not choose at this tap.
    """
    if ask["tap"]["companions"] is not None or journey is None:
        return ask["party"]
    return {
        age_class: min(count, journey["companions"]) for age_class, count in ask["party"].items()
    }


def extra_heads(party, covered):
    """Split the party: as many heads as the journey covers, the dearest first, and the rest."""
    left, inside, extra = covered, {}, {}
    for age_class in reversed(CLASSES):
        inside[age_class] = min(party[age_class], left)
        extra[age_class] = party[age_class] - inside[age_class]
        left -= inside[age_class]
    return inside, extra


# --- what an offer writes -------------------------------------------------------------------------


def starting(ask, book, product, slot, zone, zones):
    """Return an offer that opens a journey at `zone`, paid for `zones`."""
    billed = "payer" in product
    return {
        "kind": "",
        "rule": "",
        "reason": "",
        "authority": book["authority"],
        "product": product["number"],
        "slot": slot,
        "paid_by": 5 if slot == 0 and billed else slot,
        "group": ask["group"],
        "zone": zone,
        "zones": zones,
        "start_zone": _start_zone(ask, book, product, zones, zone),
        "start_minute": ask["minute"],
        "charged": 0,
        "transfers": 0,
        "companions": 0,
        "night": False,
        "extra": 0,
        "own": 0,
        "own_in_cap": 0,
        "free_by_cap": False,
        "clips": False,
        "row": None,
        "activates": 0,
        "caps": dict(ask["card"]["caps"]),
        "fairness": "none",
        "payer": product["payer"] if billed else NOBODY,
        "concession": 0,
    }


def continuing(ask, product, slot, journey, zone):
    """Return an offer that goes on in the open journey."""
    offer = starting(ask, ask["book"], product, slot, zone, journey["zones"])
    offer.update(
        start_zone=journey["start_zone"],
        start_minute=journey["start_minute"],
        charged=journey["charged"],
        transfers=min(journey["transfers"] + 1, 15),
        companions=journey["companions"],
        night=bool(journey["night"]),
    )
    return offer


def _start_zone(ask, book, product, zones, zone):
    """The zone of the stop with the longest time to change; the first in order on a tie."""
    here = ask["here"]
    if book is not ask["book"] and ask["stop"] is not None:
        here = oracle_visits.zones_here(ask, book)
    row = book["transfer"][product["transfer"]] if "transfer" in product else {}
    order = book["zones"]["order"]
    times = [
        (-oracle_tariff.transfer_minutes(book, row, other, zones), order.index(other), other)
        for other in here
    ]
    return min(times)[2] if times else zone
