"""Dividing money so that nothing is lost: largest remainder, tax inside a price, legs of a journey.

Left out of the board's image. Source: SPEC_SETTLEMENT.md section 3; X-1, X-12.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from card_layouts.fares import sections as s


class Leg(NamedTuple):
    """One leg of a journey: who carried, what it earned, what its INTENT says (blanked)."""

    operator: int
    cents: int
    facts: bytes


# Metres of each leg by their facts, None where one cannot be told.
Lengths = Callable[[Sequence[bytes]], "list[int] | None"]


def divide(total: int, weights: Sequence[int]) -> list[int]:
    """Return `total` cents in parts like `weights`; the parts sum to it exactly.

    By largest remainder, of equal ones the first. Weights may be below 0 (corrections); when they
    sum to 0 the first takes all.
    """
    if not weights:
        assert not total, total
        return []
    whole = sum(weights)
    if not whole:
        return [total] + [0] * (len(weights) - 1)
    return _rounded(total, [total * weight for weight in weights], whole)


def _rounded(total: int, wanted: Sequence[int], base: int) -> list[int]:
    """Return `wanted` / `base` in whole cents that sum to `total`, by largest remainder."""
    parts = [part // base for part in wanted]
    # Python's floor leaves a remainder with the sign of `base`; its size decides.
    left = [abs(exact - part * base) for exact, part in zip(wanted, parts)]
    order = sorted(range(len(parts)), key=lambda place: (-left[place], place))
    for place in order[: total - sum(parts)]:
        parts[place] += 1
    return parts


def tax_inside(gross: int, permille: int) -> int:
    """Return the tax in a price that contains it, rounded half away from 0."""
    base = 1000 + permille
    cents = (2 * abs(gross) * permille + base) // (2 * base)
    return cents if gross >= 0 else -cents


def taxes_inside(gross: Sequence[int], permille: int) -> list[int]:
    """Return the tax in each of these prices; together they are the tax in their sum.

    So money that only changed hands takes its tax along, though the sum is 0.
    """
    total = tax_inside(sum(gross), permille)
    return _rounded(total, [cents * permille for cents in gross], 1000 + permille)


def earned(
    revenue: int, legs: Sequence[Leg], lengths: Lengths | None = None
) -> list[tuple[int, int]]:
    """Return who earns what by the last of a journey's legs, oldest first: [(operator, cents)].

    The cents sum to those of the last leg. Each leg settles what it changes, so that a journey
    may end in a later batch than it began: what earlier legs got is corrected by the same amounts
    that later legs give. Shape: `revenue` is REVENUE_*; `lengths` is asked per km.
    """
    last = legs[-1]
    if revenue == s.REVENUE_FIRST_BOARDING:
        return [(legs[0].operator, last.cents)]
    measure = lengths if revenue == s.REVENUE_PER_KM else None
    before, after = _parts(legs[:-1], measure), _parts(legs, measure)
    return [
        (leg.operator, new - old) for leg, new, old in zip(legs, after, [*before, 0]) if new != old
    ] or [(last.operator, 0)]


def _parts(legs: Sequence[Leg], measure: Lengths | None) -> list[int]:
    """Return what each leg gets: by its metres, equally where they cannot be told."""
    weights = measure([leg.facts for leg in legs]) if measure and legs else None
    if not weights or not any(weights):
        weights = [1] * len(legs)
    return divide(sum(leg.cents for leg in legs), weights)
