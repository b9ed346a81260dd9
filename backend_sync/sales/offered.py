"""What a point of sale may sell: products and prices out, of tariffs in force and to come.

Prices are asked of the fare engine's own tables (`card_layouts/fares/prices.py`), set by set, so
that a point sells for what a validator or another counter charges. Source: W-107, W-65 to W-67,
W-98, W-115; tariff-model.md sections 1 and 3.2.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from backend_sync.tariffs.forms import rounded
from card_layouts.cards.zones import zones_bitmap
from card_layouts.fares import sections as s
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import u16, u32
from card_layouts.fares.place import book_of
from card_layouts.fares.prices import quote, set_party
from card_layouts.fares.sales_terms import SalesTerms
from card_layouts.fares.settlement import Terms

KINDS = {
    s.PRODUCT_TICKET: "ticket", s.PRODUCT_PURSE: "purse", s.PRODUCT_PASS: "pass",
    s.PRODUCT_PACK: "pack", s.PRODUCT_PER_USE: "per use",
}  # fmt: skip
MEDIA = ("card", "ultralight-c", "barcode")
SPANS = ("", "from first use", "fixed dates", "a calendar year", "from first use or a date")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
Tariffs = Mapping[tuple[int, int], Tariff]


class Price(NamedTuple):
    """One price: `zones` by name, `length` in the product's units (0: it has no length to choose),
    `window` its number in the tariff, -1 outside of all."""

    zones: list[str]
    group: int
    length: int
    window: int
    cents: int


class NotOffered(ValueError):
    """There is nothing to offer; the message says what was looked for and what to do."""


def in_force(tariffs: Tariffs, authority: int, day: int) -> Tariff | None:
    """Return an authority's newest tariff in force on a service day, None without one."""
    found = [tariff for (area, _), tariff in sorted(tariffs.items())
             if area == authority and tariff.valid_from <= day <= tariff.valid_to]  # fmt: skip
    return found[-1] if found else None


def coming(tariffs: Tariffs, authority: int, day: int) -> list[Tariff]:
    """Return an authority's tariffs that are not in force yet, the next one first."""
    found = [tariff for (area, _), tariff in tariffs.items()
             if area == authority and tariff.valid_from > day]  # fmt: skip
    return sorted(found, key=lambda tariff: (tariff.valid_from, tariff.version))


class Offer:
    """What one tariff lets points of sale sell; `day` is the service day that tax is asked for."""

    def __init__(self, tariff: Tariff, day: int) -> None:
        self.tariff = tariff
        self.day = day
        self.book = max(book_of(tariff, tariff.authority), 0)
        self.terms, self.sales = Terms(tariff), SalesTerms(tariff)
        head = tariff.books_at + 32 * self.book
        self.zone_count = tariff.resident[head + s.BOOK_ZONES]
        self.products = range(
            u16(tariff.resident, head + s.BOOK_PRODUCT),
            u16(tariff.resident, head + s.BOOK_PRODUCT)
            + u16(tariff.resident, head + s.BOOK_PRODUCTS),
        )
        names = self._rows(s.ZONE_NAMES)
        self.zones = {row[3]: tariff.text(u16(row, 0)) for row in names if row[2] == self.book}

    def said(self, channel: str = "") -> dict[str, Any]:
        """Return the whole offer as plain values; of one channel, or of all at their own prices."""
        tariff = self.tariff
        fee, deposit = self.sales.card(self.book)
        return {
            "authority": tariff.authority, "version": tariff.version,
            "valid_from": tariff.valid_from, "valid_to": tariff.valid_to,
            "in_force": tariff.valid_from <= self.day <= tariff.valid_to,
            "channel": channel, "card": {"fee_cents": fee, "deposit_cents": deposit},
            "groups": [
                {"group": number, "name": tariff.text(u16(row, 0)), "ages": [row[4], row[5]]}
                for number, row in enumerate(self._rows(s.GROUP_NAMES)) if u16(row, 0)
            ],
            "loads": list(self.loads(channel)),
            "windows": [self._window(number) for number in range(tariff.count(s.WINDOWS))],
            "surcharges": list(self._surcharges()),
            "products": [
                self.product(index, channel)
                for index in self.products if self._is_sold(index, channel)
            ],
        }  # fmt: skip

    def numbers(self, channel: str = "") -> set[int]:
        """Return the numbers of the products that a channel sells, or of all."""
        return {
            u16(self._row(s.PRODUCTS, index), s.P_NUMBER)
            for index in self.products
            if not channel or self._is_sold(index, channel)
        }

    def product_names(self) -> dict[int, str]:
        """Return {number: name} of every product."""
        return {u16(self._row(s.PRODUCTS, index), s.P_NUMBER):
                self.tariff.text(u16(self._row(s.SALES, index), 0))
                for index in self.products}  # fmt: skip

    def group_names(self) -> dict[int, str]:
        """Return {number: name} of the passenger groups."""
        return {number: self.tariff.text(u16(row, 0))
                for number, row in enumerate(self._rows(s.GROUP_NAMES)) if u16(row, 0)}  # fmt: skip

    def product(self, index: int, channel: str = "") -> dict[str, Any]:
        """Return one product with its prices."""
        row, sale = self._row(s.PRODUCTS, index), self._row(s.SALES, index)
        number = u16(row, s.P_NUMBER)
        vat = self.terms.vat(self.book, row[s.P_VAT], self.day)
        unit = u16(row, s.P_MINUTES)
        return {
            "product": number,
            "name": self.tariff.text(u16(sale, 0)),
            "kind": KINDS.get(row[s.P_KIND], str(row[s.P_KIND])),
            "media": MEDIA[sale[14]] if sale[14] < len(MEDIA) else str(sale[14]),
            "personal": bool(row[s.P_FLAGS] & s.PRODUCT_PERSONAL),
            "granted": bool(sale[15] & s.SALE_GRANT),
            "vat": {"code": vat[0], "permille": vat[1]} if vat else None,
            "span": SPANS[row[s.P_SPAN]],
            "unit": f"{unit} minutes" if unit else "days",
            "length": [u16(sale, 2), u16(sale, 4)],
            "first_day": u16(row, s.P_FIRST_DAY), "last_day": u16(row, s.P_LAST_DAY),
            "activate_within_days": u16(sale, 6),
            "travel_days": row[s.P_TRAVEL_DAYS], "uses": row[s.P_USES],
            "refund": {"fee_cents": u32(sale, 8), "void_minutes": u16(sale, 12),
                       "refundable": not sale[15] & s.SALE_NO_REFUND},
            "prices": [price._asdict() for price in self.prices(index, channel)],
        }  # fmt: skip

    def rows_of(self, number: int) -> tuple[bytearray, bytearray]:
        """Return a product's rows of PRODUCTS and of SALES. Raises: NotOffered."""
        for index in self.products:
            row = self._row(s.PRODUCTS, index)
            if u16(row, s.P_NUMBER) == number:
                return row, self._row(s.SALES, index)
        raise NotOffered(f"product {number}: the tariff has none")

    def prices(self, index: int, channel: str = "") -> Iterator[Price]:
        """Yield every price of a product: by set of zones as sold, group, length and window."""
        row = self._row(s.PRODUCTS, index)
        number = u16(row, s.P_NUMBER)
        own = self.sales.sells(self.book, channel)[1].get(number) if channel else None
        table = row[s.P_PRICES] if own is None else own
        if table == s.NONE:
            return
        for window, part in self._tables(table):
            for group in range(self.tariff.columns):
                if not u16(row, s.P_GROUPS) >> group & 1:
                    continue
                for mask in self._masks(part):
                    cents = self._cents(part, group, mask)
                    if cents is not None:
                        yield from self._lengths(index, number, group, mask, window, cents)

    def costs(self, product: int, channel: str) -> frozenset[int]:
        """Return every price, in cents, that a channel may take for a product: of any of its zones,
        groups, windows and lengths."""
        found: set[int] = set()
        for index in self.products:
            if u16(self._row(s.PRODUCTS, index), s.P_NUMBER) == product:
                found |= self._costs(index, product, channel)
        return frozenset(found)

    def _costs(self, index: int, product: int, channel: str) -> set[int]:
        sale, chosen = self._row(s.SALES, index), self.sales.length(self.book, product)
        prices = {(price.length, price.cents) for price in self.prices(index, channel)}
        if not chosen:
            return {cents for _, cents in prices}
        # By length: each follows from the usual one's, whose price is the table's.
        tables = {cents for length, cents in prices if length == chosen[0]}
        lengths = range(u16(sale, 2), u16(sale, 4) + 1)
        return {self.length_price(product, cents, length) for cents in tables for length in lengths}

    def mask(self, names: list[str]) -> int:
        """Return the set of these zones, as cards and price tables write it."""
        zones = range(1, self.zone_count + 1)
        return zones_bitmap(z for z in zones if self.zones.get(z, str(z)) in names)

    def loads(self, channel: str = "") -> Iterator[dict[str, Any]]:
        """Yield the limits of loads: of a channel, or of all.

        The first row that names a channel and group holds, as `actions/limits.py` reads them: rows
        of neighbours' books stand behind.
        """
        seen: set[tuple[str, int]] = set()
        for row in self._rows(s.LOADS):
            name = self.tariff.text(u16(row, 0))
            groups = [group for group in range(self.tariff.columns)
                      if u16(row, 2) >> group & 1 and (name, group) not in seen]  # fmt: skip
            seen |= {(name, group) for group in groups}
            if groups and channel in ("", name):
                yield {"channel": name, "groups": groups, "least_cents": u32(row, 4),
                       "most_cents": u32(row, 8), "step_cents": u32(row, 12)}  # fmt: skip

    def channels(self) -> list[str]:
        """Return the channels that the tariff names."""
        return list(dict.fromkeys(row["channel"] for row in self.loads()))

    def length_price(self, product: int, cents: int, length: int) -> int:
        """Return what `length` units of a product cost whose price in the table is `cents`."""
        chosen = self.sales.length(self.book, product)
        return rounded(cents * length, chosen[0], chosen[1]) if chosen else cents

    def _lengths(
        self, index: int, number: int, group: int, mask: int, window: int, cents: int
    ) -> Iterator[Price]:
        """Yield a price for the least, the usual and the most units; one where none is chosen."""
        sale, chosen = self._row(s.SALES, index), self.sales.length(self.book, number)
        least, most = u16(sale, 2), u16(sale, 4)
        lengths = sorted({least, chosen[0], most}) if chosen else [least if least == most else 0]
        for length in lengths:
            if not chosen or least <= length <= most:
                price = self.length_price(number, cents, length)
                yield Price(self._names(mask), group, length, window, price)

    def _tables(self, table: int) -> Iterator[tuple[int, int]]:
        """Yield (window, table): outside of all windows, then inside each that changes prices."""
        yield -1, table
        at = self.tariff.tables_at + 12 * table
        for when in (6, 8):
            if self.tariff.resident[at + when] != s.NONE:
                yield self.tariff.resident[at + when], self.tariff.resident[at + when + 1]

    def _masks(self, table: int) -> list[int]:
        """Return every run of zones, and the sets with a hole that the table lists."""
        count, at = self.zone_count, self.tariff.tables_at + 12 * table
        found = [
            (1 << (16 - low)) - (1 << (15 - high))
            for low in range(1, count + 1) for high in range(low, count + 1)
        ]  # fmt: skip
        first = u16(self.tariff.resident, at + 2)
        for index in range(first, first + self.tariff.resident[at + 4]):
            found.append(u16(self._row(s.LISTED, index), 0))
        return found

    def _cents(self, table: int, group: int, mask: int) -> int | None:
        """Ask the engine for one rider's price; None where the set is not sold as itself."""
        t = self.tariff
        t.book, t.book_at = self.book, t.books_at + 32 * self.book
        t.zone_count, t.ahead = self.zone_count, 0
        t.all_zones = 0x8000 - (1 << (15 - self.zone_count))
        t.group = t.full_group = group
        for number in range(t.count(s.WINDOWS)):
            t.window_bits[number] = 0  # judged: outside
        t.valid_bits = 1
        set_party(t, 1, 0, 0, 0)
        cents = quote(t, table, mask)
        return cents if cents >= 0 and t.quoted_zones == mask else None

    def _is_sold(self, index: int, channel: str) -> bool:
        """Say whether a channel sells a product; what needs a grant is a counter's."""
        listed, tables = self.sales.sells(self.book, channel) if channel else (None, {})
        number = u16(self._row(s.PRODUCTS, index), s.P_NUMBER)
        if listed is not None:
            return number in listed or number in tables
        granted = self._row(s.SALES, index)[15] & s.SALE_GRANT
        return not granted or channel in ("", "counter")

    def _surcharges(self) -> Iterator[dict[str, Any]]:
        head, r = self.tariff.books_at + 32 * self.book, self.tariff.resident
        for place in range(r[head + s.BOOK_SURCHARGES]):
            at = self.tariff.surcharges_at + 8 * (r[head + s.BOOK_SURCHARGE] + place)
            on = [name for bit, name in ((s.ON_PURSE, "purse"), (s.ON_TICKET, "ticket"),
                                         (s.ON_PASS, "pass")) if r[at + 3] & bit]  # fmt: skip
            yield {"cents": u16(r, at), "window": r[at + 2], "on": on}

    def _window(self, number: int) -> dict[str, Any]:
        at, r = self.tariff.windows_at + 12 * number, self.tariff.resident
        days = [name for bit, name in enumerate(WEEKDAYS) if r[at] >> bit & 1]
        return {"window": number, "days": days, "from_minute": u16(r, at + 2),
                "to_minute": u16(r, at + 4), "by_calendar": u16(r, at + 6) != s.NONE16}  # fmt: skip

    def _names(self, mask: int) -> list[str]:
        return [
            self.zones.get(zone, str(zone))
            for zone in range(1, self.zone_count + 1) if mask >> (15 - zone) & 1
        ]  # fmt: skip

    def _rows(self, section: int) -> list[bytearray]:
        return [self._row(section, index) for index in range(self.tariff.count(section))]

    def _row(self, section: int, index: int) -> bytearray:
        row = bytearray(s.SIZES[section])
        self.tariff.read(section, index, row)
        return row
