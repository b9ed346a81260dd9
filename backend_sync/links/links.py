"""The link service: keeps which card a handle means, and answers one audited question at a time.

A facade on the keyring (decision D11): of that it asks P_L for a card on the desk and nothing else.
It must not know names or trips, and there is no way from a card to a handle. Every question is in
the audit before its answer leaves, refused ones too. Source: trust.md section 5; T19.
"""

import json
from collections.abc import Sequence
from typing import Protocol

from backend_sync.links import purposes as p
from backend_sync.links.audit import Audit, Line
from backend_sync.links.epochs import EpochGone, Epochs, spans
from backend_sync.links.purposes import LinkRefused, Pseudonym, Question
from backend_sync.links.tables import CLERK_LENGTH, links
from backend_sync.ports import Clock
from backend_sync.storage.database import Database
from backend_sync.storage.subject_keys import KeyGone, SubjectKeys

QUOTA_PER_DAY = 30
HANDLE_BYTES = 16
UID_BYTES = 7
SECONDS_MAX = 1 << 30  # decision D2
WORDS = {
    p.BULK: "one handle a question; lists of people are not answered",
    p.QUOTA: "this clerk's questions of today are used up; the data protection officer decides",
    p.UNKNOWN: "no card is linked to this handle",
    p.CARD: "the card on the desk is not the one that is linked",
    p.APPROVERS: "wanted: names of two other people who approve",
    p.RANGE: "time range: wanted a start before its end, and not more days than the purpose has",
    p.EPOCH_GONE: "the time range reaches into months whose key was dropped or has not begun",
}


class CardPseudonyms(Protocol):
    """What the link service asks of the keyring."""

    def pseudonyms(self, cards: Sequence[bytes]) -> list[bytes]:
        """Return P_L (16 B) of each UID (7 B)."""


class Links:
    """One database of links with its keys. `clerk` is who links and unlinks."""

    def __init__(
        self,
        database: Database,
        keys: SubjectKeys,
        keyring: CardPseudonyms,
        clock: Clock,
        clerk: str = "service point",
        quota_per_day: int = QUOTA_PER_DAY,
    ) -> None:
        self.database = database
        self.keys = keys
        self.keyring = keyring
        self.clock = clock
        self.clerk = clerk
        self.quota_per_day = quota_per_day
        self.audit = Audit(database)
        self.epochs = Epochs(keys)

    def link(self, handle: bytes, card: bytes) -> None:
        """Keep which card (UID, 7 B) a handle (16 B) means.

        Raises: LinkRefused when the handle or the card is linked already.
        """
        if len(handle) != HANDLE_BYTES or len(card) != UID_BYTES:
            raise LinkRefused(f"handle of {len(handle)}, UID of {len(card)} bytes: wanted 16 and 7")
        (pseudonym,) = self.keyring.pseudonyms([card])
        place, card_place = self._place(handle), self.keys.place(b"card", pseudonym)
        text = json.dumps({"handle": handle.hex(), "card": pseudonym.hex()}).encode()
        with self.database.transaction():
            self._refuse_linked(place, card_place)
            self.keys.make(place)
            sealed = self.keys.seal(place, text, place)
            self.database.insert(links, [(place, card_place, sealed)])
            self._note(Question(self.clerk, p.LINK, (handle,), 0, 0), p.ANSWERED, place)

    def unlink(self, handle: bytes) -> bool:
        """Forget a link for ever, in every backup; False when there was none."""
        place = self._place(handle)
        known = self.keys.has(place)
        with self.database.transaction():
            if known:  # the mark stays in the audit and leads nowhere once the key is dropped
                self._note(Question(self.clerk, p.UNLINK, (handle,), 0, 0), p.ANSWERED, place)
            self.database.run("DELETE FROM links WHERE handle_place = ?", [(place,)])
            self.keys.drop(place)
        return known

    def ask(self, question: Question) -> list[Pseudonym]:
        """Answer one question. Raises: LinkRefused, after the question was written down."""
        purpose = p.PURPOSES.get(question.purpose)
        if purpose is None:
            raise LinkRefused(
                f"purpose {question.purpose!r}: wanted one of {', '.join(p.PURPOSES)}"
            )
        _check_form(question)
        outcome, answer, place = self._answer(purpose, question)
        with self.database.transaction():
            self._note(question, outcome, place)
        if outcome != p.ANSWERED:
            raise LinkRefused(f"{question.purpose}: {WORDS[outcome]}")
        return answer

    def about(self, handle: bytes) -> list[Line]:
        """Return every line of the audit about one subject: for himself, card in hand."""
        try:
            return self.audit.lines(self._mark(self._place(handle)))
        except KeyGone:
            return []

    def retain(self) -> list[str]:
        """Drop K_E of months whose time is over; return them."""
        return self.epochs.drop_old(self.clock.utc_seconds())

    def settle(self, every: bool = False) -> int:
        """Take away links unlinked since (a backup brought them back); return how many.

        `every`: also links whose key is missing for another reason. Raises: SubjectKeysError.
        """
        with self.database.transaction():
            places = [bytes(row[0]) for row in self.database.rows("SELECT handle_place FROM links")]
            gone = [(place,) for place in self.keys.without_key(places, every)]
            self.database.run("DELETE FROM links WHERE handle_place = ?", gone)
        return len(gone)

    def _answer(self, purpose: p.Purpose, question: Question) -> tuple[str, list[Pseudonym], bytes]:
        """Return (outcome, answer, where the link is kept or b"")."""
        now = self.clock.utc_seconds()
        day = now - now % p.DAY_SECONDS
        if self.audit.asked_since(question.clerk, day) >= self.quota_per_day:
            return p.QUOTA, [], b""
        outcome = p.refusal(purpose, question)
        if outcome == p.BULK:
            return outcome, [], b""
        card, place = self._card(question.handles[0])
        if not card:
            return outcome or p.UNKNOWN, [], b""
        if not outcome and purpose.card_at_desk and not self._is_card(question.card, card):
            outcome = p.CARD
        if outcome:
            return outcome, [], place
        span = (question.span_from, question.span_until)
        if purpose.gives == p.LEDGER:
            return p.ANSWERED, [Pseudonym(p.LEDGER, *span, card)], place
        try:
            return p.ANSWERED, self._events(card, *span, now), place
        except EpochGone:
            return p.EPOCH_GONE, [], place

    def _events(self, card: bytes, span_from: int, span_until: int, now: int) -> list[Pseudonym]:
        return [
            Pseudonym(p.EVENTS, first, until, self.epochs.pseudonym(epoch, card, now))
            for epoch, first, until in spans(span_from, span_until)
        ]

    def _card(self, handle: bytes) -> tuple[bytes, bytes]:
        """Return (P_L, place) of a handle; (b"", b"") when nothing is linked."""
        place = self._place(handle)
        rows = self.database.rows("SELECT link FROM links WHERE handle_place = ?", (place,))
        if not rows or not self.keys.has(place):
            return b"", b""
        found = json.loads(self.keys.open_seal(place, bytes(rows[0][0]), place))
        return bytes.fromhex(found["card"]), place

    def _is_card(self, uid: bytes, card: bytes) -> bool:
        return len(uid) == UID_BYTES and self.keyring.pseudonyms([uid]) == [card]

    def _refuse_linked(self, place: bytes, card_place: bytes) -> None:
        sql = "SELECT handle_place FROM links WHERE handle_place = ? OR card_place = ?"
        for (found,) in self.database.rows(sql, (place, card_place)):
            if self.keys.has(bytes(found)):
                raise LinkRefused("this card is linked already; its holder unlinks it first")
            # Its key is gone: a backup brought back what was erased.
            self.database.run("DELETE FROM links WHERE handle_place = ?", [(found,)])

    def _note(self, question: Question, outcome: str, place: bytes) -> None:
        self.audit.append(
            Line(0, self.clock.utc_seconds(), question.clerk, question.purpose,
                 self._mark(place) if place else b"", question.span_from, question.span_until,
                 ",".join(question.approvers), outcome)
        )  # fmt: skip

    def _place(self, handle: bytes) -> bytes:
        return self.keys.place(b"handle", handle)

    def _mark(self, place: bytes) -> bytes:
        return self.keys.mark(place, b"audit")


def _check_form(question: Question) -> None:
    """Refuse what could not even be written down. Raises: LinkRefused."""
    names = (question.clerk, *question.approvers)
    fits = [name.isprintable() and len(name) <= CLERK_LENGTH for name in names]
    if not question.clerk.strip() or not all(fits) or len(names) > 3:
        raise LinkRefused(f"clerk and up to 2 approvers: names of up to {CLERK_LENGTH} letters")
    for time in (question.span_from, question.span_until):
        if not -SECONDS_MAX < time < SECONDS_MAX:
            raise LinkRefused(f"time {time}: wanted s since 2020, below 2^30")
