"""The rules of a tariff as records: groups, windows, transfers, products, books.

References of a Book are positions in its own tuples; here they become places in sections that all
books of the package share. Source: tariff-model.md sections 1 and 4; `fares/sections.py`.
"""

from backend_sync.tariffs import model as m
from backend_sync.tariffs.model import Book, Product
from backend_sync.tariffs.package_money import PayerNumbers
from backend_sync.tariffs.package_prices import PriceSections
from backend_sync.tariffs.package_records import Texts, u8, u16, u32, within
from card_layouts.cards.zones import zones_hull, zones_run
from card_layouts.errors import RangeError
from card_layouts.fares import sections as s


class BookSections:
    """Collects what all books of a package share; `add` one book after the other."""

    def __init__(
        self, columns: int, texts: Texts, first_calendar: int, payers: PayerNumbers
    ) -> None:
        self.texts, self.payers = texts, payers
        self.prices = PriceSections(columns)
        self.next_calendar = first_calendar
        self.columns = columns
        self.rows: dict[int, list[bytes]] = {
            section: []
            for section in (
                *(s.BOOKS, s.WINDOWS, s.SURCHARGES, s.ACCEPTS, s.SCHEMES, s.NUMBERS, s.PRODUCTS),
                *(s.TRANSFERS, s.TRANSFER_SETS, s.TRANSFER_RUNS, s.PER_USE, s.LOADS, s.SALES),
                s.SELLS,
                s.ZONE_NAMES,
            )
        }

    def add(self, book: Book, index: int) -> None:
        """Add one book. Raises: RangeError naming what does not fit."""
        rows = self.rows
        first = {section: len(found) for section, found in rows.items()}
        window, transfer = first[s.WINDOWS], first[s.TRANSFERS]
        if len(book.zones) > s.ZONES_MAX or len(book.surcharges) > 2:
            raise RangeError(
                f"{book.name}: {len(book.zones)} zones, {len(book.surcharges)} surcharges; wanted "
                f"at most {s.ZONES_MAX} and 2"
            )
        table = self.prices.add_book(book, window)
        rows[s.WINDOWS] += [self._window(row, window) for row in book.windows]
        within("windows", len(rows[s.WINDOWS]), s.WINDOWS_MAX)
        self.next_calendar += len(book.calendars)
        for row in book.transfers:
            self._transfer(book, row)
        rows[s.SURCHARGES] += [self._surcharge(row, window) for row in book.surcharges]
        rows[s.ACCEPTS] += [_acceptance(row) for row in book.accepts]
        rows[s.SCHEMES] += [_scheme(row) for row in book.schemes]
        for product in sorted(book.products, key=lambda p: p.number):
            rows[s.NUMBERS].append(u16("products", within("product", product.number, 1023)))
            payer = self.payers.number(book, product.payer)
            rows[s.PRODUCTS].append(_product(product, payer, table, transfer, window))
            rows[s.SALES].append(self._sale(product))
        rows[s.PER_USE] += [self._per_use(ticket) for ticket in book.per_use]
        rows[s.LOADS] += [
            u16("load", self.texts.add(row.channel), row.groups)
            + u32("load", row.minimum, row.maximum, row.step)
            for row in book.load
        ]
        rows[s.SELLS] += [
            u8("load", index, s.SELLS_LISTED if row.listed else 0, _reference(row.table, table), 0)
            + u16("load", self.texts.add(row.channel), row.product)
            for row in book.sells
        ]
        rows[s.ZONE_NAMES] += [
            u16("zones", self.texts.add(name)) + u8("zones", index, zone)
            for zone, name in enumerate(book.zones, 1)
        ]
        rows[s.BOOKS].append(self._book(book, first))

    def _book(self, book: Book, first: dict[int, int]) -> bytes:
        flags = (
            {m.AWAY_START: 0, m.AWAY_END: s.BOOK_AWAY_END, m.AWAY_ASK: s.BOOK_AWAY_ASK}[book.away]
            | (s.BOOK_LEAN_DOWN if book.lean == m.LEAN_DOWN else 0)
            | (s.BOOK_NIGHT_FREE if book.night_without_purse else 0)
        )
        return (
            u8("book", book.authority, len(book.zones), flags)
            + u8("book", first[s.SURCHARGES], len(book.surcharges))
            + u8("book", *(book.class_group(age_class) for age_class in range(3)))
            + u16("book", first[s.PRODUCTS], len(book.products))
            + u8("book", first[s.ACCEPTS], len(book.accepts))
            + u8("book", first[s.SCHEMES], len(book.schemes))
            + u16("book", book.valid_from, book.valid_to, self.texts.add(book.name))
            + bytes(10)
        )

    def _window(self, window: m.Window, first: int) -> bytes:
        place = f"windows.{window.name}"
        flags = (s.WINDOW_CALENDAR_NEGATED if window.calendar_negated else 0) | (
            s.WINDOW_CIVIL if window.civil else 0
        )
        within(place, window.from_minute, 1440)
        within(place, window.to_minute, 1440)
        calendar = s.NONE16 if window.calendar is None else self.next_calendar + window.calendar
        return (
            u8(place, window.weekdays, flags)
            + u16(place, window.from_minute, window.to_minute, calendar)
            + u8(place, _reference(window.or_window, first), 0, 0, 0)
        )

    def _transfer(self, book: Book, row: m.Transfer) -> None:
        place, zones = f"transfer.{row.name}", len(book.zones)
        runs, sets = self.rows[s.TRANSFER_RUNS], self.rows[s.TRANSFER_SETS]
        holes = [mask for mask in sorted(row.by_set) if mask != zones_hull(mask)]
        within(place, len(holes), s.SETS_MAX)
        minutes = (*row.by_zone, *[0] * (s.ZONES_MAX - len(row.by_zone)))
        flags = (s.TRANSFER_UPGRADE if row.upgrade else 0) | (
            s.TRANSFER_PASS_BACK_REFUSE if row.pass_back == m.PASS_BACK_REFUSE else 0
        )
        self.rows[s.TRANSFERS].append(
            u16(place, *minutes)
            + u8(place, row.legs, flags)
            + u16(place, row.pass_back_s, len(runs) if row.by_set else s.NONE16, len(sets))
            + u8(place, len(holes), 0, 0, 0)
        )
        sets += [u16(place, mask, row.by_set[mask]) for mask in holes]
        if row.by_set:
            for low in range(1, zones + 1):
                for high in range(low, zones + 1):
                    runs.append(u16(place, set_minutes(row.by_set, zones_run(low, high))))

    def _surcharge(self, row: m.Surcharge, window: int) -> bytes:
        flags = (
            (s.SURCHARGE_ON_TRANSFER if row.on_transfer else 0)
            | (s.SURCHARGE_ONCE if row.once_per_journey else 0)
            | (s.SURCHARGE_PER_PERSON if row.per_person else 0)
        )
        place = f"surcharges.{row.name}"
        return u16(place, row.cents) + u8(place, window + row.window, row.on, flags, 0, 0, 0)

    def _sale(self, product: Product) -> bytes:
        flags = (s.SALE_GRANT if product.grant else 0) | (
            0 if product.refund.allowed else s.SALE_NO_REFUND
        )
        return (
            u16("sales", self.texts.add(product.name), *product.days, product.activate_within)
            + u32("sales", product.refund.fee)
            + u16("sales", product.refund.void_minutes)
            + u8("sales", product.media, flags)
        )

    def _per_use(self, ticket: m.PerUseTicket) -> bytes:
        place = f"ppu.ticket.{ticket.name}"
        start, end = ticket.window or (0, 0)
        return (
            u8(place, 1 if ticket.region else 0, ticket.days)
            + u16(place, ticket.minutes, start, end, self.texts.add(ticket.station))
            + u16(place, self.texts.add(ticket.name))
            + u32(place, *(ticket.prices.get(g, 0xFFFFFFFF) for g in range(self.columns)))
        )


def set_minutes(by_set: dict[int, int], paid: int) -> int:
    """Return the minutes of the set `paid`: as listed, else the largest of a listed set in it."""
    inside = [minutes for mask, minutes in by_set.items() if mask & ~paid == 0]
    return by_set.get(paid, max(inside, default=0))


def _product(product: Product, payer: int, table: int, transfer: int, window: int) -> bytes:
    place = f"products.{product.name}"
    flags = (
        (s.PRODUCT_PERSONAL if product.personal else 0)
        | (s.PRODUCT_SURCHARGE if product.surcharge else 0)
        | (s.PRODUCT_NEEDS_PASS if product.needs_pass else 0)
        | (s.PRODUCT_BILLED if product.billed else 0)
        | (s.PRODUCT_CLIP if product.cap and product.cap.clip else 0)
    )
    cap = product.cap
    return (
        u16(place, product.number)
        + u8(place, product.kind, product.rank)
        + u16(place, product.groups)
        + u8(place, _reference(product.prices, table), _reference(product.shadow, table))
        + u8(place, _reference(product.transfer, transfer), _reference(product.window, window))
        + u16(place, s.NONE16 if product.otherwise is None else product.otherwise)
        + u8(place, flags, product.span)
        + u16(place, product.minutes, product.first_day, product.last_day)
        + u8(place, product.travel_days, product.trips_per_day)
        + u8(place, _reference(cap.table if cap else None, table), payer)
        + u16(place, cap.days if cap else 0)
        + u8(place, product.companions, product.companions_max, product.scheme)
        + u8(place, product.uses, product.vat, 0)
    )


def _reference(index: int | None, first: int) -> int:
    return s.NONE if index is None else first + index


def _acceptance(row: m.Acceptance) -> bytes:
    product = s.NONE16 if row.product is None else row.product
    return u8("areas", row.issuer, 0) + u16("areas", product, row.as_product, 0)


def _scheme(row: m.Scheme) -> bytes:
    masks = (*row.zones, *[0] * (s.ZONES_MAX - len(row.zones)))
    return u8("schemes", row.number, 0, 0, 0) + u16("schemes", *masks)


def group_records(
    books: tuple[Book, ...], columns: int, texts: Texts, payers: PayerNumbers
) -> tuple[list[bytes], ...]:
    """Return (GROUPS, GROUP_NAMES), a record for each number; the first book that has it says.

    Who bears a concession is each book's own say.
    """
    groups, names = [], []
    for number in range(columns):
        group = next((g for b in books for g in b.groups if g.number == number), None)
        book = next((b for b in books if b.group(number)), books[0])
        if group is None:
            groups.append(u8("groups", *[s.NONE] * 3, 0, *[0] * s.BOOKS_MAX))
            names.append(bytes(4) + u8("groups", s.NONE, s.NONE) + bytes(4))
            continue
        following = group.full if group.following is None else group.following
        groups.append(
            u8(f"groups.{group.name}", group.full, following, group.age_class)
            + u8(f"groups.{group.name}", group.concession, *_bearers(books, number, payers))
        )
        names.append(
            u16("groups", texts.add(group.name), 0)
            + u8("groups", *(group.ages or (s.NONE, s.NONE)))
            + u32("groups", book.penalties.get(number, 0))
        )
    return groups, names


def _bearers(books: tuple[Book, ...], number: int, payers: PayerNumbers) -> list[int]:
    own = [(book, book.group(number)) for book in books]
    bearers = [payers.number(book, group.payer) if group else 0 for book, group in own]
    return bearers + [0] * (s.BOOKS_MAX - len(bearers))


def calendar_bitmap(days: frozenset[int], first_day: int, stride: int) -> bytearray:
    """Return one bit for each day from `first_day` on."""
    bits = bytearray(stride)
    for day in days:
        if 0 <= day - first_day < 8 * stride:
            bits[(day - first_day) >> 3] |= 1 << ((day - first_day) & 7)
    return bits
