"""What changes between two tariffs, for whom: settings in words, prices as a rider pays them.

Prices are compared where they are asked: for each product, group and run of zones the cheapest
sold superset of the one tariff against that of the other. Source: issue 4, `tariff diff`.
"""

from collections.abc import Iterator
from typing import NamedTuple

from backend_sync.tariffs import model as m
from backend_sync.tariffs.book import Authored
from backend_sync.tariffs.described import described
from backend_sync.tariffs.forms import money, signed
from backend_sync.tariffs.rules.case import fare


class Change(NamedTuple):
    section: str  # price, product, group, window, transfer ...
    name: str
    what: str  # the setting, or for whom and where a price holds
    old: str | None  # None: was not there
    new: str | None  # None: is no more
    percent_tenths: int | None = None  # of a price that both tariffs have
    cents: int | None = None  # the same change in cents
    group: str = ""  # who pays the price
    places: int = 1  # how many sets of zones go from and to the same price
    decimals: int = 2
    book: str = ""  # name of another authority's tariff in the same package

    def __str__(self) -> str:
        place = f"{self.section} {self.name}".strip() + (f", {self.what}" if self.what else "")
        place = f"{self.book}: {place}" if self.book else place
        if self.old is None:
            return f"{place}: new" + (f", {self.new}" if self.new else "")
        if self.new is None:
            return f"{place}: no more" + (f", was {self.old}" if self.old else "")
        if self.cents is None:
            return f"{place}: {self.old} -> {self.new}"
        percent = "" if self.percent_tenths is None else f", {percent_words(self.percent_tenths)}"
        change = signed(self.cents, self.decimals)
        return f"{place}: {self.old} -> {self.new} ({change}{percent})"


def differences(old: Authored, new: Authored) -> list[Change]:
    """Return every change, settings first, then prices by product, group and size.

    Tariffs of other authorities that are compiled with it come after its own, by their number.
    """
    changes = [*_settings(old, new), *_prices(old, new)]
    before, after = ({other.book.authority: other for other in each.others} for each in (old, new))
    for authority in dict.fromkeys([*before, *after]):
        if authority not in before or authority not in after:
            name = (before | after)[authority].book.name
            was = "" if authority in before else None
            changes.append(Change("area", name, "", was, "" if was is None else None))
        else:
            name = after[authority].book.name
            theirs = differences(before[authority], after[authority])
            changes += [change._replace(book=name) for change in theirs]
    return changes


class Moved(NamedTuple):
    """How the prices of one product move for one group."""

    product: str
    group: str
    prices: int  # sets of zones, windows counted by themselves
    cents: tuple[int, int]  # least and most
    percent_tenths: tuple[int, int] | None  # least and most, None where all were free


def moved(changes: list[Change]) -> list[Moved]:
    """Return what the changes of price mean for each product and group, in their order."""
    found: dict[tuple[str, str], list[Change]] = {}
    for change in changes:
        if change.cents is not None:
            name = f"{change.book} {change.name}".strip()
            found.setdefault((name, change.group), []).append(change)
    rows = []
    for (product, group), rest in found.items():
        cents = [change.cents for change in rest if change.cents is not None]
        tenths = [c.percent_tenths for c in rest if c.percent_tenths is not None]
        span = (min(tenths), max(tenths)) if tenths else None
        places = sum(change.places for change in rest)
        rows.append(Moved(product, group, places, (min(cents), max(cents)), span))
    return rows


def percent_words(tenths: int) -> str:
    return f"{'+' if tenths >= 0 else '-'}{abs(tenths) // 10}.{abs(tenths) % 10} %"


def _settings(old: Authored, new: Authored) -> Iterator[Change]:
    before, after = described(old), described(new)
    before = {(s, "" if s == "tariff" else name): words for (s, name), words in before.items()}
    after = {(s, "" if s == "tariff" else name): words for (s, name), words in after.items()}
    for part in dict.fromkeys([*before, *after]):
        section, name = part
        if part not in after:
            yield Change(section, name, "", "", None)
        elif part not in before:
            yield Change(section, name, "", None, "")
        else:
            for key in dict.fromkeys([*before[part], *after[part]]):
                one, two = before[part].get(key), after[part].get(key)
                if one != two:
                    yield Change(section, name, key, one, two)


def _prices(old: Authored, new: Authored) -> Iterator[Change]:
    books = (old.book, new.book)
    products = [
        dict(zip(each.source.values["products"], each.book.products, strict=True))
        for each in (old, new)
    ]
    for key in products[0]:
        if key not in products[1]:
            continue
        tables = [
            None if p.prices is None else book.tables[p.prices]
            for book, p in zip(books, (products[0][key], products[1][key]), strict=True)
        ]
        if tables[0] is None or tables[1] is None:
            continue
        for group in dict.fromkeys(g.name for book in books for g in book.groups):
            numbers = [next((g.number for g in b.groups if g.name == group), None) for b in books]
            masks = [products[i][key].groups for i in (0, 1)]
            if any(n is None or not mask >> n & 1 for n, mask in zip(numbers, masks, strict=True)):
                continue  # the groups a product admits are a setting
            assert numbers[0] is not None and numbers[1] is not None
            before = _paid(old, tables[0], numbers[0])
            after = _paid(new, tables[1], numbers[1])
            yield from _price_changes(key, group, before, after, books)


def _paid(authored: Authored, table: m.PriceTable, group: int) -> dict[str, tuple[int, int]]:
    """Return {zones and window in words: (number of zones, cents)} for every run."""
    paid = {}
    layers = [("", table.prices)]
    for when in table.when:
        merged = {mask: {**row, **when.prices.get(mask, {})} for mask, row in table.prices.items()}
        layers.append((f", window {authored.book.windows[when.window].name}", merged))
    for words, prices in layers:
        for size in range(1, len(authored.book.zones) + 1):
            for run in authored.zones.run_of(size):
                cents = fare(prices, run, group)
                if cents is not None:
                    paid[authored.zones.words(run) + words] = (size, cents)
    return paid


def _price_changes(
    key: str,
    group: str,
    before: dict[str, tuple[int, int]],
    after: dict[str, tuple[int, int]],
    books: tuple[m.Book, m.Book],
) -> Iterator[Change]:
    """Yield one change for all places of one size whose price goes from and to the same."""
    moved: dict[tuple[int, int | None, int | None, str], list[str]] = {}
    for place in dict.fromkeys([*before, *after]):
        size = (before.get(place) or after[place])[0]
        one, two = (rows[place][1] if place in rows else None for rows in (before, after))
        if one != two:
            moved.setdefault((size, one, two, place.partition(",")[2]), []).append(place)
    for (_size, one, two, _window), places in sorted(
        moved.items(), key=lambda row: (row[0][3], row[0][0], row[1])
    ):
        tenths = None if not one or two is None else change_tenths(one, two)
        shown = ", ".join(places[:4]) + (f" and {len(places) - 4} more" if len(places) > 4 else "")
        old = None if one is None else money(one, books[0].decimals)
        new = None if two is None else money(two, books[1].decimals)
        cents = None if one is None or two is None else two - one
        what, decimals = f"{group}, {shown}", books[1].decimals
        yield Change("price", key, what, old, new, tenths, cents, group, len(places), decimals)


def change_tenths(old: int, new: int) -> int:
    """Return the change from `old`, not 0, to `new` in tenths of a percent, half up."""
    change, sign = abs(new - old), 1 if new >= old else -1
    return sign * ((2000 * change + old) // (2 * old))
