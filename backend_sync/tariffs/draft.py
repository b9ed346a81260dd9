"""A tariff being drafted from a feed's fares: zones, groups, families of fares with their cells.

Both versions of GTFS Fares end here; `tariff_text.py` writes it down. A cell is a set of zones.
Fare products that never meet on one ride (one for each pair of zones, say) are one family.
"""

import datetime
import os.path
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.gtfs_source import GtfsError, shown
from backend_sync.tariffs.losses import Loss

ZONES_MAX = 12
GROUPS_MAX = 16
PRODUCTS_MAX = 254
CENTS_MAX = (1 << 24) - 1

# ISO 4217: minor units that are not two digits.
NO_DECIMALS = frozenset(
    "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF".split()
)
THREE_DECIMALS = frozenset("BHD IQD JOD KWD LYD OMR TND".split())

Cells = dict[frozenset[str], dict[str, int]]  # {zones: {group: cents}}


class DraftGroup(NamedTuple):
    name: str
    source: str  # "file:line"
    title: str
    is_default: bool


class DraftWindow(NamedTuple):
    name: str
    source: str
    parts: tuple[tuple[str, int, int], ...]  # (service_id, from minute, to minute)


@dataclass
class Family:
    """Fares that one product of ours replaces."""

    name: str
    kind: str  # "purse" or "ticket"
    title: str
    sources: list[str]  # "file:line id"
    cells: Cells = field(default_factory=dict)
    filled: set[frozenset[str]] = field(default_factory=set)  # cells no row of the feed names
    when: dict[str, Cells] = field(default_factory=dict)  # {window: cells}
    window: str = ""  # the only time it holds
    minutes: dict[str, int] = field(default_factory=dict)  # {start zone: transfer minutes}
    legs: int = 0
    upgrade: bool = False


@dataclass
class Draft:
    feed: str  # file name
    name: str  # of the agencies
    zones: list[str]  # as the feed calls them, in its order
    zones_from: str  # "stop_areas", "stops.zone_id" or "" where one zone is everywhere
    titles: dict[str, str]  # {zone: name}
    groups: list[DraftGroup]
    families: list[Family]
    windows: list[DraftWindow]
    currency: str
    timezone: str
    first_day: datetime.date
    last_day: datetime.date
    losses: list[Loss]
    notes: tuple[str, ...] = ()  # what is odd about the feed itself
    left_out: list[str] = field(default_factory=list)  # comments: products that were not carried


def decimals(currency: str) -> int:
    """Return how many digits an amount of `currency` has after the point."""
    return 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


def cents(at: str, text: str, currency: str) -> int:
    """Return an amount in the smallest unit; negative ones too. Raises: GtfsError."""
    match = re.fullmatch(r"([+-]?)([0-9]{1,9})(?:\.([0-9]{1,9}))?", text)
    digits = decimals(currency)
    if match is None or (match[3] or "")[digits:].strip("0"):
        raise GtfsError(f"{at}: amount {shown(text)}; wanted {currency} with {digits} decimals")
    amount = int(match[2]) * 10**digits + int((match[3] or "")[:digits].ljust(digits, "0") or 0)
    if amount > CENTS_MAX:
        raise GtfsError(f"{at}: amount {shown(text)}; wanted at most {CENTS_MAX} of the least unit")
    return -amount if match[1] == "-" else amount


def check_currency(at: str, currency: str) -> None:
    if re.fullmatch("[A-Z]{3}", currency) is None:
        raise GtfsError(f"{at}: currency {shown(currency)}; wanted three capitals of ISO 4217")


def title(feed: Feed) -> str:
    """Return what to call the tariff: the agencies' names."""
    return ", ".join(agency.name for agency in feed.agencies if agency.name) or "unnamed"


def check_zones(zones: list[str], file: str) -> None:
    """Refuse more zones than a card's mask holds. Raises: GtfsError."""
    if len(zones) > ZONES_MAX:
        raise GtfsError(
            f"{file}: fares between {len(zones)} areas; wanted at most {ZONES_MAX}; give the feed "
            "one area for several, or write the tariff by hand"
        )


def families_of(meetings: dict[str, set[tuple[str, ...]]]) -> list[list[str]]:
    """Return `meetings`' fares in lists within which no two share a ride.

    `meetings` is {fare: rides it is for}. A fare joins the list whose ids begin most like its own,
    since those of one product often do; lists come back in the order of `meetings`.
    Raises: GtfsError for more lists than a tariff has products.
    """
    found: list[tuple[list[str], set[tuple[str, ...]]]] = []
    order = {fare: place for place, fare in enumerate(meetings)}
    for fare, rides in sorted(meetings.items()):
        fitting = [row for row in found if not row[1] & rides]
        if fitting:
            fares, taken = max(
                fitting, key=lambda row: len(os.path.commonprefix([row[0][-1], fare]))
            )
            fares.append(fare)
            taken |= rides
        else:
            found.append(([fare], set(rides)))
            if len(found) > PRODUCTS_MAX:
                raise GtfsError(
                    f"more than {PRODUCTS_MAX} fares for one ride; wanted the products of one "
                    "authority; import one network"
                )
    lists = [sorted(fares, key=order.__getitem__) for fares, _taken in found]
    return sorted(lists, key=lambda fares: order[fares[0]])


def family_name(fares: list[str], taken: set[str]) -> str:
    """Return a key for `fares`: what their ids begin with in common, told apart from `taken`."""
    prefix = fares[0]
    for fare in fares[1:]:
        while not fare.startswith(prefix):
            prefix = prefix[:-1]
    base = re.sub("[^a-z0-9]+", "-", prefix.lower()).strip("-")[:40] or "fare"
    name, count = base, 1
    while name in taken:
        count += 1
        name = f"{base}-{count}"
    taken.add(name)
    return name


def fill_runs(family: Family, zones: list[str]) -> None:
    """Give every run of neighbouring zones without a fare the dearest fare inside it.

    A feed prices pairs; a rider of ours may ask for all zones between. Nothing inside a run is then
    dearer than the run, and no ride of the feed changes its price.
    """
    for size in range(1, len(zones) + 1):
        for first in range(len(zones) - size + 1):
            run = frozenset(zones[first : first + size])
            inside = [cells for zone_set, cells in family.cells.items() if zone_set <= run]
            groups = {group for cells in inside for group in cells}
            missing = groups - family.cells.get(run, {}).keys()
            if size > 2 and missing:
                if run not in family.cells:
                    family.filled.add(run)
                row = family.cells.setdefault(run, {})
                for group in missing:
                    row[group] = max(cells[group] for cells in inside if group in cells)
