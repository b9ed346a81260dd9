"""The oracle's rights: which pass or pack on the card covers this tap, and what it uses up.

Source: tariff-model.md sections 3.2 step 8 and 3.3.
"""

import datetime

from tests.fares import (
    oracle_journey,
    oracle_offer,
    oracle_tariff,
    oracle_visits,
    oracle_wanted,
    oracle_windows,
)
from tests.fares.oracle_windows import service_date

ONE_MINUTE = datetime.timedelta(minutes=1)
NEVER = datetime.date(9999, 12, 31)


def rights(ask):
    """Return the offers of all slots, and {slot: reason} of every slot that is no purse."""
    offers, whys = [], {}
    for slot, held in enumerate(ask["card"]["slots"], 1):
        if held is None or held["mechanism"] == 0:
            whys[slot] = "empty"
            continue
        book, product, zones, why = issued(ask, held)
        if product is not None and product["kind"] == "purse":
            continue
        why = why or why_not(ask, book, product, held, zones)
        if not why and slot == ask["passed_back"]:
            why = "other better"
        whys[slot] = why or "can"
        if not why:
            offers.append(_offer(ask, book, product, slot, held, zones))
    return offers, whys


def issued(ask, held):
    """Return (book, product, zones, reason): the product in the book that judges it here."""
    issuer, ours = ask["card"]["issuer"], ask["world"]["book"]
    books = [ours, *(book for _area, book in ours["others"])]
    for book in books:
        if book["authority"] != issuer:
            continue
        _name, product = oracle_tariff.product_numbered(book, held["product"])
        if product is None or (product["kind"] == "ticket") != ask["tap"]["ticket"]:
            if book is ask["book"]:
                return book, None, frozenset(), "damaged"
            continue
        right = product["kind"] in ("pass", "ticket_pack")
        at_home = book is ask["book"] or (right and _lies_in(ask, book))
        if at_home:
            return book, product, oracle_tariff.held_zones(book, product, held["zones"]), ""
    row = accepted(ask, held)
    if row is None:
        return ask["book"], None, frozenset(), "foreign"
    product = ask["book"]["products"][row["as"]]
    everywhere = frozenset(ask["book"]["zones"]["order"])
    return ask["book"], product, everywhere if product["kind"] != "purse" else frozenset(), ""


def _lies_in(ask, book):
    """A right counts in its own book wherever the stop lies in that, whoever prices the stop."""
    stop = ask["stop"]
    return stop is not None and bool(oracle_tariff.stop_zones(book, ask["feed"], stop))


def accepted(ask, held):
    """Return the row of `[[foreign]]` that admits this issuer's product here, or None."""
    for row in ask["book"].get("foreign", []):
        if row["authority"] != ask["card"]["issuer"]:
            continue
        if row.get("product") == held["product"]:
            return row
        if "product" not in row and held is ask["card"]["purse"]:
            return row
    return None


# --- is it valid? ---------------------------------------------------------------------------------


def why_not(ask, book, product, held, zones, whatever_zone=False):
    """Return "" when the right is valid here and now, else the first reason why it is not."""
    span = product.get("span", {})
    if not oracle_tariff.admits(book, product, ask["group"]):
        return "group"
    days = [service_date(ask["clock"], wall) for _name, wall in ask["readings"]]
    first = span.get("from")
    if isinstance(first, datetime.date) and not any(day >= first for day in days):
        return "early"
    if held["start"] is not None and not any(day >= held["start"] for day in days):
        return "early"
    if not any(_lasts(ask, held, span, wall) for _name, wall in ask["readings"]):
        return "ended"
    if not whatever_zone and not _covers(ask, book, zones):
        return "zone"
    if "window" in product:
        name, feed = product["window"], ask["feed"]
        walls = [wall for _name, wall in ask["readings"]]
        if not any(oracle_windows.on_window_days(book, feed, name, wall) for wall in walls):
            return "calendar"
        if not any(oracle_windows.in_window(book, feed, name, wall) for wall in walls):
            return "window"
    return _why_used_up(product, held, days)


def _lasts(ask, held, span, wall):
    """Return whether this reading of the clock lies within the right's days, or its minutes."""
    day = service_date(ask["clock"], wall)
    if held["start"] is None or not unit_minutes(span):
        return _first_day(held, span) <= day <= last_day(ask, held, span)
    minute = ask["minute"] - (ask["wall"] - wall) // ONE_MINUTE
    return day >= held["start"] and minute <= _end(held)


def unit_minutes(span):
    """Return the minutes of one unit of a right's length, 0 where it counts service days."""
    return span.get("minutes", 60 if "hours" in span else 0)


def _end(held):
    """Return the last minute since 2020: SPEC.md counts it from 00:00 UTC of the day before."""
    return held["cents"] + _minutes_before(held["start"])


def _minutes_before(start):
    return (start - datetime.date(2020, 1, 2)) // ONE_MINUTE


def _first_day(held, span):
    if held["start"] is not None:
        return held["start"]
    first = span.get("from")
    return first if isinstance(first, datetime.date) else datetime.date.min


def last_day(ask, held, span):
    """Return the last service day: of the span from first use, of the dates, or to start."""
    if held["start"] is not None and unit_minutes(span):
        return service_date(ask["clock"], ask["wall"] + (_end(held) - ask["minute"]) * ONE_MINUTE)
    last = held["last"] or NEVER
    if isinstance(span.get("to"), datetime.date):
        last = min(last, span["to"])
    if held["start"] is None:
        return last
    return held["start"] + datetime.timedelta(days=held["length"] - 1)


def _covers(ask, book, zones):
    if book is ask["book"]:
        return bool(ask["here"] & zones) and ask["picked"] <= zones
    # What was picked are zones of the book that prices the stop; another one knows none of them.
    here = oracle_visits.zones_here(ask, book)
    return bool(here & zones) and not ask["picked"]


def _why_used_up(product, held, days):
    """Return "days" or "trips" when nothing is left: travel days, rides, trips of the day."""
    started = held["start"] is not None
    if product["kind"] == "ticket_pack" and started and held["left"] == 0:
        return "days"
    if "travel_days" in product.get("span", {}) and started:
        if held["left"] == 0 and held["day"] not in days:
            return "days"
    limit = product.get("trips_per_day")
    if limit and all(_trips_on(held, day) >= limit for day in days):
        return "trips"
    return ""


def _trips_on(held, day):
    return held["today"] if held["day"] == day else 0


def uses_up(product, held, days):
    """Return whether this ride would start the right, or count a day, trip or ride of it."""
    if needs_start(product, held) or product["kind"] == "ticket_pack":
        return True
    if product.get("trips_per_day"):
        return True
    return "travel_days" in product.get("span", {}) and held["day"] not in days


# --- what it uses up ------------------------------------------------------------------------------


def needs_start(product, held):
    """Return whether this is a right from first use that nobody has used yet."""
    if held["start"] is not None:
        return False
    span = product.get("span", {})
    from_first_use = "days" in span or unit_minutes(span)
    return from_first_use or "travel_days" in span or product["kind"] == "ticket_pack"


def _offer(ask, book, product, slot, held, zones):
    span, days = (
        product.get("span", {}),
        [service_date(ask["clock"], w) for _n, w in ask["readings"]],
    )
    row = {name: held[name] for name in ("start", "length", "day", "left", "today", "cents")}
    rule, consumes, activates, writes = "pass", 0, 0, False
    if needs_start(product, held):
        rule, consumes, activates, writes = "activation", 3, slot, True
        row.update(start=ask["day"], day=None, today=0)
    elif product["kind"] == "ticket_pack":
        rule, consumes, writes = "ride", 2, True
        row.update(day=ask["day"], left=held["left"] - 1)
    elif "travel_days" in span and held["day"] not in days:
        rule, consumes, writes = "travel day", 2, True
        row.update(day=ask["day"], left=held["left"] - 1)
    elif product.get("trips_per_day"):
        rule, consumes, writes = "school trip", 1, True
        row.update(_trip_counted(product, held, days))
    offer = _blank(ask, book, product, slot, zones)
    offer.update(kind="activation" if activates else "pass", rule=rule, activates=activates)
    offer["row"] = row if writes else None
    offer["unit"], offer["now"] = unit_minutes(span), ask["minute"]
    offer["fairness"] = _reading(ask, book, product, held, zones)
    fees = None if book is ask["book"] else oracle_offer.surcharges_now(ask, book)
    oracle_offer.price(offer, ask, product, 0, 0, persons=1, surcharges=fees)
    _add_list_price(offer, ask, book, product, zones)
    rank, last = product.get("rank", 50), last_day(ask, held, span)
    offer["key"] = (consumes, offer["surcharge"], rank, last, slot)
    return offer


def _reading(ask, book, product, held, zones):
    """Return the first reading of the clock by which alone the right is used like this."""
    days = [service_date(ask["clock"], wall) for _name, wall in ask["readings"]]
    counted = "travel_days" in product.get("span", {}) and held["start"] and held["day"] in days
    for name, wall in ask["readings"]:
        if counted and service_date(ask["clock"], wall) != held["day"]:
            continue
        if not why_not({**ask, "readings": [(name, wall)]}, book, product, held, zones):
            return name
    return "none"


def _blank(ask, book, product, slot, zones):
    here = ask["here"]
    if book is not ask["book"]:
        here = oracle_visits.zones_here(ask, book)
    zone = min(here & zones, key=book["zones"]["order"].index)
    return oracle_journey.starting(ask, book, product, slot, zone, zones)


def _add_list_price(offer, ask, book, product, zones):
    """What a sponsor or the holder is billed for a use that costs nothing at the tap."""
    if "shadow" not in product:
        return
    if book is not ask["book"]:
        here = oracle_visits.zones_here(ask, book)
        ask = {**ask, "book": book, "here": here, "ahead": here, "picked": frozenset()}
    table, group, prices = product["shadow"], ask["group"], []
    for zone, wanted in oracle_wanted.wanted_sets(ask, zones):
        if zone not in zones:
            continue
        sold = oracle_offer.sold_now(ask, table, group, wanted)
        cents, _name = oracle_offer.kindest_price(ask, table, group, sold)
        prices += [] if cents is None else [cents]
    offer["full"] += min(prices, default=0)


def _trip_counted(product, held, days):
    """Count the trip on the day already used if it has one left, else on the first that has."""
    able = [day for day in days if _trips_on(held, day) < product["trips_per_day"]]
    day = held["day"] if held["day"] in able else able[0]  # readings in their own order
    return {"day": day, "today": _trips_on(held, day) + 1}


def activate(decision, length, left, cents):
    """Return the T row after a first use, from what P says: days, travel days or rides, threshold.

    A travel day or ride of this tap is counted; a first charge inside the own zones counts too.
    """
    row = dict(decision["row"])
    row["length"] = length
    row["left"] = left
    row["cents"] = cents
    if decision.get("unit"):
        row["cents"] = decision["now"] + length * decision["unit"] - _minutes_before(row["start"])
    if left:
        row["left"] = left - 1
        row["day"] = decision["day"]
    if cents:
        row["cents"] = max(0, cents - decision["own_in_cap"])
    return row


def without_surcharge(ask, offer):
    """A pass whose holder has no money for the night fee rides and is counted, or is refused."""
    if ask["book"].get("night_without_purse", "ride_and_count") == "refuse":
        return offer
    full = offer["full"] - offer["surcharge"]
    return {**offer, "amount": 0, "surcharge": 0, "full": full, "total": 0, "waived": True}
