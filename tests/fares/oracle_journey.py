"""The oracle's journeys: is one open, who may go on in it, and what the next tap finds on the card.

Source: tariff-model.md sections 3.2 step 6 and 3.3 (transfer, pass-back); W-15, W-38, W-50.
"""

import datetime

from tests.fares import oracle_rights, oracle_tariff
from tests.fares.oracle_offer import NOBODY, companions_price, price
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
    slot, product = _paying(ask, journey)
    if product is None or "transfer" not in product:
        return None
    row = ask["book"]["transfer"][product["transfer"]]
    if not _still_open(ask, row, journey):
        return None
    if _is_pass_back(ask, journey, row):
        if product.get("personal", False) or ask["tap"]["gate"]:
            return "pass-back"
        if row.get("pass_back", "charge") == "refuse":
            return "pass-back"
        ask["passed_back"] = slot
        return None
    return {**journey, "slot": slot, "product": product, "row": row}


def _paying(ask, journey):
    """Return (slot, product) of what paid the open journey, 0 for the purse; None if it is gone."""
    card, paid_by = ask["card"], journey["paid_by"]
    held = card["purse"] if paid_by in (0, 5) else card["slots"][paid_by - 1]
    if held is None or (paid_by in (1, 2, 3, 4) and held["mechanism"] == 0):
        return 0, None
    _book, product, _zones, why = oracle_rights.issued(ask, held)
    return (0 if paid_by == 5 else paid_by), None if why else product


def _still_open(ask, row, journey):
    """Within the time of its start zone or set, by any reading of the clock, and with a leg left."""
    limit = oracle_tariff.transfer_minutes(
        ask["book"], row, journey["start_zone"], journey["zones"]
    )
    age, one = ask["minute"] - journey["start_minute"], datetime.timedelta(minutes=1)
    ages = [age - (ask["wall"] - wall) // one for _name, wall in ask["readings"]]
    legs = row.get("legs", 0)
    in_time = age >= -5 and any(read <= limit for read in ages)
    return in_time and (not legs or journey["transfers"] < legs)


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
    _covered, extra = extra_heads(ask["party"], journey["companions"])
    order = ask["book"]["zones"]["order"]
    zone = min(ask["here"] & journey["zones"], key=order.index)
    offer = continuing(ask, journey["product"], journey["slot"], journey, zone)
    offer.update(kind="transfer", rule="transfer", extra=heads(extra))
    cost = 0
    if heads(extra):
        cost = companions_price(ask, journey["product"]["prices"], extra, journey["zones"])
        if cost is None:
            return []
        offer.update(rule="extra heads", charged=journey["charged"] + cost)
        offer.update(companions=heads(ask["party"]))
    price(offer, ask, journey["product"], 0, cost, heads(extra), transfer=True)
    offer["key"] = (0, journey["product"].get("rank", 50), journey["slot"])
    return [offer]


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
        paid_by=journey["paid_by"],
    )
    return offer


def _start_zone(ask, book, product, zones, zone):
    """The zone of the stop with the longest time to change; the first in order on a tie."""
    here = ask["here"]
    if book is not ask["book"] and ask["stop"] is not None:
        here = oracle_tariff.stop_zones(book, ask["feed"], ask["stop"])
    row = book["transfer"][product["transfer"]] if "transfer" in product else {}
    order = book["zones"]["order"]
    times = [
        (-oracle_tariff.transfer_minutes(book, row, other, zones), order.index(other), other)
        for other in here
    ]
    return min(times)[2] if times else zone
