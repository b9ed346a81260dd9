"""Random days and random restores: no closing ever loses or invents a cent.

A seed makes a list of steps. Devices ride, sell and are docked, whole or in part; days are closed;
books are copied, put back to any earlier copy, even twice before they adopt what they lost.
"""

import random

import pytest

from backend_sync.ledger.tickets import TicketSale
from backend_sync.settlement.close import close_day, every_batch, revenue_moved
from backend_sync.settlement.holds import differences
from card_layouts.cards.card_layout import P_SLOT
from card_layouts.records.entries_tap import OUTCOME_ABORTED, OUTCOME_COMMITTED
from tests.backend_sync.adopting_worlds import BY_OWNER, Restorable
from tests.backend_sync.settled_worlds import DAY, FERRY, MORNING, SENIOR, TOWN
from tests.backend_sync.test_settlement_tourists import HEADER, UID, end, use

pytestmark = pytest.mark.requirement("I10", "D25")
DEVICES = (1, 2, 3)
SEASON, SEASON_CENTS, ZERO = 2, 4799, 10
STEPS = 40
OFTEN = {
    "ride": 10, "journey": 4, "right": 3, "paper": 3, "void": 1, "intent": 3, "later": 4,
    "doubt": 1, "sold_pass": 2, "load": 1, "tourist": 3, "dock": 8, "dock_part": 4, "counter": 2,
    "close": 4, "copy": 3, "restore": 3, "adopt": 2,
}  # fmt: skip
STILL_AWAY = "the last batch does not name it"  # of a device that is to come (again)


class History:
    """Plays steps; `loses` False: its books are never put back.

    `again`: what the books forgot comes again before anything new, in the order it came.
    """

    def __init__(self, folder, loses, again=False):
        folder.mkdir()
        self.world = Restorable(folder / "keyring", revenue="per_leg")
        self.ferry = self.world.card_of(FERRY, 10)
        self.loses, self.again = loses, again
        self.now, self.day = MORNING, DAY
        self.open, self.sales, self.tickets, self.uses = [], [], [], 1
        self.copies, self.came, self.to_come = [], [], []
        self.lost = False

    def play(self, seed):
        """Play the steps of a seed, then dock everything; return what was settled and booked."""
        rng = random.Random(seed)
        names = rng.choices(list(OFTEN), OFTEN.values(), k=STEPS)
        try:
            for name in names:
                self.now += rng.choice((60, 300, 700, 4000, 20_000))
                # Of its own: what one step draws does not depend on what another one found.
                getattr(self, name)(random.Random(rng.random()))
            self.come([self.world.devices[name].run() for name in DEVICES], self.sales,
                      self.tickets)  # fmt: skip
            self.close()
            self.close()
            assert every_batch(self.world.ledger.database)[-1].values["lines"] == 0
            assert self.world.findings() == []
            return self.world.settled(), self.world.moved()
        finally:
            self.world.close()

    # What is written on devices

    def where(self, rng, card):
        """Return keywords of a ride: how the card may be used there."""
        abroad = card is self.ferry or rng.random() < 0.25
        issuer = FERRY if card is self.ferry else TOWN
        if abroad:
            return {"area": FERRY, "operator": 20, "stop": 30, "issuer": issuer}
        return {"operator": rng.choice((10, 11)), "stop": rng.choice((0, 3, 20)), "issuer": issuer}

    def any_card(self, rng):
        return rng.choice([*self.world.cards, self.ferry])

    def ride(self, rng):
        card, group = self.any_card(rng), rng.choice((0, 0, SENIOR))
        where = self.where(rng, card)
        self.world.ride(rng.choice(DEVICES), card, self.now, group=group, **where)

    def journey(self, rng):
        card = rng.choice(self.world.cards)
        for _ in range(rng.choice((2, 3))):
            self.world.ride(rng.choice(DEVICES), card, self.now, operator=rng.choice((10, 11)),
                            stop=rng.choice((0, 3, 20)))  # fmt: skip
            self.now += 600

    def right(self, rng):
        right = rng.choice((SEASON, ZERO))
        self.world.ride(rng.choice(DEVICES), rng.choice(self.world.cards), self.now, right=right,
                        product=int(right != ZERO), operator=rng.choice((10, 11)))  # fmt: skip

    def paper(self, rng):
        device, party = rng.choice(DEVICES), [(0, rng.choice((1, 2)))]
        seq = self.world.paper(device, self.now, party, operator=rng.choice((10, 11)))
        return device, party, seq

    def void(self, rng):
        device, party, seq = self.paper(rng)
        self.world.paper(device, self.now, party, void_of=seq)

    def intent(self, rng):
        device, card = rng.choice(DEVICES), self.any_card(rng)
        where = self.where(rng, card)
        self.open.append((device, card, self.world.intent(device, card, self.now, **where)))

    def doubt(self, rng):
        """A ride whose device may say later that it was aborted: a fork."""
        device, card = rng.choice(DEVICES), self.any_card(rng)
        where = self.where(rng, card)
        self.open.append((device, card, self.world.ride(device, card, self.now, **where)))

    def later(self, rng):
        """What became of something open is known: to its card, to its device, or wrongly."""
        if not self.open:
            return
        place = rng.randrange(len(self.open))
        device, card, announced = self.open[place]
        if rng.random() < 0.8:
            del self.open[place]
        if card.newest == announced.before and rng.random() < 0.6:
            card.commit(announced)
            if rng.random() < 0.8:
                self.world.devices[device].outcome(announced)
        else:
            said = rng.choice((OUTCOME_ABORTED, OUTCOME_ABORTED, OUTCOME_COMMITTED))
            self.world.devices[device].outcome(announced, said)

    def sold_pass(self, rng):
        action = 700 + len(self.sales)
        self.sales.append((f"{action}", action, SEASON_CENTS, "counter", self.now, TOWN))
        right = P_SLOT.pack({"product": SEASON, "authority_use": TOWN})
        device = self.world.devices[rng.choice(DEVICES)]
        device.product(rng.choice(self.world.cards), action, right)

    def load(self, rng):
        action = 5000 + len(self.sales)
        if rng.random() < 0.5:
            area = rng.choice((TOWN, FERRY))
            self.sales.append((f"{action}", action, 2000, "counter", self.now, area))
        self.world.devices[rng.choice(DEVICES)].load(self.any_card(rng), 2000, action)

    def tourist(self, rng):
        """A tourist ticket is sold, or used once more; nobody may know yet whether it was."""
        if not self.tickets:
            self.tickets.append(TicketSale("t-1", UID, HEADER, "kiosk", self.now))
            return
        self.uses += 1
        device = rng.choice(DEVICES)
        seq = use(self.world, device, self.uses, rng.choice((10, 11)), at=self.now,
                  was=bytes((self.uses - 1,)), made=bytes((self.uses,)))  # fmt: skip
        if rng.random() < 0.7:
            end(self.world, device, seq)

    # What reaches the books

    def dock(self, rng):
        names = [name for name in DEVICES if rng.random() < 0.6]
        self.come([self.world.devices[name].run() for name in names], [], [])

    def dock_part(self, rng):
        device = self.world.devices[rng.choice(DEVICES)]
        if device.slots:
            last = rng.randrange(1, device.next_seq)
            first = 1 if rng.random() < 0.8 else rng.randrange(1, last + 1)
            self.come([device.run(first, last)], [], [])

    def counter(self, rng):
        sales = self.sales[: rng.randrange(len(self.sales) + 1)]
        self.come([], sales, self.tickets[: rng.randrange(len(self.tickets) + 1)])

    def come(self, runs, sales, tickets):
        self.come_again()
        self.came.append(([run for run in runs if run[4]], list(sales), list(tickets)))
        self.enter(*self.came[-1])

    def come_again(self):
        again, self.to_come = self.to_come, []
        for what in again:
            self.enter(*what)

    def enter(self, runs, sales, tickets):
        if runs:
            self.world.post(*runs)
        self.world.ledger.import_sales(sales)
        self.world.ledger.import_tickets(tickets)

    # What becomes of the books

    def close(self, rng=None):
        self.adopt()
        self.come_again()
        self.day += 1
        close_day(self.world.ledger, self.day, self.world.hashes)
        self.world.export()
        self.agree()
        database = self.world.ledger.database
        assert list(database.rows(BY_OWNER)) == []
        moved = revenue_moved(database, 1, 1 << 40)
        for place in (0, 1, 2):
            batches = every_batch(database)
            assert sum(closed.values["sums"][place] for closed in batches) == moved

    def copy(self, rng):
        if self.loses:
            self.come_again()
            self.copies.append((self.world.copy(), len(self.came)))

    def restore(self, rng):
        if self.loses and self.copies:
            copied, came = rng.choice(self.copies)
            self.world.restore(copied)
            self.lost = True
            if self.again:
                self.to_come = self.came[came:]
                if rng.random() < 0.4:  # before the lost batches are adopted, or after it
                    self.come_again()

    def adopt(self, rng=None):
        if self.lost and self.world.exported.exists():
            self.world.adopt()
            self.agree()
        self.lost = False

    def agree(self):
        assert [words for words in self.world.findings() if STILL_AWAY not in words] == []
        assert differences(self.world.ledger.database, self.world.public) == []


@pytest.mark.parametrize("seed", range(16))
def test_after_any_restores_all_batches_together_are_what_moved_in_the_books(tmp_path, seed):
    History(tmp_path / "books", loses=True).play(seed)


@pytest.mark.parametrize("seed", range(100, 108))
def test_books_that_get_all_again_settle_as_books_that_lost_nothing(tmp_path, seed):
    found = History(tmp_path / "books", loses=True, again=True).play(seed)
    assert found == History(tmp_path / "control", loses=False).play(seed)
