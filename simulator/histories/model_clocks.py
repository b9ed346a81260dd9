"""When a device's clock may be wrong: the part of the oracle that knows nothing else.

A device never goes back behind the latest time it has written down, so a clock that was ahead and
was set right stands still until the world has come to that time. As the rest of the model it
imports nothing of ours. Source: decisions D2; trust.md T15.
"""

FOR_EVER_S = 1 << 40
MARGIN_S = 60  # between a look at a clock and what its device writes down


class Clocks:
    """Seconds of the history; a device of which nothing was ever told has a right clock."""

    def __init__(self) -> None:
        self._until: dict[int, int] = {}  # device -> when its clock is right again
        self._latest: dict[int, int] = {}  # device -> the latest time a wrong clock showed in use

    def goes_wrong(self, device: int) -> None:
        """Note that a clock is wrong from now on."""
        self._until[device] = FOR_EVER_S

    def used(self, device: int, shows_s: int) -> None:
        """Note what a clock shows as people use its device."""
        if self._until.get(device) == FOR_EVER_S:
            self._latest[device] = max(shows_s, self._latest.get(device, shows_s))

    def set_right(self, device: int) -> None:
        """Note that a clock was set; it may stand still for a while."""
        if device in self._until:
            self._until[device] = self._latest.get(device, 0) + MARGIN_S

    def is_wrong(self, device: int, at_s: int) -> bool:
        """Say whether what a device writes now may have another time than ours."""
        return at_s < self._until.get(device, 0)
