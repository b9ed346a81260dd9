"""GTFS Fares v2 to a draft of our tariff.

Every pair of areas is matched against the leg rules exactly as the reference says, then pairs
become zone sets. What has no place in our model is a loss with its file and line.
Source: the GTFS reference, fare_leg_rules.txt and fare_transfer_rules.txt; tariff-model.md 5.
"""

import datetime
import re
from collections import Counter

from backend_sync.tariffs.draft import (
    GROUPS_MAX,
    Draft,
    DraftGroup,
    DraftWindow,
    Family,
    cents,
    check_currency,
    families_of,
    family_name,
    fill_runs,
    title,
)
from backend_sync.tariffs.fare_tables import (
    FareProduct,
    FaresV2,
    LegRule,
)
from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.gtfs_source import GtfsError
from backend_sync.tariffs.import_transfers import Transfers
from backend_sync.tariffs.leg_rules import EVERYWHERE, LEGS, LegRules, Ride
from backend_sync.tariffs.losses import Loss

PRODUCTS = "fare_products.txt"
ADULT = "adult"
WHEN_MAX = 2  # price rows of a table that hold in a window
CARD, CONTACTLESS = 2, 3  # fare_media_type
MEDIA = ("no medium", "paper", "a transit card", "a bank card", "an app")


class _Importer:
    def __init__(self, feed: Feed, name: str, fares: FaresV2, network: str) -> None:
        self.feed, self.name, self.fares = feed, name, fares
        self.losses: list[Loss] = []
        self.currency = self._currency()
        self.groups = self._groups()
        self.prices = self._prices()  # {fare product: {(medium): {group: cents}}}
        self.matched = LegRules(feed, fares, network, self.losses)
        self.zones, self.frames = self.matched.zones, self.matched.frames
        self.rides = self.matched.rides
        self.transfers = Transfers(fares, self.prices, self.losses)
        self.extra: list[DraftWindow] = []

    def lose(self, code: str, place: str, found: str, carried: str) -> None:
        self.losses.append(Loss(code, place, found, carried))

    # --- what the tables say ---

    def _currency(self) -> str:
        counted = Counter(product.currency for product in self.fares.products)
        for product in self.fares.products:
            check_currency(f"{PRODUCTS}:{product.line}", product.currency)
        chosen = min(counted, key=lambda c: (-counted[c], c))
        for product in self.fares.products:
            if product.currency != chosen:
                self.lose(
                    "L8", f"{PRODUCTS}:{product.line}",
                    f"{product.product} costs {product.amount} {product.currency}",
                    f"left out; the tariff is in {chosen}",
                )  # fmt: skip
        return chosen

    def _groups(self) -> dict[str, DraftGroup]:
        """Return a group for each rider category that has a price; "" is any rider."""
        sold = {rule.product for rule in self.fares.legs}
        priced = {product.rider for product in self.fares.products if product.product in sold}
        riders = [r for r in self.fares.riders if r.rider in priced or r.is_default]
        if not riders:
            return {"": DraftGroup(ADULT, PRODUCTS, "any rider", True)}
        if len(riders) > GROUPS_MAX:
            raise GtfsError(
                f"rider_categories.txt:{riders[GROUPS_MAX].line}: {len(riders)} riders; wanted at "
                f"most {GROUPS_MAX}"
            )
        found, taken = {}, set()
        for rider in riders:
            place = f"rider_categories.txt:{rider.line}"
            base = re.sub("[^a-z0-9]+", "-", rider.rider.lower()).strip("-") or "rider"
            name = ADULT if rider.is_default else base if base != ADULT else f"{base}-2"
            name = f"rider-{name}" if name.isdigit() else name
            while name in taken:
                name += "-2"
            taken.add(name)
            found[rider.rider] = DraftGroup(name, place, rider.name, rider.is_default)
            if not rider.is_default:
                self.lose(
                    "L16", place, f"{rider.rider} ({rider.name}) has no ages",
                    f"{name}: a concession the authority grants",
                )  # fmt: skip
            if rider.url:
                self.lose("L9", place, f"eligibility_url of {rider.rider}", "left out")
        if not any(group.is_default for group in found.values()):
            first = next(iter(found))
            found[first] = found[first]._replace(is_default=True)
        return found

    def _prices(self) -> dict[str, dict[str, dict[str, int]]]:
        prices: dict[str, dict[str, dict[str, int]]] = {}
        for row in self.fares.products:
            place = f"{PRODUCTS}:{row.line}"
            if row.currency != self.currency:
                continue
            amount = cents(place, row.amount, self.currency)
            if amount < 0:
                self.lose("L3", place, f"{row.product} costs {row.amount}", "left out")
                continue
            groups = [self.groups[row.rider]] if row.rider in self.groups else []
            groups = groups if row.rider else list(self.groups.values())
            cells = prices.setdefault(row.product, {}).setdefault(row.medium, {})
            for group in groups:
                if row.rider or group.name not in cells:
                    cells[group.name] = amount
        self._name_riders()
        return prices

    def _name_riders(self) -> None:
        """Name products whose prices differ by rider, and those without the default rider's."""
        rows: dict[str, list[FareProduct]] = {}
        for row in self.fares.products:
            rows.setdefault(row.product, []).append(row)
        default = next((r.rider for r in self.fares.riders if r.is_default), "")
        for product, of_product in rows.items():
            riders = [row.rider for row in of_product]
            place = f"{PRODUCTS}:{of_product[0].line}"
            if len(set(riders)) > 1:
                self.lose(
                    "L12", place,
                    f"{product} has {len(of_product)} rows told apart by rider: "
                    + ", ".join(dict.fromkeys(row.name or row.rider for row in of_product)),
                    "one product whose groups pay differently; one name is kept",
                )  # fmt: skip
            if default and default not in riders and "" not in riders:
                self.lose(
                    "L11", place,
                    f"{product} has prices for {', '.join(riders)}, none for the default "
                    f"{default}", "a product of those groups only",
                )  # fmt: skip

    # --- rides become families of cells ---

    def draft(self) -> Draft:
        taken: set[str] = set()
        families = []
        by_medium: dict[str, dict[str, set[tuple[str, ...]]]] = {}
        for key, rides in self._meetings().items():
            by_medium.setdefault(key.split("\0")[1], {})[key] = rides
        for medium, of_medium in by_medium.items():
            for keys in families_of(of_medium):
                families.append(self._family(medium, keys, taken))
        left_out = self._say_products()
        first, last = self._validity()
        used = {name for family in families for name in (*family.when, family.window)}
        windows = [w for w in (*self.frames.windows.values(), *self.extra) if w.name in used]
        return Draft(
            self.name, title(self.feed), self.zones, self._zones_from(),
            {area.area_id: area.name for area in self.fares.areas}, list(self.groups.values()),
            [family for family in families if family.cells], windows,
            self.currency, self.feed.timezone, first, last, self.losses, left_out=left_out,
        )  # fmt: skip

    def _zones_from(self) -> str:
        return "stop_areas" if self.zones != [EVERYWHERE] else ""

    def _family(self, medium: str, keys: list[str], taken: set[str]) -> Family:
        products = [key.split("\0")[0] for key in keys]
        sold = set(products)
        rows = [r for r in self.fares.products if r.product in sold and r.medium == medium]
        family = Family(
            family_name(products, taken), self._kind(medium), rows[0].name,
            [f"{PRODUCTS}:{row.line} {row.product}" for row in rows],
        )  # fmt: skip
        for ride, rules in self.rides.items():
            for rule in rules:
                if rule.product in sold:
                    self._put(family, ride, rule, medium)
        self._set_times(family)
        fill_runs(family, self.zones)
        self.transfers.put(family, sold, self.matched)
        return family

    def _kind(self, medium: str) -> str:
        kind = next((m.kind for m in self.fares.media if m.medium == medium), CARD)
        return "purse" if kind in (CARD, CONTACTLESS) else "ticket"

    def _put(self, family: Family, ride: Ride, rule: LegRule, medium: str) -> None:
        zone_set = frozenset({ride.start, ride.end})
        cells = family.when.setdefault(ride.frame, {}) if ride.frame else family.cells
        row = cells.setdefault(zone_set, {})
        for group, amount in self.prices[rule.product][medium].items():
            before = row.setdefault(group, amount)
            if before != amount and ride.start != ride.end:
                row[group] = min(before, amount)
                self.lose(
                    "L13", f"{LEGS}:{rule.line}",
                    f"{ride.start} -> {ride.end} costs {amount}, the way back {before}",
                    f"{min(before, amount)} both ways: a tap knows where a ride starts only",
                )  # fmt: skip

    # --- times ---

    def _meetings(self) -> dict[str, set[tuple[str, ...]]]:
        """Return for each fare product and medium the rides it is for, told apart by time."""
        used = sorted({ride.frame for ride in self.rides})
        pairs = {
            one: ["\0".join(sorted((one, other))) for other in used if self._at_once(one, other)]
            for one in used
        }
        found: dict[str, set[tuple[str, ...]]] = {}
        for ride, rules in self.rides.items():
            for rule in rules:
                for medium in self.prices.get(rule.product, {}):
                    rides = found.setdefault(f"{rule.product}\0{medium}", set())
                    rides |= {(ride.start, ride.end, pair) for pair in pairs[ride.frame]}
        return found

    def _at_once(self, one: str, other: str) -> bool:
        """Return whether a rider may choose between rules of these timeframes."""
        if one and other:
            return self.frames.meet(one, other)
        # A rule of higher priority replaces one that holds at any time; else both may be had.
        return one == other or not any(rule.priority for rule in self.fares.legs)

    def _set_times(self, family: Family) -> None:
        """Say when a family holds that no rule gives a fare at any time."""
        used = list(family.when)
        if not family.cells and used:
            family.cells = family.when.pop(used[0])
            if not self.frames.covers(used):
                parts = tuple(p for group in used for p in self.frames.windows[group].parts)
                place = self.frames.windows[used[0]].source
                self.extra.append(DraftWindow(f"{family.name}-times", place, parts))
                family.window = self.extra[-1].name
        for group in list(family.when)[WHEN_MAX:]:
            del family.when[group]
            self.lose(
                "L10", self.frames.windows[group].source,
                f"{family.name} has {len(used)} prices by timeframe", f"{group} is left out",
            )  # fmt: skip
        for cells in family.when.values():
            for zone_set, row in cells.items():
                base = family.cells.setdefault(zone_set, {})
                for group, amount in row.items():
                    base.setdefault(group, amount)
        family.when = {self.frames.windows[g].name: cells for g, cells in family.when.items()}

    def _validity(self) -> tuple[datetime.date, datetime.date]:
        """Return the first and last day: those of the fares' own timeframes, else of the feed."""
        days = self.frames.dates or {
            date for dates in self.feed.services.values() for date in dates[:1] + dates[-1:]
        }
        if not days:
            raise GtfsError("calendar.txt: no service runs on any date; wanted dates for a tariff")
        return min(days), max(days)

    # --- products that no rule sells, or for nothing ---

    def _say_products(self) -> list[str]:
        """Name what is free, unsold or on several media; return the unsold, for a comment."""
        named = {rule.product for rule in self.fares.legs}
        rides: dict[str, list[str]] = {}
        for ride, rules in self.rides.items():
            for product in {rule.product for rule in rules}:
                rides.setdefault(product, []).append(f"{ride.start} -> {ride.end}")
        media = {medium.medium: MEDIA[medium.kind] for medium in self.fares.media}
        used: dict[str, set[str]] = {}
        left_out, seen = [], set()
        for row in self.fares.products:
            place = f"{PRODUCTS}:{row.line}"
            used.setdefault(row.product, set()).add(row.medium)
            if row.currency == self.currency and not row.amount.strip("+-0."):
                self._say_free(place, row, list(dict.fromkeys(rides.get(row.product, []))))
            if row.product not in named:
                left_out.append(
                    f"{place} {row.product}: {row.amount} {row.currency}"
                    + (f" for rider {row.rider}" if row.rider else "")
                    + (f", {row.name}" if row.name else "")
                )
                if row.product not in seen:
                    self.lose(
                        "L5", place, f"{row.product} ({row.name or 'no name'}) is in no leg rule: "
                        "where it is valid and how long is unknown",
                        "left out; its prices stand in a comment",
                    )  # fmt: skip
                seen.add(row.product)
        for product, of_product in used.items():
            if len(of_product) > 1 and product in rides:
                said = ", ".join(sorted({media.get(m, "no medium named") for m in of_product}))
                self.lose("L15", f"{PRODUCTS}:1", f"{product} is sold on {said}", "one a medium")
        return left_out

    def _say_free(self, place: str, row: FareProduct, rides: list[str]) -> None:
        self.lose(
            "N1", place, f"{row.product} costs nothing"
            + (f" for rider {row.rider}" if row.rider else "")
            + (f" from {', '.join(rides)}" if rides else ""),
            "carried as 0; is it free, or not for sale?" if rides else "not carried",
        )  # fmt: skip


def import_v2(feed: Feed, name: str, fares: FaresV2, network: str = "") -> Draft:
    """Return the tariff that `fares` of `feed` draft, with what they lose.

    Raises: GtfsError when an amount, currency or reference is wrong, or more than 12 zones.
    """
    return _Importer(feed, name, fares, network).draft()
