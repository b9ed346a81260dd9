"""The machine's clocks and random numbers."""

import secrets
import time
from pathlib import Path

from card_layouts.codec.timestamps import from_unix


class SystemClock:
    """The `Clock` port over the operating system."""

    def utc_seconds(self) -> int:
        """Return UTC seconds since 2020-01-01."""
        return int(from_unix(time.time()))

    def monotonic_ms(self) -> int:
        """Return milliseconds since some moment before the start."""
        return time.monotonic_ns() // 1_000_000


class FileClock(SystemClock):
    """A simulated world's time: a file holding seconds since 2020 as text, read each time.

    While the file is absent or being replaced the last time read stands, at first 0.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0

    def utc_seconds(self) -> int:
        """Return what the file says now; its last number while it cannot be read."""
        try:
            self._last = max(self._last, int(self._path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            pass
        return self._last


class SystemEntropy:
    """The `Entropy` port over the operating system."""

    def random_bytes(self, count: int) -> bytes:
        """Return `count` bytes nobody can foresee."""
        return secrets.token_bytes(count)
