"""What a line adds to the totals, from the line and the tariffs alone.

The auditor asks it of every line; the ledger of those whose entries its books do not hold.
Left out of the board's image. Source: SPEC_SETTLEMENT.md section 3; decision D25.
"""

from __future__ import annotations

from typing import NamedTuple

from card_layouts.fares.repeat import SAME
from card_layouts.records.entries import INTENT, TICKET
from card_layouts.records.entries_service import CASH_SALE as SALE_LAYOUT
from card_layouts.records.entries_tap import INTENT as INTENT_LAYOUT
from card_layouts.settlement.lines import OTHER, Line
from card_layouts.settlement.pricing import (
    DAY_SECONDS,
    Answer,
    DayTerms,
    ride_answer,
    sale_answer,
)
from card_layouts.settlement.shares import Leg
from card_layouts.settlement.totals import (
    Key,
    billed,
    facts_of,
    key_of,
    other_facts,
    ride_facts,
)


class Worth(NamedTuple):
    """What a line adds once; its sign says whether it does. Units: cents."""

    key: Key
    charged: int
    billed: int
    full: int

    def leg(self, facts: bytes) -> Leg:
        """Return the line as a leg of a journey."""
        return Leg(self.key.operator, self.charged + self.billed, facts)


class Worths:
    """Asks the tariffs of `terms`; remembers what they answered of equal facts."""

    def __init__(self, terms: DayTerms) -> None:
        self.terms = terms
        self._answers: dict[tuple[int, bytes], Answer] = {}

    def of(self, line: Line) -> Worth:
        """Return what a line with facts adds."""
        if line.kind == OTHER:
            facts = other_facts(line.facts)
            day = facts.seconds // DAY_SECONDS
            payer = self.terms.payer(facts.authority, facts.tariff, facts.payer)
        else:
            facts = facts_of(line.type, line.facts)
            day = self.terms.day(facts.authority, facts.tariff, facts.seconds)
            payer = self.answer(line.type, line.facts).payer
        return Worth(key_of(facts, day, payer), facts.charged, billed(facts, payer), facts.full)

    def answer(self, kind: int, facts: bytes) -> Answer:
        """Return what the tariffs say of the facts of an entry of this type."""
        found = self._answers.get((kind, facts))
        if found is None:
            found = self._answers[kind, facts] = self._ask(kind, facts)
        return found

    def _ask(self, kind: int, facts: bytes) -> Answer:
        tariffs = self.terms.tariffs
        if kind == INTENT:
            authority = ride_facts(facts).authority
            return ride_answer(tariffs, authority, INTENT_LAYOUT.unpack(facts))
        if kind == TICKET:
            return Answer(SAME, "")  # paid beforehand: it says who carried, not what it costs
        sale = SALE_LAYOUT.unpack(facts)
        found = sale_answer(tariffs, sale)
        return found._replace(verdict=SAME) if sale["void_of"] else found
