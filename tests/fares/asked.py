"""Cards and taps to hold properties over: cases of drawn towns, and questions to shipped tariffs.

An `Ask` is what `rate` is given, in numbers, so that one card can be bent in many ways quickly.
Everything comes from one seed. A test counts the cases in which its property said something:
`with exercised("...") as count`, and fails if these are too few.
"""

import contextlib
import random
from pathlib import Path

from backend_sync.tariffs.model import KIND_PURSE
from backend_sync.tariffs.network import derive
from backend_sync.tariffs.package_writer import write_package
from card_layouts.fares import engine
from card_layouts.fares import inputs as i
from simulator.bench.fare_questions import questions
from tests import figures
from tests.card_layouts.fare_world import write
from tests.fares import compare
from tests.fares.engine_side import EngineSide, mounted

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "backend_sync" / "tariffs" / "shipped"
FEEDS = {"koivula": ROOT / "simulator" / "example_town" / "gtfs"}
NAMES = ("mikkeli", "hsl", "turku", "kotka", "koivula")  # those whose taps are priced at once
SEED = 4_2025
TOWNS, CASES_A_TOWN, ASKS_A_TARIFF = 12, 125, 400
LEAST = 200  # cases in which a property must have said something
TERMS = (30, 20, 5522)  # what P says of a right of a question: days, travel days or rides, cents
NEVER = 1 << 30  # what a refused tap costs


class Place:
    """One tariff over its feed, mounted, and the variants of it that properties compare with."""

    def __init__(self, name, side):
        self.name, self.side, self.book, self.tariff = name, side, side.book, side.tariff
        self.network = derive(side.feed)
        self._changed = {}

    def changed(self, key, change):
        """Return the tariff with its book replaced by `change(book)`; made once for each `key`."""
        if key not in self._changed:
            self._changed[key] = mounted(write_package(change(self.book), self.side.feed))
        return self._changed[key]


class Ask:
    """One card before one reader; `terms`: what P says, {slot: (days, left, cents)}."""

    def __init__(self, place, card, tap, terms):
        self.place, self.card, self.tap, self.terms = place, card, tap, terms

    def decided(self, card=None, tap=None, tariff=None):
        """Return a fresh decision, completed by what P says where it asks for P."""
        d = i.new_decision()
        engine.rate(tariff or self.place.tariff, card or self.card, tap or self.tap, d)
        if d[i.D_ACTIVATES]:
            engine.activate(d, *self.terms.get(d[i.D_ACTIVATES], TERMS))
        return d

    def cents(self, **changed):
        """Return what the tap takes from the purse, NEVER if it is refused."""
        d = self.decided(**changed)
        return d[i.D_AMOUNT] if accepted(d) else NEVER

    def owed(self, **changed):
        """Return what the tap takes from the purse or puts on a bill, NEVER if it is refused."""
        d = self.decided(**changed)
        if not accepted(d):
            return NEVER
        return d[i.D_FULL] if is_billed(self, d) else d[i.D_AMOUNT]

    def after(self, d):
        """Return the card as the decision leaves it."""
        card = list(self.card)
        if accepted(d):
            write(card, self.tap, d)
        return card

    def __str__(self):
        return f"{self.place.name}: card {self.card} tap {self.tap} terms {self.terms}"


def accepted(d):
    return d[i.D_KIND] != i.KIND_REFUSED


def with_fields(row, **changed):
    """Return a copy of a card or tap with fields named as in inputs.py changed."""
    row = list(row)
    for name, value in changed.items():
        row[getattr(i, name)] = value
    return row


def product_of(ask, number):
    """Return the product of the first book with this number, None if there is none."""
    return ask.place.book.product(number)


def is_billed(ask, d):
    """Return whether the purse that pays takes nothing now: its holder gets a bill."""
    number = d[i.D_PAID_BY]
    if number == i.PAID_BILLED:
        return True
    held = ask.card[i.slot_at(number - 1) + i.S_PRODUCT] if number else 0
    product = ask.place.book.product(held) if number else None
    return product is not None and product.kind == KIND_PURSE and product.billed


def slots(card):
    """Yield (slot number, where its fields begin) of every slot that holds something."""
    for number in range(1, i.SLOTS + 1):
        if card[i.slot_at(number - 1)]:
            yield number, i.slot_at(number - 1)


def paying(ask, d):
    """Return the product of this authority that the journey of `d` was paid by, None elsewhere."""
    if d[i.D_BOOK_AUTHORITY] != ask.place.book.authority != 0:
        return None
    if ask.card[i.C_ISSUER] != ask.place.book.authority:
        return None
    slot = d[i.D_PAID_BY]
    if slot in (0, i.PAID_BILLED):
        return product_of(ask, ask.card[i.C_PURSE_PRODUCT])
    return product_of(ask, ask.card[i.slot_at(slot - 1) + i.S_PRODUCT])


# --- where they come from -------------------------------------------------------------------------


def drawn(folder, seed=SEED, towns=TOWNS, cases=CASES_A_TOWN):
    """Return the taps of so many cases of drawn towns, each with the card as it then is."""
    rng, found = random.Random(seed), []
    for number in range(towns):
        town = compare.Town(rng, Path(folder) / str(number))
        place = Place(f"town {number} ({town.town['family']})", town.engine)
        for _ in range(cases):
            case = town.drawer.draw()
            town.engine.fill(case.card, case.taps[0])
            card = list(town.engine.card)
            for words in case.taps:
                ask = Ask(place, card, town.engine.tap_numbers(words), case.rights)
                found.append(ask)
                card = ask.after(ask.decided())
    return found


def shipped_place(name):
    return Place(name, EngineSide(SHIPPED / name, FEEDS.get(name)))


def shipped(seed=SEED, count=ASKS_A_TARIFF):
    """Return questions to every shipped tariff whose taps are priced at once."""
    rng, found = random.Random(seed), []
    for name in NAMES:
        place = shipped_place(name)
        for card, tap in questions(place.book, place.network, count, seed):
            _bend(rng, place, card, tap)
            found.append(Ask(place, card, tap, {}))
    return found


def _bend(rng, place, card, tap):
    """Add what the questions leave out: edges of the day, groups that end, empty purses, stops."""
    day = tap[i.T_SECONDS] // 86_400
    if rng.random() < 0.5:  # within minutes of an hour at which windows and service days change
        hour = rng.choice((0, 1, 2, 7, 11, 20, 21, 21, 22, 22, 23, 23))
        tap[i.T_SECONDS] = day * 86_400 + (hour * 60 + rng.randint(-7, 7)) * 60 + rng.randrange(60)
        if card[i.C_J_AUTHORITY]:
            card[i.C_J_START_MINUTE] = tap[i.T_SECONDS] // 60 - rng.randrange(130)
            card[i.C_J_TIME] = 60 * card[i.C_J_START_MINUTE]
    if rng.random() < 0.3:
        card[i.C_GROUP_UNTIL] = day + rng.randint(-1, 1)
    if rng.random() < 0.2:
        card[i.C_BALANCE] = rng.randrange(1200)
    if rng.random() < 0.3:
        tap[i.T_STOP], tap[i.T_TRIP], tap[i.T_CALL] = rng.randrange(len(place.side.stops)), -1, -1
    for number in range(i.SLOTS):  # most cards hold one or two things
        if rng.random() < 0.55:
            at = i.slot_at(number)
            card[at : at + i.C_SLOT_SIZE] = [0] * i.C_SLOT_SIZE
    if card[i.C_J_PAID_BY] and not card[i.slot_at(card[i.C_J_PAID_BY] - 1)]:
        card[i.C_J_PAID_BY] = 0


# --- counting -------------------------------------------------------------------------------------


@contextlib.contextmanager
def exercised(name, least=LEAST):
    """Give a function to call once for each case that the property really looked at."""
    seen = [0]

    def count(cases=1):
        seen[0] += cases

    yield count
    figures.add(f"cases in which {name}", seen[0])
    assert seen[0] >= least, f"{name}: only {seen[0]} cases, wanted {least}"
