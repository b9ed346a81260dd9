"""Dividing money so that nothing is lost: largest remainder, tax inside a price, legs of a journey.

Left out of the board's image. Source: SPEC_SETTLEMENT.md section 3; X-1, X-12.
"""

from __future__ import annotations

from collections.abc import Sequence

from card_layouts.fares import sections as s

Leg = tuple[int, int]  # operator, cents


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
    parts = [total * weight // whole for weight in weights]
    # Python's floor leaves a remainder with the sign of `whole`; its size decides.
    left = [abs(total * weight - part * whole) for weight, part in zip(weights, parts)]
    order = sorted(range(len(weights)), key=lambda place: (-left[place], place))
    for place in order[: total - sum(parts)]:
        parts[place] += 1
    return parts


def tax_inside(gross: int, permille: int) -> int:
    """Return the tax in a price that contains it, rounded half away from 0."""
    base = 1000 + permille
    cents = (2 * abs(gross) * permille + base) // (2 * base)
    return cents if gross >= 0 else -cents


def earned(revenue: int, legs: Sequence[Leg]) -> list[Leg]:
    """Return who earns what by the last of a journey's legs, oldest first: [(operator, cents)].

    The cents sum to those of the last leg. Each leg settles what it changes, so that a journey
    may end in a later batch than it began: what earlier legs got is corrected by the same amounts
    that later legs give. Shape: `revenue` is REVENUE_*; per km is settled per leg as long as
    nobody taps out.
    """
    operator, cents = legs[-1]
    if revenue == s.REVENUE_FIRST_BOARDING:
        return [(legs[0][0], cents)]
    before = divide(sum(leg[1] for leg in legs[:-1]), [1] * (len(legs) - 1))
    after = divide(sum(leg[1] for leg in legs), [1] * len(legs))
    return [
        (leg[0], new - old) for leg, new, old in zip(legs, after, [*before, 0]) if new != old
    ] or [(operator, 0)]
