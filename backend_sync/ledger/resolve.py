"""Turns outcomes and card records into evidence, and evidence into who holds which counter.

The result is a function of the *set* of entries: every step below only adds evidence, asks about
pairs that are new, and treats both sides of a contradiction alike. Money is not moved here.

P1, V1, V3  an OUTCOME ends the intent it names
P2          a card record equal to the intent was read by anybody
V2          another commit is known at the intent's (card, n)
P3          a later entry's h was computed from this intent's h: its device saw it on the card.
            Links are asked in pairs, and every intent carries its own h, so spans compose.
Source: trust.md 4.3, 4.7; decisions.md D15, D22.
"""

from collections.abc import Iterable
from typing import NamedTuple

from backend_sync.ledger.cards import Card, Identity, Intent, Sighting
from backend_sync.ledger.decoding import (
    NO_RECORD,
    body_of,
    h_of,
    read_prefix,
    read_record_n,
)
from backend_sync.ledger.results import ALARM_RECORD_DIFFERS, FORK, P2, P3, POST_BITS, V2, state_of
from backend_sync.ledger.working_set import SEQ_SPAN, WorkingSet
from backend_sync.ports import Keyring

P3_SPAN = 12  # questions put to the keyring in one go (D22)
Key = tuple[int, int, int]  # device, epoch, whole seq


class Outcome(NamedTuple):
    """An OUTCOME entry: what it says about `of`, and the record its tap found."""

    entry: int
    device: int
    epoch: int
    of: int
    bit: int
    observed: bytes


class Alarm(NamedTuple):
    """A row for people."""

    kind: str
    device: int | None
    epoch: int | None
    seq: int | None
    card: int | None
    n: int | None
    detail: str


class Resolver:
    """Resolves one group in memory; `work` holds the cards and intents it changes."""

    def __init__(self, work: WorkingSet, keyring: Keyring) -> None:
        self.work = work
        self.keyring = keyring
        self.records: list[tuple[Card, bytes, int]] = []
        self.early: list[Outcome] = []
        self.alarms: list[Alarm] = []
        self.asked: set[tuple[int, Identity]] = set()

    def resolve(self, outcomes: list[Outcome], inert: set[Key]) -> None:
        """Resolve everything the group's outcomes and `self.records` give evidence for.

        `inert` are entries of this group that an OUTCOME may end without touching a card's chain.
        """
        self._attach(outcomes, inert)
        self._read_records()
        for intent in [i for i in self.work.by_intent_id.values() if i.fresh]:
            self._meet_waiting(intent)
        self._settle()
        while self._ask_links():
            self._settle()

    def _attach(self, outcomes: list[Outcome], inert: set[Key]) -> None:
        intents = self.work.intents
        away = [o[1:4] for o in outcomes if (o[1], o[2], o[3] % SEQ_SPAN) not in intents]
        known = self.work.find(away) if away else {}
        for outcome in outcomes:
            key = outcome[1:4]
            intent = intents.get((key[0], key[1], key[2] % SEQ_SPAN))
            if intent is not None and intent.seq == outcome.of:
                self._answer(intent, outcome)
            elif key not in known and key not in inert:
                self.early.append(outcome)

    def _answer(self, intent: Intent, outcome: Outcome) -> None:
        if outcome.bit:
            intent.learn(outcome.bit, outcome.entry)
        if outcome.observed != NO_RECORD:
            self.records.append((intent.card, outcome.observed, outcome.entry))
            # Only then is asking for links (P3) below this intent of no more use.
            if read_record_n(outcome.observed)[0] == intent.n - 1:
                intent.answered = 1

    def _read_records(self) -> None:
        intents = self.work.intents
        away = []
        for card, record, entry in self.records:
            n = read_record_n(record)[0]
            if (
                n == card.n
                and h_of(record) == card.h
                and all(intent.n != n for intent in card.intents)
            ):
                continue  # the head, seen again: nearly every tap
            layout, *identity = read_prefix(record)
            if n == 0:
                if card.issued and h_of(record) != card.h0:
                    self._differs(card, n, (identity[0], identity[1], identity[2]))
            elif layout:
                epoch, device, low = identity
                intent = intents.get((device, epoch, low))
                if intent is None:
                    away.append((card, n, (device, epoch, low), record, entry))
                else:
                    self._match(intent, card, record, entry)
        if away:
            self._read_history(away)

    def _read_history(self, away: list[tuple[Card, int, Identity, bytes, int]]) -> None:
        heads = self.work.head_seqs((i[0], i[1]) for _, _, i, _, _ in away)
        keys: dict[Identity, list[Key]] = {}
        for _, _, (device, epoch, low), _, _ in away:
            spans = heads.get((device, epoch), 0) // SEQ_SPAN + 1
            keys[device, epoch, low] = [(device, epoch, low + k * SEQ_SPAN) for k in range(spans)]
        known = self.work.find(key for some in keys.values() for key in some)
        for card, n, identity, record, entry in away:
            intent = self.work.intents.get(identity)
            if intent is not None:
                self._match(intent, card, record, entry)
            elif any(known.get(key) for key in keys[identity]):
                self._differs(card, n, identity)  # the entry of that number announced no commit
            elif any(key in known for key in keys[identity]):
                continue  # folded: it was known once
            elif all(s.record != record for s in self.work.waiting.get(identity, ())):
                self.work.see(card, identity, n, record, entry)

    def _match(self, intent: Intent, card: Card, record: bytes, entry: int) -> None:
        if _says_the_same(intent, card, record):
            intent.learn(P2, entry)
        else:
            self._differs(card, read_record_n(record)[0], intent.identity)

    def _meet_waiting(self, intent: Intent) -> None:
        for sighting in self.work.waiting.get(intent.identity, ()):
            if not _says_the_same(intent, sighting.card, sighting.record):
                self._differs(sighting.card, sighting.n, sighting.identity)
                continue
            sighting.matched = True
            intent.learn(P2, sighting.entry)
            if not sighting.fresh:
                # The counter is held in its name already; so is any contradiction there.
                intent.claimed = True
                if sighting.rival:
                    intent.learn(V2, sighting.entry)

    def _settle(self) -> None:
        """Let every commit claim its counter, then void what stands where another one is held."""
        for intent in list(self.work.by_intent_id.values()):
            if intent.bits & POST_BITS and not intent.claimed:
                intent.claimed = True
                if not intent.card.claim(intent.n, intent.d, intent.l, intent.h, intent.b):
                    intent.learn(V2, None)
                    self._contradict(intent.card, intent.n, intent.identity)
        for card in list(self.work.by_id.values()):
            for sighting in card.sightings:
                if sighting.fresh and not sighting.matched and not sighting.changed:
                    self._claim_seen(card, sighting)
        for intent in list(self.work.by_intent_id.values()):
            if not intent.bits & POST_BITS and intent.card.holds(intent.n):
                intent.learn(V2, None)

    def _claim_seen(self, card: Card, sighting: Sighting) -> None:
        sighting.changed = True
        body = body_of(sighting.record)
        if not card.claim(body.n, body.d, body.l, h_of(sighting.record), body.b):
            sighting.rival = 1
            self._contradict(card, sighting.n, sighting.identity)

    def _contradict(self, card: Card, n: int, newcomer: Identity) -> None:
        """Tell all others that hold the counter n that there are two of them."""
        self.work.history_at(card, n)
        for rival in card.intents:
            if rival.n == n and rival.bits & POST_BITS and rival.identity != newcomer:
                rival.learn(V2, None)
        for sighting in card.sightings:
            if sighting.n == n and not sighting.matched and sighting.identity != newcomer:
                sighting.rival = 1
                sighting.changed = True

    def _ask_links(self) -> bool:
        """Ask the keyring which open intents a later entry was chained to; True if any was."""
        pairs: list[tuple[Intent, Identity, bytes, bytes]] = []
        for card in list(self.work.by_id.values()):
            pairs += self._links(card)
        found = False
        for at in range(0, len(pairs), P3_SPAN):
            part = pairs[at : at + P3_SPAN]
            answers = self.keyring.recompute(
                [(y.card.pseudonym, y.h, [(x[0], x[1], first)]) for y, x, first, _ in part]
            )
            for (below, _, _, wanted), answer in zip(part, answers, strict=True):
                if answer[0] == wanted:
                    below.learn(P3, None)
                    found = True
        return found

    def _links(self, card: Card) -> Iterable[tuple[Intent, Identity, bytes, bytes]]:
        askers = [
            (i.n, i.identity, i.first, i.h, i.fresh)
            for i in card.intents
            if not i.answered and i.first
        ] + [
            (s.n, s.identity, s.record[:36], h_of(s.record), s.fresh)
            for s in card.sightings
            if not s.matched
        ]
        for n, identity, first, h, fresh in askers:
            if fresh and card.voided and n > 1:
                self.work.history_at(card, n - 1)
            for below in card.intents:
                if (
                    below.n == n - 1
                    and not below.bits & POST_BITS
                    and state_of(below.bits) != FORK
                    and (fresh or below.fresh)
                    and (below.id, identity) not in self.asked
                ):
                    self.asked.add((below.id, identity))
                    yield below, identity, first, h

    def _differs(self, card: Card, n: int, identity: Identity) -> None:
        device, epoch, low = identity
        self.alarms.append(
            Alarm(
                ALARM_RECORD_DIFFERS,
                device,
                epoch,
                low,
                card.id,
                n,
                "a card record names this entry, which says otherwise",
            )
        )


def _says_the_same(intent: Intent, card: Card, record: bytes) -> bool:
    if intent.card is not card or intent.h != h_of(record):
        return False
    body = body_of(record)
    return (intent.n, intent.d, intent.l, intent.kind) == (body.n, body.d, body.l, body.kind)
