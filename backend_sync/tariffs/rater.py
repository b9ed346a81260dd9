"""A compiled tariff ready to be asked: the engine's own decision for a card, a place and a time.

It compiles the tariff as `tornello tariff compile` does (or takes a package's bytes) and calls
`rate`, so that what is explained is what a validator would do.
Source: card_layouts/fares/engine.py.
"""

import datetime
import zoneinfo
from typing import NamedTuple

from backend_sync.tariffs import model as m
from backend_sync.tariffs.book import Authored
from backend_sync.tariffs.feed import Feed, Trip
from backend_sync.tariffs.network import Segment, derive, segments
from backend_sync.tariffs.package_writer import write_package
from backend_sync.tariffs.taps import CardReader, length
from backend_sync.tariffs.when import EPOCH_UTC, utc_second
from backend_sync.tariffs.zoned import brief_patterns, stop_masks
from card_layouts.codec.timestamps import CLOCK_SIGNED
from card_layouts.fares import inputs as i
from card_layouts.fares.engine import activate, rate
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import memory_reader


class Place(NamedTuple):
    """Where a tap is made: a call of a trip, or a stop without one."""

    trip: Trip | None
    trip_index: int  # as packages and journals count, -1 without a trip
    call: int  # position in the trip's stops, -1 without a trip
    stop: int  # index into Feed.stops


class Rater:
    """One tariff over its feed, mounted, with the lists that each question fills."""

    def __init__(self, authored: Authored, feed: Feed, body: bytes | None = None) -> None:
        self.authored, self.book, self.feed = authored, authored.book, feed
        self.words = CardReader(authored)
        self.body = write_package(authored.book, feed) if body is None else body
        self.tariff = Tariff(memory_reader(self.body))
        self.tariff.mount()
        self.network = derive(feed)
        runs = self.network.trips
        self.trip_index = {feed.trips[run.trip].trip_id: at for at, run in enumerate(runs)}
        self.books = (self.book, *self.book.others)
        self.brief = [brief_patterns(book, feed, self.network) for book in self.books]
        self.timezone = zoneinfo.ZoneInfo(authored.book.timezone)

    def decide(self, card: list[int], tap: list[int]) -> list[int]:
        """Return the decision, activation completed from what the tariff sells. Shape: D_*."""
        decision: list[int] = i.new_decision()
        rate(self.tariff, card, tap, decision)
        if decision[i.D_ACTIVATES]:
            at = i.slot_at(decision[i.D_ACTIVATES] - 1)
            product = self.product(card[at + i.S_PRODUCT])
            zones, group = card[at + i.S_ZONES], decision[i.D_GROUP]
            left, limit = product.travel_days or product.uses, self.words.threshold
            activate(decision, length(product), left, limit(product, zones, group))
        return decision

    def product(self, number: int) -> m.Product:
        found = self.book.product(number)
        assert found is not None, number
        return found

    def tap(self, place: Place, second: int) -> list[int]:
        """Return the TAP list of a tap by a signed clock, nothing picked, the default party."""
        row: list[int] = i.new_tap()
        row[i.T_SECONDS], row[i.T_CLOCK] = second, CLOCK_SIGNED
        row[i.T_TRIP], row[i.T_CALL], row[i.T_STOP] = place.trip_index, place.call, place.stop
        row[i.T_YOUTHS] = row[i.T_CHILDREN] = 0
        return row

    def second(self, local: datetime.datetime) -> int:
        """Return the UTC second since 2020 of a wall-clock time without a zone."""
        return utc_second(local, self.timezone)

    def wall(self, second: int) -> datetime.datetime:
        moment = EPOCH_UTC + datetime.timedelta(seconds=second)
        return moment.astimezone(self.timezone).replace(tzinfo=None)

    def index_of(self, authority: int) -> int:
        """Return the place of an authority's book in the package, the first where it has none."""
        return next((n for n, book in enumerate(self.books) if book.authority == authority), 0)

    def zone_mask(self, stop: int, index: int = 0) -> int:
        """Return the zones of a stop in one book."""
        return stop_masks(self.books, self.feed.stops[stop])[index]

    def segments(self, trip: Trip, index: int = 0) -> tuple[Segment, ...]:
        """Return the stretches of zones of a trip as the package has them for one book."""
        pattern = self.network.trips[self.trip_index[trip.trip_id]].pattern
        is_brief = pattern in self.brief[index]
        return segments(trip.stops, lambda stop: self.zone_mask(stop, index), is_brief)
