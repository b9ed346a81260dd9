"""Recorded taps priced again under another tariff: totals, and who pays more or less.

Each tap starts from the card as it was recorded, but journey, use and caps go on from what each
tariff decided at the card's tap before, and money it did not take is still in the purse.
What people would do otherwise under other prices is not guessed.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from backend_sync.tariffs.described import payer
from backend_sync.tariffs.rater import Rater
from backend_sync.tariffs.recorded import RecordedTap
from card_layouts.fares import inputs as i

BALANCE_MAX = 0xFFFF
# Card field, decision field: the journey after a tap is the journey before the next one.
JOURNEY = (
    (i.C_J_AUTHORITY, i.D_BOOK_AUTHORITY),
    (i.C_J_START_ZONE, i.D_START_ZONE),
    (i.C_J_ZONES, i.D_ZONES),
    (i.C_J_START_MINUTE, i.D_START_MINUTE),
    (i.C_J_CHARGED, i.D_CHARGED),
    (i.C_J_TRANSFERS, i.D_TRANSFERS),
    (i.C_J_PAID_BY, i.D_PAID_BY),
    (i.C_J_COMPANIONS, i.D_COMPANIONS),
    (i.C_J_NIGHT, i.D_NIGHT),
)
COUNTERS = (
    (i.C_CAP_DAY, i.D_CAP_DAY),
    (i.C_DAY_SUM, i.D_DAY_SUM),
    (i.C_CAP_START, i.D_CAP_START),
    (i.C_PERIOD_SUM, i.D_PERIOD_SUM),
)
USAGE = (
    (i.S_START, i.D_T_START),
    (i.S_LENGTH, i.D_T_LENGTH),
    (i.S_DAY, i.D_T_DAY),
    (i.S_LEFT, i.D_T_LEFT),
    (i.S_TODAY, i.D_T_TODAY),
    (i.S_CENTS, i.D_T_CENTS),
)


class Priced(NamedTuple):
    """One tap under both tariffs."""

    tap: RecordedTap
    old: int  # cents
    new: int
    old_refused: bool
    new_refused: bool
    group: str
    product: str  # that pays under the other tariff; the purse's where both refuse
    day: int  # service day
    owed: dict[str, tuple[int, int]]  # {payer of what the rider is spared: cents then and now}


class Sum(NamedTuple):
    name: str
    taps: int
    old: int
    new: int


class Carried:
    """What one tariff left on each card, laid over the card as it was recorded."""

    def __init__(self) -> None:
        self.fields: dict[str, dict[int, int]] = {}
        self.saved: dict[str, int] = {}  # cents not taken that were taken in truth

    def over(self, tap: RecordedTap) -> list[int]:
        card = list(tap.card)
        for place, value in self.fields.get(tap.card_id, {}).items():
            card[place] = value
        balance = card[i.C_BALANCE] + self.saved.get(tap.card_id, 0)
        card[i.C_BALANCE] = min(max(balance, 0), BALANCE_MAX)
        return card

    def put(self, tap: RecordedTap, decision: list[int], old: int) -> None:
        if not tap.card_id:
            return
        is_refused = decision[i.D_KIND] == i.KIND_REFUSED
        taken = 0 if is_refused else decision[i.D_AMOUNT]  # a refusal names what was asked
        self.saved[tap.card_id] = self.saved.get(tap.card_id, 0) + old - taken
        if is_refused:
            return
        fields = self.fields.setdefault(tap.card_id, {})
        fields |= {place: decision[source] for place, source in JOURNEY}
        if decision[i.D_T_WRITE]:
            fields |= {place: decision[source] for place, source in COUNTERS}
        if decision[i.D_T_SLOT]:
            at = i.slot_at(decision[i.D_T_SLOT] - 1)
            fields |= {at + place: decision[source] for place, source in USAGE}


def priced_again(taps: Iterable[RecordedTap], base: Rater | None, other: Rater) -> list[Priced]:
    """Return every tap with what it cost and what it would cost, to rider and payers.

    What payers owed then is asked of `base`; without it nothing is said of payers.
    Raises: ValueError naming the line of a tap that has no charge when there is no base tariff.
    """
    carried, carried_before, rows = Carried(), Carried(), []
    for tap in taps:
        before = None if base is None else base.decide(carried_before.over(tap), tap.tap)
        old, was_refused = _old(tap, before)
        if before is not None:
            carried_before.put(tap, before, old)
        owed = {} if base is None or before is None else _owed(base, before)
        decision = other.decide(carried.over(tap), tap.tap)
        is_refused = decision[i.D_KIND] == i.KIND_REFUSED
        amount = 0 if is_refused else decision[i.D_AMOUNT]
        carried.put(tap, decision, old)
        owes = {} if base is None else _owed(other, decision)
        group = other.book.group(decision[i.D_GROUP] if not is_refused else tap.card[i.C_GROUP])
        number = tap.card[i.C_PURSE_PRODUCT] if is_refused else decision[i.D_PRODUCT]
        rows.append(
            Priced(
                tap,
                old,
                amount,
                was_refused,
                is_refused,
                group.name if group else "unknown",
                _key(other, number),
                decision[i.D_DAY],
                {name: (owed.get(name, 0), owes.get(name, 0)) for name in {**owed, **owes}},
            )
        )
    return rows


def _old(tap: RecordedTap, before: list[int] | None) -> tuple[int, bool]:
    if tap.charged is not None:
        return tap.charged, False
    if before is None:
        raise ValueError(f'line {tap.line}: no "charged"; name the tariff of then with --base')
    is_refused = before[i.D_KIND] == i.KIND_REFUSED
    return (0 if is_refused else before[i.D_AMOUNT]), is_refused


def _owed(rater: Rater, decision: list[int]) -> dict[str, int]:
    """Return who owes what the rider is spared, and how much."""
    if decision[i.D_KIND] == i.KIND_REFUSED or not decision[i.D_PAYER]:
        return {}
    return {payer(rater.book, decision[i.D_PAYER]): decision[i.D_REDUCTION]}


def _key(rater: Rater, number: int) -> str:
    keys = (key for key, p in rater.words.products.items() if p.number == number)
    return next(keys, f"product {number}")


def payer_sums(rows: list[Priced]) -> list[Sum]:
    """Return what each payer owed and would owe, the largest change first."""
    found: dict[str, Sum] = {}
    for row in rows:
        for name, (old, new) in row.owed.items():
            before = found.get(name, Sum(name, 0, 0, 0))
            found[name] = Sum(name, before.taps + 1, before.old + old, before.new + new)
    return sorted(found.values(), key=lambda s: (-abs(s.new - s.old), s.name))


def sums(rows: list[Priced], of: Callable[[Priced], str]) -> list[Sum]:
    """Return the totals by one aspect of a tap, the largest change first."""
    found: dict[str, Sum] = {}
    for row in rows:
        before = found.get(of(row), Sum(of(row), 0, 0, 0))
        found[of(row)] = Sum(of(row), before.taps + 1, before.old + row.old, before.new + row.new)
    return sorted(found.values(), key=lambda s: (-abs(s.new - s.old), s.name))
