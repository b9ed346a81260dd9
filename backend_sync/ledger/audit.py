"""Audits cards: what each holds is followed through its commits, and every choice is repeated.

Runs beside posting, some cards at a time, each in the transaction that also says it is done: it may
be stopped anywhere and begun again. Only what is new of a card is read, unless something new lies
below the counter it had come to: then the card is read from its issue on. Where the chain stops,
commits wait. A card whose batch nobody told is left to the price alone. No money is moved here.
Source: decisions.md D11, D14, D22.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from backend_sync.ledger.audit_tables import (
    AUDIT,
    choices,
    differences,
    holdings,
    waiting_taps,
)
from backend_sync.ledger.choice import ChoiceRater, Commit, Judgement
from backend_sync.ledger.decoding import h_of
from backend_sync.ledger.holdings import Holdings, issued
from backend_sync.ledger.results import AUDITED, BEGIN_AGAIN, BITS, POSTED, UNAUDITED, state_of
from backend_sync.ports import OK, Keyring
from backend_sync.storage.database import Database
from card_layouts.fares.repeat import DIFFERENT
from card_layouts.settlement.pricing import Tariffs

CARDS_AT_ONCE = 500
SLOTS_AT_ONCE = 500
CARDS_SQL = (
    "SELECT c.id, c.unaudited, c.newest, c.pseudonym, c.h0, b.head, h.newest, h.doubt,"
    " h.n, h.head, h.rights, h.usage, h.h, h.record FROM cards c"
    " LEFT JOIN issues s ON s.card = c.id"
    " LEFT JOIN batches b ON b.authority = s.authority AND b.batch = s.batch"
    " LEFT JOIN holdings h ON h.card = c.id"
    " WHERE c.unaudited > 0 ORDER BY c.id LIMIT ?"
)
# The commits of some cards along their threads, down to the last one that was seen before.
THREAD_SQL = (
    "WITH RECURSIVE walk(id, older, card, n, seen) AS ("
    " SELECT p.id, p.older, p.card, p.n, k.seen FROM {keys} JOIN pendings p ON p.id = k.newest"
    " UNION ALL"
    " SELECT p.id, p.older, p.card, p.n, w.seen FROM walk w JOIN pendings p ON p.id = w.older"
    " WHERE w.older > w.seen)"
    " SELECT card, id, n FROM walk WHERE id NOT IN (SELECT entry FROM displaced)"
)


@dataclass(slots=True, eq=False)
class _Card:
    """One card while it is audited. `taps`: counters of the commits at hand, by pending."""

    id: int
    newest: int | None
    pseudonym: bytes
    start: Holdings  # as it was issued
    held: Holdings
    seen: int = 0  # the newest commit that the last audit saw
    again: bool = False
    taps: dict[int, int] = field(default_factory=dict)
    waited: set[int] = field(default_factory=set)
    found: list[Judgement] = field(default_factory=list)

    def left(self) -> list[tuple[int, int, int]]:
        """Return the rows of taps that begin to wait."""
        left = self.taps.keys() - self.waited
        return [(p, self.id, self.taps[p]) for p in sorted(left) if self.taps[p] > self.held.n]

    def reach(self) -> list[int]:
        """Return the pendings without a hole between them and the counter come to."""
        by_n: dict[int, list[int]] = {}
        for pending, n in self.taps.items():
            by_n.setdefault(n, []).append(pending)
        reached: list[int] = []
        n = self.held.n + 1
        while n in by_n:
            reached += by_n[n]
            n += 1
        return reached


class Auditor:
    """Audits the cards of one database under the tariffs there are, which may grow."""

    def __init__(self, database: Database, keyring: Keyring, tariffs: Tariffs) -> None:
        self.database = database
        self.keyring = keyring
        self.tariffs = tariffs
        self.rater = ChoiceRater(tariffs)
        self.priced_with = 0  # tariffs there were at the last audit
        self.has_news = True  # whether it is worth while to look for cards at all

    def audit(self, cards_max: int = CARDS_AT_ONCE) -> int:
        """Audit up to so many cards; return how many: 0 means that nothing is left to do.

        Raises: KeyringAbsent, or the database's error: then nothing of them was noted.
        """
        if not self.has_news and len(self.tariffs) == self.priced_with:
            return 0
        with self.database.transaction():
            if len(self.tariffs) != self.priced_with:
                self._wake_waiting()
            rows = self.database.rows(CARDS_SQL, (cards_max,))
            cards = [_card(row) for row in rows if row[5] is not None]
            self._read_taps(cards)
            for card, commits in self._linked(cards, self._open(cards)):
                card.found = self.rater.walk(card.held, commits)
            self._write(cards, [row[0] for row in rows])
        self.priced_with = len(self.tariffs)
        self.has_news = bool(rows)
        return len(rows)

    def begin_again(self) -> None:
        """Have every card audited from its issue on: after a repair, or under another engine."""
        with self.database.transaction():
            for table in AUDIT:
                self.database.run(f"DELETE FROM {table.name}", [()])
            self.database.run("UPDATE cards SET unaudited = ?", [(UNAUDITED,)])
        self.has_news = True

    def _wake_waiting(self) -> None:
        """A tariff has come: taps that waited for it may be repeated now."""
        self.database.run(
            "UPDATE cards SET unaudited = ? WHERE unaudited = ? AND id IN"
            " (SELECT card FROM waiting_taps)",
            [(UNAUDITED, AUDITED)],
        )

    def _read_taps(self, cards: list[_Card]) -> None:
        """Read what is new of each card, and what waits; all of a card where it lies below."""
        by_id = {card.id: card for card in cards}
        for number, pending, n in self._thread(cards):
            by_id[number].taps[pending] = n
        late = [card for card in cards if any(n <= card.held.n for n in card.taps.values())]
        for card in late:
            card.held, card.seen, card.again = replace(card.start), 0, True
        for number, pending, n in self._thread(late):
            by_id[number].taps[pending] = n
        waiting = self.database.rows_in(
            "SELECT card, pending, n FROM waiting_taps WHERE card IN {}",
            [card.id for card in cards if not card.again],
        )
        for number, pending, n in waiting:
            by_id[number].taps[pending] = n
            by_id[number].waited.add(pending)

    def _thread(self, cards: list[_Card]) -> list[Any]:
        keys = [(card.newest, card.seen) for card in cards if (card.newest or 0) > card.seen]
        return self.database.rows_of(THREAD_SQL, ("newest", "seen"), keys)

    def _open(self, cards: list[_Card]) -> dict[int, Commit]:
        """Return the commits up to where each chain stops, opened."""
        reached = {pending: card for card in cards for pending in card.reach()}
        states = self._states(reached)
        wanted = [p for card in cards for p in _to_the_stop(card, states)]
        rows = self.database.rows_in(
            "SELECT e.id, p.n, e.type, e.device, e.epoch, e.seq, e.slot FROM entries e"
            " JOIN pendings p ON p.id = e.id WHERE e.id IN {}",
            wanted,
        )
        rows.sort(key=lambda row: row[3:6])
        opened: dict[int, Commit] = {}
        for at in range(0, len(rows), SLOTS_AT_ONCE):
            part = rows[at : at + SLOTS_AT_ONCE]
            runs = [(row[3], row[4], row[5], bytes(32), [bytes(row[6])]) for row in part]
            for one, row in zip(self.keyring.unseal(runs), part, strict=True):
                if one.status == OK:  # else it is behind a hole: its key was destroyed
                    opened[row[0]] = Commit(
                        row[0], row[1], states[row[0]], row[2], *one[1:4], one.payload
                    )
        return opened

    def _states(self, reached: Iterable[int]) -> dict[int, int]:
        numbers = list(reached)
        bits = dict.fromkeys(numbers, 0)
        for number, rule in self.database.rows_in(
            "SELECT pending, rule FROM evidence WHERE pending IN {}", numbers
        ):
            bits[number] |= BITS[rule]
        return {number: state_of(found) for number, found in bits.items()}

    def _linked(
        self, cards: list[_Card], opened: dict[int, Commit]
    ) -> list[tuple[_Card, list[Commit]]]:
        """Return each card's commits that were chained to the one known before them (P3).

        A copied card has two threads with the same counters: nobody may be judged by the other's.
        """
        found, asked = [], []
        for card in cards:
            commits = [opened[pending] for pending in card.taps if pending in opened]
            commits.sort(key=lambda commit: (commit.n, commit.device, commit.epoch, commit.seq))
            h = {c.n: h_of(c.payload) for c in commits if c.state == POSTED}
            h[card.held.n] = card.held.h
            asked += [(card, commit, h[commit.n - 1]) for commit in commits if commit.n - 1 in h]
            found.append((card, commits))
        linked = set()
        for at in range(0, len(asked), SLOTS_AT_ONCE):
            part = asked[at : at + SLOTS_AT_ONCE]
            answers = self.keyring.recompute(
                [(card.pseudonym, h, [(c.device, c.epoch, c.first)]) for card, c, h in part]
            )
            for (_, commit, _), answer in zip(part, answers, strict=True):
                if answer[0] == h_of(commit.payload):
                    linked.add(commit.id)
        return [(card, [c for c in commits if c.id in linked]) for card, commits in found]

    def _write(self, cards: list[_Card], numbers: list[int]) -> None:
        database = self.database
        again = [(card.id,) for card in cards if card.again]
        forgotten = [(pending,) for card in cards if card.again for pending in card.taps]
        passed = [(p,) for card in cards for p in card.waited if card.taps[p] <= card.held.n]
        database.run("DELETE FROM choices WHERE pending = ?", forgotten)
        database.run("DELETE FROM differences WHERE pending = ?", forgotten)
        database.run("DELETE FROM waiting_taps WHERE card = ?", again)
        database.run("DELETE FROM waiting_taps WHERE pending = ?", passed)
        database.insert(waiting_taps, [row for card in cards for row in card.left()])
        found = [judgement for card in cards for judgement in card.found]
        database.insert(
            choices,
            [(j.pending, j.verdict) for j in found],
            "ON CONFLICT (pending) DO UPDATE SET verdict = excluded.verdict",
        )
        database.insert(
            differences,
            [(j.pending, j.validator[:200], j.ledger[:400]) for j in found if _differs(j)],
            "ON CONFLICT (pending) DO UPDATE SET validator = excluded.validator,"
            " ledger = excluded.ledger",
        )
        self._write_holdings(cards)
        database.run("UPDATE cards SET unaudited = 0 WHERE id = ?", [(n,) for n in numbers])

    def _write_holdings(self, cards: list[_Card]) -> None:
        names = ("n", "head", "rights", "usage", "h", "record", "doubt", "newest")
        self.database.insert(
            holdings,
            [(c.id, *(getattr(c.held, name) for name in names[:-1]), c.newest) for c in cards],
            "ON CONFLICT (card) DO UPDATE SET "
            + ", ".join(f"{name} = excluded.{name}" for name in names),
        )


def _card(row: Any) -> _Card:
    """Return a card of CARDS_SQL: as it was held, or as it was issued."""
    number, unaudited, newest, pseudonym, h0, head, seen, doubt, n = row[:9]
    start = issued(bytes(head), bytes(h0))
    if n is None or unaudited == BEGIN_AGAIN:
        again = unaudited == BEGIN_AGAIN
        return _Card(number, newest, bytes(pseudonym), start, replace(start), again=again)
    held = Holdings(
        n, bytes(row[9]), bytes(row[10]), bytes(row[11]), bytes(row[12]), bytes(row[13]), doubt
    )
    return _Card(number, newest, bytes(pseudonym), start, held, seen or 0)


def _to_the_stop(card: _Card, states: dict[int, int]) -> list[int]:
    """Return the pendings that can be judged: up to the first counter no commit is known at."""
    by_n: dict[int, list[int]] = {}
    for pending in card.reach():
        by_n.setdefault(card.taps[pending], []).append(pending)
    found: list[int] = []
    for n in sorted(by_n):
        found += by_n[n]
        if not any(states[pending] == POSTED for pending in by_n[n]):
            break
    return found


def _differs(judgement: Judgement) -> bool:
    return judgement.verdict == DIFFERENT
