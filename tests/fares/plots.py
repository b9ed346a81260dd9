"""What an adversary starts with: every kind of product of a tariff, at hours where rules change.

A plot is one card of one rider, the second of the first tap, and the moves he may make. Cards hold
one product, a product beside a purse (full or empty), two of one right, an extension beside a pass.
"""

import datetime
from typing import NamedTuple

from tests.fares import oracle_tariff, oracle_windows
from tests.fares.adversary import Adversary, Move
from tests.fares.cases import EPOCH
from tests.fares.honest import Accountant
from tests.fares.oracle_tariff import numbered
from tests.fares.oracle_windows import minute
from tests.fares.ridden import Held

ONE_DAY = datetime.timedelta(days=1)
FAR = datetime.timedelta(days=400)
WAYS = ("zones", "company", "lend")
EARLY_MINUTES = 8  # before the hour at which a rule changes
RICH, LEFT = 200_000, 5


class Plot(NamedTuple):
    """A card in words, what it holds as the accountant reads it, and how taps may follow."""

    name: str
    group: str
    purse: str | None  # name of a product
    rights: tuple  # (name of a product, "new" | "running" | "last day")
    balance: int
    start: datetime.datetime  # wall clock
    way: str
    issuer: int = 0  # another authority whose card it is, 0 = ours

    def __str__(self):
        held = [f"{name} ({state})" for name, state in self.rights]
        if self.purse:
            held.append(f"{self.purse} with {self.balance / 100:.0f} EUR")
        whose = f" of authority {self.issuer}" if self.issuer else ""
        return f"{self.group}: {', '.join(held)}{whose}; {self.start:%a %H:%M}; {self.way}"


def plots(world, ways=WAYS):
    """Return every plot of a tariff."""
    book, found = world["book"], []
    for name, group, purse, rights, balance in _cards(book):
        for start in _starts(book, [name, *(right for right, _state in rights)]):
            for way in ways:
                plot = Plot(name, group, purse, rights, balance, start, way)
                found.append(plot)
                found += [plot._replace(issuer=other) for other in _accepted(book, plot)]
    return found


def _accepted(book, plot):
    """Return the other authorities whose purse is taken as this one."""
    rows = [] if plot.rights else book.get("foreign", [])
    return sorted({row["authority"] for row in rows if row["as"] == plot.purse})


# --- cards ----------------------------------------------------------------------------------------


def _cards(book):
    """Yield (product, group, purse, rights, balance) of every card worth trying."""
    plain = next(
        (n for n, p in book["products"].items() if n == "value" and p["kind"] == "purse"), None
    )
    for name, product in book["products"].items():
        for group in _groups(book, product):
            payable = plain and oracle_tariff.admits(book, book["products"][plain], group)
            beside = plain if payable else None
            if product["kind"] == "purse":
                yield from _purse_cards(book, name, product, group, beside)
            elif product["kind"] in ("pass", "ticket_pack"):
                for state in ("new", "running", "last day"):
                    yield name, group, beside, ((name, state),), RICH
                if beside:
                    yield name, group, beside, ((name, "last day"),), 0
                yield name, group, beside, ((name, "last day"), (name, "new")), RICH


def _purse_cards(book, name, product, group, beside):
    if product.get("needs") == "pass":
        right = next(n for n, p in book["products"].items() if p["kind"] == "pass")
        if oracle_tariff.admits(book, book["products"][right], group):
            yield name, group, beside, ((right, "last day"), (name, "new")), RICH
        return
    yield name, group, name, (), RICH
    if product.get("cap", {}).get("days", 1) > 1 and beside:
        yield name, group, beside, ((name, "new"),), RICH
        yield name, group, beside, ((name, "last day"),), RICH


def _groups(book, product):
    """Return the groups to try: the adult's, a child's, else whoever is admitted."""
    admitted = [g for g in book["groups"] if oracle_tariff.admits(book, product, g)]
    plain = [g for g in ("adult", "child") if g in admitted]
    special = [g for g in admitted if book["groups"][g].get("concession")]
    return (plain or admitted[:1]) + (special[:1] if not plain or len(plain) < 2 else [])


# --- hours ----------------------------------------------------------------------------------------


def _starts(book, names):
    """Return wall clocks on a Wednesday: mid-morning, and shortly before a rule changes."""
    day = book["valid_from"] + 70 * ONE_DAY
    day += (2 - day.weekday()) % 7 * ONE_DAY
    hours = {"10:00", book.get("service_day", "00:00")}
    windows = [s["window"] for s in book.get("surcharges", {}).values()]
    windows += [w for n in names if (w := book["products"][n].get("window"))]
    windows += [row["window"] for table in book["prices"].values() for row in table.get("when", [])]
    for window in windows:
        pieces = book["windows"][window]
        for piece in pieces if isinstance(pieces, list) else [pieces]:
            hours |= {piece.get("from", "00:00"), piece.get("to", "00:00")}
    midnight = datetime.datetime.combine(day, datetime.time())
    starts = [midnight + datetime.timedelta(minutes=minute(hour)) for hour in sorted(hours)]
    return [start - datetime.timedelta(minutes=EARLY_MINUTES) for start in starts]


# --- what each becomes ----------------------------------------------------------------------------


def adversary(side, world, plot, zone):
    """Return (the Adversary of a plot, his moves); `zone` is the time zone of the wall clock."""
    book = world["book"]
    day = oracle_windows.service_date(book, plot.start)
    second = int((plot.start.replace(tzinfo=zone).astimezone(datetime.UTC) - EPOCH).total_seconds())
    slots, held, terms = [None] * 4, [], {}
    for place, (name, state) in enumerate(plot.rights):
        slots[place], thing, terms[place + 1] = _held(book, name, state, day, plot.group)
        held.append(thing)
    group = book["groups"][plot.group]
    card = {
        "issuer": plot.issuer or book["authority"],
        "kind": 0,
        "group": oracle_tariff.group_number(book, plot.group),
        "group_until": None,
        "concession": group.get("concession", 0),
        "concession_until": None,
        "balance": plot.balance,
        "purse": None,
        "slots": slots,
        "caps": {"day": None, "day_sum": 0, "start": None, "period_sum": 0},
        "journey": None,
    }
    if plot.purse:
        product = book["products"][plot.purse]
        card["purse"] = {"product": product["number"], "zones": frozenset(), "companions": 0}
        held.append(
            Held(product, frozenset(), cap_left=_threshold(book, product, None, plot.group))
        )
    stops = _stops(world)
    side.fill(card, _any_tap(second, stops[0]))
    accountant = Accountant(world, plot.group, held, penniless=not plot.balance)
    found = Adversary(side, world, list(side.card), terms, accountant, second)
    return found, _moves(book, plot, stops)


def _held(book, name, state, day, group):
    """Return (slot of a card in words, Held, what P says) of a right or a purse in a slot."""
    product, order = book["products"][name], book["zones"]["order"]
    zones = frozenset(order[:2])
    span = product.get("span", {})
    days = span.get("days", product.get("cap", {}).get("days", 0)) or 0
    length = days if isinstance(days, int) else days[1]
    left = span.get("travel_days", product.get("uses", 0)) and LEFT
    begins = bool(length) or product["kind"] == "ticket_pack"
    length = length or 90
    threshold = _threshold(book, product, zones, group) or 0
    start = None
    if begins and state != "new":
        start = day - (length - 1 if state == "last day" else 3) * ONE_DAY
    cents = min(threshold, 300) if state == "last day" else threshold
    slot = {
        "mechanism": 2,
        "product": product["number"],
        "zones": frozenset() if "needs" in product else numbered(book, zones),
        "last": day + FAR if start is None else day,
        "usage": begins or "trips_per_day" in product,
        "start": start,
        "length": length if start else 0,
        "day": None,
        "left": (1 if state == "last day" else left) if start and left else 0,
        "today": 0,
        "cents": cents if start else 0,
    }
    rides = slot["left"] if start else left
    thing = Held(product, zones, start, length, None, rides, 0,
                 (cents if start else threshold) if "cap" in product else None)  # fmt: skip
    return slot, thing, (length, left, threshold)


def _threshold(book, product, zones, group):
    if "cap" not in product:
        return None
    everywhere = frozenset(book["zones"]["order"])
    table = product["cap"]["threshold"]
    sold = oracle_tariff.sold_as(book, table, group, zones or everywhere, everywhere)
    return oracle_tariff.sold_sets(book, table, group)[sold]


# --- stops and moves ------------------------------------------------------------------------------


def _stops(world):
    """Return a stop in each of the first three zones, each in that zone only."""
    book, feed = world["book"], world["feed"]
    found = []
    for zone in book["zones"]["order"][:3]:
        only = [
            stop
            for stop in sorted(feed["stops"])
            if oracle_tariff.stop_zones(book, feed, stop) == {zone}
        ]
        found += only[:1]
    return found


def _any_tap(second, stop):
    tap = {"seconds": second, "clock": "signed", "trip": None, "call": None, "stop": stop}
    tap |= {"picked": frozenset(), "companions": (0, 0, 0), "gate": False, "same_device": False}
    return tap | {"trip_reset": False, "ticket": False, "book": 0}


def _moves(book, plot, stops):
    far = frozenset([book["zones"]["order"][min(2, len(book["zones"]["order"]) - 1)]])
    waits = (2, 12, 70, _longest(book, plot) + 3)
    if plot.way == "zones":
        return [
            Move(wait, stop, picked)
            for wait in waits
            for stop in stops
            for picked in (frozenset(), far)
        ]
    if plot.way == "company":
        parties = ((0, 0, 0), (0, 0, 1), (0, 0, 2), (1, 0, 0))
        return [Move(w, s, party=party) for w in waits for s in stops[:2] for party in parties]
    return [
        Move(wait, stop, party=party, lent=lent)
        for wait in waits
        for stop in stops[:2]
        for party in ((0, 0, 0), (0, 0, 1))
        for lent in (False, True)
    ]


def _longest(book, plot):
    """Return the minutes for which a journey of this card stays open in the first zones."""
    rows = [
        book["transfer"][book["products"][name]["transfer"]]
        for name in (plot.purse, *(right for right, _state in plot.rights))
        if name and "transfer" in book["products"][name]
    ]
    first = book["zones"]["order"][0]
    times = [oracle_tariff.transfer_minutes(book, row, first, frozenset([first])) for row in rows]
    return max(times, default=60)
