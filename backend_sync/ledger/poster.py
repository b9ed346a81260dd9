"""Moves the money that evidence allows, and writes a group's rows.

A transfer is two or more lines that sum to 0; a pending names its accounts from the start; each
pending is posted once, and a FORK takes a posting back by the opposite lines, never by erasing.
Source: trust.md 4.4; decisions.md D21, D22.
"""

from collections.abc import Mapping
from typing import Any

from backend_sync.ledger import ranges
from backend_sync.ledger.cards import Card, Intent, Sighting
from backend_sync.ledger.displaced_tables import withdrawn
from backend_sync.ledger.plants import Plant
from backend_sync.ledger.resolve import Alarm
from backend_sync.ledger.results import (
    ALARM_FORK,
    BEGIN_AGAIN,
    FORK,
    LAPSED,
    OPEN,
    POSTED,
    VOIDED,
    rule_of,
    state_of,
)
from backend_sync.ledger.schema import (
    alarms,
    cards,
    early_outcomes,
    entries,
    open_intents,
    pendings,
    postings,
    resolutions,
    sightings,
)
from backend_sync.storage.database import Database, Row

Line = tuple[int, int, str, int]  # account, cents, currency, authority


class Poster:
    """Collects the rows of one group; `write` puts them into the books."""

    def __init__(self, database: Database, plant: Plant, now: int) -> None:
        self.database = database
        self.plant = plant
        self.now = now
        self.lines: list[tuple[int | str | None, ...]] = []
        self.alarms: list[Alarm] = []
        self.entries: list[Row] = []
        self.early: list[Row] = []
        self.read_early: list[Row] = []
        self.next_line = database.next_id(postings)
        # Transfers are numbered as their lines are: the newest line has the highest.
        newest = database.rows("SELECT transfer FROM postings WHERE id = ?", (self.next_line - 1,))
        self.next_transfer = int(newest[0][0]) + 1 if newest else 1

    def transfer(
        self,
        lines: list[Line],
        rule: str,
        pending: int | None = None,
        entry: int | None = None,
        sale: int | None = None,
    ) -> None:
        """Add one transfer. The lines must sum to 0: anything else is our own mistake."""
        assert not sum(line[1] for line in lines), lines
        for account, cents, currency, authority in lines:
            self.lines.append(
                (
                    self.next_line,
                    self.next_transfer,
                    account,
                    cents,
                    currency,
                    authority,
                    rule,
                    pending,
                    entry,
                    sale,
                )
            )
            self.next_line += 1
        self.next_transfer += 1

    def settle(self, intents: list[Intent]) -> None:
        """Post, void or take back what each intent's new evidence says."""
        for intent in intents:
            before, after = state_of(intent.before), state_of(intent.bits)
            if before == after:
                continue
            card = intent.card
            card.posted += (after == POSTED) - (before == POSTED)
            card.voided += (after == VOIDED) - (before == VOIDED)
            if after == POSTED:
                self._post(intent, 1, rule_of(intent.bits), self.plant.copies(intent.cents))
            elif before == POSTED:
                self._post(intent, -1, "FORK", 1)
            if after == FORK:
                card.unaudited = BEGIN_AGAIN
                self.alarms.append(
                    Alarm(
                        ALARM_FORK,
                        *intent.identity,
                        card.id,
                        intent.n,
                        "evidence for and against: nothing is posted or voided by itself",
                    )
                )

    def _post(self, intent: Intent, sign: int, rule: str, copies: int) -> None:
        cents, card = sign * intent.cents, intent.card
        if not cents:
            return
        debit = intent.source == card.id
        for _ in range(copies):
            self.transfer(
                [
                    (intent.source, -cents, intent.currency, intent.authority),
                    (intent.target, cents, intent.currency, intent.authority),
                ],
                rule,
                intent.id,
                intent.news[-1][1] if intent.news else None,
            )
            card.balance_cents += -cents if debit else cents
        if debit:
            card.debits_cents += cents
        else:
            card.loads_cents += cents

    def write(self, all_cards: list[Card], intents: list[Intent]) -> None:
        """Write cards, intents, evidence, sightings, postings and alarms of the group."""
        database = self.database
        self._write_cards(all_cards)
        database.insert(entries, self.entries)
        database.run("DELETE FROM early_outcomes WHERE entry = ? AND of = ?", self.read_early)
        # A number used twice says so again whenever its entries are sent again.
        database.insert(early_outcomes, self.early, "ON CONFLICT DO NOTHING")
        database.insert(pendings, [_pending_row(i) for i in intents if i.fresh])
        self._write_evidence(intents)
        database.insert(postings, self.lines)
        self._write_open(intents)
        self._write_sightings([s for card in all_cards for s in card.sightings])
        self._write_alarms()

    def rewrite(
        self, all_cards: list[Card], intents: list[Intent], since: Mapping[int, int]
    ) -> None:
        """Write stored cards and intents that were resolved anew; nothing of them is open.

        `since`: when each that was open began to be. The evidence is the caller's to write.
        """
        self._write_cards(all_cards)
        self.database.insert(postings, self.lines)
        rows = [self._open_row(i, since.get(i.id, self.now)) for i in intents if _stays(i)]
        self.database.insert(open_intents, rows)
        self._write_sightings([s for card in all_cards for s in card.sightings])
        self._write_alarms()

    def _write_evidence(self, intents: list[Intent]) -> None:
        news = [(i.id, rule, entry, self.now) for i in intents for rule, entry in i.news]
        if self.database.rows("SELECT 1 FROM withdrawn LIMIT 1"):
            news = self._known_again(news)
        self.database.insert(resolutions, news)

    def _known_again(self, news: list[tuple[int, str, int | None, int]]) -> list[Any]:
        """Write what was withdrawn once and is told again; return the rest."""
        before = set(map(tuple, self.database.rows_in(
            "SELECT pending, rule FROM withdrawn WHERE pending IN {}",
            sorted({row[0] for row in news}),
        )))  # fmt: skip
        again = [row for row in news if row[:2] in before]
        number = self.database.next_id(withdrawn)
        rows = [(number + at, *row[:2], 1, self.now) for at, row in enumerate(again)]
        self.database.insert(withdrawn, rows)
        return [row for row in news if row[:2] not in before]

    def _write_alarms(self) -> None:
        if self.alarms:
            number = self.database.next_id(alarms)
            self.database.insert(
                alarms, [(number + i, *alarm, self.now) for i, alarm in enumerate(self.alarms)]
            )

    def _write_cards(self, all_cards: list[Card]) -> None:
        self.database.insert(
            cards,
            [
                (
                    c.id,
                    c.pseudonym,
                    c.issuer,
                    c.issued,
                    c.h0,
                    c.n,
                    c.d,
                    c.l,
                    c.h,
                    c.b,
                    c.balance_cents,
                    c.debits_cents,
                    c.loads_cents,
                    c.posted,
                    c.voided,
                    ranges.text(c.missing),
                    c.newest,
                    c.unaudited,
                )
                for c in all_cards
                if c.fresh
            ],
        )
        self.database.run(
            "UPDATE cards SET n=?, d=?, l=?, h=?, b=?, balance_cents=?, debits_cents=?,"
            " loads_cents=?, posted=?, voided=?, missing=?, newest=?, unaudited=? WHERE id=?",
            [
                (
                    c.n,
                    c.d,
                    c.l,
                    c.h,
                    c.b,
                    c.balance_cents,
                    c.debits_cents,
                    c.loads_cents,
                    c.posted,
                    c.voided,
                    ranges.text(c.missing) if c.missing else "",
                    c.newest,
                    c.unaudited,
                    c.id,
                )
                for c in all_cards
                if not c.fresh
            ],
        )

    def _write_open(self, intents: list[Intent]) -> None:
        added, changed, removed = [], [], []
        for i in intents:
            stays = _stays(i)
            if i.fresh and stays:
                added.append(self._open_row(i, self.now))
            elif i.listed and not stays:
                removed.append((i.id,))
            elif i.listed and (i.bits != i.before or i.answered != i.answered_before):
                changed.append((i.bits, i.answered, i.id))
        self.database.insert(open_intents, added)
        self.database.run("UPDATE open_intents SET bits=?, answered=? WHERE pending=?", changed)
        self.database.run("DELETE FROM open_intents WHERE pending=?", removed)

    @staticmethod
    def _open_row(i: Intent, since: int) -> Row:
        return i.id, i.card.id, i.device, i.epoch, i.seq, i.bits, i.answered, i.first, since

    def _write_sightings(self, seen: list[Sighting]) -> None:
        self.database.insert(
            sightings,
            [
                (s.id, s.card.id, s.n, s.device, s.epoch, s.low, s.record, s.rival, s.entry)
                for s in seen
                if s.fresh and not s.matched
            ],
        )
        self.database.run(
            "UPDATE sightings SET rival=? WHERE id=?",
            [(s.rival, s.id) for s in seen if s.changed and not s.fresh and not s.matched],
        )
        self.database.run(
            "DELETE FROM sightings WHERE id=?", [(s.id,) for s in seen if s.matched and not s.fresh]
        )


def _stays(i: Intent) -> bool:
    """Say whether an intent is kept at hand."""
    # What only a link speaks for stays too: a sighting of it would be the better reason.
    return state_of(i.bits) in (OPEN, LAPSED) or not i.answered or rule_of(i.bits) == "P3"


def _pending_row(i: Intent) -> tuple[int | str | bytes | None, ...]:
    return (
        i.id,
        i.card.id,
        i.n,
        i.kind,
        i.at,
        i.source,
        i.target,
        i.cents,
        i.currency,
        i.authority,
        i.d,
        i.l,
        i.b,
        i.h,
        i.verdict,
        i.older,
    )
