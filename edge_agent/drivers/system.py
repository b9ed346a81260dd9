"""The machine's clocks and random numbers."""

import secrets
import time

from card_layouts.codec.timestamps import from_unix


class SystemClock:
    """The `Clock` port over the operating system."""

    def utc_seconds(self) -> int:
        """Return UTC seconds since 2020-01-01."""
        return int(from_unix(time.time()))

    def monotonic_ms(self) -> int:
        """Return milliseconds since some moment before the start."""
        return time.monotonic_ns() // 1_000_000


class SystemEntropy:
    """The `Entropy` port over the operating system."""

    def random_bytes(self, count: int) -> bytes:
        """Return `count` bytes nobody can foresee."""
        return secrets.token_bytes(count)
