"""Price tables as a device reads them: a row for each sold set, a cell for each run of zones.

A cell says which sold set is the cheapest that holds the run, once leaning to the lower zones and
once to the higher: worked out here for every rider group, so that a tap searches nothing.
Source: tariff-model.md sections 3.2 (step 5) and 4.
"""

from backend_sync.tariffs.model import Book, PriceTable
from backend_sync.tariffs.package_records import u8, u16, u24, within
from card_layouts.cards.zones import zones_count, zones_first, zones_hull, zones_last, zones_run
from card_layouts.errors import RangeError
from card_layouts.fares import sections as s

# What 32 persons together can pay within 16 bits of a card is the linter's to judge.
PRICE_MAX = s.NO_PRICE - 1

Prices = dict[int, dict[int, int]]  # {mask: {group: cents}}


class PriceSections:
    """Collects TABLES, CELLS, LISTED and PRICES over all books of a package."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.tables: list[bytes] = []
        self.cells: list[bytes] = []
        self.listed: list[bytes] = []
        self.prices: list[bytes] = []

    def add_book(self, book: Book, first_window: int) -> int:
        """Add the tables of `book`; return the number of its first one."""
        first = len(self.tables)
        variants = first + len(book.tables)
        pending: list[tuple[str, Prices]] = []
        for table in book.tables:
            if len(table.when) > 2:
                raise RangeError(f"prices.{table.name}: {len(table.when)} windows, wanted 0..2")
            whens = [s.NONE, s.NONE, s.NONE, s.NONE]
            for i, when in enumerate(table.when):
                whens[2 * i] = first_window + when.window
                whens[2 * i + 1] = variants + len(pending)
                pending.append((table.name, _merged(table, when.prices)))
            self._add(book, table.name, table.prices, whens)
        for name, prices in pending:
            self._add(book, name, prices, [s.NONE] * 4)
        within("tables", len(self.tables), s.NONE)
        return first

    def _add(self, book: Book, name: str, prices: Prices, whens: list[int]) -> None:
        place = f"prices.{name}"
        rows = {mask: len(self.prices) + i for i, mask in enumerate(sorted(prices))}
        holes = [mask for mask in sorted(prices) if mask != zones_hull(mask)]
        if len(holes) > s.SETS_MAX:
            raise RangeError(f"{place}: {len(holes)} sets with a hole, wanted 0..{s.SETS_MAX}")
        zones = len(book.zones)
        self.tables.append(
            u16(place, len(self.cells), len(self.listed))
            + u8(place, len(holes), zones, *whens, 0, 0)
        )
        self.listed += [u16(place, mask, rows[mask]) for mask in holes]
        for group in range(self.columns):
            for low in range(1, zones + 1):
                for high in range(low, zones + 1):
                    self.cells.append(_cell(place, prices, rows, group, zones_run(low, high)))
        for mask in sorted(prices):
            self.prices.append(
                b"".join(
                    u24(place, within(place, prices[mask][g], PRICE_MAX))
                    if g in prices[mask]
                    else u24(place, s.NO_PRICE)
                    for g in range(self.columns)
                )
            )


def _merged(table: PriceTable, changed: Prices) -> Prices:
    merged = {mask: dict(row) for mask, row in table.prices.items()}
    for mask, row in changed.items():
        merged.setdefault(mask, {}).update(row)
    return merged


def _cell(place: str, prices: Prices, rows: dict[int, int], group: int, run: int) -> bytes:
    sold = [mask for mask in prices if run & ~mask == 0 and group in prices[mask]]
    if not sold:
        return u16(place, s.NONE16, 0, s.NONE16, 0)
    down = min(sold, key=lambda m: (prices[m][group], zones_count(m), zones_first(m), -m))
    up = min(sold, key=lambda m: (prices[m][group], zones_count(m), -zones_last(m), m))
    return u16(place, rows[down], down, rows[up], up)
