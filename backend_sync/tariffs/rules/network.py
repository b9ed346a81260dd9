"""Rules about zones, stops and the authorities around. Source: tariff-model.md section 6."""

from collections.abc import Iterator

from backend_sync.tariffs import model as m
from backend_sync.tariffs.rules.case import Case, Problem

ZONES_MAX = 12
SEGMENTS_MAX = 10


def stop_zone(case: Case) -> Iterator[Problem]:
    if case.feed is None:
        return
    lost: dict[int, str] = {}
    for trip in case.feed.trips:
        if _is_priced_elsewhere(case, trip.line):
            continue
        for stop in trip.stops:
            if stop not in lost and not _zones_of(case, stop):
                lost[stop] = trip.trip_id
    shown = [case.feed.stops[stop].stop_id for stop in list(lost)[:5]]
    if lost:
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        yield Problem(
            ("zones", "from"),
            f"stops without a zone: {', '.join(shown)}{more} (trip {next(iter(lost.values()))})",
            "a zone for each stop of a trip",
        )


def _zones_of(case: Case, stop: int) -> set[str]:
    assert case.feed is not None
    row = case.feed.stops[stop]
    return {zone for zone in (row.zone, *row.areas) if zone in case.book.feed_zones}


def _is_priced_elsewhere(case: Case, line: int) -> bool:
    assert case.feed is not None
    agency = case.feed.lines[line].agency
    return any(agency in other.agencies for other in case.book.others)


def zone_order(case: Case) -> Iterator[Problem]:
    if case.feed is None:
        return
    used = {z for stop in case.feed.stops for z in (stop.zone, *stop.areas) if z}
    for zone in sorted(used - set(case.book.zones)):
        said = f'the feed has zone "{zone}"'
        yield Problem(("zones", "order"), said, f"one of {', '.join(case.book.zones)}")
    for zone in case.book.zones:
        if zone not in used:
            said = f'no stop of the feed lies in zone "{zone}"'
            yield Problem(("zones", "order"), said, "zones that have stops")


def zone_count(case: Case) -> Iterator[Problem]:
    if len(case.book.zones) > ZONES_MAX:
        said = f"{len(case.book.zones)} zones"
        yield Problem(("zones", "order"), said, f"at most {ZONES_MAX}")
    if case.feed is None:
        return
    for stops in sorted({trip.stops for trip in case.feed.trips}):
        zones = [frozenset(_zones_of(case, stop)) for stop in stops]
        segments = 1 + sum(a != b for a, b in zip(zones, zones[1:], strict=False))
        if segments > SEGMENTS_MAX:
            first, last = (case.feed.stops[stop].stop_id for stop in (stops[0], stops[-1]))
            said = f"a pattern from {first} to {last} changes its zones {segments - 1} times"
            yield Problem(("zones", "from"), said, f"at most {SEGMENTS_MAX} stretches")
            return


def transfer_zero(case: Case) -> Iterator[Problem]:
    for index, transfer in enumerate(case.book.transfers):
        users = [p for p in case.book.products if p.transfer == index]
        zero = [case.book.zones[i] for i, minutes in enumerate(transfer.by_zone) if not minutes]
        if not users or (transfer.by_zone and not zero):
            continue
        sold = {s for p in users for s in (_sold(case, p)) if not transfer.by_set.get(s)}
        if transfer.by_set and not sold:
            continue
        path: tuple[str, ...] = ("transfer", transfer.name)
        if transfer.by_set:
            said = f"no minutes for the set {case.words(min(sold))}"
            yield Problem((*path, "by_set"), said, "minutes for every set that is sold")
        else:
            said = f"no minutes for a journey from zone {zero[0]}"
            yield Problem(path, said, 'minutes for every zone, or "*"')


def _sold(case: Case, product: m.Product) -> list[int]:
    table = case.table(product.prices)
    return list(table.prices) if table is not None else []


def foreign(case: Case) -> Iterator[Problem]:
    books = {book.authority: book for book in case.book.others}
    for index, accepted in enumerate(case.book.accepts):
        if accepted.product is None:
            continue  # a purse: its own tariff is not asked
        book, path = books.get(accepted.issuer), ("foreign", index, "product")
        words = f"product {accepted.product} of authority {accepted.issuer}"
        if book is None:
            yield Problem(path, f"{words}: no book of that authority", "its tariff under [areas]")
        elif book.product(accepted.product) is None:
            yield Problem(path, f"{words} is not in its tariff", "a product it has")
    for name, row in case.values.get("areas", {}).items():
        if "precedence" not in row and _shares_stops(case, row):
            yield Problem(
                ("areas", name),
                f"areas.{name} prices stops that are ours too and has no precedence",
                "precedence = a number, lower goes first",
            )


def _shares_stops(case: Case, row: dict[str, object]) -> bool:
    if case.feed is None or not row.get("agencies"):
        return True
    ours: set[int] = set()
    theirs: set[int] = set()
    for trip in case.feed.trips:
        (theirs if _is_priced_elsewhere(case, trip.line) else ours).update(trip.stops)
    return bool(ours & theirs)
