"""What a tap costs, worked out the slow and plain way from the rule text: the oracle.

Every offer is a tuple appended to a list and the answer is the smallest. Every reading of the clock
is asked one by one. Imports only the standard library's csv, tomllib, datetime, zoneinfo and
collections, and its own files; floats, tables and packages of ours are not used. README.md beside
this file says how each silent point of the rule text is read.

Source: tariff-model.md section 3; requirements.md W-29..W-91; section 1.6.
"""

import datetime
import zoneinfo

from tests.fares import (
    oracle_feed,
    oracle_journey,
    oracle_money,
    oracle_offer,
    oracle_rights,
    oracle_tariff,
    oracle_visits,
)
from tests.fares.oracle_tariff import CLASSES
from tests.fares.oracle_windows import service_date

EPOCH = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
FIVE_MINUTES = datetime.timedelta(minutes=5)
LATE_MINUTES_MAX = 60


def read_world(folder, tariff, feed):
    """Return the books and the feed that a case is asked about."""
    book = oracle_tariff.read_book(folder, tariff)
    for _area, other in book["others"]:
        other["service_day"] = book.get("service_day", "00:00")  # one clock a package
    return {"book": book, "feed": oracle_feed.read_feed(feed)}


def rate(world, card, tap):
    """Return the decision as a dictionary of words, cents, sets of zone names and dates."""
    if tap["clock"] == "unset":
        return refused("clock")
    ask, reason = _place(world, card, tap)
    if reason:
        return refused(reason)
    book = ask["book"]
    over = ask["day"] > book["valid_to"] and not tap.get("late", False)
    if ask["day"] < book["valid_from"] or over:
        return refused("tariff")
    if not ask["here"]:
        return refused("place")
    ask["group"] = _rider_group(ask)
    ask["party"] = _party(ask)
    ask["surcharges"] = oracle_offer.surcharges_now(ask, book)
    return _decide(ask)


def refused(reason):
    return {"kind": "refused", "reason": reason}


# --- 1 to 4: place, clock, rider, book ------------------------------------------------------------


def _place(world, card, tap):
    """Return what is asked (a dictionary) and "", or None and the reason why nothing can be."""
    feed, line, scheduled = world["feed"], None, None
    stop = tap["stop"]
    if not _is_known(feed, tap):
        return None, "place"
    if tap["trip"] is not None:
        trip = feed["trips"][tap["trip"]]
        line = trip["line"]
        if tap["call"] is not None:
            _order, stop, scheduled = trip["calls"][tap["call"]]
    utc = EPOCH + datetime.timedelta(seconds=tap["seconds"])
    clock = world["book"]  # the wall clock and the service day are those of the first book
    zone = zoneinfo.ZoneInfo(clock["timezone"])
    wall = utc.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)
    book, reason = _book_of(world, stop, line, tap)
    if reason:
        return None, reason
    picked = oracle_tariff.named(book, tap["picked"])
    ask = {
        "world": world,
        "feed": feed,
        "book": book,
        "card": card,
        "tap": tap,
        "line": line,
        "stop": stop,
        "picked": picked,
        "minute": tap["seconds"] // 60,
        "wall": wall,
        "day": service_date(clock, wall),
        "clock": clock,
    }
    ask["here"] = oracle_visits.zones_here(ask, book) or picked
    ask["ahead"] = oracle_visits.zones_ahead(ask, book)
    ask["readings"] = _readings(wall, scheduled)
    return ask, ""


def _is_known(feed, tap):
    """Return whether the feed has this trip, call and stop."""
    if tap["trip"] is None:
        return tap["stop"] is None or tap["stop"] in feed["stops"]
    trip = feed["trips"].get(tap["trip"])
    return trip is not None and (tap["call"] is None or tap["call"] < len(trip["calls"]))


def _readings(wall, scheduled):
    """Return [(name, wall time)]: the clock, five minutes either way, and a late vehicle's plan.

    The plan is a time of day: the last time that the clock showed it, if within the hour.
    """
    readings = [
        ("none", wall),
        ("clock -5", wall - FIVE_MINUTES),
        ("clock +5", wall + FIVE_MINUTES),
    ]
    if scheduled is not None:
        midnight = datetime.datetime.combine(wall.date(), datetime.time())
        planned = midnight + datetime.timedelta(minutes=scheduled % (24 * 60))
        if planned > wall:
            planned -= datetime.timedelta(days=1)
        if wall - planned <= datetime.timedelta(minutes=LATE_MINUTES_MAX):
            readings.append(("late vehicle", planned))
    return readings


def _book_of(world, stop, line, tap):
    """Return the book that prices this stop, and "" or the reason why there is none.

    The book of the line's contracting authority if the stop lies in it; ours contracts every
    agency that nobody else names. Else ours, then the others in their order of precedence.
    """
    feed, ours = world["feed"], world["book"]
    others = sorted(
        (area.get("precedence", 255), place) for place, (area, _book) in enumerate(ours["others"])
    )
    books = [({}, ours), *(ours["others"][place] for _precedence, place in others)]
    books = [
        (area, book)
        for area, book in books
        if stop is None or oracle_tariff.stop_zones(book, feed, stop)
    ]
    if tap["book"]:
        chosen = [book for _area, book in books if book["authority"] == tap["book"]]
        return (chosen[0], "") if chosen else (None, "book")
    if stop is None:  # zones picked are our own, whoever contracts the line
        return (ours, "") if tap["picked"] else (None, "place")
    contracted = [book for area, book in books if _contracts(area, feed, line)]
    if contracted or books:
        return (contracted or [book for _area, book in books])[0], ""
    return (ours, "") if tap["picked"] else (None, "place")


def _contracts(area, feed, line):
    agencies = area.get("agencies", [])
    return line is not None and feed["lines"][line] in agencies


def _rider_group(ask):
    """Return the name of the rider's group; after its last day the next age class."""
    book, card = ask["book"], ask["card"]
    name = oracle_tariff.group_numbers(book).get(card["group"])
    if name is None:
        return oracle_tariff.age_group(book, "adult")
    kindest = service_date(ask["clock"], ask["wall"] - FIVE_MINUTES)
    if card["group_until"] is not None and kindest > card["group_until"]:
        name = oracle_tariff.next_group(book, name)
    if card["concession"] and card["concession_until"] is not None:
        if kindest > card["concession_until"]:
            name = oracle_tariff.full_group(book, name)
    return name


def _party(ask):
    """Return the companions as {age class: number}."""
    named = ask["tap"]["companions"]
    if named is not None:
        adults, youths, children = named
        return {"adult": adults, "youth": youths, "child": children}
    own = ask["book"]["groups"][ask["group"]]["class"]
    purse = ask["card"]["purse"]
    return {**dict.fromkeys(CLASSES, 0), own: purse["companions"] if purse else 0}


# --- 6 to 11: offers, and the smallest ------------------------------------------------------------


def _decide(ask):
    """Build every offer and return the smallest that can be paid."""
    journey = oracle_money.open_journey(ask)
    if journey == "pass-back":
        return refused("pass-back")
    ask["journey"] = journey
    ask["party"] = oracle_journey.party_of(ask, journey)
    transfers = oracle_money.transfer_offers(ask)
    free = [offer for offer in transfers if offer["total"] == 0 and not offer["extra"]]
    if free:
        return _said(ask, free[0], _not_asked(ask, whys={}))
    rights, whys = oracle_rights.rights(ask)
    ask["rights"] = rights
    best = min(rights, key=lambda offer: offer["key"]) if rights else None
    best = oracle_money.with_companions(ask, best) if best else None
    alone = ask["tap"]["companions"] is None or not oracle_journey.heads(ask["party"])
    if alone and best is not None and best["total"] == 0 and not best.get("waived"):
        return _said(ask, best, _not_asked(ask, whys))
    money, money_whys = oracle_money.purse_offers(ask)
    whys = {**whys, **money_whys}
    if (
        best is not None and best["total"] == 0 and best.get("waived")
    ):  # free because the purse cannot pay the night fee
        return _said(ask, best, whys)
    chosen = _cheapest(ask, transfers, best, money)
    if chosen is None:
        offers = transfers + ([best] if best else []) + money
        asked = min((offer["amount"] for offer in offers), default=0)
        reason = _why_refused(ask, whys, offers)
        return {**refused(reason), "why": _reasons(whys), "amount": asked}
    return _said(ask, chosen, whys)


def _said(ask, chosen, whys):
    whys = {**_reasons(whys), chosen["slot"]: "used"}
    return {**_in_numbers(ask, chosen), "why": whys, "day": ask["day"]}


def _not_asked(ask, whys):
    """What was free ended the search: whatever was not asked yet was not needed."""
    sources = [ask["card"]["purse"], *ask["card"]["slots"]]
    rest = {
        slot: "other better" if held and held["mechanism"] else "empty"
        for slot, held in enumerate(sources)
    }
    return {**rest, **whys}


def _reasons(whys):
    """Return a reason for each slot; too large a party is a question of who may ride."""
    words = {"can": "other better", "companions": "group"}
    return {slot: words.get(why, why) for slot, why in whys.items()}


def _in_numbers(ask, offer):
    """Name zones as a card does: by their numbers in the book that the journey is of."""
    books = [ask["world"]["book"], *(book for _area, book in ask["world"]["book"]["others"])]
    book = [book for book in books if book["authority"] == offer["authority"]][0]
    places = {zone: place for place, zone in enumerate(book["zones"]["order"], 1)}
    return {
        **offer,
        "zones": oracle_tariff.numbered(book, offer["zones"]),
        "zone": places[offer["zone"]],
        "start_zone": places[offer["start_zone"]],
        "group": oracle_tariff.group_number(book, offer["group"]),
    }


def _cheapest(ask, transfers, best, money):
    """Return the cheapest affordable offer: a transfer, then a right, then money on a tie."""
    offers = [(offer["total"], 0, offer["key"], offer) for offer in transfers]
    offers += [(best["total"], 1, best["key"], best)] if best else []
    offers += [(offer["total"], 2, offer["key"], offer) for offer in money]
    payable = [row[:3] for row in offers if row[3]["amount"] <= ask["card"]["balance"]]
    if payable:
        smallest = min(payable)
        return [row[3] for row in offers if row[:3] == smallest][0]
    return None


def _why_refused(ask, whys, offers):
    if offers:
        return "funds"
    reasons = set(whys.values()) - {"empty"}
    if ask["rights"]:
        return "companions"  # the holder has a right; nothing may pay for the others
    for reason, words in (("companions", "companions"), ("price", "no price")):
        if reason in reasons:
            return words
    return "authority" if reasons == {"foreign"} else "no product"
