"""Prices singles sold at counters again, and says how often a single may be accepted.

What a device sold is priced by `card_layouts/settlement/pricing.py`, as the auditor does it.
Source: decisions.md D14, D26; card_layouts/fares/singles.py; O-17.
"""

from typing import Any

from card_layouts.fares import inputs as i
from card_layouts.fares import sections as s
from card_layouts.fares.place import book_of
from card_layouts.fares.sources import find_product
from card_layouts.settlement.pricing import Tariffs, candidates, single_answer
from card_layouts.tickets.single import lines_of

BOARDINGS_USUAL = 6  # of a ticket whose tariff names no number: more in its time is a case


def ticket_verdict(tariffs: Tariffs, ticket: dict[str, Any]) -> int:
    """Return SAME, DIFFERENT or UNRATED of a counter's ticket: it names no stop, only zones."""
    tap = i.new_tap()
    tap[i.T_SECONDS] = ticket["from_minute"] * 60
    tap[i.T_PICKED] = ticket["zones"] & 0x7FFF
    wanted = {name: ticket[name] for name in ("zones", "minutes", "night", "line_only")}
    wanted["total"] = ticket["price"]
    return single_answer(tariffs, ticket, tap, lines_of(ticket), wanted).verdict


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
