"""How often may somebody ask: by address, by key, and much less after wrong keys.

Counted in this process, in a sliding window: D20 has one. Source: T20 (API4); dependencies.md 3.
"""

from typing import NamedTuple

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from backend_sync.api.problems import ApiError


class Policy(NamedTuple):
    """Requests in a time, as `limits` writes it."""

    address: str = "3000/minute"
    key: str = "1200/minute"
    wrong: str = "30/minute"  # keys and tokens by address, codes by user, that are none


class Rates:
    """Counts requests; `policy` says how many are too many."""

    def __init__(self, policy: Policy) -> None:
        self.limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self.items = {name: parse(text) for name, text in policy._asdict().items()}

    def count(self, what: str, who: str) -> None:
        """Count one request. Raises: ApiError 429 when it is too many."""
        item = self.items[what]
        if not self.limiter.hit(item, what, who):
            self._refuse(item, what)

    def test(self, what: str, who: str) -> None:
        """Raise ApiError 429 when one more would be too many; count nothing."""
        item = self.items[what]
        if not self.limiter.test(item, what, who):
            self._refuse(item, what)

    def _refuse(self, item: RateLimitItem, what: str) -> None:
        wait = item.get_expiry()  # the whole window: nobody gains by measuring ours
        raise ApiError(429, f"more than {item} ({what}); wait {wait} s and ask again",
                       {"Retry-After": str(wait)})  # fmt: skip
