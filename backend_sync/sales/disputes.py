"""Disputes: a passenger says a ride, charge or load is wrong; people answer, accept or refuse.

    open -> answered -> accepted -> paid      goodwill as an action at the card's next tap
                     -> refused

Nothing of the disputed entry is changed: what was charged stays revenue, and what is given is given
by GOODWILL:<issuer>, exactly once, because the action is carried out at most once. Above the limit
another person has agreed. Source: X-9, X-14; trust.md 4.5; requirements W-26, W-106.
"""

from typing import Any, NamedTuple

from backend_sync.actions import desk
from backend_sync.actions.checks import check
from backend_sync.actions.desk import ActionRefused, Order
from backend_sync.actions.states import ENDED, EXECUTED
from backend_sync.ledger.books import Books
from backend_sync.ledger.ledger import Ledger
from backend_sync.ports import Approvals
from backend_sync.sales.dispute_evidence import digest, evidence_of
from backend_sync.sales.dispute_tables import (
    KEY_LENGTH,
    NAME_LENGTH,
    WORDS_LENGTH,
    dispute_steps,
    disputes,
)
from backend_sync.sales.four_eyes import ONE_PERSON, agree
from card_layouts.records.entries_service import ACT_ADJUST

OPEN, ANSWERED, ACCEPTED, REFUSED, PAID = "open", "answered", "accepted", "refused", "paid"
STATES = (OPEN, ANSWERED, ACCEPTED, REFUSED, PAID)
RIDE, CHARGE, LOAD, OTHER = "ride", "charge", "load", "other"
ABOUT = (RIDE, CHARGE, LOAD, OTHER)
DAYS = 365  # a goodwill waits so long for its card
DAY_S = 86_400
CHANNEL = "counter"  # of the action's line


class DisputeRefused(ValueError):
    """What was asked for cannot be; nothing was changed. The message says why."""


class Dispute(NamedTuple):
    """One row of `disputes`."""

    id: int
    key: str
    about: str
    card: int
    entry: int | None
    words: str
    by: str
    received: int


class Step(NamedTuple):
    """One row of `dispute_steps` without its id and dispute."""

    turn: int
    step: str
    words: str
    cents: int
    action: int
    by: str
    evidence: bytes
    received: int


class Status(NamedTuple):
    """Where a dispute stands; cents that are on their way to the card, and that it has."""

    state: str  # of STATES
    words: str
    waiting_cents: int
    given_cents: int


class Disputes:
    """The desk of disputes; every word of people is a row of a book."""

    def __init__(self, ledger: Ledger, approvals: Approvals = ONE_PERSON) -> None:
        self.ledger = ledger
        self.database = ledger.database
        self.approvals = approvals

    def open(
        self, key: str, about: str, card: int, entry: tuple[int, int, int] | None, words: str,
        by: str,
    ) -> bool:  # fmt: skip
        """Open a case about `entry` (device, epoch, seq) of a card; False: it was open before.

        Raises: DisputeRefused, also for an entry that is not this card's.
        """
        _check_words(by, words)
        if not 0 < len(key) <= KEY_LENGTH or " " in key or about not in ABOUT:
            raise DisputeRefused(
                f"key {key!r} about {about!r}: wanted 1 to {KEY_LENGTH} signs without spaces, and"
                f" one of {', '.join(ABOUT)}"
            )
        with self.ledger.books() as books:
            number = self._entry(card, entry) if entry else None
            if number is None and about != OTHER:
                raise DisputeRefused(f"a {about}: wanted the entry that is disputed")
            if before := self._find(key):
                if before[2:5] != (about, card, number):
                    raise DisputeRefused(f"dispute {key}: opened before with other values")
                return False
            self._refuse_second(number)
            row = Dispute(self.database.next_id(disputes), key, about, card, number, words, by,
                          books.now)  # fmt: skip
            self.database.insert(disputes, [row])
        return True

    def answer(self, key: str, words: str, by: str) -> Status:
        """Tell the passenger something; the case stays open. Raises: DisputeRefused."""
        return self._say(key, ANSWERED, words, by)

    def refuse(self, key: str, words: str, by: str) -> Status:
        """End a case without goodwill; `words` say why. Raises: DisputeRefused."""
        return self._say(key, REFUSED, words, by)

    def accept(self, key: str, cents: int, words: str, by: str, proposal: int = 0) -> Status:
        """Give `cents` of goodwill at the card's next tap. Raises: DisputeRefused, ApprovalRefused.

        Accepted again with the same cents while they wait or are given, nothing more is given.
        """
        _check_words(by, words)
        with self.ledger.books() as books:
            dispute = self._known(key)
            state = self._status(dispute).state
            last = self._steps(dispute)[-1:]
            if state in (ACCEPTED, PAID) and last[0].cents == cents and self._stands(last[0]):
                return self._status(dispute)
            if state in (REFUSED, PAID) or (state == ACCEPTED and self._stands(last[0])):
                raise DisputeRefused(f"dispute {key} is {state}: it stands")
            agree(books, self.approvals, f"sales:goodwill:{dispute.id}", cents, proposal, key,
                  dispute.card)  # fmt: skip
            action = self._give(books, dispute, cents)
            self._step(books, dispute, ACCEPTED, words, by, cents, action)
            books.write()
            return self._status(dispute)

    def status(self, key: str) -> Status:
        """Return where a case stands; changes nothing. Raises: DisputeRefused."""
        return self._status(self._known(key))

    def every(self) -> dict[str, Status]:
        """Return where every case stands, by key, in the order they were opened."""
        rows = self.database.rows("SELECT * FROM disputes ORDER BY id")
        return {row[1]: self._status(Dispute(*row)) for row in rows}

    def evidence(self, key: str) -> dict[str, Any]:
        """Return all signed and sealed evidence about a case, without card numbers."""
        dispute = self._known(key)
        return self._evidence(dispute)

    def _say(self, key: str, step: str, words: str, by: str) -> Status:
        _check_words(by, words)
        with self.ledger.books() as books:
            dispute = self._known(key)
            state = self._status(dispute).state
            if state not in (OPEN, ANSWERED):
                raise DisputeRefused(f"dispute {key} is {state}: it stands")
            self._step(books, dispute, step, words, by)
            return self._status(dispute)

    def _give(self, books: Books, dispute: Dispute, cents: int) -> int:
        """Order the goodwill; return its action's number."""
        turn = len(self._steps(dispute)) + 1
        order = Order(f"goodwill-{dispute.id}-{turn}", dispute.card, ACT_ADJUST, cents, CHANNEL,
                      books.now, books.now + DAYS * DAY_S, reason="goodwill")  # fmt: skip
        try:
            if type(cents) is not int or cents < 1:
                raise ActionRefused(f"{cents!r} cents: wanted a number from 1")
            check(self.database, self.ledger.rerater.tariffs, order, books.now)
            return desk.create(books, order)[0]
        except ActionRefused as error:
            raise DisputeRefused(f"dispute {dispute.key}: {error}") from None

    def _step(
        self, books: Books, dispute: Dispute, step: str, words: str, by: str, cents: int = 0,
        action: int = 0,
    ) -> None:  # fmt: skip
        turn = len(self._steps(dispute)) + 1
        mark = digest(self._evidence(dispute))
        row = (self.database.next_id(dispute_steps), dispute.id, turn, step, words, cents, action,
               by, mark, books.now)  # fmt: skip
        self.database.insert(dispute_steps, [row])

    def _evidence(self, dispute: Dispute) -> dict[str, Any]:
        said = {"key": dispute.key, "about": dispute.about, "words": dispute.words,
                "opened": dispute.received}  # fmt: skip
        tariffs = self.ledger.rerater.tariffs
        return evidence_of(self.database, self.ledger.keyring, tariffs, said, dispute.entry)

    def _status(self, dispute: Dispute) -> Status:
        steps = self._steps(dispute)
        if not steps:
            return Status(OPEN, dispute.words, 0, 0)
        last = steps[-1]
        given = sum(step.cents for step in steps if self._became(step) == EXECUTED)
        if last.step != ACCEPTED:
            return Status(last.step, last.words, 0, given)
        if given:
            return Status(PAID, f"{given} cents of goodwill are on the card", 0, given)
        if not self._stands(last):
            words = "the goodwill was not fetched in time: accept again to give it again"
            return Status(ACCEPTED, words, 0, 0)
        words = f"{last.cents} cents of goodwill go onto the card at its next tap"
        return Status(ACCEPTED, words, last.cents, 0)

    def _stands(self, step: Step) -> bool:
        """Say whether a goodwill is given or may still be: then no second one is."""
        state = self._became(step)
        return state == EXECUTED or state not in ENDED

    def _became(self, step: Step) -> str:
        sql = "SELECT state FROM action_states WHERE action = ?"
        rows = self.database.rows(sql, (step.action,))
        return str(rows[0][0]) if rows else ""

    def _entry(self, card: int, name: tuple[int, int, int]) -> int:
        sql = "SELECT id, card, slot FROM held_entries WHERE device = ? AND epoch = ? AND seq = ?"
        rows = self.database.rows(sql, name)
        if rows and not bytes(rows[0][2]):
            raise DisputeRefused(
                f"seq {name[2]} of device {name[0]} is folded: its detail was kept for its weeks"
            )
        if not rows or rows[0][1] != card:
            found = "is another card's or nobody's" if rows else "is not held"
            raise DisputeRefused(f"seq {name[2]} of device {name[0]} {found}; wanted card {card}'s")
        return int(rows[0][0])

    def _refuse_second(self, entry: int | None) -> None:
        if entry is None:
            return
        for (key,) in self.database.rows("SELECT key FROM disputes WHERE entry = ?", (entry,)):
            raise DisputeRefused(f"this entry is disputed as {key} already")

    def _steps(self, dispute: Dispute) -> list[Step]:
        sql = "SELECT * FROM dispute_steps WHERE dispute = ? ORDER BY turn"
        rows = self.database.rows(sql, (dispute.id,))
        return [Step._make([*row[2:8], bytes(row[8]), row[9]]) for row in rows]

    def _known(self, key: str) -> Dispute:
        found = self._find(key)
        if found is None:
            raise DisputeRefused(f"dispute {key!r}: there is none")
        return found

    def _find(self, key: str) -> Dispute | None:
        rows = self.database.rows("SELECT * FROM disputes WHERE key = ?", (key,))
        return Dispute(*rows[0]) if rows else None


def has_open(database: Any, card: int) -> bool:
    """Say whether a case about this card is neither refused nor paid."""
    rows = database.rows(
        "SELECT d.id, (SELECT s.step FROM dispute_steps s WHERE s.dispute = d.id"
        " ORDER BY s.turn DESC LIMIT 1) FROM disputes d WHERE d.card = ?",
        (card,),
    )
    return any(step in (None, ANSWERED) for _, step in rows)


def _check_words(by: str, words: str) -> None:
    for what, text, most in (("by", by, NAME_LENGTH), ("words", words, WORDS_LENGTH)):
        if not text or text != text.strip() or len(text) > most:
            raise DisputeRefused(f"{what} {text!r}: wanted 1 to {most} characters")
