"""Which Fares v2 leg rules price a ride: the reference's filter and priority, written out in full.

Every pair of areas is asked in every timeframe, for one network.
Source: the GTFS reference, fare_leg_rules.txt ("rule_priority" and empty fields).
"""

from collections import Counter
from typing import NamedTuple

from backend_sync.tariffs.draft import check_zones
from backend_sync.tariffs.fare_tables import FaresV2, LegRule
from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.gtfs_source import GtfsError
from backend_sync.tariffs.import_frames import Frames
from backend_sync.tariffs.losses import Loss

LEGS = "fare_leg_rules.txt"
EVERYWHERE = "*"
WORK_MAX = 10_000_000  # pairs of areas times timeframes times rules: half a minute


class Ride(NamedTuple):
    start: str
    end: str
    frame: str  # timeframe group of the departure, "" any time


class LegRules:
    """The rules of one network, matched: `rides` has those that price each ride."""

    def __init__(self, feed: Feed, fares: FaresV2, network: str, losses: list[Loss]) -> None:
        self.feed, self.fares, self._losses = feed, fares, losses
        self.network = self._network(network)
        self.zones = self._zones()
        self.frames = Frames(feed, fares, losses)
        self.rides = self._match()

    def lose(self, code: str, place: str, found: str, carried: str) -> None:
        self._losses.append(Loss(code, place, found, carried))

    def _network(self, wanted: str) -> str:
        """Return the network whose rules are carried; "" where no rule names one."""
        counted = Counter(rule.network for rule in self.fares.legs if rule.network)
        used = {line.network for line in self.feed.lines}
        for rule in self.fares.legs:
            if rule.network and rule.network not in used:
                self.lose(
                    "L7", f"{LEGS}:{rule.line}", f"network {rule.network} is of no route",
                    "its rule prices no trip",
                )  # fmt: skip
        if wanted and wanted not in counted:
            raise GtfsError(
                f"{LEGS}: no rule of network {wanted!r}; wanted one of "
                f"{', '.join(sorted(counted)) or 'none: no rule names a network'}"
            )
        chosen = wanted or min(counted, key=lambda n: (-counted[n], n), default="")
        for rule in self.fares.legs:
            if rule.network and rule.network != chosen:
                self.lose(
                    "L14", f"{LEGS}:{rule.line}", f"{rule.product} is for network {rule.network}",
                    f"left out; carried is {chosen}: import the other with --network",
                )  # fmt: skip
        return chosen

    def _zones(self) -> list[str]:
        legs = [rule for rule in self.fares.legs if self._of_network(rule)]
        named = {rule.start for rule in legs} | {rule.end for rule in legs}
        if not named - {""}:
            return [EVERYWHERE]
        open_end = self.fares.ranks_rules and "" in named
        served = {area for stop in self.feed.stops for area in stop.areas}
        zones = [
            a.area_id
            for a in self.fares.areas
            if a.area_id in named or ("" in named and a.area_id in served) or open_end
        ]
        check_zones(zones, LEGS)
        outside = [stop.stop_id for stop in self.feed.stops if not set(stop.areas) & set(zones)]
        if outside:
            self.lose(
                "N2", "stop_areas.txt:1", f"{len(outside)} stops lie in no area of a leg rule, "
                f"{outside[0]} first", "a vehicle charges nothing there; give them an area",
            )  # fmt: skip
        return zones

    def _of_network(self, rule: LegRule) -> bool:
        return rule.network in ("", self.network)

    def _match(self) -> dict[Ride, list[LegRule]]:
        """Return the rules that price each ride, by the reference's filter and priority."""
        legs = [rule for rule in self.fares.legs if self._of_network(rule)]
        self._say_empty()
        starts = {rule.start for rule in legs} - {""}
        ends = {rule.end for rule in legs} - {""}
        networks = {rule.network for rule in self.fares.legs} - {""}
        frames = sorted({self.frames.of(rule.start_frame) for rule in legs})
        for rule in legs:
            if rule.end_frame:
                self.lose(
                    "L10", f"{LEGS}:{rule.line}", f"{rule.product} asks when the ride ends "
                    f"({rule.end_frame})", "left out: a tap knows when it starts",
                )  # fmt: skip
        timed = [rule for rule in legs if not rule.end_frame]
        work = len(self.zones) ** 2 * len(frames) * len(timed)
        if work > WORK_MAX:
            raise GtfsError(
                f"{LEGS}: {len(timed):,} rules in {len(frames):,} timeframes between "
                f"{len(self.zones)} areas; wanted at most {WORK_MAX:,} to match; import one network"
            )
        found: dict[Ride, list[LegRule]] = {}
        for start in self.zones:
            for end in self.zones:
                for frame in frames:
                    # A rule without a timeframe holds in each of them, so priorities meet.
                    rules = [
                        rule
                        for rule in timed
                        if self.frames.of(rule.start_frame) in (frame, "")
                        and self._fits(rule.start, start, starts)
                        and self._fits(rule.end, end, ends)
                        and self._fits(rule.network, self.network, networks)
                    ]
                    top = max((rule.priority for rule in rules), default=0)
                    rules = [
                        rule
                        for rule in rules
                        if (rule.priority, self.frames.of(rule.start_frame)) == (top, frame)
                    ]
                    if rules:
                        found[Ride(start, end, frame)] = rules
                if not any(Ride(start, end, frame) in found for frame in frames):
                    self._say_missing(start, end, found)
        return found

    def _fits(self, said: str, asked: str, listed: set[str]) -> bool:
        """Return whether a rule's field admits a value; empty is any, or any not listed."""
        if said:
            return said == asked
        return self.fares.ranks_rules or asked not in listed

    def _say_empty(self) -> None:
        fields = ("start", "end", "network")
        rules = [r for r in self.fares.legs if not all(getattr(r, field) for field in fields)]
        if self.fares.ranks_rules:
            empty = not any(rule.priority for rule in self.fares.legs)
            self.lose(
                "L1", f"{LEGS}:1",
                f"rule_priority is there{' and empty' if empty else ''}: an empty network or area "
                f"means any ({len(rules)} rules have one)",
                "written out for each pair; no rule goes before another" if empty
                else "written out for each pair, highest priority first",
            )  # fmt: skip
        elif rules:
            self.lose(
                "L1", f"{LEGS}:{rules[0].line}",
                f"rule_priority is absent: an empty network or area means all not listed elsewhere "
                f"({len(rules)} rules have one)", "written out for each pair",
            )  # fmt: skip

    def _say_missing(self, start: str, end: str, found: dict[Ride, list[LegRule]]) -> None:
        back = any(ride.start == end and ride.end == start for ride in found)
        self.lose(
            "L6", f"{LEGS}:1", f"no rule prices {start} -> {end}",
            f"priced as {end} -> {start}" if back and start != end
            else "a rider who asks for it is sold the cheapest wider set; add its price",
        )  # fmt: skip
