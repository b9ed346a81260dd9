"""Service days of an authority: which one a second belongs to, and when one begins.

The tariffs know it (D2): wall clock minus shift, from the offset tables inside their packages. An
authority without a tariff has days of UTC.
"""

from card_layouts.settlement.pricing import DAY_SECONDS, DayTerms, Tariffs


class Days:
    """The days of one authority by its tariffs."""

    def __init__(self, tariffs: Tariffs, authority: int) -> None:
        self.terms = DayTerms(tariffs)
        self.authority = authority

    def day(self, seconds: int) -> int:
        """Return the service day (days since 2020) of a UTC second since 2020."""
        version, day = self.terms.in_force(self.authority, seconds)
        return day if version else seconds // DAY_SECONDS

    def begins(self, day: int) -> int:
        """Return the first second of a service day: found by halving, days only go forward."""
        low, high = max(0, (day - 1) * DAY_SECONDS), (day + 2) * DAY_SECONDS
        while low < high:
            middle = (low + high) // 2
            if self.day(middle) < day:
                low = middle + 1
            else:
                high = middle
        return low
