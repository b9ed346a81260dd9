"""Reads the new entries of a group: which commits they announce, end, or bear witness to.

Tells announced commits (INTENT, ACTION, BLOCK, ACCESS) which accounts they would move money
between; knows nothing of evidence. Source: decisions.md D8, D14, D21; card-bits.md section 3.
"""

from collections.abc import Sequence

from backend_sync.ledger.accounts import (
    PAYOUT,
    PREPAID,
    REV,
    UNALLOCATED,
    AccountBook,
)
from backend_sync.ledger.action_book import ActionBook
from backend_sync.ledger.arrivals import Entry
from backend_sync.ledger.cards import Card, Intent
from backend_sync.ledger.decoding import (
    NO_RECORD,
    OBSERVED_AT,
    Body,
    body_of,
    first_of,
    h_of,
    read_action,
    read_obs,
    read_operator,
    read_outcome,
    read_refusal_time,
)
from backend_sync.ledger.poster import Poster
from backend_sync.ledger.products import ProductBook
from backend_sync.ledger.rerating import Rerater
from backend_sync.ledger.resolve import Alarm, Key, Outcome
from backend_sync.ledger.results import (
    ALARM_UNKNOWN_CARD,
    BAD_VALUE,
    P1,
    UNKNOWN_CARD,
    V1,
    V3,
)
from backend_sync.ledger.rides import RideBook
from backend_sync.ledger.singles import SingleBook
from backend_sync.ledger.tickets import TicketBook
from backend_sync.ledger.working_set import WorkingSet
from card_layouts.cards.card_layout import KIND_ADJUST, KIND_LOAD, KIND_REFUND
from card_layouts.errors import LayoutError
from card_layouts.records import entries_tap
from card_layouts.records.entries import (
    ACTION,
    BARCODE,
    CASH_SALE,
    CONFIG,
    INSPECTION,
    INTENT,
    OBS,
    OPENING,
    OUTCOME,
    REFUSAL,
    TICKET,
)

OUTCOMES = (entries_tap.OUTCOME_COMMITTED, entries_tap.OUTCOME_ABORTED, entries_tap.OUTCOME_ORPHAN)
OBSERVING = {REFUSAL: OBSERVED_AT["REFUSAL"], INSPECTION: OBSERVED_AT["INSPECTION"]}


class Reading:
    """The meaning of a group's new entries, before any evidence is weighed."""

    def __init__(
        self,
        work: WorkingSet,
        book: AccountBook,
        rerater: Rerater,
        poster: Poster,
        tickets: TicketBook,
        singles: SingleBook,
        rides: RideBook,
        actions: ActionBook,
        products: ProductBook,
    ) -> None:
        self.work = work
        self.book = book
        self.rerater = rerater
        self.poster = poster
        self.tickets = tickets
        self.singles = singles
        self.rides = rides
        self.actions = actions
        self.products = products
        self.outcomes: list[Outcome] = []
        self.records: list[tuple[Card, bytes, int]] = []
        self.inert: set[Key] = set()
        self.refused: list[tuple[int, int, int, str, bytes, bytes | None, str]] = []
        self.unknown: set[bytes] = set()

    def read(self, fresh: Sequence[Entry]) -> None:
        """Read entries in the order they came; what cannot be is kept as evidence only."""
        self.work.load(_cards_of(fresh))
        for entry in fresh:
            kind = entry.opened.type
            if kind == OUTCOME:
                self._outcome(entry)
            elif kind in OPENING:
                self._opening(entry)
            elif kind == CASH_SALE:
                self.rides.sell(entry, self.singles.sell(entry))
            elif kind == BARCODE:
                self._single(entry)
            elif kind == OBS:
                self._observed(entry, *_records_of(entry))
            elif kind in OBSERVING:
                start, end = OBSERVING[kind]
                at = read_refusal_time(entry.opened.payload)[0] if kind == REFUSAL else 0
                self._observed(entry, entry.opened.payload[start:end], at=at)
            elif kind == CONFIG:
                self.actions.configured(entry)
            elif kind == TICKET:
                self._ticket(entry)

    def _outcome(self, entry: Entry) -> None:
        opened = entry.opened
        of, outcome, how = read_outcome(opened.payload)
        if outcome not in OUTCOMES or not of:
            self._refuse(entry, BAD_VALUE)
            return
        entry.of = of
        bit = outcome_bit(outcome, how)
        self.outcomes.append(
            Outcome(entry.id, opened.device, opened.epoch, of, bit, opened.payload[:44])
        )

    def _opening(self, entry: Entry) -> None:
        opened, body = entry.opened, body_of(entry.opened.payload)
        if opened.card is None or not body.n:
            self.inert.add(opened[1:4])
            self._refuse(entry, BAD_VALUE)
            if opened.type == INTENT:
                self.rides.take(entry, None)
            return
        card = self._card(entry, opened.card)
        self.actions.take(entry, card, body.a, body.time)
        self.products.take(entry)
        source, target = self._accounts(entry, card, body)
        answer = None
        if opened.type == INTENT:
            answer = self.rerater.answer(opened.payload, body.kind, body.authority)
            self.rides.take(entry, answer)
        self.work.add(
            Intent(
                entry.id,
                card,
                opened.device,
                opened.epoch,
                opened.seq,
                body.n,
                body.kind,
                body.time,
                source,
                target,
                body.amount if source != target else 0,
                self.book.home_currency,
                body.authority,
                body.d,
                body.l,
                body.b,
                h_of(opened.payload),
                first=first_of(opened.device, opened.epoch, opened.seq, opened.payload),
                verdict=answer.verdict if answer else None,
                fresh=True,
            )
        )

    def _ticket(self, entry: Entry) -> None:
        self.inert.add(entry.opened[1:4])  # its OUTCOME ends no commit on a card's chain
        if entry.opened.card is None:
            self._refuse(entry, BAD_VALUE)
            return
        self.tickets.take(entry)
        self.rides.use(entry)

    def _accounts(self, entry: Entry, card: Card, body: Body) -> tuple[int, int]:
        """Return (source, target); equal when the commit moves no money."""
        area = body.authority
        if entry.opened.type == INTENT:
            if not body.amount:
                return card.id, card.id
            operator = read_operator(entry.opened.payload)[0]
            return card.id, self.book.number(f"{REV}:{area}:{operator}", area)
        if entry.opened.type != ACTION or not body.amount:
            return card.id, card.id
        if body.kind == KIND_LOAD:
            action = read_action(entry.opened.payload)[0]
            return self.book.number(f"{PREPAID}:{action}", self.work.authority), card.id
        if body.kind == KIND_REFUND:
            return card.id, self.book.number(f"{PAYOUT}:{area}", area)
        if body.kind == KIND_ADJUST:
            return self.book.number(f"{UNALLOCATED}:{area}", area), card.id
        return card.id, card.id

    def _observed(self, entry: Entry, *found: bytes, at: int = 0) -> None:
        present = [record for record in found if record != NO_RECORD]
        if entry.opened.card is not None and present:
            card = self._card(entry, entry.opened.card)
            self.records += [(card, record, entry.id) for record in present]
            self.actions.observed(card, present, at)

    def _card(self, entry: Entry, pseudonym: bytes) -> Card:
        card = self.work.by_pseudonym[pseudonym]
        entry.card = card.id
        if not card.issued:
            self._refuse(entry, UNKNOWN_CARD)
            if card.fresh and pseudonym not in self.unknown:
                self.unknown.add(pseudonym)
                opened = entry.opened
                self.poster.alarms.append(
                    Alarm(
                        ALARM_UNKNOWN_CARD,
                        opened.device,
                        opened.epoch,
                        opened.seq,
                        card.id,
                        None,
                        "authentic entry about a card that was never issued",
                    )
                )
        return card

    def _single(self, entry: Entry) -> None:
        try:
            self.singles.use(entry)
        except LayoutError:
            self._refuse(entry, BAD_VALUE)

    def _refuse(self, entry: Entry, reason: str) -> None:
        self.refused.append((*entry.opened[1:4], reason, entry.hash, None, entry.edge[:24]))


def outcome_bit(outcome: int, how: int) -> int:
    """Return what an OUTCOME says of the commit it ends; 0 = nothing."""
    if outcome == entries_tap.OUTCOME_COMMITTED:
        return P1
    if outcome == entries_tap.OUTCOME_ABORTED:
        return V3 if how == entries_tap.HOW_LATER else V1
    return 0


def _cards_of(fresh: Sequence[Entry]) -> set[bytes]:
    """Return the cards that need a row: those with a commit or a record, not mere refusals."""
    found = set()
    for entry in fresh:
        card, kind = entry.opened.card, entry.opened.type
        if card is not None and (
            kind in OPENING or any(record != NO_RECORD for record in _records_of(entry))
        ):
            found.add(card)
    return found


def _records_of(entry: Entry) -> list[bytes]:
    payload, kind = entry.opened.payload, entry.opened.type
    if kind == OBS:
        places = [OBSERVED_AT["newer"], OBSERVED_AT["older"]][: read_obs(payload)[0]]
        return [payload[start:end] for start, end in places]
    if kind in OBSERVING:
        start, end = OBSERVING[kind]
        return [payload[start:end]]
    return []
