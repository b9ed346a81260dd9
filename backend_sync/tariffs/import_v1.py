"""GTFS Fares v1 (fare_attributes.txt, fare_rules.txt) to a draft of our tariff.

Zones are stops.zone_id. A fare with an origin and a destination is a pair of zones; one with
contains_id rows is the set of all of them; one without rules is for every ride.
Source: the GTFS reference, fare_attributes.txt and fare_rules.txt; tariff-model.md section 5.
"""

from collections import Counter

from backend_sync.tariffs.draft import (
    Draft,
    DraftGroup,
    Family,
    cents,
    check_currency,
    check_zones,
    families_of,
    family_name,
    fill_runs,
    title,
)
from backend_sync.tariffs.fare_tables import FareAttribute, FareRule, FaresV1
from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.gtfs_source import GtfsError, shown
from backend_sync.tariffs.losses import Loss

FARES, RULES = "fare_attributes.txt", "fare_rules.txt"
EVERYWHERE = "*"
ADULT = "adult"
MINUTES_MAX = 1440


def import_v1(feed: Feed, name: str, fares: FaresV1, agency: str = "") -> Draft:
    """Return the tariff that `fares` of `feed` draft, with what they lose.

    Raises: GtfsError when an amount, currency or reference is wrong, or more than 12 zones.
    """
    losses: list[Loss] = []
    currency, kept = _kept(fares, agency, losses)
    zones = _zones(feed, fares)
    rules: dict[str, list[FareRule]] = {}
    for rule in fares.rules:
        rules.setdefault(rule.fare, []).append(rule)
    sets = {fare.fare: _sets(fare, rules.get(fare.fare, []), zones, losses) for fare in kept}
    meetings: dict[tuple, dict[str, set[tuple[str, ...]]]] = {}
    for fare in kept:
        alike = (fare.before_boarding, fare.transfers, fare.seconds)
        rides = {tuple(sorted(zone_set)) for zone_set in sets[fare.fare]}
        meetings.setdefault(alike, {})[fare.fare] = rides
    by_id = {fare.fare: fare for fare in kept}
    taken: set[str] = set()
    families = [
        _family([by_id[fare] for fare in of_family], sets, zones, currency, taken, losses)
        for of_kind in meetings.values()
        for of_family in families_of(of_kind)
    ]
    days = [date for dates in feed.services.values() for date in dates[:1] + dates[-1:]]
    if not days:
        raise GtfsError("calendar.txt: no service runs on any date; wanted dates for a tariff")
    return Draft(
        name, title(feed), zones, "stops.zone_id" if zones != [EVERYWHERE] else "", {},
        [DraftGroup(ADULT, FARES, "any rider", True)],
        [family for family in families if family.cells], [],
        currency, feed.timezone, min(days), max(days), losses,
    )  # fmt: skip


def _kept(fares: FaresV1, agency: str, losses: list[Loss]) -> tuple[str, list[FareAttribute]]:
    """Return the currency and the fares of one currency and one agency."""
    agencies = Counter(fare.agency for fare in fares.fares if fare.agency)
    if agency and agency not in agencies:
        raise GtfsError(
            f"{FARES}: no fare of agency {shown(agency)}; wanted one of "
            f"{', '.join(sorted(agencies)) or 'none: no fare names one'}"
        )
    chosen = agency or min(agencies, key=lambda a: (-agencies[a], a), default="")
    currencies = Counter(fare.currency for fare in fares.fares if fare.agency in ("", chosen))
    for fare in fares.fares:
        check_currency(f"{FARES}:{fare.line}", fare.currency)
    currency = min(currencies, key=lambda c: (-currencies[c], c))
    kept = []
    for fare in fares.fares:
        place = f"{FARES}:{fare.line}"
        if fare.agency not in ("", chosen):
            found, carried = (
                f"{fare.fare} is of agency {fare.agency}",
                f"left out: {chosen} is here",
            )
            losses.append(Loss("L14", place, found, carried))
        elif fare.currency != currency:
            found = f"{fare.fare} costs {fare.price} {fare.currency}"
            losses.append(Loss("L8", place, found, f"left out; the tariff is in {currency}"))
        elif cents(place, fare.price, currency) < 0:
            losses.append(Loss("L3", place, f"{fare.fare} costs {fare.price}", "left out"))
        else:
            kept.append(fare)
            if cents(place, fare.price, currency) == 0:
                losses.append(Loss("N1", place, f"{fare.fare} costs nothing", "carried as 0"))
    return currency, kept


def _zones(feed: Feed, fares: FaresV1) -> list[str]:
    named = {zone for rule in fares.rules for zone in (rule.start, rule.end, rule.contains)} - {""}
    if not named:
        return [EVERYWHERE]
    known = {stop.zone for stop in feed.stops} - {""}
    for rule in fares.rules:
        for zone in (rule.start, rule.end, rule.contains):
            if zone and zone not in known:
                raise GtfsError(f"{RULES}:{rule.line}: zone {shown(zone)} is of no stop")
    zones = sorted(known if any(not r.start or not r.end for r in fares.rules) else named)
    check_zones(zones, RULES)
    return zones


def _sets(
    fare: FareAttribute, own: list[FareRule], zones: list[str], losses: list[Loss]
) -> list[frozenset[str]]:
    """Return the zone sets that `fare` is for."""
    if not own:
        return [frozenset({a, b}) for a in zones for b in zones]
    found: list[frozenset[str]] = []
    contains: dict[tuple[str, str, str], set[str]] = {}
    for rule in own:
        if rule.route:
            said = f"{fare.fare} is for route {rule.route}"
            losses.append(Loss("L14", f"{RULES}:{rule.line}", said, "for every route"))
        if rule.contains:
            key = (rule.route, rule.start, rule.end)
            contains.setdefault(key, set()).add(rule.contains)
        else:
            starts = [rule.start] if rule.start else zones
            ends = [rule.end] if rule.end else zones
            found += [frozenset({a, b}) for a in starts for b in ends]
    return list(dict.fromkeys([*found, *map(frozenset, contains.values())]))


def _family(
    fares: list[FareAttribute],
    sets: dict[str, list[frozenset[str]]],
    zones: list[str],
    currency: str,
    taken: set[str],
    losses: list[Loss],
) -> Family:
    first = fares[0]
    family = Family(
        family_name([fare.fare for fare in fares], taken),
        "purse" if first.before_boarding else "ticket",
        "",
        [f"{FARES}:{fare.line} {fare.fare}" for fare in fares],
    )
    for fare in fares:
        for zone_set in sets[fare.fare]:
            family.cells[zone_set] = {ADULT: cents(f"{FARES}:{fare.line}", fare.price, currency)}
    if zones != [EVERYWHERE]:
        for a in zones:
            for b in zones[zones.index(a) :]:
                if frozenset({a, b}) not in family.cells:
                    losses.append(
                        Loss(
                            "L6", f"{FARES}:{first.line}", f"{family.name} has no fare {a} -> {b}",
                            "a rider who asks for it is sold the cheapest wider set",
                        )
                    )  # fmt: skip
    fill_runs(family, zones)
    if first.transfers:
        if first.seconds < 0:
            losses.append(
                Loss("L4", f"{FARES}:{first.line}", "no time limit", f"{MINUTES_MAX} minutes")
            )
        length = first.seconds // 60 if first.seconds >= 0 else MINUTES_MAX
        family.minutes = dict.fromkeys(zones, min(length, MINUTES_MAX))
        family.legs = max(first.transfers, 0)
    return family
