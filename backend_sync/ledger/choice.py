"""Repeats a card's taps in the order of its counter: was it the right product that paid (D14)?

`walk` starts from what the card is known to hold and goes on while every counter has one commit
that is known. Behind a hole, a fork or an entry nobody can repeat the card may hold anything: those
taps keep the verdict on their price. The result is a function of the set of commits.
Source: decisions.md D14, D22, D26; trust.md 4.3.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from backend_sync.ledger.decision_words import decided_words, in_words, journey_words, row_words
from backend_sync.ledger.decoding import body_of, first_of, h_of
from backend_sync.ledger.holdings import DOUBT_COUNTERS, Holdings
from backend_sync.ledger.results import FORK, POSTED
from card_layouts.cards.card_layout import M_EMPTY, PAID_POST_BILLED, PAID_PURSE
from card_layouts.errors import RangeError
from card_layouts.fares import inputs as i
from card_layouts.fares.card_lists import JOURNEY
from card_layouts.fares.clock import service_day
from card_layouts.fares.mounted import Tariff
from card_layouts.fares.repeat import (
    DIFFERENT,
    PASS_RULES,
    PRICE_ONLY,
    RATEABLE,
    SAME,
    UNRATED,
    Repeater,
    row_read,
    row_said,
)
from card_layouts.fares.repeat import body_of as fields_of
from card_layouts.records.entries import ACTION, BLOCK, INTENT
from card_layouts.records.entries_tap import INTENT as INTENT_LAYOUT
from card_layouts.settlement.pricing import Tariffs, candidates

WAS = ("authority", "start_minute", *(name for _place, name in JOURNEY))


class Commit(NamedTuple):
    """One announced commit, opened. `state` says what came of it (results.py)."""

    id: int
    n: int
    state: int
    type: int
    device: int
    epoch: int
    seq: int
    payload: bytes

    @property
    def first(self) -> bytes:
        """Return the first 36 bytes of the card record it announced."""
        return first_of(self.device, self.epoch, self.seq, self.payload)


class Judgement(NamedTuple):
    """What the ledger says of one tap; the words are given for a difference."""

    pending: int
    verdict: int
    validator: str = ""
    ledger: str = ""


class ChoiceRater:
    """Repeats choices under the archived tariffs, which may grow meanwhile."""

    def __init__(self, tariffs: Tariffs) -> None:
        self.tariffs = tariffs
        self.repeaters: dict[int, Repeater] = {}

    def walk(self, held: Holdings, commits: Sequence[Commit]) -> list[Judgement]:
        """Judge what can be judged of `commits`; `held` is moved to the last known counter."""
        by_n: dict[int, list[Commit]] = {}
        for commit in commits:
            by_n.setdefault(commit.n, []).append(commit)
        found: list[Judgement] = []
        while held.n + 1 in by_n:
            here = by_n[held.n + 1]
            taken = [commit for commit in here if commit.state in (POSTED, FORK)]
            passed = taken[0] if len(taken) == 1 and taken[0].state == POSTED else None
            for commit in here:
                if commit.type == INTENT and commit is not passed:
                    found.append(_Tap(self, replace(held), commit).judge())
            if passed is None or not self._pass(held, passed, found):
                break
        return found

    def price_words(self, commit: Commit) -> tuple[str, str]:
        """Return what the validator said of the price, and what the ledger says, card unknown."""
        tap = _Tap(self, Holdings(0, b"", b"", b"", b""), commit)
        ledger = ""
        if tap.repeaters:
            tap.repeaters[0].verdict(tap.intent)
            ledger = decided_words(tap.repeaters[0].decision)
        return tap.said(), ledger

    def _pass(self, held: Holdings, commit: Commit, found: list[Judgement]) -> bool:
        """Move `held` over the commit; return False if nobody can say what it left."""
        newest = None
        if commit.type == INTENT:
            tap = _Tap(self, held, commit)
            found.append(tap.judge())
            if not tap.leave():
                return False
            newest = {**tap.body, "device": commit.device, "epoch": commit.epoch}
        elif commit.type == ACTION:
            if not held.act(body_of(commit.payload).kind, commit.payload):
                return False
        elif commit.type != BLOCK:
            return False
        held.move(commit.n, commit.first, h_of(commit.payload), newest)
        return True

    def repeater(self, tariff: Tariff) -> Repeater:
        """Return the repeater of a tariff, made once."""
        found = self.repeaters.get(id(tariff))
        if found is None:
            found = self.repeaters[id(tariff)] = Repeater(tariff)
        return found


class _Tap:
    """One INTENT before the card as it is held."""

    def __init__(self, rater: ChoiceRater, held: Holdings, commit: Commit) -> None:
        self.held = held
        self.commit = commit
        self.intent: dict[str, Any] = INTENT_LAYOUT.unpack(commit.payload)
        self.body: dict[str, int] = fields_of(self.intent)
        self.is_own, tariffs = candidates(
            rater.tariffs, self.body["authority"], self.intent["tariff"]
        )
        self.repeaters = [rater.repeater(tariff) for tariff in tariffs]
        self.tariffs = tariffs
        self.agreed: Repeater | None = None  # its decision is the validator's
        self.verdict = UNRATED

    @property
    def day(self) -> int:
        """Return the service day of the tap."""
        return int(service_day(self.tariffs[0], self.body["time"]))

    def judge(self) -> Judgement:
        """Return the verdict, and for a difference both sides of it."""
        if not self.repeaters or self.body["kind"] not in RATEABLE:
            return Judgement(self.commit.id, UNRATED)
        doubted = self._believe_what_was_read() if self.held.doubt else 0
        known, terms = self.held.known(), self.held.terms()
        words = ""
        for repeater, same, named in self._ways(known):
            if repeater.verdict(self.intent, known, terms, same, named) == SAME:
                self.agreed = repeater
                break
            words = words or self._ledger_words(repeater, known)
        journey = self._other_journey()
        if self.agreed and not journey:
            self.verdict = PRICE_ONLY if doubted else SAME
        elif doubted or not self.is_own:
            self.verdict = self._price()
        else:
            self.verdict = DIFFERENT
        if self.verdict != DIFFERENT:
            return Judgement(self.commit.id, self.verdict)
        return Judgement(self.commit.id, DIFFERENT, self.said(), journey or words)

    def said(self) -> str:
        """Return in words what the validator decided."""
        return in_words(self.intent["rule"], self.body, self.intent["full"])

    def leave(self) -> bool:
        """Move file T as this tap left it; return False if nobody can say how."""
        if self.verdict == UNRATED:
            return False
        try:
            if self.agreed:
                self.held.use(self.agreed.decision)
            else:
                self._follow_the_validator()
        except RangeError:
            self.held.doubt |= self._touched()
        return True

    def _follow_the_validator(self) -> None:
        """Whatever should have been chosen: the card is as this validator left it."""
        slot = self._slot_named()
        if slot:
            self.held.adopt(slot, self.intent, self.day)
        known, terms = self.held.known(), self.held.terms()
        for repeater, same, named in self._ways(known):
            if repeater.claim(self.intent, known, terms, same, named):
                self.held.use(repeater.decision)
                return
        for repeater, same, named in self._ways(known):
            repeater.claim(self.intent, known, terms, same, named)
            decision = repeater.decision
            said = (self.intent["rule"], self.body["paid_by"])
            if (decision[i.D_RULE], decision[i.D_PAID_BY]) == said and not decision[i.D_T_WRITE]:
                return  # only the money is wrong
        self.held.doubt |= self._touched()

    def _ways(self, known: list[int]) -> Iterator[tuple[Repeater, bool, bool]]:
        """Yield what INTENT does not say: whose package, whose record before, party named or not.

        A ride that one of the answers explains is no difference.
        """
        before = self.held.newest()
        mine = before is None or (before["device"], before["epoch"]) == self.commit[4:6]
        for repeater in self.repeaters:
            for same in (False, True)[: 1 + mine]:
                for named in (True, False)[: 1 + (known[i.C_PURSE_COMPANIONS] > 0)]:
                    yield repeater, same, named

    def _other_journey(self) -> str:
        """Return in words how the journey read differs from the newest record, "" if not."""
        before = self.held.newest()
        if before is None or all(before[name] == self.intent["was_" + name] for name in WAS):
            return ""
        return journey_words(before, self.intent)

    def _price(self) -> int:
        found = [repeater.verdict(self.intent) for repeater in self.repeaters]
        found += [repeater.verdict(self.intent, same_device=True) for repeater in self.repeaters]
        best = PRICE_ONLY if PRICE_ONLY in found else found[0]
        return UNRATED if best == DIFFERENT and not self.is_own else best

    def _ledger_words(self, repeater: Repeater, known: list[int]) -> str:
        """Return what the ledger says instead, after a verdict that differs."""
        d = repeater.decision
        words = decided_words(d)
        row = row_read(known, d)
        if d[i.D_KIND] and row is not None and row != row_said(self.intent):
            words += row_words(row, row_said(self.intent))
        return words

    def _believe_what_was_read(self) -> int:
        """Take from this entry what an earlier difference left unknown; return what still is."""
        slot = self._slot_named()
        if slot and self.held.doubt >> slot - 1 & 1:
            self.held.adopt(slot, self.intent, self.day)
        if self.body["paid_by"] in (PAID_PURSE, PAID_POST_BILLED):
            if self.held.doubt & DOUBT_COUNTERS:
                self.held.adopt_counters(self.intent, self.day)
        return self.held.doubt

    def _slot_named(self) -> int:
        """Return the slot (1..4) whose row the entry tells, 0 for none or if it cannot be said."""
        if 1 <= self.body["paid_by"] <= i.SLOTS:
            return self.body["paid_by"]
        if self.intent["rule"] & 15 not in PASS_RULES:
            return 0
        known, product = self.held.known(), self.intent["rule"] >> 4
        slots = [s for s in range(1, i.SLOTS + 1) if _product_in(known, s) == product]
        return slots[0] if len(slots) == 1 else 0

    def _touched(self) -> int:
        """Return the doubt that an unexplained tap leaves: of every right, and of the counters."""
        known = self.held.known()
        rows = [1 << s - 1 for s in range(1, i.SLOTS + 1) if _product_in(known, s)]
        return sum(rows) | DOUBT_COUNTERS


def _product_in(known: list[int], slot: int) -> int:
    at = i.slot_at(slot - 1)
    return known[at + i.S_PRODUCT] if known[at + i.S_MECHANISM] != M_EMPTY else 0
