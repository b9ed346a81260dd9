"""Writes down what a tap or sale was worth, without the card, while its entry is read.

A row for every INTENT, CASH_SALE and TICKET, whatever becomes of it; and a row each time a ride
became or ceased to be posted, also for 0 cents: a day is closed over these. Nothing is decided
here.
Source: decisions.md D14, D25.
"""

from collections.abc import Iterable

from backend_sync.ledger.arrivals import Entry
from backend_sync.ledger.cards import Intent
from backend_sync.ledger.results import POSTED, state_of
from backend_sync.ledger.ride_tables import PAYER_LENGTH, ride_postings, rides
from backend_sync.storage.database import Database, Row
from card_layouts.settlement.lines import blank_intent, blank_sale, blank_ticket
from card_layouts.settlement.pricing import Answer, DayTerms
from card_layouts.settlement.totals import Facts, billed, ride_facts, sale_facts, ticket_facts


class RideBook:
    """The rides of one group; `write` puts them into the books."""

    def __init__(self, database: Database, terms: DayTerms) -> None:
        self.database = database
        self.terms = terms
        self._rides: list[Row] = []
        self._here: set[int] = set()
        self._signs: list[tuple[int, int]] = []

    def take(self, entry: Entry, answer: Answer | None) -> None:
        """Take an INTENT; `answer` None: it has no price."""
        payload = entry.opened.payload
        payer = answer.payer[:PAYER_LENGTH] if answer else ""
        verdict = answer.verdict if answer else None
        self._add(entry, ride_facts(payload), payer, verdict, blank_intent(payload))

    def sell(self, entry: Entry, payer: str) -> None:
        """Take a CASH_SALE; `payer` owes what concessions take off its price."""
        payload = entry.opened.payload
        named = payer[:PAYER_LENGTH]
        self._add(entry, sale_facts(payload), named, None, blank_sale(payload))

    def use(self, entry: Entry) -> None:
        """Take a TICKET: paid beforehand, it moves nothing, and says who carried its holder."""
        payload = entry.opened.payload
        self._add(entry, ticket_facts(payload), "", None, blank_ticket(payload))

    def note(self, signs: Iterable[tuple[int, int]]) -> None:
        """Note uses of tickets that count from now on, or no longer do."""
        self._signs += signs

    def settle(self, intents: Iterable[Intent]) -> None:
        """Note which rides became posted or ceased to be, by what was learned of them."""
        for intent in intents:
            before, after = state_of(intent.before) == POSTED, state_of(intent.bits) == POSTED
            if before != after:
                self._signs.append((intent.id, 1 if after else -1))

    def write(self) -> None:
        """Write rides, and when they counted."""
        self.database.insert(rides, self._rides)
        stored = sorted({ride for ride, _ in self._signs} - self._here)
        # ACTION, BLOCK and ACCESS are announced too and are no rides.
        known = self._here | {
            row[0] for row in self.database.rows_in("SELECT id FROM rides WHERE id IN {}", stored)
        }
        signs = [(ride, sign) for ride, sign in self._signs if ride in known]
        if signs:
            number = self.database.next_id(ride_postings)
            rows = [(number + place, *sign) for place, sign in enumerate(signs)]
            self.database.insert(ride_postings, rows)

    def _add(
        self, entry: Entry, facts: Facts, payer: str, verdict: int | None, blanked: bytes
    ) -> None:
        opened = entry.opened
        self._here.add(entry.id)
        day = self.terms.day(facts.authority, facts.tariff, facts.seconds)
        self._rides.append(
            (entry.id, opened.device, opened.epoch, opened.seq, opened.type, facts.authority,
             facts.operator, facts.issuer, day, facts.tariff, facts.product, facts.group,
             facts.concession, facts.zones, facts.rule, facts.transfers, payer, facts.channel,
             facts.full, facts.charged, billed(facts, payer), verdict, blanked)
        )  # fmt: skip
