"""Towns with what real tariffs rarely have: prices and times that are missing, free or long past.

A drawn tariff (towns.py) is bent before it is written; both sides then read it as any other.
"""

import datetime

FIRST = datetime.date(2025, 1, 1)
STARTS = ("00:00", "03:55", "06:55", "08:52", "13:50", "16:52", "22:52", "24:10")  # of trips
TIME_ZONES = ("Europe/Helsinki", "Europe/Helsinki", "Asia/Kolkata", "America/New_York")


def bend(rng, tariff):
    """Change some rules of a tariff in place."""
    tariff["products"]["extension"]["companions"] = {"class": "any", "max": 3}
    # A concession nobody pays for, and another successor: groups are the same in every book.
    tariff["groups"]["senior"].pop("payer")
    tariff["groups"]["student"]["next"] = "youth"
    for change in (
        _zones_of_long_ago,
        _two_windows,
        _round_prices,
        _sold_apart,
        _once,
        _another_else,
        _no_time_to_change,
        _no_price,
        _free_of_charge,
        _no_surcharge,
        _windows_in_pieces,
        _many_holidays,
        _trips_at_any_hour,
        _free_cap,
    ):
        if rng.random() < 0.6:
            change(rng, tariff)


def _zones_of_long_ago(rng, tariff):
    order = tariff["zones"]["order"]
    tariff["zones"]["schemes"] = {
        "3": {"p": order[-1:], "q": order[:1]},
        "1": {"p": order[:2], "q": order[-1:], "r": order[1:3] or order},
        "2": {"p": order[-2:], "q": order[:1], "r": order, "s": order[1:2] or order},
    }
    for name in ("season", "value", "flex", "school", "best", "extension"):
        tariff["products"][name]["scheme"] = rng.choice((0, 1, 1, 2, 2, 3))


def _two_windows(rng, tariff):
    """Two prices by the hour, the first that holds counts."""
    value = tariff["prices"]["value"]
    shares = rng.sample((0, 50, 70, 110), 2)
    value["when"] = [
        {
            "window": window,
            "child": {"derive": {"from": "adult", "percent": share, "round": "floor"}},
        }
        for window, share in zip(rng.sample(("offpeak", "rush", "night"), 2), shares)
    ]


def _round_prices(rng, tariff):
    """Prices that a sold threshold, a balance or a day's sum may equal."""
    value = tariff["prices"]["value"]
    if value["by"] == "flat":
        value["adult"] = rng.choice((150, 300, 900))
    elif value["by"] == "count":
        value["adult"] = [150 * place for place in range(1, len(value["adult"]) + 1)]


def _sold_apart(rng, tariff):
    """Two ends of a hole are sold together, and may last longer than all between."""
    value = tariff["prices"]["value"]
    if value["by"] == "set":
        value["adult"] |= {"A+C": rng.randint(300, 500), "B+D": rng.randint(300, 500)}
        tariff["transfer"]["value"].get("by_set", {}).update({"A+C": 130, "B+D": 55})


def _once(rng, tariff):
    tariff["products"]["flex"]["span"]["travel_days"] = 1
    tariff["products"]["single"].pop("transfer")
    tariff["products"]["pack"]["uses"] = rng.choice((1, 2))


def _another_else(rng, tariff):
    tariff["products"]["senior"].pop("else")
    if rng.random() < 0.5:
        tariff["products"]["senior"]["else"] = "daycap"


def _no_time_to_change(rng, tariff):
    for row in tariff["transfer"].values():
        by_zone, by_set = row.get("by_start_zone", {}), row.get("by_set", {})
        if rng.random() < 0.5 and by_zone.pop("*", None):
            for zone in tariff["zones"]["order"][: rng.choice((2, 4))]:
                by_zone[zone] = rng.choice((30, 45, 75))
        if rng.random() < 0.5 and len(by_set) > 2:
            by_set.pop("*")


def _no_price(rng, tariff):
    """A group, or the widest trips, that no price is given for."""
    value, order = tariff["prices"]["value"], tariff["zones"]["order"]
    value.pop("when", None)  # its windows would sell what is not sold otherwise
    if value["by"] == "count":
        for name in ("adult", "youth", "child"):
            value[name] = value[name][: len(order) - rng.choice((0, 1, 1))]
    elif value["by"] == "set":
        value["adult"].pop(rng.choice(("ABCD", "BCD", "D", "AB")))
    names = ("senior", "student") if value["by"] == "set" else ("senior", "student", "child")
    table = tariff["prices"][rng.choice(("value", "extension"))]
    if rng.random() < 0.5:
        table.pop(rng.choice(names), None)
    everybody = ["child", "youth", "adult", "senior", "student"]
    for name in ("value", "best", "extension", "group", "daycap"):
        tariff["products"][name]["groups"] = everybody


def _free_of_charge(rng, tariff):
    value, group = tariff["prices"]["value"], rng.choice(("child", "child", "youth"))
    row = value["adult"]
    if not isinstance(row, dict):  # sets that cost the same would be sold for one another
        value[group] = [0] * len(row) if isinstance(row, list) else 0


def _no_surcharge(rng, tariff):
    for name in rng.sample(("value", "best", "extension", "season", "daycap", "single"), 3):
        tariff["products"][name]["surcharge"] = False


def _windows_in_pieces(rng, tariff):
    hours = {"from": "09:00", "to": "14:00"}
    tariff["windows"]["senior"] = [
        {"days": "Mon-Thu", "not": "holidays", **hours},
        {"days": "Fri,Sat", "from": "13:00", "to": "16:00"},
        {"days": "Sun", "not": "holidays", "date": "civil", "from": "22:00", "to": "05:00"},
    ]


def _many_holidays(rng, tariff):
    days = [FIRST + day * datetime.timedelta(days=1) for day in range(365)]
    tariff["calendars"]["holidays"] = {"dates": sorted(rng.sample(days, 180))}
    tariff["windows"]["night"]["not"] = "holidays"


def _trips_at_any_hour(rng, tariff):
    for name in ("school", "school2"):
        tariff["products"][name].pop("window", None)


def _free_cap(rng, tariff):
    tariff["prices"]["nothing"] = {"by": "flat", **dict.fromkeys(("child", "youth", "adult"), 0)}
    tariff["products"][rng.choice(("daycap", "weekcap", "best"))]["cap"]["threshold"] = "nothing"
