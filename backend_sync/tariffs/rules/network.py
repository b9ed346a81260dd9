"""Rules about zones, stops and the authorities around. Source: tariff-model.md section 6."""

from collections.abc import Iterator

from backend_sync.tariffs import model as m
from backend_sync.tariffs.network import derive, segments
from backend_sync.tariffs.rules.case import Case, Problem
from backend_sync.tariffs.zoned import feed_names, stop_masks, zone_mask
from card_layouts.cards.zones import zones_list

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
            if stop not in lost and not _mask(case, stop):
                lost[stop] = trip.trip_id
    shown = [case.feed.stops[stop].stop_id for stop in list(lost)[:5]]
    if lost:
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        yield Problem(
            ("zones", "from"),
            f"stops without a zone: {', '.join(shown)}{more} (trip {next(iter(lost.values()))})",
            "a zone for each stop of a trip",
        )


def _mask(case: Case, stop: int) -> int:
    assert case.feed is not None
    return stop_masks((case.book, *case.book.others), case.feed.stops[stop])[0]


def _is_priced_elsewhere(case: Case, line: int) -> bool:
    assert case.feed is not None
    agency = case.feed.lines[line].agency
    return any(agency in other.agencies for other in case.book.others)


def zone_order(case: Case) -> Iterator[Problem]:
    if case.feed is None:
        return
    book, used = case.book, 0
    strange: set[str] = set()
    theirs = {name for other in book.others for name in other.feed_zones}
    for stop in case.feed.stops:
        used |= zone_mask(book, stop)
        if stop.stop_id not in book.stop_zones and not book.other_zone:
            strange |= {*feed_names(book, stop)} - {*book.feed_zones} - theirs - {""}
    for name in sorted(strange):
        said = f'the feed has zone "{name}"'
        yield Problem(("zones", "order"), said, f"one of {', '.join(book.zones)}")
    for number, zone in enumerate(book.zones, 1):
        if number not in zones_list(used):
            said = f'no stop of the feed lies in zone "{zone}"'
            yield Problem(("zones", "order"), said, "zones that have stops")


def zone_count(case: Case) -> Iterator[Problem]:
    if len(case.book.zones) > ZONES_MAX:
        said = f"{len(case.book.zones)} zones"
        yield Problem(("zones", "order"), said, f"at most {ZONES_MAX}")
    if case.feed is None:
        return
    for stops in sorted({trip.stops for trip in case.feed.trips}):
        stretches = len(segments(stops, lambda stop: _mask(case, stop)))
        if stretches > SEGMENTS_MAX:
            first, last = (case.feed.stops[stop].stop_id for stop in (stops[0], stops[-1]))
            said = f"a pattern from {first} to {last} changes its zones {stretches - 1} times"
            yield Problem(("zones", "from"), said, f"at most {SEGMENTS_MAX} stretches")
            return


def idle_brief(case: Case) -> Iterator[Problem]:
    """Yield each trip of zones.brief that the feed lacks, or that makes no short visit."""
    if case.feed is None or not case.book.brief:
        return
    network = derive(case.feed)
    at = {case.feed.trips[run.trip].trip_id: run.pattern for run in network.trips}
    for name in case.book.brief:
        path = ("zones", "brief")
        if name not in at:
            yield Problem(path, f'the feed has no trip "{name}"', "a trip_id of trips.txt")
            continue
        stops = network.stop_lists[network.patterns[at[name]].stop_list]
        plain, brief = (segments(stops, lambda s: _mask(case, s), flag) for flag in (False, True))
        if plain == brief:
            said = f"trip {name} makes no short visit to a zone"
            yield Problem(path, said, "a trip that leaves zones and comes back, for a few stops")


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
    for name, other in zip(_in_order(case), case.book.others, strict=False):
        for theirs in other.groups:
            ours = case.book.group(theirs.number)
            if ours is not None and _means(ours) != _means(theirs):
                said = (
                    f"group {theirs.number} is {ours.name} here and {theirs.name} in areas.{name}"
                )
                yield Problem(("areas", name), said, "one class and concession for one number")
    for name, row in case.values.get("areas", {}).items():
        if "precedence" not in row and _shares_stops(case, row):
            yield Problem(
                ("areas", name),
                f"areas.{name} prices stops that are ours too and has no precedence",
                "precedence = a number, lower goes first",
            )


def _in_order(case: Case) -> list[str]:
    """Return the names of the areas as `Book.others` has them."""
    areas = case.values.get("areas", {})
    return sorted(areas, key=lambda name: areas[name].get("precedence", 255))


def _means(group: m.Group) -> tuple[int, int]:
    return group.age_class, group.concession


def _shares_stops(case: Case, row: dict[str, object]) -> bool:
    if case.feed is None or not row.get("agencies"):
        return True
    ours: set[int] = set()
    theirs: set[int] = set()
    for trip in case.feed.trips:
        (theirs if _is_priced_elsewhere(case, trip.line) else ours).update(trip.stops)
    return bool(ours & theirs)
