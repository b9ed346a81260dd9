"""Products that are given back: first off the card, then the money, pro rata by the tariff's terms.

    asked for (amount fixed, two people above the limit) -> taken off the card -> paid by a slip

A product is taken off by an ACTION of kind product that writes an empty right into its slot: by the
counter's station under a number of its own, or as an action at the card's next tap anywhere. Paid
is once, and only when it is evident that this slot of this card was emptied. A refund is no sale
undone: what was used stays revenue. Source: X-8, X-14; decisions.md D9; trust.md 4.5.
"""

from typing import NamedTuple

from backend_sync.actions import desk
from backend_sync.actions.desk import FIRST_ACTION, ActionRefused, Order
from backend_sync.ledger.books import Books
from backend_sync.ledger.results import BITS, OPEN, POSTED, VOIDED, state_of
from backend_sync.ports import Approvals
from backend_sync.sales.counter import CASH, PRODUCT, REFUND, Counter, SaleRefused, check_key
from backend_sync.sales.fiscal import Slip
from backend_sync.sales.four_eyes import ONE_PERSON, agree
from backend_sync.sales.refund_tables import product_refunds
from card_layouts.cards.card_layout import P_SLOT, P_SLOT_BYTES
from card_layouts.fares.refund import refund_cents
from card_layouts.records.entries_service import ACT_PRODUCT, ACTION

WAITS, READY, PAID, REFUSED = "waits", "ready", "paid", "refused"
DAYS = 14  # an action takes a product off within so many days, or the refund is over
DAY_S = 86_400
EMPTY = bytes(P_SLOT_BYTES)  # a right of mechanism 0 is none
COPIES = 2  # of rights for the inspector; a slot's is the one of its parity


class Refund(NamedTuple):
    """One row of `product_refunds`."""

    id: int
    key: str
    slip: int
    action: int
    slot: int
    used: int
    total: int
    cents: int
    clerk: int
    received: int


class Status(NamedTuple):
    """Where a refund stands; `cents` are given back when it is paid."""

    state: str  # WAITS, READY, PAID, REFUSED
    words: str
    cents: int
    action: int


class Written(NamedTuple):
    """What an ACTION entry says it wrote into which slot of P, and whether it did."""

    entry: int
    n: int
    action: int
    slot: int
    is_empty: bool
    state: int  # of results.py


class ProductRefunds:
    """The counter's desk for products that come back."""

    def __init__(self, counter: Counter, approvals: Approvals = ONE_PERSON) -> None:
        self.counter = counter
        self.ledger = counter.ledger
        self.database = counter.database
        self.approvals = approvals

    def ask(
        self, key: str, device: int, place: int, clerk: int, used: int, total: int,
        action: int = 0, proposal: int = 0,
    ) -> Status:  # fmt: skip
        """Ask for the refund of a sold product, of which `used` of `total` units are used.

        `action`: the number under which the counter's station empties the slot; 0 orders an
        action instead, done at the card's next tap. Raises: SaleRefused, ApprovalRefused.
        """
        with self.ledger.books() as books:
            sold = self.counter.sold(device, place)
            if before := self._find(key):
                said = (before.slip, before.used, before.total, before.clerk)
                if said != (self._number(sold), used, total, clerk):
                    raise SaleRefused(f"key {key}: asked before with other values; the first"
                                      " stands, nothing was changed")  # fmt: skip
                return self._status(before)
            check_key(key)
            self.counter.refuse_ended(sold)
            cents = self._worth(sold, used, total)
            slot = self._slot_of(sold)
            if not 0 <= action < FIRST_ACTION:
                raise SaleRefused(f"action {action}: wanted a station's number, or 0 for an order")
            agree(books, self.approvals, f"sales:refund:{key}", cents, proposal, device, place)
            action = action or self._order(books, key, sold, slot)
            row = Refund(self.database.next_id(product_refunds), key, self._number(sold), action,
                         slot, used, total, cents, clerk, books.now)  # fmt: skip
            if self.database.rows(
                "SELECT 1 FROM product_refunds WHERE slip = ? OR action = ?", (row.slip, action)
            ):
                raise SaleRefused(f"slip {place}: its refund, or action {action}, is asked for")
            self.database.insert(product_refunds, [row])
            return self._status(row)

    def status(self, key: str) -> Status:
        """Return where a refund stands; changes nothing. Raises: SaleRefused."""
        return self._status(self._known(key))

    def pay(self, key: str, clerk: int, shift: int) -> tuple[Slip, bool]:
        """Give the money back once the card has lost the product; return (slip, whether new).

        Raises: SaleRefused while that is not evident.
        """
        with self.ledger.books() as books:
            refund = self._known(key)
            if paid := self.counter.find("key = ?", key):
                return paid, False
            found = self._status(refund)
            if found.state != READY:
                raise SaleRefused(f"refund {key}: {found.words}; nothing is paid")
            sold = self._sale(refund)
            self.counter.refuse_ended(sold)
            rounding = -self.counter.rounding(refund.cents) if sold.paid == CASH else 0
            back = sold._replace(place=0, key=key, kind=REFUND, of=sold.place, cents=-refund.cents,
                                 rounding=rounding, clerk=clerk, shift=shift)  # fmt: skip
            return self.counter.enter(books, back), True

    def every(self) -> dict[str, Status]:
        """Return where every refund stands, by key, in the order they were asked for."""
        rows = self.database.rows("SELECT * FROM product_refunds ORDER BY id")
        return {row[1]: self._status(Refund(*row)) for row in rows}

    def _worth(self, sold: Slip, used: int, total: int) -> int:
        if sold.kind != PRODUCT:
            raise SaleRefused(f"slip {sold.place}: a {sold.kind} is refunded from the card")
        terms = self.counter.terms(sold)
        cents = refund_cents(sold.cents, terms.fee_cents, False, used, total)
        if not terms.refundable or not 0 <= used <= total or not cents:
            raise SaleRefused(f"slip {sold.place}: nothing is given back of {used} of {total} used")
        return cents

    def _slot_of(self, sold: Slip) -> int:
        """Return the slot of P that holds what was sold. Raises: SaleRefused."""
        written = self._written(sold)
        own = [row for row in written if row.action == sold.action and row.state == POSTED]
        if not own:
            raise SaleRefused(
                f"slip {sold.place}: no device has told that it is on the card; it is voided, or"
                " given back when its station's journal has come"
            )
        put = own[-1]
        later = [row for row in written if row.n > put.n and row.slot == put.slot]
        if any(row.state != VOIDED for row in later):
            raise SaleRefused(f"slip {sold.place}: its slot of the card was written again since")
        return put.slot

    def _order(self, books: Books, key: str, sold: Slip, slot: int) -> int:
        assert sold.card is not None
        nothing = EMPTY + bytes([slot % COPIES])
        order = Order(f"{key}:off", sold.card, ACT_PRODUCT, 0, sold.channel, books.now,
                      books.now + DAYS * DAY_S, slot, nothing, "product given back")  # fmt: skip
        try:
            return desk.create(books, order)[0]
        except ActionRefused as error:
            raise SaleRefused(f"slip {sold.place}: {error}") from None

    def _status(self, refund: Refund) -> Status:
        if self.counter.find("key = ?", refund.key):
            return Status(PAID, "paid", refund.cents, refund.action)
        state, words = self._evident(refund)
        return Status(state, words, refund.cents, refund.action)

    def _evident(self, refund: Refund) -> tuple[str, str]:
        sold = self._sale(refund)
        rows = [row for row in self._written(sold) if row.action == refund.action]
        done = [row for row in rows if row.state == POSTED]
        if done and all(row.is_empty and row.slot == refund.slot for row in done):
            return READY, f"the card has lost it: {refund.cents} cents are given back"
        if done:
            return REFUSED, f"action {refund.action} did something else than empty the slot"
        if any(row.state == OPEN for row in rows):
            return WAITS, "taking it off was torn: hold the card to a station or validator again"
        state = self.database.rows(
            "SELECT state FROM action_states WHERE action = ?", (refund.action,)
        )
        if rows and not state:
            return REFUSED, "the station could not take it off: the card still has it"
        if state and state[0][0] in ("EXPIRED", "SUPERSEDED"):
            return REFUSED, "it was not taken off in time: the card still has it"
        return WAITS, "no device has told that it is off the card"

    def _written(self, sold: Slip) -> list[Written]:
        """Return what stations and validators wrote into slots of the card, by its counter."""
        rows = self.database.rows(
            "SELECT e.id, e.device, e.epoch, e.seq, e.slot, p.n FROM action_entries a"
            " JOIN held_entries e ON e.id = a.id JOIN pendings p ON p.id = a.id"
            " WHERE a.card = ? AND a.kind = ? ORDER BY p.n, e.id",
            (sold.card, ACT_PRODUCT),
        )
        bits = dict.fromkeys((row[0] for row in rows), 0)
        for pending, rule in self.database.rows_in(
            "SELECT pending, rule FROM evidence WHERE pending IN {}", sorted(bits)
        ):
            bits[pending] |= BITS[rule]
        opened = self.ledger.keyring.unseal(
            [(row[1], row[2], row[3], bytes(32), [bytes(row[4])]) for row in rows]
        )
        found = []
        for row, slot in zip(rows, opened, strict=True):
            said = ACTION.unpack(slot.payload)
            nothing = P_SLOT.get(said["slot_bytes"], "mechanism") == 0
            found.append(Written(row[0], row[5], said["action"], said["slot"], nothing,
                                 state_of(bits[row[0]])))  # fmt: skip
        return found

    def _sale(self, refund: Refund) -> Slip:
        found = self.counter.find("id = ?", refund.slip)
        assert found is not None
        return found

    def _number(self, sold: Slip) -> int:
        return int(self.database.value("SELECT id FROM slips WHERE key = ?", (sold.key,)))

    def _known(self, key: str) -> Refund:
        found = self._find(key)
        if found is None:
            raise SaleRefused(f"refund {key!r}: there is none")
        return found

    def _find(self, key: str) -> Refund | None:
        rows = self.database.rows("SELECT * FROM product_refunds WHERE key = ?", (key,))
        return Refund(*rows[0]) if rows else None
