"""The insider who holds a full dump of the customer register, opened, and one of the ledger.

He has everything but the link service's keys, and guesses one card for each customer by every
statistic that both dumps have: group, municipality, months of invoiced loads, any number or date in
a document, order of rows and of numbers, handles against pseudonyms. Source: T19; trust.md 5.
"""

import json
import math
from collections import defaultdict
from random import Random
from typing import NamedTuple

from backend_sync.links.epochs import end_of, epoch_of
from backend_sync.links.purposes import DAY_SECONDS
from card_layouts.cards.card_layout import KIND_LOAD
from tests.backend_sync.joinable_town import GROUPS

SECONDS_FROM = 10_000_000  # a number above this is taken for a time, one below for a day


class Account(NamedTuple):
    """One card as the ledger's dump shows it."""

    number: int
    pseudonym: int
    group: int
    town: int
    first: int  # of everything it did, s since 2020
    minutes: frozenset[int]
    days: frozenset[int]
    months: frozenset[str]  # of its loads


class Score(NamedTuple):
    """How the best way of guessing fared."""

    way: str
    hits: int
    customers: int
    cards: int

    @property
    def upper(self):
        """Return the 95 % upper bound of the share of customers that are found (Wilson)."""
        z, n, share = 1.645, self.customers, self.hits / self.customers
        middle = share + z * z / (2 * n)
        width = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        return (middle + width) / (1 + z * z / n)

    @property
    def above_chance(self):
        return self.upper - 1 / self.cards

    def line(self, name):
        return (f"{name:<34} {self.hits:>6} of {self.customers} by {self.way:<12} upper bound above"
                f" chance {100 * self.above_chance:6.2f} %")  # fmt: skip


def documents(town):
    """Return [(number, document) ...] in the order in which the dump lists the rows."""
    customers = town.desk.customers
    rows = customers.database.rows("SELECT customer FROM customers")
    return [(number, customers.show(number).document) for (number,) in rows]


def accounts(town):
    """Return what the ledger's dump says of each card, in the order of its numbers."""
    database = town.world.ledger.database
    rides, times, loads = {}, defaultdict(list), defaultdict(list)
    for card, group, zones in database.rows(
        "SELECT e.card, r.rider, r.zones FROM rides r JOIN entries e ON e.id = r.id"
    ):
        rides[card] = group, zones.bit_length() - 1
    for card, kind, at in database.rows("SELECT card, kind, at FROM pendings"):
        times[card].append(at)
        if kind == KIND_LOAD:
            loads[card].append(at)
    return [
        Account(
            number,
            int.from_bytes(p, "big"),
            *rides[number],
            min(times[number]),
            frozenset(at // 60 for at in times[number]),
            frozenset(at // DAY_SECONDS for at in times[number]),
            frozenset(map(epoch_of, loads[number])),
        )  # fmt: skip
        for number, p in database.rows("SELECT id, pseudonym FROM cards ORDER BY id")
    ]


def attack(people, cards, truth, seed=1):
    """Return the Score of the best way of guessing."""
    random = Random(seed)
    classes = defaultdict(list)
    for card in cards:
        classes[card.group, card.town].append(card)
    ranked = _ranks(people, classes)
    hits = defaultdict(int)
    for place, (number, document) in enumerate(people):
        near = _narrowed(document, classes[_class(document)])
        by_number, size = ranked[number]
        guesses = {
            "statistics": random.choice(near).number,
            "row order": _at(classes[_class(document)], by_number, size),
            "whole order": cards[place * len(cards) // len(people)].number,
            "handles": _nearest_handle(document, near),
        }
        for way, guess in guesses.items():
            hits[way] += truth[number] == guess
    way = max(hits, key=lambda name: hits[name])
    return Score(way, hits[way], len(people), len(cards))


def _class(document):
    proof = next(iter(document["proofs"]), "")
    return GROUPS.index(proof), int(document["municipality"]["asked"])


def _narrowed(document, cards):
    """Return the cards that fit all a document says of time; all of them when none fits."""
    for month, sales in document["invoiced"].items():
        if "load" in sales:
            cards = [c for c in cards if month in c.months] or cards
    seen = document["municipality"].get("month")
    if seen:  # registered with the card in hand: nothing the card did is older
        begin = end_of(seen) - 31 * DAY_SECONDS
        cards = [c for c in cards if c.first >= begin] or cards
    for number in _numbers(document):
        if number >= SECONDS_FROM:
            cards = [c for c in cards if number // 60 in c.minutes] or cards
        else:
            cards = [c for c in cards if number in c.days] or cards
    return cards


def _numbers(found):
    """Return every number anywhere in a document: a date somebody forgot to coarsen."""
    if isinstance(found, dict):
        return [n for value in found.values() for n in _numbers(value)]
    if isinstance(found, list):
        return [n for value in found for n in _numbers(value)]
    return [found] if isinstance(found, int) and not isinstance(found, bool) else []


def _ranks(people, classes):
    """Return {customer: (rank within his class in the dump's order, size of that class)}."""
    members = defaultdict(list)
    for number, document in people:
        members[_class(document)].append(number)
    return {number: (rank, len(group)) for group in members.values()
            for rank, number in enumerate(group)}  # fmt: skip


def _at(cards, rank, size):
    return cards[rank * len(cards) // size].number


def _nearest_handle(document, cards):
    handle = int(document["handles"][0], 16)
    return min(cards, key=lambda c: abs(c.pseudonym - handle)).number


def planted(people, town, day=False):
    """Return documents that kept when somebody was at the desk: the second, or only the day."""
    visits = dict(zip(town.numbers, (p.loads[0][0] for p in town.holders), strict=True))
    copies = []
    for number, document in people:
        copy = json.loads(json.dumps(document))
        copy["seen"] = visits[number] // DAY_SECONDS if day else visits[number]
        copies.append((number, copy))
    return copies


def days_kept(people, town):
    """Return documents as trust.md section 5 first had them: every load with its day."""
    loads = dict(zip(town.numbers, (p.loads for p in town.holders), strict=True))
    return [(number, {**document, "sales": [at // DAY_SECONDS for at, _ in loads[number]]})
            for number, document in people]  # fmt: skip
