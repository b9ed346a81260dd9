"""The feeds that were asked for last, read from their zips; memory is bounded by their calls."""

from threading import Lock

from backend_sync.operating.archive import BOUNDS
from backend_sync.operating.zips import Zips
from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.gtfs import read_feed

CALLS_MOST = BOUNDS.calls  # of all feeds that are kept read


class Feeds:
    """One reads at a time: a feed that two ask for is read once."""

    def __init__(self, zips: Zips) -> None:
        self.zips = zips
        self.turn = Lock()
        self._read: dict[str, tuple[Feed, int]] = {}  # the one asked for last stands last

    def of(self, digest: str) -> Feed:
        """Return the feed in a kept zip. Raises: DiskRefused."""
        with self.turn:
            found = self._read.pop(digest, None)
            if found is None:
                feed = read_feed(self.zips.path(digest), BOUNDS)
                found = feed, sum(len(trip.stops) for trip in feed.trips)
            self._read[digest] = found
            while len(self._read) > 1 and self._calls() > CALLS_MOST:
                del self._read[next(iter(self._read))]
        return found[0]

    def _calls(self) -> int:
        return sum(calls for _, calls in self._read.values())
