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
    try:
        return Terms(tariff).payer(number) if number else ""
    except BROKEN:
        return ""


# Single tickets -----------------------------------------------------------------------------


def sale_verdict(tariffs: Tariffs, sale: dict[str, Any]) -> int:
    """Return what the fare engine says of a CASH_SALE: SAME, DIFFERENT or UNRATED."""
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
        return DIFFERENT
    return single_verdict(tariffs, sale, tap, [row[:2] for row in rows], wanted)


def single_verdict(
    tariffs: Tariffs, sold: dict[str, Any], tap: list[int], party: Party, wanted: dict[str, Any]
) -> int:
    """Return SAME when a tariff of `sold` prices the ticket for `party` at `tap` as `wanted`."""
    is_own, asked = candidates(tariffs, sold["authority"], sold["tariff"])
    tap[i.T_BOOK] = sold["authority"]
    for tariff in asked:
        priced = _priced(tariff, sold["product"], list(tap), party)
        if priced is not None and all(getattr(priced, n) == v for n, v in wanted.items()):
            return SAME
    return DIFFERENT if is_own else UNRATED


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


class DayTerms:
    """Days, taxes and splits by tariff; remembers what it looked up.

    `tariffs` may grow while it is used: what no tariff answered is asked again.
    """

    def __init__(self, tariffs: Tariffs) -> None:
        self.tariffs = tariffs
        self._days: dict[tuple[int, int, int], int] = {}
        self._taxes: dict[tuple[int, int, int, int], tuple[str, int]] = {}
        self._revenues: dict[tuple[int, int], int] = {}

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
        key = (authority, version)
        if key not in self._revenues:
            asked = candidates(self.tariffs, authority, version)[1]
            book = book_of(asked[0], authority) if asked else -1
            if book < 0:
                return s.REVENUE_FIRST_BOARDING
            self._revenues[key] = Terms(asked[0]).revenue(book)[0]
        return self._revenues[key]

    def _tax(self, authority: int, version: int, product: int, day: int) -> tuple[str, int]:
        for tariff in candidates(self.tariffs, authority, version)[1]:
            book = book_of(tariff, authority)
            if book >= 0 and find_product(tariff, book, product, 0):
                code = tariff.products[0][s.P_VAT]
                return (Terms(tariff).vat(book, code, day) if code else None) or NO_TAX
        return NO_TAX
