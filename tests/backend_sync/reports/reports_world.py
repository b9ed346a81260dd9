"""A ledger with two service days, one of them closed, whose reports must be its trial balance."""

from backend_sync.ledger.tickets import TicketSale
from backend_sync.registers.rights import Scope
from backend_sync.reports import definition
from backend_sync.reports.catalogue import find
from backend_sync.sales.counter import Counter, Sale
from card_layouts.cards.ulc_layout import ULC_HEADER
from tests.backend_sync.settled_worlds import DAY, FERRY, MORNING, SENIOR, TOWN, Settled

TOURIST, DEVICE, CLERK = 8, 31, 5
NOON = MORNING + 86_400 + 6 * 3600  # of the day after
WHOLE = {"from": "2026-06-01", "to": "2026-06-30"}
ADULT = ((0, 1),)
ALL_OF_TOWN = Scope(TOWN)


class Reported(Settled):
    """`table(name, **filters)` is a report of the town's, or of `scope`."""

    def live(self):
        """Close a day of rides, sales and a load; leave a day open, with what came late."""
        first, second, third, fourth = self.cards
        self.clock.now = MORNING + 600
        self.ride(1, first, MORNING)
        self.ride(2, first, MORNING + 900, operator=11)
        self.ride(1, second, MORNING + 60, group=SENIOR)
        self.ride(3, third, MORNING + 100, area=FERRY, operator=20, stop=30)
        self.paper(2, MORNING + 300, ADULT, operator=11)
        waiting = self.intent(3, fourth, MORNING + 200)
        self.post()
        self.slip(1)
        self.ticket("t-1", MORNING)
        self.settle()
        self.clock.now = NOON
        fourth.commit(waiting)
        self.devices[3].outcome(waiting)
        self.ride(1, second, NOON - 600, group=SENIOR)
        self.ride(2, first, NOON - 500, operator=11)
        self.paper(2, NOON - 400, ADULT, operator=11)
        self.intent(1, third, NOON - 7200)
        self.post()
        self.slip(2)
        self.ticket("t-2", NOON)

    def ticket(self, name, at):
        header = ULC_HEADER.pack({"layout": 1, "authority": TOWN, "product": TOURIST,
                                  "price": 1140})  # fmt: skip
        sale = TicketSale(name, bytes(range(7)), bytes(header), "kiosk", at)
        self.ledger.import_tickets([sale])

    def slip(self, number, **changes):
        card = self.ledger.database.value(
            "SELECT min(card) FROM issues WHERE authority = ?", (TOWN,)
        )
        sale = Sale(f"s{number}", DEVICE, "load", card, number, 0, 2000, "cash", "counter", CLERK,
                    1)  # fmt: skip
        Counter(self.ledger).sell(sale._replace(**changes))

    def table(self, name, scope=ALL_OF_TOWN, period=True, **filters):
        report = find(name)
        texts = {**(WHOLE if period and report.most_days else {}), **filters}
        return definition.run(report, self.ledger.database, self.tariffs, scope,
                              self.clock.now, texts)  # fmt: skip

    def balance(self, kind, authority=TOWN):
        """Return {name: cents} of an authority's accounts, from all postings."""
        rows = self.ledger.database.rows(
            "SELECT name, cents FROM balances WHERE kind = ? AND authority = ?", (kind, authority)
        )
        return {name: int(cents) for name, cents in rows}


def column(table, name, where=None):
    """Return the cells of a column, of the rows in which `where` (name, cell) holds."""
    place = table.place(name)
    rows = (
        table.rows
        if where is None
        else [r for r in table.rows if r[table.place(where[0])] == where[1]]
    )
    return [row[place] for row in rows]


def by(table, key, value):
    """Return {key: sum of value}."""
    found = {}
    for name, cents in zip(column(table, key), column(table, value), strict=True):
        found[name] = found.get(name, 0) + (cents or 0)
    return found


__all__ = ["DAY", "FERRY", "TOWN"]
