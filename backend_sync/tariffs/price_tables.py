"""The prices of a tariff as text tables that an accountant can read and check against print.

Each product has its table: one line for each sold set of zones, one column for each group.
Amounts are exact; a derived price shows how it came about below its table.
"""

from collections.abc import Iterator

from backend_sync.tariffs import model as m
from backend_sync.tariffs.book import Authored
from backend_sync.tariffs.described import length_words, window_words
from backend_sync.tariffs.forms import money, rounded
from backend_sync.tariffs.when import date

KIND_WORDS = {m.KINDS[word]: word.replace("_", " ") for word in m.KINDS}


def price_tables(authored: Authored) -> str:
    """Return the whole tariff's price list as text."""
    book = authored.book
    lines = [
        f"{book.name}, {book.currency}, {date(book.valid_from)} to {date(book.valid_to)}",
        "",
    ]
    for key, product in zip(authored.source.values["products"], book.products, strict=True):
        lines += [*_product(authored, key, product), ""]
    lines += _minutes(authored) + _surcharges(book) + _loads(book) + _sold_elsewhere(authored)
    lines += _per_use(book)
    lines += _penalties(book)
    return "\n".join(lines).rstrip() + "\n"


def _product(authored: Authored, key: str, product: m.Product) -> Iterator[str]:
    book = authored.book
    table = None if product.prices is None else book.tables[product.prices]
    prices = f", prices.{table.name}" if table else ""
    yield f"{key} ({product.number}): {KIND_WORDS[product.kind]}{prices}{_terms(book, product)}"
    if table is None:
        return
    groups = [group for group in book.groups if product.groups >> group.number & 1]
    yield from _grid(authored, table.prices, groups)
    for when in table.when:
        yield f"  {window_words(book, book.windows[when.window])}:"
        yield from _grid(authored, when.prices, groups)
    span = authored.source.get("products", key, "span", default={})
    if per := span.get("per_days", span.get("per_hours")):
        rounding = span.get("round", "half_up")
        yield from _by_length(authored, product, table, groups, per, rounding)


def _terms(book: m.Book, product: m.Product) -> str:
    words = []
    if product.span in (m.SPAN_FIRST_USE, m.SPAN_FIRST_USE_OR_DATE):
        words.append(length_words(product))
    elif product.span == m.SPAN_DATES:
        words.append(f"{date(product.first_day)} to {date(product.last_day)}")
    elif product.span == m.SPAN_YEAR:
        words.append("a calendar year")
    words += [f"{product.travel_days} travel days"] if product.travel_days else []
    words += [f"{product.trips_per_day} trips a day"] if product.trips_per_day else []
    words += [f"{product.uses} journeys"] if product.uses else []
    words += ["personal"] if product.personal else []
    words += ["billed afterwards"] if product.billed else []
    words += [f"{product.companions_max} companions"] if product.companions_max else []
    if product.cap is not None:
        limit, days = book.tables[product.cap.table].name, product.cap.days
        words.append(f"at most prices.{limit} in {days} days")
    return "".join(f", {word}" for word in words)


def _grid(
    authored: Authored, prices: dict[int, dict[int, int]], groups: list[m.Group]
) -> Iterator[str]:
    """Yield a header and one line for each sold set; equal lines of one size become one."""
    decimals = authored.book.decimals
    yield _line("zones", [group.name for group in groups])
    rows: dict[tuple[int, tuple[str, ...]], list[int]] = {}
    for mask in sorted(prices, key=lambda mask: (mask.bit_count(), -mask)):
        cells = tuple(
            money(prices[mask][g.number], decimals) if g.number in prices[mask] else "-"
            for g in groups
        )
        rows.setdefault((mask.bit_count(), cells), []).append(mask)
    for (size, cells), masks in rows.items():
        yield _line(_zones(authored, size, masks, len(prices) == 1), list(cells))


def _zones(authored: Authored, size: int, masks: list[int], is_flat: bool) -> str:
    runs = authored.zones.run_of(size)
    if size == len(authored.book.zones) and is_flat:
        return "everywhere"
    if set(masks) == set(runs) and len(masks) > 1:
        return f"any {size} next to each other" if size > 1 else "any 1"
    return " | ".join(authored.zones.words(mask) for mask in masks)


def _line(label: str, cells: list[str]) -> str:
    return f"  {label:<24}" + "".join(f"{cell:>10}" for cell in cells)


def _by_length(
    authored: Authored,
    product: m.Product,
    table: m.PriceTable,
    groups: list[m.Group],
    base: int,
    rounding: str,
) -> Iterator[str]:
    for sold in sorted({product.days[0], base, product.days[1]}):
        if product.days[0] <= sold <= product.days[1] and sold != base:
            yield f"  for {sold} {'hours' if product.minutes else 'days'}:"
            scaled = {
                mask: {g: rounded(cents * sold, base, rounding) for g, cents in row.items()}
                for mask, row in table.prices.items()
            }
            yield from _grid(authored, scaled, groups)


def _minutes(authored: Authored) -> list[str]:
    lines = []
    for transfer in authored.book.transfers:
        by_zone = dict(zip(authored.book.zones, transfer.by_zone, strict=False))
        words = [f"from {zone} {minutes}" for zone, minutes in by_zone.items() if minutes]
        if len(set(by_zone.values())) == 1 and words:
            words = [f"{transfer.by_zone[0]}"]
        by_set = sorted(transfer.by_set.items(), reverse=True)
        words += [f"{authored.zones.words(mask)} {minutes}" for mask, minutes in by_set]
        lines.append(f"minutes of a journey, transfer.{transfer.name}: {', '.join(words)}")
    return lines


def _surcharges(book: m.Book) -> list[str]:
    kinds = ((m.ON_PURSE, "purse"), (m.ON_TICKET, "single"), (m.ON_PASS, "pass"))
    return [
        f"surcharge {row.name}: {money(row.cents, book.decimals)}"
        f"{' a person' if row.per_person else ''} on"
        f" {', '.join(word for bit, word in kinds if row.on & bit)},"
        f" {window_words(book, book.windows[row.window])}"
        for row in book.surcharges
    ]


def _loads(book: m.Book) -> list[str]:
    lines = []
    for load in book.load:
        groups = [g.name for g in book.groups if load.groups >> g.number & 1]
        whose = "" if len(groups) == len(book.groups) else f" for {', '.join(groups)}"
        least, most = money(load.minimum, book.decimals), money(load.maximum, book.decimals)
        step = f", in steps of {money(load.step, book.decimals)}" if load.step > 1 else ""
        lines.append(f"load at {load.channel}{whose}: {least} to {most}{step}")
    return lines


def _sold_elsewhere(authored: Authored) -> list[str]:
    """Return the tables of channels that sell a product at another price."""
    lines = []
    for channel, row in authored.source.values.get("load", {}).items():
        for product, name in row.get("prices", {}).items():
            table = next(table for table in authored.book.tables if table.name == name)
            priced = {g for cells in table.prices.values() for g in cells}
            groups = [group for group in authored.book.groups if group.number in priced]
            lines.append(f"{product} at {channel}, prices.{name}")
            lines += _grid(authored, table.prices, groups)
    return lines


def _per_use(book: m.Book) -> list[str]:
    lines = []
    for ticket in book.per_use:
        where = "the whole region" if ticket.region else "one station"
        prices = ", ".join(
            f"{group.name} {money(ticket.prices[group.number], book.decimals)}"
            for group in book.groups
            if group.number in ticket.prices
        )
        lines.append(f"pay-per-use {ticket.name}{_interval(ticket)}, {where}: {prices}")
    return lines


def _interval(ticket: m.PerUseTicket) -> str:
    if ticket.window is None:
        return ""
    first, last = ticket.window
    return f" {first // 60:02d}:{first % 60:02d}-{last // 60:02d}:{last % 60:02d}"


def _penalties(book: m.Book) -> list[str]:
    names = {group.number: group.name for group in book.groups}
    return [
        f"penalty fare {names[group]}: {money(cents, book.decimals)}"
        for group, cents in book.penalties.items()
    ]
