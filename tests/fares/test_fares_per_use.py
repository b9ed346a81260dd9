"""Pay-per-use: every way to cover a few accesses, tried in turn, against the project's rating."""

import datetime
import random
from pathlib import Path

import pytest

from card_layouts.fares import pay_per_use
from tests import figures
from tests.fares import oracle_per_use, oracle_tariff
from tests.fares.engine_side import EngineSide

SKI = Path(__file__).resolve().parents[2] / "backend_sync" / "tariffs" / "shipped" / "ski"
STATIONS = ("alpe", "brenta", "cima")
DAY_ZERO = datetime.datetime.fromisoformat("2020-01-01")  # wall clock, no zone


@pytest.fixture(scope="module")
def ski():
    book = oracle_tariff.read_book(str(SKI), "tariff.toml")
    return book, EngineSide(SKI).tariff


def drawn(rng):
    """Return (card type, up to five accesses): near each other, near noon, near the day's end."""
    clock = f"2026-01-10T{rng.choice(('08', '11', '12', '15'))}:{rng.randrange(60):02}"
    start = datetime.datetime.fromisoformat(clock)
    accesses = set()
    for _ in range(rng.randint(1, 5)):
        gap = rng.choice((0, 5, 119, 120, 121, 240, 1440, 2 * 1440, 3 * 1440 - 60))
        accesses.add((start + datetime.timedelta(minutes=gap), rng.choice(STATIONS)))
    return rng.choice(("child", "junior", "adult", "senior")), sorted(accesses)


def minutes(access):
    return (access[0] - DAY_ZERO) // datetime.timedelta(minutes=1), access[1]


def sets(everyday, full):
    """Brute force takes a tenth of a second a set: few of them always, many with --full."""
    return pytest.mark.parametrize("count", [everyday, pytest.param(full, marks=pytest.mark.full)])


@pytest.mark.requirement("O-3", "O-4", "O-5", "O-6", "O-7")
@sets(60, 600)
def test_fares_pay_per_use_costs_what_the_cheapest_cover_costs(ski, count):
    book, tariff = ski
    rng, shift = random.Random(3), 240
    for _ in range(count):
        card_type, accesses = drawn(rng)
        number = oracle_tariff.group_number(book, card_type)
        tickets = pay_per_use.tickets_of(tariff, number)
        ours = oracle_per_use.cheapest(book, card_type, accesses)
        theirs = pay_per_use.best_price(tickets, [minutes(a) for a in accesses], shift)
        assert ours == theirs, (card_type, accesses)
    figures.add("sets of ski accesses against brute force", count)


@pytest.mark.requirement("O-6", "O-7")
@sets(40, 300)
def test_fares_pay_per_use_is_the_same_in_any_order_of_arrival(ski, count):
    """Each access is charged what it adds to what those before it cost, whenever it arrives."""
    book, tariff = ski
    rng, shift = random.Random(4), 240
    for _ in range(count):
        card_type, accesses = drawn(rng)
        tickets = pay_per_use.tickets_of(tariff, oracle_tariff.group_number(book, card_type))
        arrived, total = [], 0
        for access in rng.sample(accesses, len(accesses)):
            more = pay_per_use.charge_of(
                tickets, list(map(minutes, arrived)), minutes(access), shift
            )
            assert more >= 0
            arrived.append(access)
            total += more
            assert total == oracle_per_use.cheapest(book, card_type, arrived)
