"""A decision in words, for the list of differences: what the validator said, what the ledger says.

Products are told by number: names are the authority's. Amounts in euros and cents of the books.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from card_layouts.cards.zones import ZONES_ALL, zones_list
from card_layouts.errors import LayoutError
from card_layouts.fares import inputs as i

ROW = ("first day", "days", "counted today", "left", "trips today", "cents left")


def decided_words(d: Sequence[int]) -> str:
    """Return a DECISION in words, or why it is a refusal."""
    if d[i.D_KIND] == i.KIND_REFUSED:
        return f"refused: {i.REFUSED_NAMES[d[i.D_REASON]] or 'nothing decided'}"
    body = {"amount": d[i.D_AMOUNT], "zones": d[i.D_ZONES], "paid_by": d[i.D_PAID_BY]}
    return in_words(d[i.D_RULE], body, d[i.D_FULL])


def in_words(rule: int, body: Mapping[str, int], full: int) -> str:
    """Return e.g. "2.40 (full 2.40): charge by product 1, zones 1 2, from the purse"."""
    kind = i.RULE_NAMES[rule & 15] if rule & 15 < len(i.RULE_NAMES) else f"rule {rule & 15}"
    return (
        f"{_money(body['amount'])} (full {_money(full)}): {kind} by product {rule >> 4},"
        f" zones {_zones(body['zones'])}, {_payer(body['paid_by'])}"
    )


def row_words(known: tuple[int, ...], said: tuple[int, ...]) -> str:
    """Return in which fields the row of file T that was read is another than the one known."""
    told = [
        f"{name} {right}, not {wrong}"
        for name, right, wrong in zip(ROW, known, said, strict=True)
        if right != wrong
    ]
    return f"; before it {', '.join(told)}"


def journey_words(before: Mapping[str, int], intent: Mapping[str, Any]) -> str:
    """Return in which fields the journey that was read is another than the newest record's."""
    told = [
        f"{name} {before[name]}, not {intent['was_' + name]}"
        for name in before
        if "was_" + name in intent and before[name] != intent["was_" + name]
    ]
    return f"the journey before was another: {', '.join(told)}"


def _zones(mask: int) -> str:
    if mask == ZONES_ALL:
        return "all"
    try:
        return " ".join(map(str, zones_list(mask))) or "-"
    except LayoutError:
        return f"{mask:04x}"  # what no card may hold


def _payer(paid_by: int) -> str:
    if not paid_by:
        return "from the purse"
    return "on the bill" if paid_by == i.PAID_BILLED else f"slot {paid_by}"


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"
