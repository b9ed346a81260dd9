"""Questions about money beside `rate`: pay per use, refunds, single tickets, settlement.

Every answer is data; tests/card_layouts and tests/backend_sync prove the unbroken ones.
"""

import itertools
import random

from card_layouts.fares import inputs as i
from card_layouts.fares import package, pay_per_use, refund, settlement, singles
from card_layouts.fares import sections as s
from tests.card_layouts.fare_world import shipped, utc
from tests.fares.around import said, with_bytes
from tests.fares.engine_side import mounted
from tests.fares.questions import Question
from tests.fares.recording import tariff_of

SKI_SHIFT = 240
RIDES, SALES = 150, 300  # drawn days of skiing, drawn tickets
SOLD_IN = ("mikkeli", "hsl", "turku", "kotka")


def questions(recorded):
    """Return every Question about them."""
    ski, towns = shipped("ski")[2], [body for body, _taps in recorded[:SALES_TOWNS]]
    found = [Question(tickets, ski, group) for group in range(ski[19])]
    price = mounted(ski)._at[s.PER_USE] + 12  # of the first group: none
    free = with_bytes(ski, price, 255, price + 1, 255, price + 2, 255, price + 3, 255)
    found += [Question(tickets, free, group) for group in range(2)]
    found += [Question(rides, ski, seed) for seed in range(RIDES)]
    found += [Question(refunds, price) for price in (0, 300, 5522)] + [Question(days_and_cents)]
    bodies = [shipped(name)[2] for name in SOLD_IN] + towns
    found += [Question(single, bodies[seed % len(bodies)], seed) for seed in range(SALES)]
    found += [Question(terms, body) for body in bodies]
    return found + [Question(terms, with_bytes(bodies[0], at + 1, 7)) for at in _rows(bodies[0])]


SALES_TOWNS = 12


# --- singles.py, settlement.py --------------------------------------------------------------------


def single(body, seed):
    """Price a paper ticket for a drawn party at a drawn place and time."""
    rng, tariff = random.Random(seed), tariff_of(body)
    card, tap, decision = i.new_card(), i.new_tap(), i.new_decision()
    tap[i.T_SECONDS] = utc("2025-02-11", f"{rng.randrange(24):02}:{rng.randrange(60):02}")
    tap[i.T_STOP] = rng.randrange(max(tariff.count(s.STOPS), 1) + 1)
    if seed % 3 == 0:
        tap[i.T_STOP], tap[i.T_PICKED] = -1, rng.choice((0x4000, 0x6000, 0x7000, 0))
    tap[i.T_BOOK] = rng.choice((0, 0, 0, 31, 32, tariff.authority))
    groups = rng.sample(range(tariff.columns), min(rng.randrange(4), tariff.columns))
    party = [(group, rng.choice((1, 2, 3, 900))) for group in groups]
    product = rng.choice((0, 0, 0, 0, 1, rng.randrange(30)))
    sold = singles.price_single(tariff, card, tap, decision, product, party)
    return vars(sold), tap, card


def terms(body):
    """Return everything a package says about money that was taken."""
    tariff = mounted(body)
    found = said(settlement.Terms, tariff)
    if isinstance(found, tuple):
        return found
    books, days = range(tariff.book_count), range(1820, 2300, 7)
    vat = [found.vat(book, code, day) for book in books for code in range(4) for day in days]
    payers = [said(found.payer, number) for number in range(12)]
    divided = [(found.revenue(book), found.shares(book), found.operators(book)) for book in books]
    return vat, payers, divided


def _rows(body):
    """Return where the directory's rows of the settlement stand in a package."""
    first = package.HEADER_BYTES
    rows = range(first, first + package.DIRECTORY_BYTES * body[7], package.DIRECTORY_BYTES)
    return [at for at in rows if body[at] >= s.SETTLEMENT]


# --- pay_per_use.py, refund.py --------------------------------------------------------------------


def tickets(body, group):
    """Return what a card type can be rated by."""
    return pay_per_use.tickets_of(mounted(body), group)


def rides(body, seed):
    """Price accesses about the edges of hours, half days, days and the service day."""
    rng = random.Random(seed)
    start = 2000 * 1440 + rng.choice((239, 240, 241, 479, 480, 600, 719, 720, 779, 780, 900))
    gaps = (0, 119, 120, 121, 240, 1199, 1200, 1440, 2879, 2880, 4319, 4320)
    accesses = [
        (start + rng.choice(gaps), rng.choice(("alpe", "brenta", "cima", "elsewhere")))
        for _ in range(rng.randint(1, 3))
    ]
    sold = _TICKETS if seed % 2 else pay_per_use.tickets_of(tariff_of(body), seed // 2 % 4)
    sold = sold or _TICKETS
    if seed % 5 == 0:
        sold = sold[1:4]  # nothing everywhere
    price = said(pay_per_use.best_price, sold, accesses, SKI_SHIFT)
    return price, said(pay_per_use.charge_of, sold, accesses[1:], accesses[0], SKI_SHIFT)


# cents, minutes, days, window from, window to, region, station
_TICKETS = [
    (3000, 120, 0, 0, 0, False, "*"),
    (2900, 121, 0, 0, 0, False, "alpe"),
    (3100, 0, 0, 480, 780, False, "*"),
    (2000, 0, 0, 780, 1440, False, "brenta"),
    (1900, 0, 0, 480, 720, False, "cima"),
    (4500, 0, 1, 0, 0, False, "alpe"),
    (11000, 0, 3, 0, 0, False, "cima"),
    (5800, 0, 1, 0, 0, True, ""),
    (8000, 0, 2, 0, 0, True, ""),
]


def refunds(price):
    """Return what a product of this price gives back, used less, all and more."""
    units = itertools.product((0, 99, 100), (True, False), (0, 1, 2, 29, 30, 31))
    return [refund.refund_cents(price, *row, total) for row in units for total in _TOTALS]


_TOTALS = (-1, 0, 1, 2, 3, 30)


def days_and_cents():
    """Return what is used of seasons about their ends, and of best prices."""
    days = [refund.days_used(start, 30, day) for start in (0, 1, 9) for day in range(45)]
    return days + [refund.best_price_refund(left, 5522) for left in (0, 1, 5522)]
