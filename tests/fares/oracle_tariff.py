"""The oracle's own reading of a tariff file: groups, zones, prices; nothing compiled.

Zones are frozensets of names; a table is worked out from the words of the file when it is first
asked for. Knows nothing of ours. Source: tariff-model.md section 2 and the table of keys in
backend_sync/tariffs/README.md.
"""

import tomllib

from tests.fares.oracle_windows import in_window

CLASSES = ("child", "youth", "adult")


def read_book(folder, name):
    """Return the tariff file `name` of `folder` with what it includes, and its areas' books."""
    with open(f"{folder}/{name}", "rb") as file:
        book = tomllib.load(file)
    for other in book.get("include", []):
        with open(f"{folder}/{other}", "rb") as file:
            _unite(book, tomllib.load(file))
    book["others"] = [
        (area, read_book(folder, area["tariff"]))
        for area in book.get("areas", {}).values()
        if "tariff" in area
    ]
    book["sold"] = {}  # what sold_sets has read: {(table, group): {set of zones: cents}}
    return book


def _unite(book, more):
    for key, value in more.items():
        if isinstance(value, dict) and isinstance(book.get(key), dict):
            _unite(book[key], value)
        else:
            book[key] = value


# --- amounts, times, sets of zones ---------------------------------------------------------------


def cents(value, decimals=2):
    """Return an amount as cents: 251, or "2.51"."""
    if isinstance(value, int):
        return value
    whole, _dot, rest = value.partition(".")
    return int(whole) * 10**decimals + int((rest + "0" * decimals)[:decimals] or "0")


def letters(book, written):
    """Return zones written "AB", "A-C", "A+D", "*" or ["A", "B"] as a frozenset of names."""
    order = book["zones"]["order"]
    if not isinstance(written, str):
        return frozenset().union(*(letters(book, part) for part in written))
    if written == "*":
        return frozenset(order)
    if written in order:
        return frozenset([written])
    if "+" in written:
        return frozenset().union(*(letters(book, part.strip()) for part in written.split("+")))
    first, dash, last = written.partition("-")
    if dash and first in order and last in order:
        return frozenset(order[order.index(first) : order.index(last) + 1])
    return frozenset(written)


def named(book, zones):
    """Return zones by their numbers on a card as names of this book; "everywhere" is all of it."""
    order = book["zones"]["order"]
    if zones == "everywhere":
        return frozenset(order)
    return frozenset(order[number - 1] for number in zones if number <= len(order))


def held_zones(book, product, zones):
    """Return where a product holds: its zones may be those of an earlier division into zones."""
    division = product.get("scheme", 0)
    if not division or zones == "everywhere":
        return named(book, zones)
    now = list(book["zones"].get("schemes", {}).get(str(division), {}).values())
    return frozenset().union(*(letters(book, now[zone - 1]) for zone in zones if zone <= len(now)))


def numbered(book, zones):
    """Return names of this book as their numbers on a card."""
    return frozenset(book["zones"]["order"].index(zone) + 1 for zone in zones)


def span_of(book, zones):
    """Return all zones from the first to the last of `zones` in the order of the arcs."""
    order = book["zones"]["order"]
    places = [order.index(zone) for zone in zones]
    return frozenset(order[min(places) : max(places) + 1])


def stop_zones(book, feed, stop):
    """Return the zones of this book in which the stop lies."""
    zones = book["zones"]
    if stop in zones.get("stops", {}):
        return letters(book, zones["stops"][stop])
    source = zones.get("from", "stops.zone_id")
    sources = [source] if isinstance(source, str) else source
    names = []
    if "stops.zone_id" in sources:
        names.append(feed["stops"][stop]["zone"])
    if "stop_areas" in sources:
        names += feed["stops"][stop]["areas"]
    alias = zones.get("alias", {})
    names = [name if name in zones["order"] else alias.get(name, alias.get("*")) for name in names]
    return frozenset(name for name in names if name in zones["order"])


# --- groups ---------------------------------------------------------------------------------------


def group_numbers(book):
    """Return the name of every group by its number: as written, else its place."""
    return {
        group.get("number", place): name
        for place, (name, group) in enumerate(book["groups"].items())
    }


def group_number(book, name):
    return min(number for number, other in group_numbers(book).items() if other == name)


def age_group(book, age_class):
    """Return the group without concession of this age class, or of the next older one."""
    for wanted in CLASSES[CLASSES.index(age_class) :]:
        for name, group in book["groups"].items():
            if group["class"] == wanted and not group.get("concession", 0):
                return name
    return None


def full_group(book, name):
    """Return the group whose price is the full price for this one."""
    group = book["groups"][name]
    if "full" in group:
        return group["full"]
    return age_group(book, group["class"]) if group.get("concession", 0) else name


def next_group(book, name):
    """Return the group that follows when `name` has ended: as written, or the next age.

    A concession falls back to its age class.
    """
    group = book["groups"][name]
    if "next" in group:
        return group["next"]
    if group.get("concession", 0):
        return full_group(book, name)
    for other, row in book["groups"].items():
        plain = "ages" in row and not row.get("concession", 0)
        if plain and "ages" in group and row["ages"][0] == group["ages"][1] + 1:
            return other
    return name


# --- prices ---------------------------------------------------------------------------------------


def sold_sets(book, table, group):
    """Return {set of zones: cents} of everything this table sells to the group."""
    known = book["sold"]
    if (table, group) not in known:
        known[table, group] = _row(book, table, group, book["prices"][table])
    return known[table, group]


def _row(book, table, group, written, by=None):
    by = by or written["by"]
    if group in written:
        row = written[group]
        if isinstance(row, dict) and set(row) == {"same"}:
            return _row(book, table, row["same"], written, by)
        if isinstance(row, dict) and "derive" in row:
            rule = row["derive"]
            derived = _derived(_row(book, table, rule["from"], written, by), rule)
            return {**derived, **_cells(book, by, row.get("listed", {}))}
        return _cells(book, by, row)
    if "derive" in written:
        rule = written["derive"]
        return _derived(_row(book, rule["from"], group, book["prices"][rule["from"]]), rule)
    return {}


def _cells(book, by, row):
    order = book["zones"]["order"]
    if row == {}:
        return {}
    if by == "flat":
        return {frozenset(order): cents(row)}
    if by == "count":
        return {
            frozenset(order[first : first + count]): cents(row[count - 1])
            for count in range(1, min(len(order), len(row)) + 1)
            for first in range(len(order) - count + 1)
        }
    if by == "matrix":
        return {
            letters(book, one) | letters(book, other): cents(price)
            for one, others in row.items()
            for other, price in others.items()
        }
    return {letters(book, zones): cents(price) for zones, price in row.items()}


def _derived(source, rule):
    return {
        zones: rounded(price, rule["percent"], rule["round"]) for zones, price in source.items()
    }


def rounded(price, percent, rule):
    """Return `percent` of `price` under a named rounding; integers of a thousandth only."""
    tenths = percent * 10 if isinstance(percent, int) else cents(percent, 1)
    thousandths = price * tenths  # cents * 1000
    step = 1000 * (10 if rule.endswith("_10") else 5 if rule.endswith("_5") else 1)
    whole, rest = divmod(thousandths, step)
    if rule.startswith("half_up"):
        whole += 1 if 2 * rest >= step else 0
    elif rule.startswith("up"):
        whole += 1 if rest else 0
    return whole * (step // 1000)


def price_at(book, feed, table, group, zones, wall):
    """Return what the group pays for a sold set at this wall time: the first `when` that holds."""
    for row in book["prices"][table].get("when", []):
        if group in row and in_window(book, feed, row["window"], wall):
            written = {**book["prices"][table], **row}  # "same" and "derive" may name any row
            replaced = _row(book, table, group, written)
            if zones in replaced:
                return replaced[zones]
    return sold_sets(book, table, group).get(zones)


def sold_as(book, table, group, wanted, ahead, in_force=None):
    """Return the set that is sold for `wanted`: itself if listed with a hole, else a superset.

    `in_force(zones)` gives the cents of a sold set at one time; without it the table's own count.
    The cheapest superset of the run, then the one of fewest zones. Of several such the lowest and
    the highest are left, and the one with more of the zones ahead of the vehicle is taken.
    """
    sold = sold_sets(book, table, group)
    if in_force is not None:
        sold = {zones: in_force(zones) for zones in sold}
    run = span_of(book, wanted)
    if wanted != run and wanted in sold:
        return wanted
    order = book["zones"]["order"]
    offers = [(price, len(zones)) for zones, price in sold.items() if run <= zones]
    if not offers:
        return None
    best = [z for z, price in sold.items() if run <= z and (price, len(z)) == min(offers)]
    places = {zones: sorted(order.index(zone) for zone in zones) for zones in best}
    down = min(best, key=lambda zones: places[zones])
    up = max(best, key=lambda zones: (places[zones][-1], places[zones]))
    leaning = book["zones"].get("lean", "ahead") == "ahead"
    return up if leaning and len(up & ahead) > len(down & ahead) else down


# --- products -------------------------------------------------------------------------------------


def product_numbered(book, number):
    """Return (name, product) of this number, or (None, None)."""
    for name, product in book["products"].items():
        if product["number"] == number:
            return name, product
    return None, None


def admits(book, product, group):
    """Return whether the product is for this group: as listed, else every group priced."""
    groups = product.get("groups")
    if groups is None:
        return bool(sold_sets(book, product["prices"], group))
    return group in ([groups] if isinstance(groups, str) else groups)


def transfer_minutes(book, row, start_zone, zones):
    """Return how long a journey stays open: the longer of by start zone and by set paid."""
    by_zone = row.get("by_start_zone", {})
    zone_time = by_zone.get(start_zone, by_zone.get("*", row.get("minutes", 0)))
    return max(zone_time, _set_time(book, _times_by_set(book, row), zones))


def _set_time(book, times, zones):
    """Return the minutes of a set paid: as listed, else the longest of a listed set in it.

    Stretches of a set with a hole last as long as each of them paid alone.
    """
    if zones in times:
        return times[zones]
    stretches = _stretches(book, zones)
    inside = {listed: time for listed, time in times.items() if listed <= zones}
    if len(stretches) > 1:
        inside = {listed: t for listed, t in inside.items() if len(_stretches(book, listed)) > 1}
        inside.update((stretch, _set_time(book, times, stretch)) for stretch in stretches)
    return max(inside.values(), default=0)


def _stretches(book, zones):
    """Return the runs of zones without a hole that make up `zones`."""
    stretches, before = [], None
    for place, zone in enumerate(book["zones"]["order"]):
        if zone in zones:
            if before != place - 1:
                stretches.append(frozenset())
            stretches[-1] |= {zone}
            before = place
    return stretches


def _times_by_set(book, row):
    """Return {set: minutes}: "*" is every run, a count every run of so many, a set itself."""
    order, by_set, times = book["zones"]["order"], row.get("by_set", {}), {}
    for first in range(len(order)):
        for last in range(first, len(order)):
            count = last - first + 1
            if "*" in by_set:
                times[frozenset(order[first : last + 1])] = by_set["*"]
            if count <= len(row.get("by_count", [])):
                times[frozenset(order[first : last + 1])] = row["by_count"][count - 1]
    for name, time in by_set.items():
        if name != "*":
            times[letters(book, name)] = time
    return times
