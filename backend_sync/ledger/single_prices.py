"""Prices every sold single ticket again, with the engine that priced it, from what the sale says.

Source: decisions.md D14, D26; card_layouts/fares/singles.py; O-17.
"""

from collections.abc import Sequence
from typing import Any

from backend_sync.ledger.rerating import Tariffs, candidates
from card_layouts.errors import LayoutError, RangeError
from card_layouts.fares import inputs as i
from card_layouts.fares import sections as s
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.place import book_of
from card_layouts.fares.repeat import DIFFERENT, SAME, UNRATED
from card_layouts.fares.singles import Priced, price_single
from card_layouts.fares.sources import find_product
from card_layouts.records.entries_service import ROUNDING_ZERO
from card_layouts.records.entries_tap import STOP_NONE, TRIP_NONE
from card_layouts.tickets.single import LINES, lines_of

BOARDINGS_USUAL = 6  # of a ticket whose tariff names no number: more in its time is a case
Party = Sequence[tuple[int, int]]


def sale_verdict(tariffs: Tariffs, sale: dict[str, Any]) -> int:
    """Return what the fare engine says of a CASH_SALE: SAME, DIFFERENT or UNRATED."""
    rows = [tuple(sale[f"l_{name}{n}"] for name in ("group", "count", "unit"))
            for n in range(LINES)]  # fmt: skip
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
    return _verdict(tariffs, sale, tap, [row[:2] for row in rows], wanted)


def ticket_verdict(tariffs: Tariffs, ticket: dict[str, Any]) -> int:
    """Return the same of a ticket that a counter sold: it names no stop, only zones."""
    tap = i.new_tap()
    tap[i.T_SECONDS] = ticket["from_minute"] * 60
    tap[i.T_PICKED] = ticket["zones"] & 0x7FFF
    wanted = {name: ticket[name] for name in ("zones", "minutes", "night", "line_only")}
    wanted["total"] = ticket["price"]
    return _verdict(tariffs, ticket, tap, lines_of(ticket), wanted)


def boardings(tariffs: Tariffs, ticket: dict[str, Any]) -> int:
    """Return on how many trips a ticket may be accepted, by the tariff it was sold under."""
    if ticket["line_only"]:
        return 1
    for tariff in candidates(tariffs, ticket["authority"], ticket["tariff"])[1]:
        book = book_of(tariff, ticket["authority"])
        if book >= 0 and find_product(tariff, book, ticket["product"], 0):
            row = tariff.products[0][s.P_TRANSFER]
            if row != s.NONE:
                tariff.read(s.TRANSFERS, row, tariff.transfer)
                legs = tariff.transfer[s.TRANSFER_LEGS]
                return legs + 1 if legs else BOARDINGS_USUAL
    return BOARDINGS_USUAL


def _seconds(time: int, from_minute: int) -> int:
    """Return the second that was priced: that of the sale, or the first of a later validity."""
    return time if from_minute == time // 60 else from_minute * 60


def _verdict(
    tariffs: Tariffs, sold: dict[str, Any], tap: list[int], party: Party, wanted: dict[str, Any]
) -> int:
    is_own, asked = candidates(tariffs, sold["authority"], sold["tariff"])
    tap[i.T_BOOK] = sold["authority"]
    for tariff in asked:
        priced = _priced(tariff, sold["product"], list(tap), party)
        if priced is not None and all(getattr(priced, n) == v for n, v in wanted.items()):
            return SAME
    return DIFFERENT if is_own else UNRATED


def _priced(tariff: Tariff, product: int, tap: list[int], party: Party) -> Priced | None:
    try:
        priced: Priced = price_single(
            tariff, i.new_card(), tap, i.new_decision(), product, list(party)
        )
    except (RangeError, LayoutError):
        return None  # no seller with this package could have priced it either
    return None if priced.refused else priced
