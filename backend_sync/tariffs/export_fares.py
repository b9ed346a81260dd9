"""Write a tariff as GTFS Fares v2 beside a copy of its feed.

One leg rule for each product, pair of zones and timeframe; leg groups carry the minutes of their
start zone; what Fares v2 cannot say is a loss (`export_losses.py`).
Source: the GTFS reference, files named below; tariff-model.md section 5.
"""

import csv
import shutil
from collections.abc import Iterable
from pathlib import Path

from backend_sync.tariffs import model as m
from backend_sync.tariffs.book import Authored
from backend_sync.tariffs.draft import decimals
from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.gtfs_source import Source
from backend_sync.tariffs.price_list import Offer, Priced, minutes_after, price_list
from backend_sync.tariffs.timeframes import Frames, State
from backend_sync.tariffs.zoned import stop_masks
from card_layouts.cards.zones import zones_list

Row = tuple[object, ...]

# Copied as they are; the fare files, calendar_dates.txt and routes.txt are written anew.
COPIED = (
    "agency.txt", "stops.txt", "trips.txt", "stop_times.txt", "calendar.txt", "feed_info.txt",
    "shapes.txt", "frequencies.txt", "transfers.txt", "levels.txt", "pathways.txt",
    "translations.txt", "attributions.txt",
)  # fmt: skip
CARD, PAPER = ("card", 2), ("ticket", 1)  # fare_media_id, fare_media_type
FROM_DEPARTURE_TO_DEPARTURE = 1
FREE = 0  # fare_transfer_type: the second leg costs what the transfer costs, here nothing


def export_fares(authored: Authored, feed: Feed, source: Source, folder: Path) -> dict[str, int]:
    """Write the feed with its fares to `folder`; return how many rows each fare file has.

    `feed` is as the tariff names its zones, `source` the same feed's files.
    Raises: OSError when a file cannot be written, GtfsError when one cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in COPIED:
        stream = source.open(name)
        if stream is not None:
            with stream, (folder / name).open("wb") as out:
                shutil.copyfileobj(stream, out)
    tables = fare_tables(authored, feed)
    tables["calendar_dates.txt"] = _with_dates(source, tables.pop("dates"))
    _copy_routes(source, folder / "routes.txt")
    for name, rows in tables.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as out:
            csv.writer(out, lineterminator="\n").writerows(rows)
    return {name: len(rows) - 1 for name, rows in tables.items() if name != "calendar_dates.txt"}


def fare_tables(authored: Authored, feed: Feed) -> dict[str, list[Row]]:
    """Return the rows of each fare file, headers first; "dates" are those of new services."""
    book = authored.book
    priced = price_list(authored, feed)
    network = f"authority-{book.authority}"
    times = _Times(feed)
    legs: list[Row] = []
    products: dict[tuple[str, str, str], Row] = {}
    transfers: list[Row] = []
    for one in priced:
        groups: dict[str, Offer] = {}
        for offer in one.offers:
            frame = times.group(one.frames, offer.state)
            fare = _fare_id(authored, one, offer)
            leg = _leg_group(authored, one, offer)
            groups.setdefault(leg, offer)
            legs.append(
                (leg, network, book.zones[offer.start - 1], book.zones[offer.end - 1], frame, fare)
            )
            products |= _products(book, one, offer, fare)
        transfers += _transfers(book, one, groups)
    return {
        "areas.txt": [("area_id", "area_name"), *((zone, zone) for zone in book.zones)],
        "stop_areas.txt": [("area_id", "stop_id"), *_stop_areas(book, feed)],
        "networks.txt": [("network_id", "network_name"), (network, book.name)],
        "route_networks.txt": [
            ("network_id", "route_id"),
            *((network, line.route_id) for line in feed.lines if _is_ours(book, line.agency)),
        ],
        "rider_categories.txt": [
            ("rider_category_id", "rider_category_name", "is_default_fare_category"),
            *((g.name, g.name, int(g.number == _default(book))) for g in book.groups),
        ],
        "fare_media.txt": [
            ("fare_media_id", "fare_media_name", "fare_media_type"),
            *((medium, medium, kind) for medium, kind in (CARD, PAPER)),
        ],
        "fare_products.txt": [
            ("fare_product_id", "fare_product_name", "rider_category_id", "fare_media_id",
             "amount", "currency"),
            *products.values(),
        ],
        "fare_leg_rules.txt": [
            ("leg_group_id", "network_id", "from_area_id", "to_area_id",
             "from_timeframe_group_id", "fare_product_id"),
            *dict.fromkeys(legs),
        ],
        "fare_transfer_rules.txt": [
            ("from_leg_group_id", "to_leg_group_id", "transfer_count", "duration_limit",
             "duration_limit_type", "fare_transfer_type", "fare_product_id"),
            *transfers,
        ],
        "timeframes.txt": [
            ("timeframe_group_id", "start_time", "end_time", "service_id"), *times.rows,
        ],
        "dates": [*times.dates],
    }  # fmt: skip


class _Times:
    """Timeframe groups as they are asked for; the same times are the same group."""

    def __init__(self, feed: Feed) -> None:
        self.rows: list[Row] = []
        self.dates: list[Row] = []
        self._taken = set(feed.services)
        self._services: dict[object, str] = {}
        self._groups: dict[tuple[Row, ...], str] = {}

    def group(self, frames: Frames | None, state: State) -> str:
        """Return the timeframe group of `state`; "" where a product's price never changes."""
        if frames is None:
            return ""
        times = tuple(
            (_time(first), _time(last), self._service(tuple(dates)))
            for cuts, dates in frames.services.items()
            for first, last, holds in cuts
            if holds == state
        )
        if times not in self._groups:
            self._groups[times] = f"times-{len(self._groups) + 1}"
            self.rows += [(self._groups[times], *row) for row in times]
        return self._groups[times]

    def _service(self, dates: tuple[object, ...]) -> str:
        if dates not in self._services:
            name = f"fare-days-{len(self._services) + 1}"
            while name in self._taken:
                name += "-x"
            self._services[dates] = name
            self.dates += [(name, f"{date:%Y%m%d}", 1) for date in dates]
        return self._services[dates]


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}:00"


def _fare_id(authored: Authored, one: Priced, offer: Offer) -> str:
    zones = authored.zones.words(offer.wanted) if len(authored.book.zones) > 1 else ""
    states = "".join("01"[holds] for holds in offer.state)
    return ".".join(part for part in (one.key, zones, states) if part)


def _leg_group(authored: Authored, one: Priced, offer: Offer) -> str:
    """Return the leg group of a product and two zones: its start zone carries the minutes."""
    zones = authored.book.zones
    return f"{one.key}.{zones[offer.start - 1]}.{zones[offer.end - 1]}"


def _products(
    book: m.Book, one: Priced, offer: Offer, fare: str
) -> dict[tuple[str, str, str], Row]:
    medium = PAPER[0] if one.product.media == 2 else CARD[0]
    names = {group.number: group.name for group in book.groups}
    return {
        (fare, names[group], medium): (
            fare, one.product.name, names[group], medium, amount(book, cents), book.currency,
        )
        for group, cents in offer.cents.items()
    }  # fmt: skip


def amount(book: m.Book, cents: int) -> str:
    """Return cents as a decimal of the currency, with as many digits as ISO 4217 gives it."""
    digits = decimals(book.currency)
    cents *= 10 ** max(digits - book.decimals, 0)
    whole, rest = divmod(cents, 10 ** max(digits, book.decimals))
    width = max(digits, book.decimals)
    return f"{whole}.{rest:0{width}}" if width else str(whole)


def _transfers(book: m.Book, one: Priced, groups: dict[str, Offer]) -> Iterable[Row]:
    """Yield a free transfer to every leg inside the zones that were paid, while minutes last."""
    for first, paid in groups.items():
        minutes = minutes_after(book, one.product, paid.start, paid.wanted)
        if not minutes or one.product.transfer is None:
            continue
        legs = book.transfers[one.product.transfer].legs
        for second, ride in groups.items():
            if ride.wanted & paid.wanted == ride.wanted:
                count = (legs or -1) if first == second else ""
                limit = (minutes * 60, FROM_DEPARTURE_TO_DEPARTURE)
                yield (first, second, count, *limit, FREE, "")


def _stop_areas(book: m.Book, feed: Feed) -> Iterable[Row]:
    for stop in feed.stops:
        (mask, *_others) = stop_masks((book, *book.others), stop)
        for zone in zones_list(mask):
            yield book.zones[zone - 1], stop.stop_id


def _is_ours(book: m.Book, agency: str) -> bool:
    others = {name for other in book.others for name in other.agencies}
    return agency in book.agencies if book.agencies else agency not in others


def _default(book: m.Book) -> int:
    """Return the group of a rider who says nothing: the oldest age class without concession."""
    plain = [group for group in book.groups if not group.concession] or list(book.groups)
    return max(plain, key=lambda group: (group.age_class, -group.number)).number


def _with_dates(source: Source, dates: list[Row]) -> list[Row]:
    columns = ("service_id", "date", "exception_type")
    own = [tuple(values) for _line, values in source.rows("calendar_dates.txt", columns)]
    return [columns, *own, *dates]


def _copy_routes(source: Source, path: Path) -> None:
    """Copy routes.txt without network_id, which may not stand beside route_networks.txt."""
    columns = [title for title in source.columns("routes.txt") if title != "network_id"]
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(columns)
        table.writerows(values for _line, values in source.rows("routes.txt", (), columns))
