"""Which zones a stop lies in: each book says so of its own zones, and of nobody else's.

A book names them by the feed's zone_id or areas (`zones.from`), under names of its own
(`zones.alias`), or by the stop (`zones.stops`). A stop may lie in zones of several books.
Source: W-32, W-33, W-35, W-37.
"""

import datetime

from backend_sync.tariffs.feed import Feed, Stop
from backend_sync.tariffs.model import BY_STOP_AREA, BY_ZONE_ID, Book
from backend_sync.tariffs.network import Network
from backend_sync.tariffs.source import Source
from card_layouts.cards.zones import zone_bit, zones_list


def zone_mask(book: Book, stop: Stop) -> int:
    """Return the zones of `book` that `stop` lies in, as a mask; 0 where it is none of them."""
    if stop.stop_id in book.stop_zones:
        return book.stop_zones[stop.stop_id]
    mask = 0
    for name in feed_names(book, stop):
        mask |= int(zone_bit(book.feed_zones.get(name, book.other_zone)))
    return mask


def feed_names(book: Book, stop: Stop) -> tuple[str, ...]:
    """Return the names in the feed that place `stop` for this book; "" where it has no zone_id."""
    return (*([stop.zone] * (BY_ZONE_ID in book.zones_from)),
            *(stop.areas if BY_STOP_AREA in book.zones_from else ()))  # fmt: skip


def zone_names(book: Book, stop: Stop) -> tuple[str, ...]:
    """Return the names of the zones of `book` that `stop` lies in, in the order of its zones."""
    return tuple(book.zones[zone - 1] for zone in zones_list(zone_mask(book, stop)))


def stop_masks(books: tuple[Book, ...], stop: Stop) -> list[int]:
    """Return the zones of each book that `stop` lies in.

    A stop that no book names lies in the first book if that has one zone only: a flat tariff.
    """
    masks = [zone_mask(book, stop) for book in books]
    if not any(masks) and len(books[0].zones) == 1:
        masks[0] = zone_bit(1)
    return masks


def brief_patterns(book: Book, feed: Feed, network: Network) -> frozenset[int]:
    """Return the patterns of the trips that `zones.brief` names."""
    named = frozenset(book.brief)
    return frozenset(run.pattern for run in network.trips if feed.trips[run.trip].trip_id in named)


def dated_feed(source: Source, feed: Feed) -> Feed:
    """Return `feed` with its services so many days later as `zones.feed_days_later` says."""
    later = datetime.timedelta(days=source.values["zones"].get("feed_days_later", 0))
    if not later:
        return feed
    services = {
        service: tuple(date + later for date in dates) for service, dates in feed.services.items()
    }
    return feed._replace(services=services)
