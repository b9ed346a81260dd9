"""What the tariffs say of a line: its price again, who pays the rest, the tax in it, its day.

The ledger asks when it posts, the auditor when he checks: the same engine, the same packages.
Left out of the board's image. Source: decisions D14, D25, D26; X-1, X-12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares import inputs as i
from card_layouts.fares import sections as s
from card_layouts.fares.clock import DAY_MINUTES, service_day
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.package import BROKEN
from card_layouts.fares.place import book_of
from card_layouts.fares.repeat import DIFFERENT, PRICE_ONLY, SAME, UNRATED, Repeater, body_of
from card_layouts.fares.settlement import Terms
from card_layouts.fares.singles import Priced, price_single
from card_layouts.fares.sources import find_product
from card_layouts.records.entries_service import ROUNDING_ZERO
from card_layouts.records.entries_tap import STOP_NONE, TRIP_NONE
from card_layouts.settlement.kilometres import Kilometres
from card_layouts.tickets.single import LINES

Tariffs = Mapping[tuple[int, int], Tariff]  # (authority, version) -> package
Party = Sequence[tuple[int, int]]
BEST_FIRST = (SAME, PRICE_ONLY, DIFFERENT, UNRATED)
DAY_SECONDS = 60 * DAY_MINUTES
NO_TAX = ("", 0)
REMEMBERED_MAX = 100_000


class Answer(NamedTuple):
    """What the tariff says of a ride: SAME ... UNRATED of fares/repeat.py, and who owes the rest.

    `payer` is "" where nobody does: a discount, or what a pass is worth here.
    """

    verdict: int
    payer: str


def candidates(tariffs: Tariffs, authority: int, version: int) -> tuple[bool, list[Tariff]]:
    """Return (the authority's own package is here, all that may have priced the entry).

    A neighbour's package may hold this authority's book (M10), and whose device it was the entry
    does not say.
    """
    own = tariffs.get((authority, version))
    others = [
        tariff
        for (issuer, number), tariff in tariffs.items()
        if number == version and issuer != authority and book_of(tariff, authority) >= 0
    ]
    return own is not None, ([own] if own else []) + others


def ride_answer(tariffs: Tariffs, authority: int, intent: dict[str, Any]) -> Answer:
    """Return what the tariffs say of the unpacked fields of an INTENT, whole or blanked."""
    is_own, asked = candidates(tariffs, authority, intent["tariff"])
    answers = [_answer(tariff, intent) for tariff in asked]
    best = min(answers, key=lambda a: BEST_FIRST.index(a.verdict), default=Answer(UNRATED, ""))
    if not is_own and best.verdict == DIFFERENT:
        return Answer(UNRATED, best.payer)  # its tariff may be archived later
    return best


def _answer(tariff: Tariff, intent: dict[str, Any]) -> Answer:
    """Return what the entry's own inputs say under `tariff`.

    Whether the record found was this device's own stands in OUTCOME, not in INTENT (D7): a ride
    that one of the two answers explains is no difference.
    """
    repeater = Repeater(tariff)
    for same_device in (False, True):
        found = repeater.verdict(intent, same_device=same_device)
        if found != DIFFERENT:
            break
    return Answer(found, _payer(tariff, repeater, found, intent))


def _payer(tariff: Tariff, repeater: Repeater, verdict: int, intent: dict[str, Any]) -> str:
    number = repeater.decision[i.D_PAYER] if verdict != UNRATED else 0
    body = body_of(intent)
    if verdict == UNRATED and body["paid_by"] == i.PAID_BILLED:
        # Companions billed beside a pass: the price cannot be asked alone, the payer can.
        book = book_of(tariff, body["authority"])
        if book >= 0 and find_product(tariff, book, intent["product"], 0):
            number = tariff.products[0][s.P_PAYER]
    return _payer_named(tariff, number)


# Single tickets -----------------------------------------------------------------------------


def sale_answer(tariffs: Tariffs, sale: dict[str, Any]) -> Answer:
    """Return what the tariffs say of a CASH_SALE, as of a ride.

    A void is what it takes back: the same ticket, for the same payer.
    """
    rows = [
        tuple(sale[f"l_{name}{n}"] for name in ("group", "count", "unit")) for n in range(LINES)
    ]
    rows = [row for row in rows if row[1]]
    tap = i.new_tap()
    tap[i.T_SECONDS] = _seconds(sale["time"], sale["from_minute"])
    tap[i.T_TRIP] = -1 if sale["trip"] == TRIP_NONE else sale["trip"]
    tap[i.T_CALL] = sale["call"] - 1
    tap[i.T_STOP] = -1 if sale["stop"] == STOP_NONE else sale["stop"]
    tap[i.T_PICKED] = sale["picked"]
    wanted = {
        "rows": rows, "full": sale["full"], "total": sale["full"] - sale["reduction"],
        "concession": sale["concession"], "minutes": sale["valid"], "night": sale["night"],
        "zones": sale["zones"], "zone": sale["zone"], "rule": sale["rule"],
    }  # fmt: skip
    taken = sale["total"] - (sale["rounding"] - ROUNDING_ZERO)
    if taken != wanted["total"] or not rows:
        return Answer(DIFFERENT, "")
    return single_answer(tariffs, sale, tap, [row[:2] for row in rows], wanted)


def single_answer(
    tariffs: Tariffs, sold: dict[str, Any], tap: list[int], party: Party, wanted: dict[str, Any]
) -> Answer:
    """Return SAME when a tariff of `sold` prices the ticket for `party` at `tap` as `wanted`."""
    is_own, asked = candidates(tariffs, sold["authority"], sold["tariff"])
    tap[i.T_BOOK] = sold["authority"]
    for tariff in asked:
        priced = _priced(tariff, sold["product"], list(tap), party)
        if priced is not None and all(getattr(priced, n) == v for n, v in wanted.items()):
            return Answer(SAME, _payer_named(tariff, priced.payer))
    return Answer(DIFFERENT if is_own else UNRATED, "")


def owed_of_single(tariffs: Tariffs, ticket: dict[str, Any], party: Party) -> tuple[int, int]:
    """Return (cents, payer's number) of what somebody else owes for a single sold in advance.

    (0, 0) where nobody does, or where no tariff of the authority's own prices it so.
    """
    tariff = tariffs.get((ticket["authority"], ticket["tariff"]))
    tap = i.new_tap()
    tap[i.T_SECONDS], tap[i.T_PICKED] = ticket["from_minute"] * 60, ticket["zones"] & 0x7FFF
    tap[i.T_BOOK] = ticket["authority"]
    priced = _priced(tariff, ticket["product"], tap, party) if tariff else None
    if priced is None or priced.total != ticket["price"] or not priced.payer:
        return 0, 0
    return priced.full - priced.total, priced.payer


def _payer_named(tariff: Tariff, number: int) -> str:
    """Return a payer's name; "" for nobody, and where the package has none of that number."""
    try:
        return Terms(tariff).payer(number) if number else ""
    except BROKEN:
        return ""


def _seconds(time: int, from_minute: int) -> int:
    """Return the second that was priced: that of the sale, or the first of a later validity."""
    return time if from_minute == time // 60 else from_minute * 60


def _priced(tariff: Tariff, product: int, tap: list[int], party: Party) -> Priced | None:
    try:
        priced: Priced = price_single(
            tariff, i.new_card(), tap, i.new_decision(), product, list(party)
        )
    except (RangeError, LayoutError):
        return None  # no seller with this package could have priced it either
    return None if priced.refused else priced


# What closes a day --------------------------------------------------------------------------


class Divided(NamedTuple):
    """How a book divides revenue: REVENUE_*, PASSES_*, [(operator, parts)]."""

    revenue: int
    passes: int
    shares: list[tuple[int, int]]


NOT_DIVIDED = Divided(s.REVENUE_FIRST_BOARDING, s.PASSES_BY_USE, [])
PAID_BEFORE = (s.PRODUCT_PASS, s.PRODUCT_PACK)


def _kind(tariff: Tariff, authority: int, product: int) -> int:
    """Return PRODUCT_* of a product in an authority's book, 0 without one."""
    book = book_of(tariff, authority)
    if book < 0 or not find_product(tariff, book, product, 0):
        return 0
    return int(tariff.products[0][s.P_KIND])


class DayTerms:
    """Days, taxes and splits by tariff; remembers what it looked up.

    `tariffs` may grow while it is used: what no tariff answered is asked again.
    """

    def __init__(self, tariffs: Tariffs) -> None:
        self.tariffs = tariffs
        self._days: dict[tuple[int, int, int], int] = {}
        self._taxes: dict[tuple[int, int, int, int], tuple[str, int]] = {}
        self._kinds: dict[tuple[int, int, int], bool] = {}
        self._divided: dict[tuple[int, int], Divided] = {}
        self.kilometres = Kilometres(tariffs)

    def day(self, authority: int, version: int, seconds: int) -> int:
        """Return the service day of a second by the tariff's clock; by UTC without a tariff."""
        key = (authority, version, seconds // 60)
        found = self._days.get(key)
        if found is None:
            asked = candidates(self.tariffs, authority, version)[1]
            if not asked:
                return seconds // DAY_SECONDS
            if len(self._days) >= REMEMBERED_MAX:
                self._days.clear()
            found = self._days[key] = service_day(asked[0], seconds)
        return found

    def in_force(self, authority: int, seconds: int) -> tuple[int, int]:
        """Return (version, service day) of the newest tariff in force then; (0, 0) without one."""
        for (owner, version), tariff in sorted(self.tariffs.items(), reverse=True):
            if owner == authority:
                day = self.day(authority, version, seconds)
                if tariff.valid_from <= day <= tariff.valid_to:
                    return version, day
        return 0, 0

    def tax(self, authority: int, version: int, product: int, day: int) -> tuple[str, int]:
        """Return (code, permille) of the tax in what a product costs; NO_TAX without one."""
        key = (authority, version, product, day)
        found = self._taxes.get(key)
        if found is None:
            found = self._tax(*key)
            if found != NO_TAX:
                self._taxes[key] = found
        return found

    def revenue(self, authority: int, version: int) -> int:
        """Return REVENUE_*: how a journey's price is split; first boarding without a tariff."""
        return self._divided_by(authority, version).revenue

    def payer(self, authority: int, version: int, number: int) -> str:
        """Return the name of a payer of the authority's own tariff; "" for 0."""
        tariff = self.tariffs.get((authority, version))
        return _payer_named(tariff, number) if tariff and number else ""

    def passes(self, authority: int, version: int) -> tuple[int, list[tuple[int, int]]]:
        """Return (PASSES_*, [(operator, parts)]): how what was paid before is divided."""
        found = self._divided_by(authority, version)
        return found.passes, found.shares

    def is_paid_before(self, authority: int, version: int, product: int) -> bool:
        """Return whether a product is a pass or a pack: paid when it is sold, used later."""
        key = (authority, version, product)
        if key not in self._kinds:
            asked = candidates(self.tariffs, authority, version)[1]
            if not asked:
                return False
            self._kinds[key] = any(_kind(tariff, authority, product) in PAID_BEFORE
                                   for tariff in asked)  # fmt: skip
        return self._kinds[key]

    def _divided_by(self, authority: int, version: int) -> Divided:
        key = (authority, version)
        if key not in self._divided:
            asked = candidates(self.tariffs, authority, version)[1]
            book = book_of(asked[0], authority) if asked else -1
            if book < 0:
                return NOT_DIVIDED
            terms = Terms(asked[0])
            numbers = terms.operators(book)
            shares = [(numbers.get(name, 0), parts) for name, _, parts in terms.shares(book)]
            revenue, passes = terms.revenue(book)
            self._divided[key] = Divided(revenue, passes, shares)
        return self._divided[key]

    def _tax(self, authority: int, version: int, product: int, day: int) -> tuple[str, int]:
        for tariff in candidates(self.tariffs, authority, version)[1]:
            book = book_of(tariff, authority)
            if book >= 0 and find_product(tariff, book, product, 0):
                code = tariff.products[0][s.P_VAT]
                return (Terms(tariff).vat(book, code, day) if code else None) or NO_TAX
        return NO_TAX
