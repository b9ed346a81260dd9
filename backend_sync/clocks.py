"""Clocks behind the port: the machine's, and one that reads the time from a file (demos)."""

import time
from pathlib import Path

from card_layouts.codec.timestamps import from_unix


class SystemClock:
    """The machine's clocks."""

    def utc_seconds(self) -> int:
        return int(from_unix(time.time()))

    def monotonic_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000


class FileClock(SystemClock):
    """A simulated world's time: a file holding seconds since 2020 as text, read each time.

    While the file is absent or being replaced the last time read stands, at first 0.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last = 0

    def utc_seconds(self) -> int:
        try:
            self.last = max(self.last, int(self.path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            pass
        return self.last
