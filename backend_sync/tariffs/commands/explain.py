"""`tornello tariff explain TARIFF TRIP`: what would this card pay here, now, and why.

TRIP is a trip_id or a line's name (its trip nearest to --at). The card is told by options, or by
a JSON file (README.md, "A card in words"). `--all-sequences` prices every zone sequence of a feed.
"""

import argparse
import datetime
import json
from pathlib import Path
from typing import Any

from backend_sync.tariffs import model as m
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.card_image import FORMAT, card_of_image
from backend_sync.tariffs.commands.failure import CommandFailed, WrongUse
from backend_sync.tariffs.commands.output import print_json
from backend_sync.tariffs.explain import Explanation
from backend_sync.tariffs.feed import Feed, Trip
from backend_sync.tariffs.linter import feed_of
from backend_sync.tariffs.packages import package_info
from backend_sync.tariffs.rater import Place, Rater
from backend_sync.tariffs.sequences import sequence_lines, sequences
from backend_sync.tariffs.taps import WordsError
from backend_sync.tariffs.when import date
from card_layouts.fares import inputs as i

TAP_OPTIONS = (
    *("trip", "stop", "call", "at", "to", "party", "gate"),
    *("card", "group", "value", "purse", "zones", "slot"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tariff", type=Path, help="the tariff, TOML")
    parser.add_argument("trip", nargs="?", help="trip_id, or a line's name")
    parser.add_argument("--gtfs", type=Path, help="its feed; without it zones.feed is used")
    parser.add_argument("--package", type=Path, help="ask this compiled body of it instead")
    parser.add_argument("--stop", help="stop_id of the tap (the trip's first)")
    parser.add_argument("--call", type=int, help="number of the call, where a stop comes twice")
    parser.add_argument("--at", help='wall-clock time, "2025-03-04 08:15" (as scheduled)')
    card = parser.add_argument_group("the card")
    card.add_argument("--card", type=Path, help="a card in words, or a card image; JSON")
    card.add_argument("--group", help="rider group (the oldest)")
    card.add_argument("--value", help="money in the purse, such as 20.00 (50.00 where no --card)")
    card.add_argument("--purse", help="product of the purse (the first that is sold to anyone)")
    card.add_argument("--zones", help="default zones of the purse, such as A-B")
    card.add_argument(
        "--slot",
        action="append",
        default=[],
        metavar="'PRODUCT ZONES KEY=VALUE ...'",
        help="a product on the card, such as 'season30 A-B start=2025-03-01'; up to four",
    )
    tap = parser.add_argument_group("the tap")
    tap.add_argument("--to", help="zones picked on the reader, such as C")
    tap.add_argument("--with", dest="party", help="companions, such as adult=1,child=2")
    tap.add_argument("--gate", action="store_true", help="at a gate")
    parser.add_argument("--all-sequences", action="store_true", help="price every zone sequence")
    parser.add_argument("--json", action="store_true", help="print the decision as JSON")


def run(options: argparse.Namespace) -> int:
    beside = [name for name in TAP_OPTIONS if getattr(options, name) not in (None, [], False)]
    if options.all_sequences and beside:
        raise WrongUse(f"--all-sequences asks of every trip and takes no {beside[0]}")
    if not options.all_sequences and options.trip is None and options.stop is None:
        raise WrongUse("name a TRIP, or a stop with --stop, or --all-sequences")
    rater = _rater(options)
    if options.all_sequences:
        try:
            rows = sequences(rater)
        except ValueError as error:
            raise CommandFailed(f"{options.tariff.name}: {error}") from None
        if options.json:
            print_json([row._asdict() for row in rows])
        else:
            print("\n".join(sequence_lines(rater, rows)))
        return 0
    try:
        local = _local(options.at) if options.at else None
        place, second = _place_and_time(rater, options, local)
        card = _card(rater, options)
        explanation = Explanation(rater, place, card, _tap(rater, options, place, second))
    except WordsError as error:
        raise WrongUse(str(error)) from None
    if options.json:
        print_json(explanation.fields())
    else:
        print("\n".join(explanation.lines()))
    return 0


def _rater(options: argparse.Namespace) -> Rater:
    authored = read_tariff(options.tariff)
    feed = feed_of(authored, options.gtfs)
    if feed is None:
        raise WrongUse(f"{options.tariff.name} has no zones.feed: name a feed with --gtfs")
    body = None
    if options.package is not None:
        info = package_info(options.package)
        body = info.body
        if info.authority != authored.book.authority:
            raise CommandFailed(
                f"{options.package.name} is of authority {info.authority},"
                f" {options.tariff.name} of {authored.book.authority}"
            )
    return Rater(authored, feed, body)


def _place_and_time(
    rater: Rater, options: argparse.Namespace, local: datetime.datetime | None
) -> tuple[Place, int]:
    feed = rater.feed
    if options.trip is None:
        stop = _stop(feed, options.stop)
        if local is None:
            raise WrongUse("a tap at a stop without a trip needs --at")
        return Place(None, -1, -1, stop), rater.second(local)
    trip = _trip(rater, options.trip, options.stop, local)
    call = _call(feed, trip, options)
    if local is None:
        runs = _first_day(rater, trip)
        start = datetime.datetime.combine(runs, datetime.time())
        local = start + datetime.timedelta(minutes=trip.start_minute + trip.times[call])
    place = Place(trip, rater.trip_index[trip.trip_id], call, trip.stops[call])
    return place, rater.second(local)


def _first_day(rater: Rater, trip: Trip) -> datetime.date:
    first, last = date(rater.book.valid_from), date(rater.book.valid_to)
    days = [d for d in rater.feed.services.get(trip.service, ()) if first <= d <= last]
    return days[0] if days else first


def _trip(rater: Rater, name: str, stop_id: str | None, local: datetime.datetime | None) -> Trip:
    feed = rater.feed
    for trip in feed.trips:
        if trip.trip_id == name:
            return trip
    trips = [trip for trip in feed.trips if name in feed.lines[trip.line][:2]]
    if not trips:
        lines = ", ".join(sorted({line.name for line in feed.lines})[:12])
        raise WrongUse(f"no trip or line {name!r}; lines: {lines}")
    stop = None if stop_id is None else _stop(feed, stop_id)
    calling = [trip for trip in trips if stop is None or stop in trip.stops] or trips
    if local is None:
        return min(calling, key=lambda trip: trip.start_minute)
    today = [t for t in calling if local.date() in feed.services.get(t.service, ())] or calling
    minute = local.hour * 60 + local.minute
    return min(today, key=lambda trip: abs(_scheduled(trip, stop) - minute))


def _scheduled(trip: Trip, stop: int | None) -> int:
    """Return the minute of a trip's call at a stop, of its first call where it has none there."""
    call = trip.stops.index(stop) if stop in trip.stops else 0
    return trip.start_minute + trip.times[call]


def _call(feed: Feed, trip: Trip, options: argparse.Namespace) -> int:
    if options.call is not None:
        if not 1 <= options.call <= len(trip.stops):
            raise WrongUse(f"--call {options.call}: trip has calls 1..{len(trip.stops)}")
        return int(options.call) - 1
    if options.stop is None:
        return 0
    stop = _stop(feed, options.stop)
    if stop not in trip.stops:
        calls = ", ".join(feed.stops[stop].stop_id for stop in trip.stops)
        raise WrongUse(f"trip {trip.trip_id} does not call at {options.stop}, but at {calls}")
    return trip.stops.index(stop)


def _stop(feed: Feed, name: str) -> int:
    for index, stop in enumerate(feed.stops):
        if stop.stop_id == name:
            return index
    raise WrongUse(f"no stop {name!r} in the feed")


def _local(text: str) -> datetime.datetime:
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise WordsError(f'--at {text!r}: wanted a time such as "2025-03-04 08:15"') from None
    return moment.replace(tzinfo=None)


def _card(rater: Rater, options: argparse.Namespace) -> list[int]:
    words: dict[str, Any] = {"balance": "50.00"}
    if options.card:
        words = _read_json(options.card)
        try:
            if words.get("format") == FORMAT:
                return card_of_image(words)
            rater.words.card(words)
        except WordsError as error:
            raise CommandFailed(f"{options.card.name}: {error}") from None
    if options.group:
        words["group"] = int(options.group) if options.group.isdecimal() else options.group
    if options.value:
        words["balance"] = options.value
    purse = dict(words.get("purse") or {})
    purse.setdefault("product", options.purse or _default_purse(rater))
    if options.zones:
        purse["zones"] = options.zones
    if purse["product"] is not None:
        words["purse"] = purse
    slots = [_slot(text) for text in options.slot]
    return rater.words.card({**words, "slots": [*words.get("slots", []), *slots]})


def _default_purse(rater: Rater) -> str | None:
    plain = (
        key
        for key, product in rater.words.products.items()
        if product.kind == m.KIND_PURSE
        and not (product.grant or product.cap or product.needs_pass or product.billed)
    )
    return next(plain, None)


def _slot(text: str) -> dict[str, Any]:
    product, *rest = text.split() or [""]
    slot: dict[str, Any] = {"product": product}
    for part in rest:
        key, equals, value = part.partition("=")
        if not equals:
            slot["zones"] = part
        else:
            slot[key] = int(value) if value.isdecimal() else value
    return slot


def _read_json(path: Path) -> dict[str, Any]:
    try:
        words = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise CommandFailed(f"{path.name}: no JSON: {error}") from None
    if not isinstance(words, dict):
        raise CommandFailed(f"{path.name}: wanted one card, an object")
    return words


def _tap(rater: Rater, options: argparse.Namespace, place: Place, second: int) -> list[int]:
    tap = rater.tap(place, second)
    tap[i.T_PICKED] = rater.words.zones(options.to) if options.to else 0
    tap[i.T_FLAGS] = i.FLAG_GATE if options.gate else 0
    if options.party:
        party = dict.fromkeys(("adult", "youth", "child"), 0)
        for part in options.party.split(","):
            name, _equals, count = part.partition("=")
            if name not in party or not count.isdecimal() or int(count) > 31:
                raise WordsError(f"--with {part!r}: wanted adult=1,youth=0,child=2, each to 31")
            party[name] = int(count)
        tap[i.T_ADULTS], tap[i.T_YOUTHS], tap[i.T_CHILDREN] = party.values()
    return tap
