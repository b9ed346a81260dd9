"""Every zone sequence that a feed's trips pass, each with its price and what was decided about it.

A sequence is what a trip's stops show: A-B-C, a skip (A-C without a stop in B), a zig-zag
(B-C-B). The price is asked of the engine: an adult with money boards at the first stop and picks
the zone of the last one. Source: tariff-model.md section 3.3.
"""

import datetime
from typing import NamedTuple

from backend_sync.tariffs import model as m
from backend_sync.tariffs.commands.output import counted
from backend_sync.tariffs.feed import Trip
from backend_sync.tariffs.forms import DAY_MINUTES, money
from backend_sync.tariffs.rater import Place, Rater
from backend_sync.tariffs.when import date
from card_layouts.cards.zones import zones_hull
from card_layouts.fares import inputs as i

NOON = datetime.time(12, 0)


class Sequence(NamedTuple):
    zones: str  # "A-C-B"; a stop in two zones is A/B
    patterns: int
    trips: int
    priced: str  # the set that is paid for
    cents: int
    rule: int
    rule_name: str
    decision: str  # about skips and zig-zags
    trip_id: str  # one of them


def sequences(rater: Rater) -> list[Sequence]:
    """Return every zone sequence, the most frequent first."""
    found: dict[tuple[int, ...], list[Trip]] = {}
    for trip in rater.feed.trips:
        found.setdefault(tuple(seg.here for seg in rater.segments(trip)), []).append(trip)
    rows = [_row(rater, masks, trips) for masks, trips in found.items()]
    return sorted(rows, key=lambda row: (-row.trips, row.zones))


def _row(rater: Rater, masks: tuple[int, ...], trips: list[Trip]) -> Sequence:
    trip = min(trips, key=lambda t: (t.start_minute, t.trip_id))
    decision = _ask(rater, trip, masks)
    is_refused = decision[i.D_KIND] == i.KIND_REFUSED
    zones = rater.authored.zones
    return Sequence(
        "-".join(zones.words(mask).replace("-", "/").replace("+", "/") for mask in masks),
        len({t.stops for t in trips}),
        len(trips),
        "none" if is_refused else zones.words(decision[i.D_ZONES]),
        decision[i.D_AMOUNT],
        decision[i.D_RULE],
        i.REFUSED_NAMES[decision[i.D_REASON]] if is_refused else _rule(decision),
        _decided(rater, masks),
        trip.trip_id,
    )


def _rule(decision: list[int]) -> str:
    return str(i.RULE_NAMES[decision[i.D_RULE] % 16])


def _ask(rater: Rater, trip: Trip, masks: tuple[int, ...]) -> list[int]:
    product = charged_product(rater.book)
    card: list[int] = rater.words.card({"balance": 0xFFFF, "purse": {"product": product.number}})
    place = Place(trip, rater.trip_index[trip.trip_id], 0, trip.stops[0])
    # Noon of the first day: no night fee, whatever the trip's own hour.
    local = datetime.datetime.combine(date(rater.book.valid_from), NOON)
    tap = rater.tap(place, rater.second(local))
    tap[i.T_PICKED] = masks[-1]
    tap[i.T_FLAGS] = i.FLAG_TICKET if product.kind == m.KIND_TICKET else 0
    return rater.decide(card, tap)


def charged_product(book: m.Book) -> m.Product:
    """Return what an adult pays single journeys with: the plain purse, else a ticket.

    Raises: ValueError where the tariff has neither.
    """
    for kind in (m.KIND_PURSE, m.KIND_TICKET):
        for p in book.products:
            if p.kind == kind and not (p.cap or p.needs_pass or p.billed or p.grant):
                return p
    raise ValueError("no product that a tap charges; wanted a purse or a ticket")


def _decided(rater: Rater, masks: tuple[int, ...]) -> str:
    zones, said = rater.authored.zones, []
    seen = 0
    for mask in masks:
        seen |= mask
    skipped = zones_hull(seen) & ~seen
    if skipped:
        how = "priced as passed" if rater.book.skip == m.SKIP_SPAN else "left out where sold"
        said.append(f"{zones.words(skipped)} has no stop: {how}")
    elif any(not _adjacent(a, b) for a, b in zip(masks, masks[1:], strict=False)):
        said.append("a leap over a zone it touches elsewhere: the span")
    if len(set(masks)) < len(masks):
        said.append("comes back: a zone is paid once, zones between are free")
    return "; ".join(said) or "in order"


def _adjacent(a: int, b: int) -> bool:
    return bool(a & b or a << 1 & b or a >> 1 & b)


def sequence_lines(rater: Rater, rows: list[Sequence]) -> list[str]:
    """Return the sequences as a table for people."""
    width = max((len(row.zones) for row in rows), default=8)
    adult, product = rater.book.class_group(m.CLASS_ADULT), charged_product(rater.book).name
    group = rater.book.group(adult)
    lines = [
        f"{len(rows)} zone sequences, {sum(row.trips for row in rows):,} trips;"
        f" what {group.name if group else adult} pays from end to end with {product},"
        f" {rater.book.currency}",
        f"{'sequence':<{width}}  {'trips':>6} {'patterns':>9} {'priced':>8} {'price':>7}"
        f"  {'rule':<14} decision",
    ]
    for row in rows:
        lines.append(
            f"{row.zones:<{width}}  {row.trips:>6} {row.patterns:>9} {row.priced:>8}"
            f" {money(row.cents, rater.book.decimals):>7}  {f'{row.rule} {row.rule_name}':<14}"
            f" {row.decision}"
        )
    return [*lines, *_decided_lines(rater)]


def _decided_lines(rater: Rater) -> list[str]:
    """Return what is decided for all: skips, ways back, and trips around midnight."""
    book, trips = rater.book, rater.feed.trips
    shift = f"{book.shift_minutes // 60:02d}:{book.shift_minutes % 60:02d}"
    late = [t for t in trips if t.start_minute + t.times[-1] >= DAY_MINUTES]
    early = [t for t in trips if t.start_minute < book.shift_minutes]
    skip = "priced as passed" if book.skip == m.SKIP_SPAN else "left out where such a set is sold"
    lines = [
        f"a zone without a stop on the way: {skip} (zones.skip)",
        "a way that comes back: each zone is paid once, zones between the ends are free",
    ]
    if late:
        lines.append(
            f"{counted(len(late), 'trip')} past midnight: a tap is priced by its own wall clock,"
            f" until {shift} on the service day before; the trip keeps the date it set out on"
        )
    if early:
        first = min(early, key=lambda t: (t.start_minute, t.trip_id))
        lines.append(
            f"{counted(len(early), 'trip')} from before {shift} on, by its own date"
            f" ({first.trip_id}): a tap there belongs to the service day before"
        )
    return lines
