"""The device's time: the clock above a floor that only signed time and entries raise.

Source: D2; trust.md T15. Knows no time zone.
"""

from card_layouts.codec.timestamps import CLOCK_FLOOR, CLOCK_SIGNED, CLOCK_UNSET


class DeviceClock:
    """A Clock port with the floor of `counters` (the journal's) under it."""

    def __init__(self, clock, counters):
        self._clock = clock
        self._counters = counters

    def ticks_ms(self):
        return self._clock.ticks_ms()

    def utc_seconds(self):
        """Return UTC seconds since 2020, never before the floor; -1 while unset."""
        seconds, source = self.now()
        return -1 if source == CLOCK_UNSET else seconds

    def now(self):
        """Return (seconds, source): the floor itself when the clock is unset or behind it."""
        seconds = self._clock.utc_seconds()
        floor = self._counters.values["floor"]
        if seconds < 0:
            return floor, CLOCK_UNSET
        if seconds < floor:
            return floor, CLOCK_FLOOR
        return seconds, CLOCK_SIGNED
