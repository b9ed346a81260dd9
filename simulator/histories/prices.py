"""What rides cost: two areas, several versions of each tariff, a season pass; small enough to know.

The oracle is told the numbers of `PRICES`; boards and ledger read the packages made here.
"""

from functools import cache
from typing import NamedTuple

from backend_sync.tariffs.model import (
    CLASS_ADULT,
    COMPANIONS_ANY,
    KIND_PASS,
    KIND_PURSE,
    KIND_TICKET,
    SPAN_DATES,
    Acceptance,
    Book,
    Group,
    PriceTable,
    Product,
    Transfer,
)
from backend_sync.tariffs.package_writer import write_package
from card_layouts.cards.zones import zones_run
from simulator.worlds.small_tariffs import small_feed

HOME, AWAY = 244, 245  # two authorities; all cards are of the first
AREAS = (HOME, AWAY)
TRANSFER_MINUTES = 60
SINGLE, PURSE, SEASON = 0, 1, 10  # product numbers
DAYS = (0, 12_000)  # the days since 2020 on which a tariff is in force


START_S, DAY_S = 203_000_000, 86_400  # a history begins in June 2026, seconds since 2020
WALL_S = 7200  # summer time, as the tariffs say all year


class Price(NamedTuple):
    """Cents of a journey in one zone, and in both."""

    one: int
    both: int


# By area and version: a tariff gets dearer, cheaper, and dearer again.
PRICES = {
    (HOME, 1): Price(250, 338),
    (HOME, 2): Price(270, 365),
    (HOME, 3): Price(230, 310),
    (AWAY, 1): Price(180, 240),
    (AWAY, 2): Price(200, 290),
    (AWAY, 3): Price(190, 260),
}
VERSIONS_MAX = 3


@cache
def tariff_body(area: int, version: int) -> bytes:
    """Return the package of one version of an area's tariff."""
    one, both = PRICES[area, version]
    prices = {zones_run(1, 1): {0: one}, zones_run(2, 2): {0: one}, zones_run(1, 2): {0: both}}
    return write_package(
        Book(
            authority=area,
            name="history",
            currency="EUR",
            valid_from=DAYS[0],
            valid_to=DAYS[1],
            zones=("A", "B"),
            groups=(Group(0, "all", CLASS_ADULT, 0),),
            tables=(PriceTable("value", prices),),
            products=(
                Product(SINGLE, "single", KIND_TICKET, 90, 1, prices=0, transfer=0),
                Product(
                    PURSE, "value", KIND_PURSE, 50, 1, prices=0, transfer=0,
                    companions=COMPANIONS_ANY, companions_max=31,
                ),
                Product(SEASON, "season", KIND_PASS, 10, 1, span=SPAN_DATES,
                        first_day=DAYS[0], last_day=DAYS[1]),
            ),
            transfers=(Transfer("value", (TRANSFER_MINUTES,) * 2, pass_back_s=0),),
            # Away, the purse of a card from home pays as one bought here.
            accepts=() if area == HOME else (Acceptance(HOME, None, PURSE),),
            feed_zones={"A": 1, "B": 2},
            version=version,
            utc_offsets=((0, 120),),
        ),
        small_feed(2),
    )  # fmt: skip


def day_on_walls(at_s: int) -> int:
    """Return the service day of a second of a history, as the validators reckon it."""
    return (START_S + at_s + WALL_S) // DAY_S


def day_starts(day: int) -> int:
    """Return the second of a history at which a service day starts."""
    return day * DAY_S - WALL_S - START_S
