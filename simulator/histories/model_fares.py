"""What a ride must cost: the oracle's own idea of zones, journeys and passes, to the cent.

It imports nothing of ours. A town has two zones. A journey lasts an hour from its start; within it
the zones it has paid cost nothing more, and the other one costs what is missing to the price of
both, by the tariff of the board where the card is held now. Source: tariff-model.md 3.2.
"""

JOURNEY_S = 3600
BORDER_S = 400  # clocks may differ by five minutes, and a journey counts whole minutes
LONG_AGO_S = -9 * JOURNEY_S

# One way in which a card's record may stand: start, cents charged, zones paid (a set of bits, 0 =
# none is open), area.
Journey = tuple[int, int, int, int]


class Fares:
    """Prices at boards, and the journeys that cards may be on."""

    def __init__(self, home: int) -> None:
        self.home = home  # the area whose passes are sold
        self.prices: dict[int, tuple[int, int, int]] = {}  # device -> area, one zone, both
        self.zones: dict[int, int] = {}  # device -> the zone it stands in, 0 or 1
        self.journeys: dict[int, set[Journey]] = {}  # by chip

    def priced(self, device: int, area: int, zone: int, one: int, both: int) -> None:
        """Note where a board stands and by which prices it charges from now on."""
        self.prices[device], self.zones[device] = (area, one, both), zone

    def copied(self, chip: int, of: int) -> None:
        """Note that a chip says of journeys what another one says."""
        if of in self.journeys:
            self.journeys[chip] = set(self.journeys[of])

    def forget(self, chip: int) -> None:
        """Take a chip for one that is on no journey."""
        self.journeys.pop(chip, None)

    def ride(
        self, chip: int, device: int, cents: int, at_s: int, passes: list[tuple[int, int]]
    ) -> str:
        """Take what a ride cost; return what is wrong with that, "" if it may be.

        Near the end of the hour a ride may belong to the old journey or begin a new one: every
        journey that the rides so far allow is kept, and one must be left.
        """
        ways = self._ways(chip, device, at_s, passes)
        may_be = {journey for price, journey in ways if price == cents}
        if not may_be:
            area, zone = self.prices.get(device, (0,))[0], 1 << self.zones.get(device, 0)
            known = sorted(self.journeys.get(chip, ()))
            self.journeys[chip] = {(at_s, cents, zone, area)}
            return f"{cents} cents in zone {zone} after {known}"
        self.journeys[chip] = may_be
        return ""

    def dearest(self, chip: int, device: int, at_s: int, passes: list[tuple[int, int]]) -> int:
        """Return the most that a ride may cost now."""
        return max(price for price, _ in self._ways(chip, device, at_s, passes))

    def most(self, device: int) -> int:
        """Return the most that any ride costs at a board."""
        return max(self.prices[device][1:])

    def _ways(
        self, chip: int, device: int, at_s: int, passes: list[tuple[int, int]]
    ) -> list[tuple[int, Journey]]:
        """Return what a ride may cost, each price with the journey it leaves."""
        area, one, both = self.prices.get(device, (0, 0, 0))
        zone = 1 << self.zones.get(device, 0)
        known = self.journeys.get(chip, {(at_s + LONG_AGO_S, 0, 0, area)})
        ways = []
        for start_s, charged, zones, where in known:
            age, is_open = at_s - start_s, bool(zones) and where == area
            missing = 0 if zones & zone else max(both - charged, 0)
            if is_open and age <= JOURNEY_S + BORDER_S:
                ways.append((missing, (start_s, charged + missing, zones | zone, area)))
            if age >= JOURNEY_S - BORDER_S or not is_open:
                ways.append((one, (at_s, one, zone, area)))
        sure, perhaps = self._pass(area, at_s, passes)
        if perhaps:  # who has a pass pays nothing
            ways += [(0, journey) for journey in (*known, (at_s, 0, 0, area))]
        return [way for way in ways if not (sure and way[0])]

    def _pass(self, area: int, at_s: int, passes: list[tuple[int, int]]) -> tuple[bool, bool]:
        """Return whether one of the passes is good for a ride, surely and perhaps."""
        spans = passes if area == self.home else []
        sure = any(start + BORDER_S <= at_s <= end - BORDER_S for start, end in spans)
        perhaps = any(start - BORDER_S <= at_s <= end + BORDER_S for start, end in spans)
        return sure, perhaps
