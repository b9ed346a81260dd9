"""Cases aimed at one cell of the product x mechanism table, whose rare ones chance leaves empty.

A random case (cases.py) is bent until the wished product is there, valid, and in the state that
the mechanism needs. What then happens is for oracle and engine to say; coverage.py counts that.
"""

import datetime

from tests.fares import coverage

ONE_DAY = datetime.timedelta(days=1)
FAR = datetime.date(2026, 6, 1)
HOURS = {"fee": ("23:30", "00:40", "02:10"), "school": ("07:30", "08:20", "14:10", "16:40")}
DATES = {"event": datetime.date(2025, 6, 6)}


# Cells that need luck besides (a night, a stop outside, a purse that pays for others) come often.
LUCK = {"single fee": 9, "value heads": 9, "best heads": 14, "best upgrade": 16, "group heads": 8}
LUCK |= {"school company": 9, "school2 company": 12, "school2 used up": 7, "school used up": 5}
LUCK |= {"extension charge": 6, "extension fee": 14, "senior upgrade": 13}
LUCK |= {"daycap upgrade": 10, "weekcap upgrade": 14, "group upgrade": 8, "pack fee": 9}
LUCK |= {"value upgrade": 4, "value fair": 5, "school2 transfer": 7}
LUCK |= {"zero transfer": 7, "best ended": 6, "student start": 6, "event transfer": 8}
LUCK |= {
    "school transfer": 6,
    "student transfer": 5,
    "year company": 8,
    "year transfer": 4,
    "best start": 17,
    "school used up": 8,
}
OFTEN = {"company": 6, "fee": 5, "start": 4, "second": 4, "transfer": 3, "heads": 6}
CELLS = [
    cell
    for cell in coverage.wanted()
    for _ in range(LUCK.get(" ".join(cell), OFTEN.get(cell[1], 2)))
]


def aim(drawer, case):
    """Bend `case` towards a cell that exists; return it."""
    rng = drawer.rng
    name, wish = rng.choice(CELLS)
    product = drawer.products[name]
    tap, card = case.taps[0], case.card
    if tap["ticket"] or (wish == "foreign") != (card["issuer"] != 31):
        return case
    _when(drawer, tap, name, wish)
    day = drawer.service_day(tap)
    _who(drawer, card, product, wish)
    tap.update(companions=(0, 0, 0), clock="signed", book=0, same_device=False)
    tap["picked"] = drawer.some_zones() if wish == "picked" else frozenset()
    card.update(balance=100000, journey=None)
    slot = _hold(drawer, case, name, product, wish, day)
    if wish in ("company", "heads"):
        tap["companions"] = rng.choice(((0, 0, 1), (0, 0, 2), (1, 0, 0), (1, 0, 1)))
        if not card["purse"] or card["purse"]["product"] != 11:
            _fill_purse(drawer, card, product["number"] if slot == 0 else 1)
    if wish in ("transfer", "upgrade", "heads"):
        card["journey"] = _journey(drawer, tap, slot, product, wish)
    if wish == "upgrade" and rng.random() < 0.35:
        _together(rng, tap, card["journey"])
    if wish in ("company", "fee") and rng.random() < 0.2:
        card["balance"] = rng.randrange(900)  # enough for one of them, perhaps
    return case


def _together(rng, tap, journey):
    """Go on with company that was paid for, whoever of the party rode free before."""
    party = rng.choice(((0, 0, 1), (0, 0, 2), (1, 0, 0), (2, 0, 0), (1, 0, 1)))
    tap["companions"] = party
    journey["companions"] = max(0, sum(party) - rng.choice((0, 0, 0, 1)))
    journey["charged"] = rng.choice((150, 300, 356, 500, 900)) + rng.randrange(60)


def _when(drawer, tap, name, wish):
    rng = drawer.rng
    if wish in ("window", "fair") and rng.random() < 0.3:
        return _border(drawer, tap)
    hours = HOURS["fee"] if wish == "fee" else HOURS["school"]
    if wish in ("window", "fair") or (wish not in ("fee",) and not name.startswith("school")):
        return
    day = DATES.get(name, datetime.date(2025, 1, 14) + rng.randrange(120) * ONE_DAY)
    if name.startswith("school"):
        while day.weekday() > 3:
            day += ONE_DAY
    minute = int(rng.choice(hours)[:2]) * 60 + rng.randrange(60)
    midnight = datetime.datetime.combine(day, datetime.time())
    tap["seconds"] = drawer.seconds(midnight + datetime.timedelta(minutes=minute))
    if tap["trip"] is not None:  # a trip's plan would be a second reading of the clock
        tap.update(stop=drawer.rng.choice(drawer.stops), trip=None, call=None)


def _border(drawer, tap):
    """Stand within minutes of a service day's end, the tariff's first day among them."""
    day = drawer.rng.choice((0, 0, drawer.rng.randrange(365)))
    first = datetime.datetime.combine(datetime.date(2025, 1, 1), datetime.time())
    begins = first + day * ONE_DAY
    minutes = drawer.shift + drawer.rng.randint(-6, 6)
    tap["seconds"] = drawer.seconds(begins + datetime.timedelta(minutes=minutes))


def _who(drawer, card, product, wish):
    groups = product.get("groups") or ["adult", "adult", "child", "youth", "senior"]
    name = drawer.rng.choice(groups)
    if wish == "group":
        others = [group for group in drawer.tariff["groups"] if group not in groups]
        name = drawer.rng.choice(others or groups)
    row = drawer.tariff["groups"][name]
    card.update(group=row["number"], group_until=None, concession=row.get("concession", 0))
    card.update(concession_until=None)


def _hold(drawer, case, name, product, wish, day):
    """Put the product on the card in the state the wish needs; return its slot, 0 the purse."""
    rng, card = drawer.rng, case.card
    in_purse = product["kind"] in ("purse", "ticket") and name not in ("best", "extension")
    card["slots"] = [None, *card["slots"][1:3], None]
    keep = {slot: right for slot, right in case.rights.items() if slot in (2, 3)}
    case.rights.clear()
    case.rights.update(keep)
    if rng.random() < 0.7:
        card["slots"][1:3] = [None, None]
    if in_purse:
        case.taps[0]["ticket"] = product["kind"] == "ticket"
        for other in case.taps[1:]:
            other.update(ticket=product["kind"] == "ticket", companions=(0, 0, 0))
        if product["kind"] == "ticket":
            card["slots"] = [None] * 4  # paper holds nothing else
        _fill_purse(drawer, card, product["number"])
        caps = card["caps"]
        caps.update(day=day, day_sum=rng.choice((1, 200, 400, 600, 2000)), start=day - 2 * ONE_DAY)
        caps["period_sum"] = rng.choice((1, 900, 1500, 2500, 9000))
        return 0
    card["slots"][0] = _state(drawer, name, product, wish, day)
    case.rights[1] = drawer.sold(name)
    drawer.end_near(card["slots"][0], name, case.rights[1][0], case.taps[0], wish)
    if wish == "second":
        card["slots"][3] = _state(drawer, name, product, "start", day)
        case.rights[4] = drawer.sold(name)
    if name == "extension":
        card["slots"][0]["zones"] = frozenset()
        card["slots"][3] = _state(drawer, "season", drawer.products["season"], "", day)
        first = rng.choice(drawer.order)
        card["slots"][3]["zones"] = frozenset([first])
        case.rights[4] = drawer.sold("season")
    return 1


def _state(drawer, name, product, wish, day):
    rng, held = drawer.rng, drawer.held(name, day)
    length, left, cents = drawer.sold(name)
    held.update(zones="everywhere", last=FAR, day=None)
    if "trips_per_day" in product:
        full = product["trips_per_day"]
        used = full if wish == "used up" else rng.randrange(full)
        held.update(day=rng.choice((day, day, day - ONE_DAY)), today=used, start=None, length=0)
        if wish == "ended":
            held["last"] = day - ONE_DAY
        return held
    from_first_use = not {"days", "hours", "minutes"}.isdisjoint(product.get("span", {}))
    started = wish != "start" and (from_first_use or name in ("best", "pack"))
    back = rng.choice((length, length, length + 1)) if wish == "ended" else rng.randrange(length)
    held.update(start=day - back * ONE_DAY if started else None, length=length if started else 0)
    held["left"] = 0 if wish == "used up" or not started or not left else rng.randint(1, left)
    held["day"] = day - ONE_DAY if left and started else None
    held["cents"] = rng.choice((0, 1, 60, 150, cents)) if cents and started else 0
    if wish == "ended":
        held["last"] = day - ONE_DAY
    return held


def _fill_purse(drawer, card, number):
    zones = drawer.rng.choice((frozenset(), "everywhere", drawer.some_zones()))
    card["purse"] = {"product": number, "zones": zones, "companions": 0}
    card["purse"] |= {"mechanism": 1, "last": None}


def _journey(drawer, tap, slot, product, wish):
    rng = drawer.rng
    zones = frozenset(drawer.order)
    if wish == "upgrade":
        zones = frozenset([rng.choice(drawer.order)])
    age = rng.randrange(40)
    return {
        "authority": 31,
        "start_zone": min(zones),
        "zones": zones,
        "start_minute": tap["seconds"] // 60 - age,
        "charged": rng.choice((150, 200, 300)),
        "transfers": 0,
        "paid_by": 5 if slot == 0 and "payer" in product else slot,
        "companions": rng.choice((0, 0, 1)),
        "night": rng.random() < 0.2,
        "time": tap["seconds"] - 60 * age,
        "line": 0,
    }
