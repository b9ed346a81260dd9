"""Tariff packages small enough to reckon in one's head: for worlds, benches and tests.

They go the way every package goes, Book -> package_writer -> bytes; only the author is a program.
"""

from collections.abc import Sequence

from backend_sync.tariffs.feed import Agency, Feed, Line, Stop, Trip
from backend_sync.tariffs.model import (
    CLASS_ADULT,
    COMPANIONS_ANY,
    KIND_PURSE,
    Book,
    Group,
    Load,
    PriceTable,
    Product,
    Transfer,
)
from backend_sync.tariffs.package_writer import write_package
from card_layouts.cards.zones import zones_run
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import memory_reader


def count_tariff(
    prices: Sequence[Sequence[int]],
    authority: int,
    version: int = 1,
    product: int = 1,
    transfer_minutes: int = 60,
    utc_offset: int = 120,
    valid: tuple[int, int] = (0, 16_000),
    pass_back_s: int = 0,
    load: Sequence[Load] = (),
) -> bytes:
    """Return a package: one purse product, prices by the number of zones, one stop in each zone.

    Shape: `prices[group][zones - 1]` in cents, group 0 pays the full fare; one line and one trip
    that calls at every stop in order, leaving at 00:00.
    """
    zones = len(prices[0])
    everybody = (1 << len(prices)) - 1
    return write_package(
        Book(
            authority=authority,
            name="small",
            currency="EUR",
            valid_from=valid[0],
            valid_to=valid[1],
            zones=tuple(chr(ord("A") + zone) for zone in range(zones)),
            groups=tuple(Group(n, f"group{n}", CLASS_ADULT, 0) for n in range(len(prices))),
            tables=(PriceTable("value", _by_count(prices, zones)),),
            products=(
                Product(
                    product,
                    "value",
                    KIND_PURSE,
                    50,
                    everybody,
                    prices=0,
                    transfer=0,
                    companions=COMPANIONS_ANY,
                    companions_max=31,
                ),
            ),
            transfers=(Transfer("value", (transfer_minutes,) * zones, pass_back_s=pass_back_s),),
            load=tuple(load),
            feed_zones={chr(ord("A") + zone): zone + 1 for zone in range(zones)},
            version=version,
            utc_offsets=((0, utc_offset),),
        ),
        small_feed(zones),
    )


def mounted(body: bytes) -> Tariff:
    """Return the Tariff that reads `body`."""
    tariff = Tariff(memory_reader(body))
    tariff.mount()
    return tariff


def small_feed(zones: int) -> Feed:
    """Return a feed of one line with one trip: stop i lies in zone i + 1."""
    stops = [Stop(str(i), f"Stop {i}", chr(ord("A") + i), lat=62.0, lon=27.0) for i in range(zones)]
    calls = tuple(range(zones))
    trip = Trip("1", 0, 0, "", "", 0, calls, tuple(5 * call for call in calls))
    return Feed(
        stops=stops,
        lines=[Line("1", "1", "Line 1", "a", "")],
        trips=[trip],
        agencies=(Agency("a", "Small"),),
        timezone="Europe/Helsinki",
        services={},
        sha256=bytes(32),
        warnings=(),
    )


def _by_count(prices: Sequence[Sequence[int]], zones: int) -> dict[int, dict[int, int]]:
    return {
        zones_run(low, high): {group: row[high - low] for group, row in enumerate(prices)}
        for low in range(1, zones + 1)
        for high in range(low, zones + 1)
    }
