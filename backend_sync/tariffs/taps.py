"""Cards and taps in words become the engine's lists: what `explain` and `whatif` are asked about.

A card is a JSON object (README.md, "A card in words"); every name may also be its number, every
set of zones its mask, every day its number since 2020. Nothing is decided here.
Source: card_layouts/fares/inputs.py.
"""

import datetime
import zoneinfo
from collections.abc import Mapping
from typing import Any

from backend_sync.tariffs import model as m
from backend_sync.tariffs.book import Authored
from backend_sync.tariffs.described import length_words
from backend_sync.tariffs.forms import cents
from backend_sync.tariffs.rules.case import fare
from backend_sync.tariffs.when import day, utc_second
from card_layouts.cards.card_layout import (
    M_BEST,
    M_CALENDAR,
    M_FIRST_USE,
    M_FLEX,
    M_RIDES,
    M_SCHOOL,
    M_TIMED,
)
from card_layouts.cards.zones import ZONES_ALL
from card_layouts.fares import inputs as i
from card_layouts.fares.clock import end_minute

CARD_KINDS = ("personal", "holder", "group")
CARD_KEYS = {
    *("issuer", "kind", "group", "group_until", "concession", "concession_until", "balance"),
    *("purse", "slots", "journey", "caps"),
}
PURSE_KEYS = {"product", "zones", "companions"}
SLOT_KEYS = {"product", "zones", "last", "start", "length", "day", "left", "today", "cents"}
JOURNEY_KEYS = {
    *("authority", "start_zone", "zones", "start_minute", "charged", "transfers", "paid_by"),
    *("companions", "night", "time", "line"),
}
CAP_KEYS = {"day", "day_sum", "start", "period_sum"}


class WordsError(ValueError):
    """A card or tap in words that does not fit: where, found, wanted."""


class CardReader:
    """Turns cards in words into CARD lists under one tariff."""

    def __init__(self, authored: Authored) -> None:
        self.authored, self.book = authored, authored.book
        self.timezone = zoneinfo.ZoneInfo(authored.book.timezone)
        keys = authored.source.values["products"]
        self.products = dict(zip(keys, authored.book.products, strict=True))
        self.groups = {group.name: group.number for group in authored.book.groups}

    def card(self, words: Mapping[str, Any]) -> list[int]:
        """Return the CARD list. Raises: WordsError."""
        _known("card", words, CARD_KEYS)
        row: list[int] = i.new_card()
        row[i.C_ISSUER] = int(words.get("issuer", self.book.authority))
        row[i.C_KIND] = _choice("kind", words.get("kind", "personal"), CARD_KINDS)
        row[i.C_GROUP] = self.group(words.get("group", self._oldest()))
        row[i.C_GROUP_UNTIL] = as_day(words.get("group_until"))
        row[i.C_CONCESSION] = int(words.get("concession", 0))
        row[i.C_CONCESSION_UNTIL] = as_day(words.get("concession_until"))
        row[i.C_BALANCE] = self.cents(words.get("balance", 0))
        purse = words.get("purse")
        if purse is not None:
            _known("purse", purse, PURSE_KEYS)
            row[i.C_PURSE_PRODUCT] = self.product("purse", purse["product"]).number
            row[i.C_PURSE_ZONES] = self.zones(purse.get("zones", 0))
            row[i.C_PURSE_COMPANIONS] = int(purse.get("companions", 0))
        slots = list(words.get("slots", ()))
        if len(slots) > i.SLOTS:
            raise WordsError(f"card.slots: {len(slots)} products, a card has {i.SLOTS} slots")
        for index, slot in enumerate(slots):
            if slot:
                self._slot(row, index, slot, row[i.C_GROUP])
        self._caps(row, words.get("caps") or {})
        self._journey(row, words.get("journey") or {})
        return row

    def _oldest(self) -> str:
        plain = [group for group in self.book.groups if not group.concession]
        return max(plain, key=lambda group: group.age_class).name

    def _slot(self, row: list[int], index: int, words: Mapping[str, Any], group: int) -> None:
        place, at = f"slot {index + 1}", i.slot_at(index)
        _known(place, words, SLOT_KEYS)
        product = self.product(place, words.get("product"))
        start, begun = self._begun(place, product, words.get("start"))
        zones = self.zones(words.get("zones", ZONES_ALL))
        row[at + i.S_MECHANISM], row[at + i.S_PRODUCT] = mechanism(product), product.number
        row[at + i.S_ZONES] = zones
        row[at + i.S_LAST] = as_day(words.get("last")) or product.last_day
        row[at + i.S_USAGE] = int(has_usage(product))
        row[at + i.S_START] = start
        row[at + i.S_LENGTH] = int(words.get("length", length(product) if start else 0))
        row[at + i.S_DAY] = as_day(words.get("day"))
        counted = product.travel_days or product.uses
        row[at + i.S_LEFT] = int(words.get("left", counted if start else 0))
        row[at + i.S_TODAY] = int(words.get("today", 0))
        limit = self.threshold(product, zones, group) if start else 0
        row[at + i.S_CENTS] = self.cents(words.get("cents", limit))
        if begun:
            end = begun + row[at + i.S_LENGTH] * product.minutes
            row[at + i.S_CENTS] = end - end_minute(start, 0)

    def _begun(self, place: str, product: m.Product, value: Any) -> tuple[int, int]:
        """Return (service day, absolute minute) of a first use; the minute where it is asked."""
        if value is None or not product.minutes:
            return as_day(value), 0
        try:
            local = datetime.datetime.fromisoformat(str(value))
        except ValueError:
            local = None
        if local is None or len(str(value)) < len("2025-03-04 08:15"):
            said = f'{place}: start {value!r}, wanted a time such as "2025-03-04 08:15"'
            raise WordsError(f"{said}: it lasts {length_words(product)}")
        shifted = local - datetime.timedelta(minutes=self.book.shift_minutes)
        return day(shifted.date()), utc_second(local, self.timezone) // 60

    def threshold(self, product: m.Product, zones: int, group: int) -> int:
        """Return the price at which a product's cap is reached, 0 where it has none."""
        if product.cap is None:
            return 0
        whole = self.authored.zones.mask("*")
        table = self.book.tables[product.cap.table].prices
        return fare(table, whole if zones == ZONES_ALL else zones, group) or 0

    def _caps(self, row: list[int], words: Mapping[str, Any]) -> None:
        _known("caps", words, CAP_KEYS)
        row[i.C_CAP_DAY], row[i.C_CAP_START] = as_day(words.get("day")), as_day(words.get("start"))
        row[i.C_DAY_SUM] = self.cents(words.get("day_sum", 0))
        row[i.C_PERIOD_SUM] = self.cents(words.get("period_sum", 0))

    def _journey(self, row: list[int], words: Mapping[str, Any]) -> None:
        _known("journey", words, JOURNEY_KEYS)
        if not words:
            return
        row[i.C_J_AUTHORITY] = int(words.get("authority", self.book.authority))
        row[i.C_J_START_ZONE] = self.zone(words.get("start_zone", 0))
        row[i.C_J_ZONES] = self.zones(words.get("zones", 0))
        row[i.C_J_START_MINUTE] = int(words.get("start_minute", 0))
        row[i.C_J_CHARGED] = self.cents(words.get("charged", 0))
        row[i.C_J_TRANSFERS] = int(words.get("transfers", 0))
        row[i.C_J_PAID_BY] = int(words.get("paid_by", 0))
        row[i.C_J_COMPANIONS] = int(words.get("companions", 0))
        row[i.C_J_NIGHT] = int(words.get("night", 0))
        row[i.C_J_TIME], row[i.C_J_LINE] = int(words.get("time", 0)), int(words.get("line", 0))

    def group(self, name: Any) -> int:
        if isinstance(name, int):
            return name
        return _of("group", name, self.groups)

    def product(self, place: str, name: Any) -> m.Product:
        """Return a product by its key or number. Raises: WordsError."""
        if isinstance(name, int) or (isinstance(name, str) and name.isdecimal()):
            found = self.book.product(int(name))
            if found is None:
                raise WordsError(f"{place}: no product has number {name}")
            return found
        return _of(place, name, self.products)

    def zones(self, words: Any) -> int:
        """Return a set of zones by words or mask. Raises: WordsError."""
        if isinstance(words, int):
            return words
        if words in ("everywhere", "*"):
            return ZONES_ALL
        try:
            return self.authored.zones.mask(words) if words else 0
        except ValueError as error:
            raise WordsError(f"zones: {error}") from None

    def zone(self, name: Any) -> int:
        if isinstance(name, int):
            return name
        return _of("zone", name, self.authored.zones.number)

    def cents(self, value: Any) -> int:
        try:
            return cents(value, self.book.decimals)
        except ValueError as error:
            raise WordsError(f"amount {value!r}: wanted {error}") from None


def mechanism(product: m.Product) -> int:
    """Return the number a slot's S row names a product's way of working by."""
    if product.cap is not None:
        return M_BEST
    if product.travel_days:
        return M_FLEX
    if product.trips_per_day:
        return M_SCHOOL
    if product.minutes:
        return M_TIMED
    if product.kind == m.KIND_PACK:
        return M_RIDES
    return M_CALENDAR if product.span == m.SPAN_DATES else M_FIRST_USE


def length(product: m.Product) -> int:
    """Return the days or units that a product lasts, the fewest where there is a choice."""
    return product.days[0] or (product.cap.days if product.cap is not None else 0)


def has_usage(product: m.Product) -> bool:
    """Return whether file T counts this product's use."""
    counted = product.travel_days or product.trips_per_day or product.uses or product.cap
    return bool(counted) or product.span in (m.SPAN_FIRST_USE, m.SPAN_FIRST_USE_OR_DATE)


def as_day(value: Any) -> int:
    """Return a date such as "2025-03-01", or a day's number, as a number; None is 0."""
    if value is None:
        return 0
    if isinstance(value, int):
        return value
    try:
        return day(datetime.date.fromisoformat(str(value)))
    except ValueError:
        raise WordsError(f"day {value!r}: wanted a date such as 2025-03-01") from None


def _known(place: str, words: Mapping[str, Any], keys: set[str]) -> None:
    if not isinstance(words, Mapping):
        raise WordsError(f"{place}: {words!r}, wanted an object with {', '.join(sorted(keys))}")
    for key in words:
        if key not in keys:
            raise WordsError(f"{place}: {key!r} is no part of it; known: {', '.join(sorted(keys))}")


def _of(place: str, name: Any, known: Mapping[str, Any]) -> Any:
    if name not in known:
        raise WordsError(f"{place}: {name!r}, wanted one of {', '.join(map(str, known))}")
    return known[name]


def _choice(place: str, name: Any, known: tuple[str, ...]) -> int:
    if isinstance(name, int):
        return name
    return int(_of(place, name, {word: number for number, word in enumerate(known)}))
