"""What a vehicle knows of the network, as sections: stops, routes, trips, patterns, times.

Source: tariff-model.md section 4; network.py derives, this packs.
"""

import datetime

from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.model import Book
from backend_sync.tariffs.network import Network, segments, service_bitmap
from backend_sync.tariffs.package_records import Texts, u8, u16, within
from backend_sync.tariffs.zoned import brief_patterns, stop_masks
from card_layouts.errors import RangeError
from card_layouts.fares import sections as s

EPOCH = datetime.date(2020, 1, 1)


def contracting_book(books: tuple[Book, ...], agency: str) -> int:
    """Return the index of the book whose authority contracts `agency`."""
    for i, book in enumerate(books):
        if agency in book.agencies:
            return i
    return next((i for i, book in enumerate(books) if not book.agencies), 0)


class FeedSections:
    """The sections of one feed under the books of one package."""

    def __init__(self, feed: Feed, network: Network, books: tuple[Book, ...], texts: Texts) -> None:
        self.feed = feed
        self.network = network
        self.books = books
        self.texts = texts
        self.masks = [stop_masks(books, stop) for stop in feed.stops]
        self.brief = [brief_patterns(book, feed, network) for book in books]
        self.pattern_stops: list[bytes] = []
        self.segments: list[bytes] = []

    def stops(self) -> list[bytes]:
        """Return a record for each stop: the two first books it lies in, name, coordinates."""
        rows = []
        for stop, masks in zip(self.feed.stops, self.masks, strict=True):
            inside = [(i, mask) for i, mask in enumerate(masks) if mask][:2]
            inside += [(s.NONE, 0)] * (2 - len(inside))
            (book_a, mask_a), (book_b, mask_b) = inside
            rows.append(
                u16("stops", mask_a, mask_b)
                + u8("stops", book_a, book_b)
                + u16("stops", self.texts.add(stop.name))
                + _microdegrees(stop.lat)
                + _microdegrees(stop.lon)
            )
        return rows

    def routes(self) -> list[bytes]:
        """Return a record for each line: names, its trips, who runs it, whose tariff it is in."""
        agencies = {agency.agency_id: agency.name for agency in self.feed.agencies}
        rows = []
        for i, line in enumerate(self.feed.lines):
            first, count = self.network.line_trips(i)
            names = (line.name, line.long_name, agencies.get(line.agency, line.agency))
            short, long, agency = (self.texts.add(name) for name in names)
            rows.append(
                u16(f"route {line.route_id}", short, long, first, count, agency)
                + u8("routes", contracting_book(self.books, line.agency), *bytes(5))
            )
        return rows

    def patterns(self) -> list[bytes]:
        """Return a record for each pattern; fills `pattern_stops` and `segments`."""
        firsts = []
        for stops in self.network.stop_lists:
            firsts.append(len(self.pattern_stops))
            self.pattern_stops += [u16("pattern stops", stop) for stop in stops]
        shared: dict[tuple[int, ...], tuple[int, int]] = {}
        rows = []
        for index, pattern in enumerate(self.network.patterns):
            line, stops = self.feed.lines[pattern.line], self.network.stop_lists[pattern.stop_list]
            brief = tuple(index in patterns for patterns in self.brief)
            same = (pattern.stop_list, *brief)
            if same not in shared:
                shared[same] = self._add_segments(line.route_id, stops, brief)
            first, count = shared[same]
            where = within("routes", pattern.line, 0x7FFF) | pattern.direction << 15
            rows.append(
                u16("patterns", firsts[pattern.stop_list], first, where)
                + u8(f"pattern of route {line.route_id}", len(stops), count)
                + u8("patterns", contracting_book(self.books, line.agency), 0)
            )
        return rows

    def _add_segments(
        self, route: str, stops: tuple[int, ...], brief: tuple[bool, ...]
    ) -> tuple[int, int]:
        first = len(self.segments)
        for i in range(len(self.books)):
            masks = [row[i] for row in self.masks]
            found = segments(stops, masks.__getitem__, brief[i])
            if len(found) == 1 and not found[0].here:
                continue  # the trip never enters this book
            self.segments += [
                u8(f"pattern of route {route}", part.first_call, i)
                + u16("segments", part.here, part.ahead)
                for part in found
            ]
        count = len(self.segments) - first
        if count > s.SEGMENTS_MAX:
            raise RangeError(
                f"pattern of route {route}: {count} changes of zone, wanted at most "
                f"{s.SEGMENTS_MAX}; join zones, or split the line"
            )
        return first, count

    def trips(self) -> tuple[list[bytes], list[bytes], list[bytes]]:
        """Return (TRIPS, PROFILES, BLOCKS)."""
        starts: list[int] = []
        profiles: list[bytes] = []
        for times in self.network.profiles:
            starts.append(len(profiles))
            profiles += [u16("time profiles", minute) for minute in times]
        trips = [
            u16("trips", run.pattern, starts[run.profile], run.start_minute, run.service & 0xFFFF)
            for run in self.network.trips
        ]
        blocks = [u16("blocks", run.block & 0xFFFF) for run in self.network.trips]
        return trips, profiles, blocks if self.network.blocks else []

    def services(self, first_day: int, days: int) -> list[bytes]:
        """Return the calendar of each service that trips use."""
        first = EPOCH + datetime.timedelta(days=first_day)
        return [service_bitmap(self.feed, name, first, days) for name in self.network.services]


def _microdegrees(degrees: float | None) -> bytes:
    # Coordinates are not money; a float is read here and an integer travels.
    return round((degrees or 0) * 1_000_000).to_bytes(4, "little", signed=True)
