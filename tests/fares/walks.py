"""One card through many taps: what properties of journeys, caps and quotas are held over.

A walk starts from an `Ask` and goes on with taps drawn for the same tariff, each so many minutes
after the last; every accepted decision is written on the card.
"""

import random
from typing import NamedTuple

from card_layouts.cards.zones import zones_hull, zones_subset
from card_layouts.fares import inputs as i
from tests.card_layouts.fare_world import write
from tests.fares import asked
from tests.fares.asked import accepted, with_fields

MINUTES = (1, 7, 20, 45, 80, 95, 130, 400, 1_440)
HOURS = (300, 700, 1_440, 1_440, 2_000)


class Step(NamedTuple):
    """One tap: the card as it was, where and when, and what was decided."""

    card: list
    tap: list
    decision: list


def walks(asks, rng_seed, length, gaps, alone=False):
    """Yield (ask, list of Step) for every ask: its own tap, then taps of the same tariff."""
    rng, taps_of = random.Random(rng_seed), {}
    asks = list(asks)
    for ask in asks:
        taps_of.setdefault(ask.place, []).append(ask.tap)
    for ask in asks:
        yield ask, _walk(rng, ask, taps_of[ask.place], length, gaps, alone)


def _walk(rng, ask, taps, length, gaps, alone):
    card, second, steps = list(ask.card), ask.tap[i.T_SECONDS], []
    for number in range(length):
        tap = with_fields(ask.tap if number == 0 else rng.choice(taps), T_SECONDS=second)
        tap[i.T_CLOCK] = ask.tap[i.T_CLOCK]
        if alone:
            tap[i.T_ADULTS : i.T_CHILDREN + 1] = [0, 0, 0]
        d = asked.Ask(ask.place, card, tap, ask.terms).decided()
        steps.append(Step(list(card), tap, d))
        if accepted(d):
            write(card, tap, d)
        second += 60 * rng.choice(gaps) + rng.randrange(60)
    return steps


# --- prices, read from the book itself ------------------------------------------------------------


def price_of(table, mask, group):
    """Return the cents of the cheapest set sold that covers `mask`, None if none is sold.

    A set listed with a hole is sold as it is; any other as the run from its first to its last zone.
    """
    rows = {sold: row[group] for sold, row in table.prices.items() if group in row}
    if mask in rows and mask != zones_hull(mask):
        return rows[mask]
    covering = [cents for sold, cents in rows.items() if zones_subset(zones_hull(mask), sold)]
    return min(covering, default=None)


def dearest(book, table, mask, group):
    """Return the price of `mask` at the hour that is dearest, None if it is not sold at all."""
    plain = price_of(table, mask, group)
    changed = [
        row[group]
        for when in table.when
        for sold, row in when.prices.items()
        if group in row and zones_subset(mask, sold)
    ]
    return None if plain is None else max([plain, *changed])


def everywhere(book):
    return 0x8000 - (1 << (15 - len(book.zones)))
