"""What a rider pays from zone to zone, written out: the form in which other systems take fares.

One offer is a product, the zones a ride starts and ends in, and the state of the windows that
change its price. Knows the tariff's rules for sets; not how GTFS or NeTEx write them.
Source: tariff-model.md 3.2 step 5, "cheapest sold superset".
"""

from typing import NamedTuple

from backend_sync.tariffs import model as m
from backend_sync.tariffs.book import Authored
from backend_sync.tariffs.feed import Feed
from backend_sync.tariffs.timeframes import Frames, State, frames

KIND_BITS = {m.KIND_PURSE: m.ON_PURSE, m.KIND_TICKET: m.ON_TICKET, m.KIND_PASS: m.ON_PASS}


class Offer(NamedTuple):
    """What every group pays for one product between two zones in one state."""

    start: int  # zone, 1 first
    end: int
    wanted: int  # mask
    state: State
    cents: dict[int, int]  # {group number: cents}


class Priced(NamedTuple):
    """One product with all its offers."""

    key: str  # its name in the tariff
    product: m.Product
    frames: Frames | None  # None: the same price at any time
    offers: list[Offer]


def price_list(authored: Authored, feed: Feed) -> list[Priced]:
    """Return the products that have a price for a ride, in the order they are written."""
    book = authored.book
    keys = list(authored.source.values["products"])
    found = []
    for key, product in zip(keys, book.products, strict=True):
        if product.prices is None or product.needs_pass or product.kind == m.KIND_PER_USE:
            continue
        found.append(_priced(book, feed, key, product, book.tables[product.prices]))
    return found


def wanted_mask(book: m.Book, start: int, end: int, table: m.PriceTable) -> int:
    """Return the set a ride between two zones asks for: both alone if sold so, else the run."""
    both = 1 << 15 - start | 1 << 15 - end
    if book.skip == m.SKIP_TOUCHED and both in table.prices:
        return both
    low, high = sorted((start, end))
    return (1 << 16 - low) - (1 << 15 - high)


def cheapest(prices: dict[int, dict[int, int]], wanted: int, group: int) -> int | None:
    """Return the price of the cheapest sold superset of `wanted`, None if none is sold."""
    found = [row[group] for mask, row in prices.items() if mask & wanted == wanted and group in row]
    return min(found, default=None)


def minutes_after(book: m.Book, product: m.Product, start: int, wanted: int) -> int:
    """Return how long a journey from `start` that paid for `wanted` stays open, 0 if not at all."""
    if product.transfer is None:
        return 0
    transfer = book.transfers[product.transfer]
    by_zone = transfer.by_zone[start - 1] if transfer.by_zone else 0
    return max(by_zone, transfer.by_set.get(wanted, 0))


def _priced(book: m.Book, feed: Feed, key: str, product: m.Product, table: m.PriceTable) -> Priced:
    fees = [
        fee
        for fee in book.surcharges
        if product.surcharge
        and product.kind in (m.KIND_PURSE, m.KIND_TICKET)
        and fee.on & KIND_BITS[product.kind]
    ]
    windows = [] if product.window is None else [product.window]
    asked = [*windows, *(when.window for when in table.when), *(fee.window for fee in fees)]
    cut = frames(book, feed, asked) if asked else None
    offers = []
    for state in cut.states() if cut else [()]:
        if windows and not state[0]:
            continue  # outside its window another product prices the ride
        changes = table.when[: len(table.when)]
        held = state[len(windows) :]
        prices = table.prices
        for when, holds in zip(changes, held, strict=False):
            if holds:
                prices = _changed(prices, when.prices)
                break
        fee_cents = sum(
            fee.cents for fee, holds in zip(fees, held[len(changes) :], strict=True) if holds
        )
        offers += _offers(book, product, table, prices, state, fee_cents)
    return Priced(key, product, cut, offers)


def _changed(
    prices: dict[int, dict[int, int]], change: dict[int, dict[int, int]]
) -> dict[int, dict[int, int]]:
    return {mask: {**prices.get(mask, {}), **change.get(mask, {})} for mask in prices | change}


def _offers(
    book: m.Book,
    product: m.Product,
    table: m.PriceTable,
    prices: dict[int, dict[int, int]],
    state: State,
    fee_cents: int,
) -> list[Offer]:
    groups = [group.number for group in book.groups if product.groups >> group.number & 1]
    offers = []
    for start in range(1, len(book.zones) + 1):
        for end in range(1, len(book.zones) + 1):
            wanted = wanted_mask(book, start, end, table)
            cents = {group: cheapest(prices, wanted, group) for group in groups}
            paid = {group: cost + fee_cents for group, cost in cents.items() if cost is not None}
            if paid:
                offers.append(Offer(start, end, wanted, state, paid))
    return offers
