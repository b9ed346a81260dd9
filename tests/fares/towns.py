"""Small towns to ask fares about: a tariff drawn at random, and a feed of a few stops and trips.

A town is a folder of text (tariff.toml, perhaps other.toml, gtfs/) that the project's parser and
the oracle read each on its own. Everything comes from one seeded generator.
"""

import datetime
import itertools

from tests.fares import odd_towns
from tests.fares.town_feed import STARTS, write, write_feed

FIRST, LAST = datetime.date(2025, 1, 1), datetime.date(2025, 12, 31)
HOLIDAYS = [datetime.date(2025, 1, 6), datetime.date(2025, 4, 18), datetime.date(2025, 5, 1)]
FAMILIES = ("arcs", "letters", "flat", "region")


def draw_town(rng, folder, odd=False):
    """Write a town into `folder` and return what the generator of cases must know about it."""
    family = rng.choice(FAMILIES)
    zones = {"arcs": "ABCDE", "letters": "ABCD", "flat": "T", "region": "ABCD"}[family]
    tariff = _tariff(rng, family, list(zones))
    other = None
    if family == "region":
        other = _neighbour(rng)
        tariff["areas"] = {"next": _area(rng)}
        tariff["foreign"] = _foreign(rng, 77)
    if odd:
        for each in (tariff, other) if other else (tariff,):
            odd_towns.bend(rng, each)
        tariff["timezone"] = rng.choice(odd_towns.TIME_ZONES)
    if other:
        write(folder / "other.toml", toml_text(other))
    write(folder / "tariff.toml", toml_text(tariff))
    starts = odd_towns.STARTS if odd else STARTS
    stops = write_feed(folder / "gtfs", zones, family == "region", starts)
    return {"family": family, "tariff": tariff, "other": other, "stops": stops, "folder": folder}


# --- prices ---------------------------------------------------------------------------------------


def _counted(rng, zones):
    """Prices by number of zones: rising, adult above youth above child."""
    adult = list(itertools.accumulate(rng.randint(40, 180) for _ in zones))
    adult = [cents + 150 for cents in adult]
    youth = [cents * rng.randint(60, 75) // 100 for cents in adult]
    child = [cents * rng.randint(45, 55) // 100 for cents in adult]
    return {"by": "count", "child": child, "youth": youth, "adult": adult}


def _listed(rng):
    """Prices by set: single zones are sold in pairs only, and two ends of a hole together."""
    two, three, four = (rng.randint(*pair) for pair in ((200, 320), (330, 460), (470, 600)))
    if rng.random() < 0.3:
        three = two
    adult = {"AB": two, "BC": two, "CD": two, "ABC": three, "BCD": three, "ABCD": four, "D": two}
    share = rng.randint(40, 60)
    child = {"derive": {"from": "adult", "percent": share, "round": "half_up_to_5"}}
    youth = {"derive": {"from": "adult", "percent": "62.5", "round": "half_up"}}
    return {"by": "set", "adult": adult, "child": child, "youth": youth}


def _flat(rng):
    adult = rng.randint(180, 300)
    return {"by": "flat", "child": adult // 2, "youth": adult * 3 // 4, "adult": adult}


def _prices(rng, family, zones):
    value = {"arcs": lambda: _counted(rng, zones), "letters": lambda: _listed(rng)}.get(
        family, lambda: _flat(rng) if family == "flat" else _counted(rng, zones)
    )()
    value["senior"] = {"same": "youth"}
    value["student"] = {"derive": {"from": "adult", "percent": 70, "round": "half_up"}}
    if rng.random() < 0.5:
        value["when"] = [{"window": "offpeak", "youth": _scaled(value, "youth", rng)}]
    percent = rng.randint(300, 900)
    prices = {
        "value": value,
        "season30": {"by": value["by"], "derive": _rule("value", percent, "half_up")},
        "cash": {"by": value["by"], "derive": _rule("value", 125, "up_to_10")},
        "day": {
            "by": value["by"],
            "derive": _rule("value", rng.choice((100, rng.randint(180, 320))), "half_up_to_10"),
        },
        "zero": {
            "by": "flat",
            **dict.fromkeys(("child", "youth", "adult", "senior", "student"), 0),
        },
    }
    if family == "letters":
        adult = {"A": 250, "B": 250, "C": 250, "AB": 280, "BC": 280, "D": 280}
        adult |= {"CD": 420, "ABC": 460, "A+C": 500, "A+D": 530, "ABCD": 600}
        half = {"derive": {"from": "adult", "percent": 52, "round": "half_up_to_10"}}
        prices["extension"] = {"by": "set", "adult": adult}
        prices["extension"] |= dict.fromkeys(("child", "youth", "senior", "student"), half)
    else:
        prices["extension"] = {"by": value["by"], "derive": _rule("value", 90, "floor")}
    return prices


def _scaled(value, group, rng):
    row, percent = value[group], rng.choice((50, 80, 120))
    if isinstance(row, list):
        return [cents * percent // 100 for cents in row]
    if isinstance(row, dict):
        return {"derive": {"from": "adult", "percent": percent, "round": "half_up"}}
    return row * percent // 100


def _rule(base, percent, rounding):
    return {"from": base, "percent": percent, "round": rounding}


# --- the tariff -----------------------------------------------------------------------------------


def _tariff(rng, family, zones):
    shift = rng.choice(("04:00", "04:30", "03:00", "00:00"))
    tariff = {
        "authority": 31,
        "name": "Town",
        "currency": "EUR",
        "valid_from": FIRST,
        "valid_to": LAST,
        "timezone": "Europe/Helsinki" if rng.random() < 0.8 else "America/New_York",
        "service_day": shift,
        "zones": _zones(rng, family, zones),
        "groups": {
            "child": {"number": 1, "ages": [7, 16], "class": "child"},
            "youth": {"number": 2, "ages": [17, 24], "class": "youth"},
            "adult": {"number": 3, "ages": [25, 120], "class": "adult"},
            "senior": {"number": 4, "class": "adult", "concession": 2, "payer": "city"},
            "student": {"number": 5, "class": "adult", "concession": 3, "payer": "city"},
        },
        "calendars": {
            "holidays": {"dates": HOLIDAYS},
            "school-a": {"from_feed": ["school-a"]},
            "school-b": {"from_feed": ["school-b"], "except": [datetime.date(2025, 3, 3)]},
        },
        "windows": _windows(rng),
        "prices": _prices(rng, family, zones),
        "transfer": _transfers(rng, family, zones),
        "night_without_purse": rng.choice(("refuse", "ride_and_count")),
        "surcharges": _surcharges(rng),
        "products": _products(rng),
        "settlement": {"revenue": "first_boarding"},
    }
    return tariff


def _zones(rng, family, zones):
    found = {
        "order": zones,
        "feed": "gtfs",
        "from": "stops.zone_id",
        "skip": "span",
        "through": "free",
        "away": rng.choice(("start", "start", "end", "ask")),
        "lean": "ahead",
    }
    if family != "flat":
        found["stops"] = {"ab": ["A", "B"], "cd": ["C", "D"]}
    if family != "flat" and rng.random() < 0.4:
        found["brief"] = ["zigzag-0655"]
    return found


def _windows(rng):
    return {
        "offpeak": {"days": "Mon-Fri", "from": "09:00", "to": "13:00", "date": "civil"},
        "senior": {"days": "Mon-Fri", "not": "holidays", "from": "09:00", "to": "14:00"},
        "school-a": {"calendar": "school-a", "from": "07:00", "to": "17:00"},
        "school-b": [
            {"calendar": "school-b", "from": "07:00", "to": "10:00"},
            {"calendar": "school-b", "from": "13:00", "to": "17:00"},
        ],
        "night": {
            "days": rng.choice(("all", "all", "Fri,Sat")),
            "from": "23:00",
            "to": rng.choice(("04:00", "03:00", "05:00")),
            "date": rng.choice(("service", "civil")),
        },
        "rush": {"days": "Mon-Fri", "from": "16:00", "to": "17:30"},
    }


def _surcharges(rng):
    night = {
        "window": "night",
        "cents": rng.choice((100, 60, "1.50")),
        "on": rng.choice((["purse", "single"], ["purse", "single", "pass"], ["purse", "pass"])),
        "on_transfer": rng.random() < 0.3,
        "once_per_journey": rng.random() < 0.8,
        "per_person": rng.random() < 0.6,
    }
    found = {"night": night}
    if rng.random() < 0.25:
        found["rush"] = {"window": "rush", "cents": 30, "on": ["purse"]}
    return found


def _transfers(rng, family, zones):
    legs, upgrade = rng.choice((0, 0, 0, 1, 2)), rng.random() < 0.85
    back = {"pass_back_seconds": rng.choice((0, 120, 300))}
    back["pass_back"] = rng.choice(("charge", "refuse"))
    value = {"by_start_zone": {zones[0]: rng.choice((60, 90)), "*": 120}}
    if family == "letters":
        value = {
            "by_set": {
                "AB": 80,
                "BC": 80,
                "CD": 80,
                "D": 80,
                "ABC": 90,
                "A+C": 60,
                "A+D": 75,
                "*": 100,
            }
        }
        if rng.random() < 0.5:
            value["by_start_zone"] = {"A": 85, "*": 70}
    return {
        "value": {**value, "legs": legs, "upgrade": upgrade, **back},
        "season": {"minutes": 120, **back},
        "short": {"minutes": 45, "legs": 1},
    }


def _products(rng):
    ranks = rng.sample(range(10, 60), 20)
    some_transfer = lambda *names: rng.choice((*names, None))
    three = ["child", "youth", "adult"]
    days = rng.choice((30, 90, 180))
    shadow = {"shadow": "value", "prices": "zero"}
    party = {"class": rng.choice(("own_or_younger", "any", "own")), "max": rng.choice((3, 31))}
    clip = rng.choice(("clip", "clip", "keep"))
    first_use = {"days": days, "from": "first_use"}
    school = {"kind": "pass", "personal": True, "grant": True, "groups": ["child", "youth"]}
    school |= {"trips_per_day": rng.choice((1, 2, 3)), "payer": "school", "surcharge": False}
    dates = {"from": datetime.date(2025, 1, 7), "to": datetime.date(2025, 5, 31)}
    value = {"kind": "purse", "prices": "value", "transfer": "value"}
    products = {
        "single": {"number": 0, "kind": "ticket", "prices": "cash", "transfer": "value"},
        "value": {"number": 1, **value, "companions": party},
        "season": {"number": 2, "kind": "pass", "prices": "season30", "span": first_use},
        "zero": {"number": 3, "kind": "pass", **shadow, "personal": True, "payer": "holder"},
        "flex": {"number": 4, "kind": "pass", "prices": "season30", "groups": three},
        "best": {"number": 5, **value, "companions": party, "groups": three},
        "school": {"number": 6, **school, **shadow, "span": dates, "window": "school-a"},
        "student": {"number": 7, "kind": "pass", "prices": "season30", "groups": ["student"]},
        "senior": {"number": 8, **value, "groups": ["senior"], "window": "senior"},
        "extension": {"number": 9, "kind": "purse", "prices": "extension", "needs": "pass"},
        "tourist": {"number": 10, "kind": "pass", "prices": "day", "media": "ultralight-c"},
        "group": {"number": 11, **value, "payer": "invoice-holder"},
        "pack": {"number": 12, "kind": "ticket_pack", "prices": "cash", "uses": 10},
        "event": {"number": 13, "kind": "pass", "prices": "day"},
        "daycap": {"number": 14, **value, "companions": party},
        "weekcap": {"number": 15, **value, "companions": party},
        "school2": {"number": 16, **school, **shadow, "span": dates, "window": "school-b"},
        "year": {"number": 17, "kind": "pass", "prices": "season30", "span": {"year": True}},
        "hours": {"number": 18, "kind": "pass", "prices": "day"},
    }
    products["zero"]["span"] = {"days": 365, "from": "first_use"}
    products["flex"]["span"] = {"days": 90, "from": "first_use", "travel_days": 30}
    products["best"]["cap"] = {"threshold": "season30", "days": 30, "overshoot": clip}
    products["student"] |= {"span": {"days": 30, "from": "first_use"}, "personal": True}
    products["senior"] |= {"else": "value", "personal": True}
    products["tourist"]["span"] = {"days": [1, 60], "from": "first_use"}
    products["hours"]["span"] = rng.choice(({"hours": 24}, {"hours": [1, 72]}, {"minutes": 90}))
    products["group"]["companions"] = {"class": "any", "max": 31}
    products["event"]["span"] = {"from": datetime.date(2025, 6, 6), "to": datetime.date(2025, 6, 8)}
    products["daycap"]["cap"] = {"threshold": "day", "days": 1, "overshoot": clip}
    products["weekcap"]["cap"] = {"threshold": "season30", "days": 7, "overshoot": clip}
    for place, product in enumerate(products.values()):
        product["rank"] = ranks[place]
        if product["kind"] == "pass" and (transfer := some_transfer("season", "short")):
            product["transfer"] = transfer
    products["pack"]["transfer"] = "value"
    if rng.random() < 0.3:
        products["flex"]["surcharge"] = False
    return products


# --- the neighbour --------------------------------------------------------------------------------


def _neighbour(rng):
    other = _tariff(rng, "neighbour", list("CDXY"))
    other |= {"authority": 32, "name": "Neighbour", "timezone": "Europe/Helsinki"}
    other["zones"] |= {"order": ["C", "D", "X", "Y"], "away": "start"}
    # Stops of its own say: "cd" is ours in two zones, here in one; "d1" the other way round.
    other["zones"]["stops"] = {"cd": "C", "d1": ["C", "D"], "b1": "C"}
    other["foreign"] = [
        {"authority": 31, "product": 1, "as": "value"},
        *_foreign(rng, 77),
    ]
    return other


def _area(rng):
    area = {"authority": 32, "tariff": "other.toml", "precedence": rng.choice((50, 150))}
    if rng.random() < 0.6:
        area["agencies"] = ["op2"]
    return area


def _foreign(rng, issuer):
    rows = [{"authority": issuer, "as": "value"}]
    if rng.random() < 0.5:
        rows = [{"authority": issuer, "product": 1, "as": "value"}]
    if rng.random() < 0.5:
        rows.append({"authority": issuer, "product": 2, "as": "season"})
    return rows


# --- text -----------------------------------------------------------------------------------------


def toml_text(tables):
    """Return TOML: one table a paragraph, everything deeper inline."""
    plain = {key: value for key, value in tables.items() if not isinstance(value, dict)}
    lines = [f"{key} = {_inline(value)}" for key, value in plain.items()]
    for key, table in tables.items():
        if isinstance(table, dict):
            lines += ["", f"[{key}]"]
            lines += [f"{_name(name)} = {_inline(value)}" for name, value in table.items()]
    return "\n".join(lines) + "\n"


def _inline(value):
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_name(k)} = {_inline(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _name(key):
    return key if key.replace("-", "").replace("_", "").isalnum() else f'"{key}"'
