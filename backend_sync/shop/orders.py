"""Orders of the shop: unpaid -> paid -> ordered; what cannot be ordered goes back.

`shop.db` says what was asked for and what was paid, the ledger's desk what was ordered. Each step
is once by a name of its own, so that a process that dies between two of them, or is told a thing
twice, goes on where it stood (`finish`). Nothing is ordered before it is paid, and every cent that
the provider took is either an action's or stands in PAYOUT:

    paid and ordered      CASH:web -> PREPAID:<action>   the desk's, actions:<id>:paid
    paid and not ordered  CASH:web -> PAYOUT:<issuer>    WEBBACK, key shop:back:<hash of payment>
    given back            PAYOUT:<issuer> -> CASH:web    WEBGIVEN, key shop:given:<hash of payment>

Source: W-143; D9, D21.
"""

import re
from base64 import b32encode
from collections.abc import Callable
from hashlib import sha256
from threading import RLock
from typing import NamedTuple

from backend_sync.actions import desk
from backend_sync.ledger.accounts import CASH, PAYOUT
from backend_sync.ledger.ledger import Ledger
from backend_sync.ledger.place import Place
from backend_sync.ports import Clock
from backend_sync.sales.choices import WEB
from backend_sync.sales.web_orders import Wanted, order
from backend_sync.shop.goods import Good, NotSold
from backend_sync.shop.payment import CANCELLED, PAID, REFUNDED, Told
from backend_sync.shop.tables import orders, payments
from backend_sync.storage.database import Database

UNPAID, GONE, READY, ORDERED, BACK = "unpaid", "cancelled", "paid", "ordered", "back"
STATES = (UNPAID, GONE, READY, ORDERED, BACK)
OF_ORDER, TO_BACK, UNKNOWN = "order", "back", "unknown"
KEY = re.compile(r"[0-9a-f]{32}")
REF_BYTES = 15  # 120 bits: an order's address is not guessed
REF = re.compile(r"[a-z2-7]{24}")
AT_ONCE = 20
RECALLED_S = 180 * 86_400  # books are put back that are not older than this
WENT_BACK, GIVEN = "shop:back", "shop:given"
NAME_MOST = 200
OURS = "shop:"  # begins the keys of our orders at the ledger's desk
MINUTE_S = 60


class Ordered(NamedTuple):
    """A row of `orders`."""

    id: int
    ref: str
    key: str
    card: int
    area: int
    name: str
    cents: int
    vat: int
    choice: str
    days: int
    state: str
    why: str
    placed: int
    ends: int
    number: int
    paid: int
    action: int


class Orders:
    """The orders of one shop; `database` is shop.db, `minutes` how long one can be paid."""

    def __init__(
        self, database: Database, place: Place, clock: Clock, random_bytes: Callable[[int], bytes]
    ) -> None:
        self.database = database
        self.place = place
        self.clock = clock
        self.random_bytes = random_bytes
        self.turn = RLock()  # two tabs are one after another

    def find(self, ref: str, card: int | None = None) -> Ordered | None:
        """Return an order; of another card than `card` there is none."""
        if not REF.fullmatch(ref):
            return None
        found = self._where("ref = ?", ref)
        return found[0] if found and card in (None, found[0].card) else None

    def of(self, card: int) -> list[Ordered]:
        """Return a card's orders, the newest first."""
        return self._where("card = ? ORDER BY id DESC LIMIT ?", card, AT_ONCE)

    def by_action(self, card: int) -> dict[int, Ordered]:
        """Return {action: order} of what was bought here for a card."""
        return {one.action: one for one in self.of(card) if one.action}

    def owed(self, ref: str) -> int:
        """Return the cents paid for an order that it could not use, and that are not given back."""
        sql = "SELECT sum(cents) FROM payments WHERE ref = ? AND fate = ? AND given = 0"
        return int(self.database.value(sql, (ref, TO_BACK)) or 0)

    def is_over(self, order: Ordered) -> bool:
        """Say whether it was not paid in time: nothing comes of it."""
        return order.state == UNPAID and self.clock.utc_seconds() >= order.ends

    def place_order(
        self, area: int, wanted: Wanted, good: Good | None, key: str, minutes: int
    ) -> Ordered:
        """Keep an order, unpaid; the same form again is the same order. Raises: NotSold.

        One order of a card is open at a time: who has two tabs pays once.
        """
        if not KEY.fullmatch(key):
            raise NotSold("price")
        kept, now = sha256(f"{wanted.card} {key}".encode()).hexdigest(), self.clock.utc_seconds()
        with self.turn, self.database.transaction():
            before = self._where("key = ?", kept)
            if before:
                if (before[0].choice, before[0].cents) != (wanted.choice, wanted.cents):
                    raise NotSold("price")
                return before[0]
            if any(one.state == READY or (one.state == UNPAID and now < one.ends)
                   for one in self.of(wanted.card)):  # fmt: skip
                raise NotSold("open")
            ref = b32encode(self.random_bytes(REF_BYTES)).decode().lower()
            name = f"{good.choice.name} {good.choice.zones}"[:NAME_MOST] if good else ""
            vat = good.vat if good else 0
            made = Ordered(
                self.database.next_id(orders), ref, kept, wanted.card, area, name, wanted.cents,
                vat, wanted.choice, wanted.days, UNPAID, "", now, now + minutes * MINUTE_S, 0, 0, 0,
            )  # fmt: skip
            self.database.insert(orders, [made])
        return made

    def cancel(self, order: Ordered) -> None:
        """Let an unpaid order die; withdraw one that waits for its card. Raises: ActionRefused."""
        if order.state == UNPAID:
            self._move(order, GONE, (UNPAID,))
        elif order.state == ORDERED:
            with self.place.ledger(self.clock, order.area) as ledger, ledger.books() as books:
                desk.cancel(books, order.action, "withdrawn by the passenger")

    def told(self, said: Told) -> None:
        """Keep what the provider says, whoever brings it and however often. Orders nothing yet."""
        with self.turn, self.database.transaction():
            order = self.find(said.ref)
            if said.status == CANCELLED:
                if order is not None and order.state == UNPAID:
                    self._set(order, state=GONE)
                return
            known = self.database.rows("SELECT 1 FROM payments WHERE payment = ?", (said.payment,))
            if not known:
                self._paid(order, said)
            if said.status == REFUNDED:
                self.database.run(
                    "UPDATE payments SET given = ? WHERE payment = ? AND given = 0",
                    [(said.at, said.payment)],
                )

    def _paid(self, order: Ordered | None, said: Told) -> None:
        """Enter a payment that is new: it pays its order, or has to go back."""
        fits = (
            order is not None and order.state == UNPAID and said.status == PAID
            and said.cents == order.cents and said.at < order.ends + MINUTE_S
        )  # fmt: skip
        fate = UNKNOWN if order is None else OF_ORDER if fits else TO_BACK
        area = order.area if order else 0
        row = (said.payment, said.ref, area, said.cents, said.at, fate, 0, 0, 0)
        self.database.insert(payments, [row])
        if order is not None and fits:
            last = self.database.value("SELECT coalesce(max(number), 0) FROM orders")
            self._set(order, state=READY, number=int(last) + 1, paid=said.at)

    def finish(self) -> None:
        """Order what is paid, book what goes back or went: each once, however often this is asked.

        Raises what opening the ledger raises; then all of it waits for the next time.
        """
        with self.turn:
            ready = self._where("state = ? ORDER BY id", READY)
            open_payments = self.database.rows(
                "SELECT payment, area, cents, booked, given, given_booked FROM payments"
                " WHERE fate = ? AND booked = 0 OR given > 0 AND given_booked = 0 AND area > 0",
                (TO_BACK,),
            )
            areas = sorted({one.area for one in ready} | {row[1] for row in open_payments})
            for area in areas:
                with self.place.ledger(self.clock, area) as ledger:
                    for one in ready:
                        if one.area == area:
                            self._order(ledger, one)
                    self._give_back(ledger, area)

    def recall(self) -> None:
        """Find what books that were put back have forgotten: `finish` does it again, by its keys.

        For when a process begins: books are put back while nobody serves them.
        """
        since = self.clock.utc_seconds() - RECALLED_S
        with self.turn, self.place.books() as books, self.database.transaction():
            asked = self._where("state = ? AND placed > ?", ORDERED, since)
            known = books.rows_in("SELECT id FROM actions WHERE id IN {}",
                                  [one.action for one in asked])  # fmt: skip
            there = {int(row[0]) for row in known}
            for one in asked:
                if one.action not in there:
                    self._set(one, state=READY, action=0)
            for mark, kind in (("booked", WENT_BACK), ("given_booked", GIVEN)):
                self._forgotten(books, mark, kind, since)

    def unknown(self) -> int:
        """Return how many of our actions the ledger has while no order stands here at all.

        Then shop.db was lost or cut, and a new one was made in its place.
        """
        if self.database.value("SELECT count(*) FROM orders"):
            return 0
        with self.place.books() as books:
            sql = "SELECT count(*) FROM actions WHERE key LIKE ?"
            return int(books.value(sql, (f"{OURS}%",)))

    def _forgotten(self, books: Database, mark: str, kind: str, since: int) -> None:
        """Take the mark of a booking off payments whose booking is not there."""
        sql = f"SELECT payment FROM payments WHERE {mark} = 1 AND at > ?"
        keys = {_key(kind, row[0]): row[0] for row in self.database.rows(sql, (since,))}
        found = books.rows_in("SELECT key FROM bookings WHERE key IN {}", list(keys))
        there = {row[0] for row in found}
        self.database.run(f"UPDATE payments SET {mark} = 0 WHERE payment = ?",
                          [(name,) for key, name in keys.items() if key not in there])  # fmt: skip

    def _order(self, ledger: Ledger, one: Ordered) -> None:
        """Have the desk order what is paid, or say why it goes back."""
        wanted = Wanted(f"{OURS}{one.ref}", one.card, one.choice, one.cents, one.days)
        try:
            number = order(ledger, wanted)
        except desk.ActionRefused as error:
            with self.database.transaction():
                self._set(one, state=BACK, why=error.why or "other")
                self.database.run("UPDATE payments SET fate = ? WHERE ref = ? AND fate = ?",
                                  [(TO_BACK, one.ref, OF_ORDER)])  # fmt: skip
            return
        with self.database.transaction():
            self._set(one, state=ORDERED, action=number)

    def _give_back(self, ledger: Ledger, area: int) -> None:
        """Book what goes back to buyers, and what the provider says went."""
        cash, payout = f"{CASH}:{WEB}", f"{PAYOUT}:{area}"
        rows = self.database.rows(
            "SELECT payment, cents, fate, booked, given, given_booked FROM payments WHERE area = ?"
            " AND (fate = ? AND booked = 0 OR given > 0 AND given_booked = 0)",
            (area, TO_BACK),
        )
        with ledger.books() as books:
            for payment, cents, fate, booked, given, given_booked in rows:
                if fate == TO_BACK and not booked:
                    lines = [(cash, area, -cents), (payout, area, cents)]
                    books.transfer(_key(WENT_BACK, payment), "WEBBACK", lines)
                if given and not given_booked:
                    lines = [(payout, area, -cents), (cash, area, cents)]
                    books.transfer(_key(GIVEN, payment), "WEBGIVEN", lines)
        with self.database.transaction():
            for payment, _, fate, booked, given, _ in rows:
                done = (int(bool(booked) or fate == TO_BACK), int(bool(given)), payment)
                self.database.run(
                    "UPDATE payments SET booked = ?, given_booked = ? WHERE payment = ?", [done]
                )

    def _move(self, order: Ordered, state: str, allowed: tuple[str, ...]) -> None:
        with self.turn, self.database.transaction():
            now = self.find(order.ref)
            if now is not None and now.state in allowed:
                self._set(now, state=state)

    def _set(self, order: Ordered, **values: int | str) -> None:
        names = ", ".join(f"{name} = ?" for name in values)
        self.database.run(f"UPDATE orders SET {names} WHERE id = ?", [(*values.values(), order.id)])

    def _where(self, where: str, *values: int | str) -> list[Ordered]:
        names = ", ".join(f'"{name}"' for name in Ordered._fields)
        sql = f"SELECT {names} FROM orders WHERE {where}"
        return [Ordered(*row) for row in self.database.rows(sql, values)]


def _key(kind: str, payment: str) -> str:
    """Return the key of a payment's booking: of one length, whatever a provider calls it."""
    return f"{kind}:{sha256(payment.encode()).hexdigest()[:32]}"
