"""A town of card holders written into the real ledger, link service and customer register.

The worst case on purpose: cards are handed out in the order of their numbers, everybody is
registered on the day of the first load at the same desk, and the ledger still holds thirteen
weeks in full detail. `truth` is what only the town knows: which customer holds which card.
"""

from random import Random
from typing import NamedTuple

from backend_sync.links.purposes import DAY_SECONDS
from card_layouts.cards.card_layout import KIND_LOAD
from card_layouts.records import entries as types
from tests.backend_sync.builders import OPERATOR, World
from tests.backend_sync.service_desk import NOON, Desk

GROUPS = ("", "student", "senior", "school", "disabled")  # proof = rider group in the ledger
TOWNS = 10
WINDOW_DAYS = 91  # the ledger folds what is older than thirteen weeks (D24)
CENTS = (1000, 2000, 2000, 3000, 5000)
GROUP_POSTED = 5000  # slots in one posting group


class Holder(NamedTuple):
    """One person with one card."""

    group: int
    town: int
    visit: int  # s since 2020: registered, card in hand, first load
    loads: tuple[tuple[int, int], ...]  # (s, cents)
    taps: tuple[int, ...]
    is_invoiced: bool


def holder(random):
    start = NOON - WINDOW_DAYS * DAY_SECONDS
    visit = NOON - random.randrange(1, 730 * DAY_SECONDS)
    first = max(start, visit)
    loads = {first + random.randrange(60) if visit > start else _time(random, first)}
    loads |= {_time(random, first) for _ in range(random.choice((0, 0, 1, 1, 2)))}
    return Holder(
        random.choices(range(len(GROUPS)), (60, 15, 15, 7, 3))[0],
        random.choices(range(TOWNS), range(TOWNS + 2, 2, -1))[0],
        visit,
        tuple((at, random.choice(CENTS)) for at in sorted(loads)),
        tuple(sorted(_time(random, first) for _ in range(2))),
        random.random() < 0.1,
    )


def _time(random, first):
    return random.randrange(first, NOON)


class Town:
    """`size` holders in real registers; `folder` should be on a fast disk."""

    def __init__(self, folder, size, seed=1):
        random = Random(seed)
        self.world = World(folder / "ledger", cards=0)
        urls = {name: f"sqlite:///{folder / name}.db" for name in ("customers", "links")}
        self.desk = Desk(folder, urls.get, self.world.keyring, Random(seed).randbytes)
        self.holders = [holder(random) for _ in range(size)]
        self.cards = self._issue(size)
        self._ride()
        self.numbers = self._register()
        self.truth = dict(zip(self.numbers, self._accounts(), strict=True))

    def close(self):
        self.desk.close()
        self.world.close()

    def _issue(self, size):
        made = [self.world.plastic(index) for index in range(size)]
        self.world.ledger.import_issues([row for _, row in made])
        return [card for card, _ in made]

    def _ride(self):
        """Write loads and taps in the order of time, as many devices at once would send them."""
        events = []
        for person, card in zip(self.holders, self.cards, strict=True):
            events += [(at, cents, person, card) for at, cents in person.loads]
            events += [(at, 0, person, card) for at in person.taps]
        device = self.world.devices[1]
        done = device.next_seq
        for at, cents, person, card in sorted(events, key=lambda event: event[0]):
            body = {"time": at, "zones": 1 << person.town}
            if cents:
                made = device.announce(card, KIND_LOAD, cents, types.ACTION, body,
                                       action=1, operator=OPERATOR)  # fmt: skip
            else:
                made = device.intent(card, 200, body=body, group=person.group)
            card.commit(made)
            device.outcome(made)
            if device.next_seq - done >= GROUP_POSTED:
                self.world.post(device.run(done))
                done = device.next_seq
        self.world.post(device.run(done))

    def _register(self):
        """Register everybody in the order in which cards went over the desk."""
        desk, customers, numbers = self.desk, self.desk.customers, []
        names = [{"name": f"Holder {i}", **({"billing_name": "B"} if p.is_invoiced else {})}
                 for i, p in enumerate(self.holders)]  # fmt: skip
        numbers = customers.register([("natural", fields) for fields in names])
        for number, person, card in zip(numbers, self.holders, self.cards, strict=True):
            desk.clock.now = person.visit
            customers.check_municipality(number, _Says(), "", str(person.town))
            if GROUPS[person.group]:
                customers.prove(number, GROUPS[person.group], "2027-12")
            customers.link_card(number, desk.links, card.uid)
            for at, _ in person.loads if person.is_invoiced else ():
                desk.clock.now = at
                customers.invoice(number, "load")
        desk.clock.now = NOON
        return numbers

    def _accounts(self):
        database = self.world.ledger.database
        found = {bytes(p): n for n, p in database.rows("SELECT id, pseudonym FROM cards")}
        return [found[p] for p in self.world.keyring.pseudonyms([c.uid for c in self.cards])]


class _Says:
    """A register in which everybody lives where he says."""

    def check(self, _identity, _municipality):
        return "same"
