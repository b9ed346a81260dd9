"""A tariff with one product of every kind a card holds, small enough to reckon in one's head.

Two zones, prices by their number. Without transfers every tap is a ride of its own, so that what a
product counts can be seen. For worlds, tears and tests.
"""

from functools import cache, partial

from backend_sync.tariffs.model import (
    CLASS_ADULT,
    CLASS_CHILD,
    CLASS_YOUTH,
    COMPANIONS_ANY,
    KIND_PACK,
    KIND_PASS,
    KIND_PURSE,
    ON_PASS,
    ON_PURSE,
    PAYER_HOLDER,
    PAYER_SPONSOR,
    SPAN_DATES,
    SPAN_FIRST_USE,
    Book,
    Cap,
    Group,
    PriceTable,
    Product,
    Surcharge,
    Transfer,
    Window,
)
from backend_sync.tariffs.package_writer import write_package
from card_layouts.cards.zones import zones_run
from simulator.worlds.small_tariffs import small_feed

VALUE, SEASON, FLEX, SCHOOL, BEST, DAY_CAP, ZERO, GROUP, RIDES, SENIOR, HOURS = range(100, 111)
FARE, FARE_TWO, CHILD_FARE, YOUTH_FARE, SENIOR_FARE = 250, 338, 120, 170, 130
CAP_30, CAP_DAY, NIGHT_FEE = 600, 400, 100
ADULT, CHILD, YOUTH, OLD = range(4)
EVERYBODY = 0b1111


@cache
def product_tariff(authority: int, transfer_minutes: int = 0, version: int = 7) -> bytes:
    """Return the package of `authority`; stop i lies in zone i + 1. No minutes, no transfers."""
    transfers = (Transfer("all", (transfer_minutes,) * 2, pass_back_s=0),)
    return write_package(
        Book(
            authority=authority,
            name="products",
            currency="EUR",
            valid_from=0,
            valid_to=16_000,
            zones=("A", "B"),
            groups=(
                Group(ADULT, "adult", CLASS_ADULT, ADULT),
                Group(CHILD, "child", CLASS_CHILD, CHILD),
                Group(YOUTH, "youth", CLASS_YOUTH, YOUTH),
                Group(OLD, "senior", CLASS_ADULT, ADULT, concession=3, payer=PAYER_SPONSOR),
            ),
            tables=(
                _table("value", {ADULT: FARE, CHILD: CHILD_FARE, YOUTH: YOUTH_FARE}, FARE_TWO),
                _table("thirty", dict.fromkeys(range(3), CAP_30), 2 * CAP_30),
                _table("day", dict.fromkeys(range(3), CAP_DAY), CAP_DAY),
            ),
            products=_products(0 if transfer_minutes else None),
            transfers=transfers if transfer_minutes else (),
            windows=(
                Window("night", from_minute=1380, to_minute=300),
                Window("school", weekdays=0x1F, from_minute=420, to_minute=1020),
                Window("senior", weekdays=0x1F, from_minute=540, to_minute=840),
            ),
            surcharges=(Surcharge("night", 0, NIGHT_FEE, ON_PURSE | ON_PASS),),
            feed_zones={"A": 1, "B": 2},
            version=version,
            utc_offsets=((0, 120),),
            payers=("school board",),
        ),
        small_feed(2),
    )


def _products(transfer: int | None) -> tuple[Product, ...]:
    """Return them in the order of their numbers."""
    purse = partial(_purse_product, transfer=transfer)
    first_use, dates = SPAN_FIRST_USE, SPAN_DATES
    return (
        purse(VALUE, 50),
        _pass(SEASON, 10, span=first_use, days=(30, 30)),
        _pass(FLEX, 20, span=first_use, days=(90, 90), travel_days=30),
        _pass(
            *(SCHOOL, 12), span=dates, first_day=2000, last_day=2500, window=1, trips_per_day=2,
            shadow=0, payer=PAYER_SPONSOR, surcharge=False,
        ),
        purse(BEST, 40, cap=Cap(1, 30)),
        purse(DAY_CAP, 50, cap=Cap(2, 1)),
        _pass(ZERO, 11, span=first_use, days=(365, 365), shadow=0, payer=PAYER_HOLDER),
        purse(GROUP, 30, billed=True, payer=PAYER_HOLDER),
        Product(RIDES, "rides", KIND_PACK, 30, EVERYBODY, span=first_use, days=(90, 90), uses=10),
        purse(SENIOR, 45, groups=1 << OLD, window=2, otherwise=VALUE),
        _pass(HOURS, 14, span=first_use, days=(24, 24), minutes=60),
    )  # fmt: skip


def _purse_product(number: int, rank: int, groups: int = EVERYBODY, **more: object) -> Product:
    return Product(
        *(number, f"purse{number}", KIND_PURSE, rank, groups),
        prices=0, companions=COMPANIONS_ANY, companions_max=31, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def _pass(number: int, rank: int, **more: object) -> Product:
    return Product(number, f"pass{number}", KIND_PASS, rank, EVERYBODY, **more)  # type: ignore[arg-type]


def _table(name: str, by_group: dict[int, int], both: int) -> PriceTable:
    """Return prices by group for one zone; both cost an adult `both`, others in proportion."""
    one = {**by_group, OLD: SENIOR_FARE if name == "value" else by_group[ADULT]}
    two = {group: cents * both // by_group[ADULT] for group, cents in one.items()}
    return PriceTable(name, {zones_run(1, 1): one, zones_run(2, 2): one, zones_run(1, 2): two})
