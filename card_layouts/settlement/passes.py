"""Dividing what was paid for passes and packs: by the taps they made, or by the tariff's shares.

What came in for a product in a calendar month of service days is one pool. Each close divides every
pool it touches again, over all that is known by then; what an earlier close gave is the same sum
without what is new, so only the difference moves, and a late tap corrects an old month. The rule is
the tariff's: `settlement.passes`. Left out of the board's image.
Source: SPEC_SETTLEMENT.md section 3 "Passes"; X-1, X-12.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import NamedTuple, Protocol

from card_layouts.fares import sections as s
from card_layouts.settlement.shares import divide

FIRST_DAY = date(2020, 1, 1)
SCHEME = 0  # operator of what nobody has carried yet
Pool = tuple[int, int, int]  # authority that sold, product in its numbers, month as 202606


class Money(NamedTuple):
    """What was paid for a product in a month, under one tariff and one rate of tax."""

    authority: int
    product: int
    month: int
    tariff: int
    code: str
    permille: int


class Use(NamedTuple):
    """Who carried its holders, where, and the tax of that area's own price there."""

    authority: int
    product: int
    month: int
    area: int
    operator: int
    code: str
    permille: int


class Part(NamedTuple):
    """Who gets of a pool's money; `authority` is the one that sold."""

    authority: int
    area: int
    operator: int
    code: str
    permille: int


class Terms(Protocol):
    """What the tariffs say of passes (`pricing.py`)."""

    def passes(self, authority: int, version: int) -> tuple[int, list[tuple[int, int]]]: ...


Paid = Mapping[Money, int]  # cents
Taps = Mapping[Use, int]


class Pools:
    """What came in for passes and who carried them, over all batches so far."""

    def __init__(self) -> None:
        self._paid: dict[Pool, dict[Money, int]] = {}
        self._taps: dict[Pool, dict[Use, int]] = {}

    def add(self, paid: Iterable[tuple[Money, int]], taps: Iterable[tuple[Use, int]]) -> None:
        """Take what one batch brought."""
        for money, cents in paid:
            of_pool = self._paid.setdefault(money[:3], {})
            of_pool[money] = of_pool.get(money, 0) + cents
        for use, count in taps:
            used = self._taps.setdefault(use[:3], {})
            used[use] = used.get(use, 0) + count

    def so_far(self, pools: Iterable[Pool]) -> tuple[dict[Money, int], dict[Use, int]]:
        """Return what is known of these pools."""
        paid: dict[Money, int] = {}
        taps: dict[Use, int] = {}
        for pool in pools:
            paid |= self._paid.get(pool, {})
            taps |= self._taps.get(pool, {})
        return paid, taps


def month_of(day: int) -> int:
    """Return the calendar month of a service day: 202606."""
    found = FIRST_DAY + timedelta(days=day)
    return found.year * 100 + found.month


def moves(terms: Terms, before: tuple[Paid, Taps], new: tuple[Paid, Taps]) -> dict[Part, int]:
    """Return what moves because of what is new, cents by who gets it; they sum to 0."""
    found = given(terms, _sum(before[0], new[0]), _sum(before[1], new[1]))
    for part, cents in given(terms, *before).items():
        found[part] = found.get(part, 0) - cents
    return {part: cents for part, cents in sorted(found.items()) if cents}


def _sum(old, fresh):
    return {name: old.get(name, 0) + fresh.get(name, 0) for name in {**old, **fresh}}


def given(terms: Terms, paid: Paid, taps: Taps) -> dict[Part, int]:
    """Return who has what of this money in all, and what the scheme gave for it (below 0)."""
    used: dict[Pool, list[tuple[Use, int]]] = defaultdict(list)
    for use, count in sorted(taps.items()):
        used[use[:3]].append((use, count))
    found: dict[Part, int] = defaultdict(int)
    for money, cents in sorted(paid.items()):
        weights = _weights(terms, money, used[money[:3]])
        if not weights:
            continue  # nobody has carried yet: it stays where it is
        for to, part in zip(weights, divide(cents, list(weights.values()))):
            found[Part(money.authority, *to)] += part
        found[Part(money.authority, money.authority, SCHEME, money.code, money.permille)] -= cents
    return found


def _weights(
    terms: Terms, money: Money, used: list[tuple[Use, int]]
) -> dict[tuple[int, int, str, int], int]:
    """Return {(area, operator, tax code, permille): weight}; empty where there is none above 0."""
    rule, shares = terms.passes(money.authority, money.tariff)
    weights: dict[tuple[int, int, str, int], int] = defaultdict(int)
    if rule == s.PASSES_BY_SHARES:
        for operator, parts in shares:
            weights[money.authority, operator, money.code, money.permille] += parts
    else:
        for use, count in used:
            # At home the tax is that of the day it was sold; abroad it is that of the ride.
            at_home = use.area == money.authority
            tax = (money.code, money.permille) if at_home else (use.code, use.permille)
            weights[(use.area, use.operator, *tax)] += count
    return dict(sorted(weights.items())) if sum(weights.values()) > 0 else {}
