"""Returned, absent and lost cards: nothing is paid before it is certain what the card still owes.

    returned  the card was emptied and blocked by an ACTION refund: paid when that is evident
    absent    the card is blocked by list; its known value less suspense is paid after the longest
              lease and a margin; what devices debit later goes to LOSS
    lost      as absent, but the season goes to a new card at once, and the value to it after

The deposit is refunded from its sale, never from what the card says, and only for a card that came
back. Every step is booked once. Source: trust.md 4.5; X-7, X-10; requirements R-9 to R-12.
"""

from collections.abc import Sequence
from typing import Any

from backend_sync.actions import desk
from backend_sync.actions.desk import Order
from backend_sync.ledger.books import Books
from backend_sync.ledger.forgotten_lists import LEASE_MARGIN_S
from backend_sync.ledger.ledger import Ledger
from backend_sync.ledger.listing import LISTED, Policy, by_claim, decide
from backend_sync.ports import ApprovalRefused, Approvals
from backend_sync.sales.card_money import (
    CONTRADICTED,
    DONE,
    NOT_DONE,
    WAITING,
    CardMoney,
    card_money,
    pledge_of,
    refund_on_card,
)
from backend_sync.sales.claims import OPEN_CLAIM, REFUSED, SETTLED, WAITS, Claim, Status
from backend_sync.sales.counter import DEPOSIT as DEPOSIT_SLIP
from backend_sync.sales.counter import PAYOUT, Counter
from backend_sync.sales.dormancy import CLAIMED, revive
from backend_sync.sales.four_eyes import ONE_PERSON, agree
from backend_sync.sales.return_tables import KEY_LENGTH, claim_steps, claims, deposits
from backend_sync.sales.till_cash import Cash, Till, take_cash
from card_layouts.records.entries_service import ACT_LOAD, ACT_PRODUCT

RETURNED, ABSENT, LOST = "returned", "absent", "lost"
PAID, DEPOSIT, MOVED, SEASON, LATE, REST = "paid", "deposit", "moved", "season", "loss", "rest"
TRANSFER = "transfer"  # the channel by which value moves from card to card; its CASH ends at 0
CARRY_DAYS = 365  # how long value and season wait for the new card
DAY_S = 86_400
DEPOSIT_MAX = 2_550


class ReturnRefused(ValueError):
    """What was asked for cannot be; nothing was changed. The message says why."""


class Returns:
    """The counter's desk for cards that come back, or do not.

    `lease_s`: the longest lease that any device may have; leases that were given are known beside.
    """

    def __init__(
        self,
        ledger: Ledger,
        lease_s: int,
        policy: Policy | None = None,
        approvals: Approvals = ONE_PERSON,
    ) -> None:
        self.ledger = ledger
        self.approvals = approvals
        self.database = ledger.database
        self.lease_s = lease_s
        self.policy = policy or Policy()
        self.counter = Counter(ledger)

    def take_deposit(
        self, key: str, card: int, cents: int, channel: str, till: Till | None = None
    ) -> bool:
        """Book a deposit, CASH to PLEDGE; False when this sale was booked before.

        `till`: the clerk's who takes it, with a slip; else it is the channel's cash.
        Raises: ReturnRefused for another sum than the card was issued for, or one that is held;
        SaleRefused for a till that cannot be.
        """
        with self.ledger.books() as books:
            before = self.database.rows(
                "SELECT card, cents, channel FROM deposits WHERE key = ?", (key,)
            )
            if before:
                if tuple(before[0]) != (card, cents, channel):
                    raise ReturnRefused(f"deposit {key}: sent again with other values")
                return False
            money = self._known(card)
            said = self.database.rows("SELECT deposit_cents FROM issues WHERE card = ?", (card,))
            if type(cents) is not int or not 0 < cents <= DEPOSIT_MAX:
                raise ReturnRefused(f"deposit {cents!r} cents: wanted 1 to {DEPOSIT_MAX}")
            if said and said[0][0] and said[0][0] != cents:
                raise ReturnRefused(
                    f"card {card}: issued with a deposit of {said[0][0]} cents, not {cents}"
                )
            if money.deposit_cents:
                raise ReturnRefused(f"card {card}: {money.deposit_cents} cents are held for it")
            row = (self.database.next_id(deposits), _key(key), card, cents, channel, books.now)
            self.database.insert(deposits, [row])
            cash = Cash(f"sales:deposit:{key}", "DEPOSIT", key, DEPOSIT_SLIP, card, money.issuer,
                        cents, channel, pledge_of(money))  # fmt: skip
            take_cash(books, self.counter, cash, till)
        return True

    def returned(self, key: str, card: int, action: int, channel: str, by: str) -> bool:
        """Open the claim of a card at the counter, emptied by its station's refund `action`."""
        if not 0 < action < 1 << 30:
            raise ReturnRefused(f"action {action}: wanted the number of the card's refund")
        with self.ledger.books() as books:
            return self._open(books, key, RETURNED, card, None, action, channel, by, 0)

    def absent(self, key: str, card: int, channel: str, by: str) -> bool:
        """Block a card that is not here, and open the claim of its value. Publish the hotlist!"""
        with self.ledger.books() as books:
            return self._freeze(books, key, ABSENT, card, None, channel, by)

    def lost(
        self, key: str, card: int, new_card: int, by: str, seasons: Sequence[tuple[int, bytes]] = ()
    ) -> bool:
        """Freeze a lost card at once and give its seasons to the new one.

        Shape: seasons are (slot, P slot and J copy, 25 B), as the card's holder has them.
        """
        with self.ledger.books() as books:
            if new_card == card:
                raise ReturnRefused(f"card {card}: it is lost, the new one is another")
            if not self._known(new_card).issued:
                raise ReturnRefused(f"card {new_card}: not issued yet")
            if not self._freeze(books, key, LOST, card, new_card, TRANSFER, by):
                return False
            claim = self._find(key)
            for turn, (slot, what) in enumerate(seasons, 1):
                number = self._carry(books, claim, ACT_PRODUCT, 0, f"{turn}", slot, what)
                self._step(books, claim, SEASON, turn, 0, number)
        return True

    def settle(self, key: str, proposal: int = 0, till: Till | None = None) -> Status:
        """Do whatever is due for a claim now, each step once; return where it stands.

        What is above the limit waits until another person has agreed to it: `proposal`. What is
        paid comes out of the clerk's `till`, with a slip; else out of the channel's cash.
        Raises: ReturnRefused when there is no such claim, ApprovalRefused for a wrong proposal.
        """
        with self.ledger.books() as books:
            claim, alone = self._find(key), ""
            if revive(books, claim.card, CLAIMED):
                books.write()  # value that was dormant is its holder's: he asks for it
            try:
                if claim.kind == RETURNED:
                    self._settle_returned(books, claim, proposal, till)
                elif books.now > claim.wait_until:
                    self._settle_absent(books, claim, proposal, till)
            except ApprovalRefused as refused:
                if proposal:
                    raise
                alone = str(refused)
            books.write()
            found = self._status(claim, books.now)
            return found._replace(state=WAITS, words=alone) if alone else found

    def settle_all(self) -> dict[str, Status]:
        """Settle every claim: later debits become LOSS, later certainty is paid."""
        keys = [row[0] for row in self.database.rows("SELECT key FROM claims ORDER BY id")]
        return {key: self.settle(key) for key in keys}

    def status(self, key: str) -> Status:
        """Return where a claim stands; changes nothing."""
        return self._status(self._find(key), self.ledger.clock.utc_seconds())

    def _freeze(
        self, books: Books, key: str, kind: str, card: int, new_card: int | None, channel: str,
        by: str,
    ) -> bool:  # fmt: skip
        leased = self.database.value("SELECT coalesce(max(leased_to), 0) FROM action_carriers")
        until = max(books.now + self.lease_s, int(leased)) + LEASE_MARGIN_S
        if not self._open(books, key, kind, card, new_card, 0, channel, by, until):
            return False
        decide(books, self.policy, [by_claim(self.database, card)], LISTED, by)
        return True

    def _open(
        self, books: Books, key: str, kind: str, card: int, new_card: int | None, action: int,
        channel: str, by: str, until: int,
    ) -> bool:  # fmt: skip
        if not by or by != by.strip() or len(by) > 64 or not channel or len(channel) > 32:
            raise ReturnRefused(f"by {by!r}, channel {channel!r}: wanted a name for each")
        before = self.database.rows("SELECT * FROM claims WHERE key = ?", (key,))
        if before:
            if tuple(before[0][2:7]) != (kind, card, new_card, action, channel):
                raise ReturnRefused(f"claim {key}: made before with other values; the first stands")
            return False
        self._known(card)
        if self._is_frozen(card):
            raise ReturnRefused(f"card {card}: it is blocked, and a claim of its value stands")
        same = "SELECT key FROM claims WHERE card = ? AND action = ? AND kind = ?"
        if kind == RETURNED and (found := self.database.rows(same, (card, action, kind))):
            raise ReturnRefused(f"card {card}: refund {action} is claimed as {found[0][0]}")
        row = (self.database.next_id(claims), _key(key), kind, card, new_card, action, channel, by,
               until, books.now)  # fmt: skip
        self.database.insert(claims, [row])
        return True

    def _settle_returned(
        self, books: Books, claim: Claim, proposal: int, till: Till | None
    ) -> None:
        done, cents = refund_on_card(self.database, claim.card, claim.action)
        if done != DONE or PAID in self._steps(claim):
            return
        money = self._known(claim.card)
        area = money.issuer
        # The ledger's core has moved the value LIAB -> PAYOUT on the same evidence.
        if self._is_frozen(claim.card):
            # Its known value is that claim's by now: the refund goes back to where it came from.
            lines = [(f"PAYOUT:{area}", area, -cents), (money.name, area, cents)]
            books.transfer(f"sales:claim:{claim.id}:paid", "BACK", lines)
            self._step(books, claim, PAID, 1, 0)
            return
        self._agree(books, claim, PAID, cents + money.deposit_cents, proposal)
        self._pay(books, claim, "paid", "PAIDOUT", area, cents, f"PAYOUT:{area}", till)
        self._step(books, claim, PAID, 1, cents)
        if money.deposit_cents:
            back = money.deposit_cents
            self._pay(books, claim, "deposit", "DEPOSIT", area, back, pledge_of(money), till)
            self._step(books, claim, DEPOSIT, 1, back)

    def _settle_absent(self, books: Books, claim: Claim, proposal: int, till: Till | None) -> None:
        money, steps = self._known(claim.card), self._steps(claim)
        known = money.balance_cents - money.suspense_cents
        first = PAID if claim.kind == ABSENT else MOVED
        if money.balance_cents < 0:
            # A debit that came too late: the bearer has been paid, the area bears it.
            turn = len(steps.get(LATE, [])) + 1
            self._out(books, claim, money, LATE, turn, money.balance_cents, till)
        elif first not in steps:
            self._agree(books, claim, first, max(known, 0), proposal)
            self._out(books, claim, money, first, 1, max(known, 0), till)
        elif known > 0:
            # What was paid before counts: nobody stays below the limit by paying in parts.
            paid = sum(row[0] for step in (first, REST) for row in steps.get(step, []))
            self._agree(books, claim, REST, paid + known, proposal)
            self._out(books, claim, money, REST, len(steps.get(REST, [])) + 1, known, till)

    def _agree(self, books: Books, claim: Claim, step: str, cents: int, proposal: int) -> None:
        """Return if so much may be paid or moved in all. Raises: ApprovalRefused."""
        key = f"sales:claim:{claim.id}:{step}"
        what = (claim.key, claim.kind, claim.card, claim.new_card)
        agree(books, self.approvals, key, cents, proposal, *what)

    def _out(
        self, books: Books, claim: Claim, money: CardMoney, step: str, turn: int, cents: int,
        till: Till | None,
    ) -> None:  # fmt: skip
        """Take `cents` off the card's account: to the bearer, to his new card, or to LOSS."""
        area, action, name = money.issuer, 0, f"{step}:{turn}"
        if step == LATE:
            lines = [(money.name, area, -cents), (f"LOSS:{area}", area, cents)]
            books.transfer(f"sales:claim:{claim.id}:{name}", step.upper(), lines)
        else:
            if cents and claim.kind == LOST:
                action = self._carry(books, claim, ACT_LOAD, cents, name)
            paid_at = None if claim.kind == LOST else till  # to a new card goes no cash
            self._pay(books, claim, name, step.upper(), area, cents, money.name, paid_at)
        self._step(books, claim, step, turn, cents, action)

    def _pay(
        self, books: Books, claim: Claim, name: str, rule: str, area: int, cents: int,
        account: str, till: Till | None,
    ) -> None:  # fmt: skip
        """Pay `cents` of an account for a claim, out of the clerk's till or the channel's cash."""
        slip = f"claim-{claim.id}:{name}"
        cash = Cash(f"sales:claim:{claim.id}:{name}", rule, slip, PAYOUT, claim.card, area, -cents,
                    claim.channel, account)  # fmt: skip
        take_cash(books, self.counter, cash, till)

    def _carry(
        self, books: Books, claim: Claim, kind: int, cents: int, turn: str, slot: int = 0,
        what: bytes = b"",
    ) -> int:  # fmt: skip
        """Order the action that brings value or a season to the new card; return its number."""
        assert claim.new_card is not None
        until = books.now + CARRY_DAYS * DAY_S
        order = Order(
            *(f"claim-{claim.id}:{kind}:{turn}", claim.new_card, kind, cents, TRANSFER),
            *(books.now, until, slot, what, "lost card"),
        )
        try:
            return desk.create(books, order)[0]
        except desk.ActionRefused as error:
            raise ReturnRefused(f"claim {claim.key}: {error}") from None

    def _step(
        self, books: Books, claim: Claim, step: str, turn: int, cents: int, action: int = 0
    ) -> None:
        row = (self.database.next_id(claim_steps), claim.id, step, turn, cents, action, books.now)
        self.database.insert(claim_steps, [row])

    def _steps(self, claim: Claim) -> dict[str, list[Any]]:
        found: dict[str, list[Any]] = {}
        for step, cents, action in self.database.rows(
            "SELECT step, cents, action FROM claim_steps WHERE claim = ? ORDER BY id", (claim.id,)
        ):
            found.setdefault(step, []).append((int(cents), int(action)))
        return found

    def _status(self, claim: Claim, now: int) -> Status:
        steps, money = self._steps(claim), self._known(claim.card)
        cents = {step: sum(row[0] for row in rows) for step, rows in steps.items()}
        paid = sum(cents.get(step, 0) for step in (PAID, MOVED, REST))
        actions = [row[1] for rows in steps.values() for row in rows if row[1]]
        state, words = SETTLED, f"{paid} cents {'moved' if claim.kind == LOST else 'paid'}"
        if claim.kind == RETURNED and PAID not in steps:
            done, _ = refund_on_card(self.database, claim.card, claim.action)
            state = REFUSED if done in (NOT_DONE, CONTRADICTED) else WAITS
            words = {
                NOT_DONE: "the card was not emptied: it still has its money, nothing is paid",
                CONTRADICTED: "evidence for and against: a case for a person, nothing is paid",
                WAITING: "the refund was torn: hold the card to the station again",
                DONE: "the card was emptied: it can be paid",
            }.get(done, "no device has told of the refund yet")
        elif claim.kind != RETURNED and now <= claim.wait_until:
            hours = -(-(claim.wait_until - now) // 3600)
            state, words = WAITS, f"blocked; a device may still debit it: {hours} hours to wait"
        elif claim.kind != RETURNED and money.suspense_cents:
            words += f"; {money.suspense_cents} cents are in suspense"
            state = OPEN_CLAIM
        return Status(state, words, paid, cents.get(DEPOSIT, 0), -cents.get(LATE, 0), actions)

    def _is_frozen(self, card: int) -> bool:
        sql = "SELECT 1 FROM claims WHERE card = ? AND kind IN (?, ?)"
        return bool(self.database.rows(sql, (card, ABSENT, LOST)))

    def _find(self, key: str) -> Claim:
        rows = self.database.rows("SELECT * FROM claims WHERE key = ?", (key,))
        if not rows:
            raise ReturnRefused(f"claim {key!r}: there is none")
        return Claim(*rows[0])

    def _known(self, card: int) -> CardMoney:
        money = card_money(self.database, card)
        if money is None:
            raise ReturnRefused(f"card {card}: there is none")
        return money


def _key(key: str) -> str:
    if not 0 < len(key) <= KEY_LENGTH or any(sign.isspace() for sign in key):
        raise ReturnRefused(f"key {key!r}: wanted 1 to {KEY_LENGTH} characters without spaces")
    return key
