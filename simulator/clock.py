"""The one clock of a simulated world: milliseconds since its start, and UTC for who asks.

Time moves only when the world says so. A device sees it through its own `DeviceClock`, which
may drift, jump, or never have been set.
"""

from simulator.prng import Prng

UNSET = -1  # contract of firmware ports: no UTC known
TICKS_MASK = (1 << 30) - 1  # the ports promise a small integer: 12 days


class WorldClock:
    """Virtual time; `start_s` is UTC in seconds since 2020-01-01 at ms 0."""

    def __init__(self, start_s: int) -> None:
        self.start_s = start_s
        self.now_ms = 0

    def advance(self, step_ms: int) -> None:
        """Move time on."""
        assert step_ms >= 0, f"the world's clock cannot go back by {-step_ms} ms"
        self.now_ms += step_ms

    def advance_to(self, at_ms: int) -> None:
        """Move time on to `at_ms`; a time already passed changes nothing."""
        self.now_ms = max(self.now_ms, at_ms)

    def ticks_ms(self) -> int:
        """Return milliseconds since the start, below 2**30."""
        return self.now_ms & TICKS_MASK

    def utc_seconds(self) -> int:
        """Return true UTC in seconds since 2020-01-01."""
        return self.start_s + self.now_ms // 1000


class DeviceClock:
    """What one device believes; `drift_ppm` > 0 runs fast.

    `ticks_ms` restarts at 0 with `restart` (power-up); UTC runs on a battery unless `unset`.
    """

    def __init__(self, world: WorldClock, drift_ppm: int = 0) -> None:
        self.world = world
        self.drift_ppm = drift_ppm
        self.is_set = True
        self._offset_ms = 0
        self._stands_ms: int | None = None  # where it stopped
        self._restarted_ms = world.now_ms

    @classmethod
    def drifting(cls, world: WorldClock, prng: Prng, ppm_max: int) -> "DeviceClock":
        """Return a clock whose drift is drawn from -ppm_max..ppm_max."""
        return cls(world, prng.between(-ppm_max, ppm_max))

    def ticks_ms(self) -> int:
        """Return milliseconds since power-up, below 2**30."""
        return self._drifted(self.world.now_ms - self._restarted_ms) & TICKS_MASK

    def utc_seconds(self) -> int:
        """Return believed UTC in seconds since 2020-01-01, or UNSET."""
        if not self.is_set:
            return UNSET
        return self.world.start_s + self._own_ms() // 1000

    def jump(self, by_s: int) -> None:
        """Set the clock wrong by so many seconds more."""
        self._offset_ms += by_s * 1000
        if self._stands_ms is not None:
            self._stands_ms += by_s * 1000

    def stop(self) -> None:
        """Stand still from now on: UTC stays what it is until the clock is set again."""
        self._stands_ms = self._own_ms()

    def unset(self) -> None:
        """Forget the time, as after a flat battery."""
        self.is_set = False

    def set_utc(self, utc_s: int) -> None:
        """Set the clock, as a signed time package would."""
        self.is_set = True
        self._stands_ms = None
        self._offset_ms += (utc_s - self.utc_seconds()) * 1000

    def restart(self) -> None:
        """Power up: the tick counter begins at 0."""
        self._restarted_ms = self.world.now_ms

    def _own_ms(self) -> int:
        if self._stands_ms is not None:
            return self._stands_ms
        return self._drifted(self.world.now_ms) + self._offset_ms

    def _drifted(self, span_ms: int) -> int:
        return span_ms + span_ms * self.drift_ppm // 1_000_000
