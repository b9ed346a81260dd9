"""Everything that is known of some actions and their cards, read in sets; and what is held where.

It decides nothing (`states.py` does). Source: trust.md 4.5.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from backend_sync.ledger.forgotten_lists import LEASE_MARGIN_S, forgotten_until
from backend_sync.ledger.results import BITS, POSTED, state_of
from backend_sync.storage.database import Database


class Action(NamedTuple):
    """One order, as in the table `actions`."""

    id: int
    key: str
    card: int
    kind: int
    cents: int
    slot: int
    what: bytes
    channel: str
    valid_from: int
    valid_to: int
    reason: str
    received: int


def action_of(row: Sequence[Any]) -> Action:
    """Return the Action of a row of the table."""
    return Action._make([*row[:6], bytes(row[6]), *row[7:]])


class Line(NamedTuple):
    """One line of its card; `listed` is the first list with it, None before there was one."""

    id: int
    action: int
    card: int
    k: int
    version: int
    kind: int
    valid_to: int
    listed: int | None


class Told(NamedTuple):
    """One ACTION entry and what all evidence about it says."""

    entry: int
    card: int
    k: int
    kind: int
    action: int
    state: int  # OPEN, POSTED, ... of results.py


class Carrier(NamedTuple):
    """A device that may hold the lists from one to another."""

    first_list: int
    last_list: int
    first_made: int
    leased_to: int
    reported: int  # its time up to which every entry is held here


class Facts:
    """The facts of some cards: all their actions, lines and entries."""

    def __init__(self, database: Database, cards: Iterable[int], now: int) -> None:
        self.now = now
        wanted = sorted(set(cards))
        self.actions = {
            row[0]: action_of(row)
            for row in database.rows_in("SELECT * FROM actions WHERE card IN {}", wanted)
        }
        self.by_card: dict[int, list[Action]] = defaultdict(list)
        for action in self.actions.values():
            self.by_card[action.card].append(action)
        self.issuers = dict(
            map(tuple, database.rows_in("SELECT id, issuer FROM cards WHERE id IN {}", wanted))
        )
        self.cancelled = {
            row[0]
            for row in database.rows_in(
                "SELECT action FROM action_cancels WHERE action IN {}", sorted(self.actions)
            )
        }
        self.lines: dict[int, list[Line]] = defaultdict(list)  # by action, oldest first
        self.slots: dict[int, dict[int, list[Line]]] = defaultdict(dict)  # by card and k
        for row in sorted(
            database.rows_in(
                "SELECT l.*, f.list FROM action_lines l LEFT JOIN action_listed f ON f.line = l.id"
                " WHERE l.card IN {}",
                wanted,
            )
        ):
            line = Line(*row)
            self.lines[line.action].append(line)
            self.slots[line.card].setdefault(line.k, []).append(line)
        self.told: dict[int, list[Told]] = defaultdict(list)  # by card
        self._read_entries(database, wanted)
        self._folded = dict(
            map(tuple, database.rows_in("SELECT card, a FROM checkpoints WHERE card IN {}", wanted))
        )
        self.done: dict[int, int] = defaultdict(int)  # a of each card
        self.done.update(
            (row[0], row[1])
            for row in database.rows_in("SELECT card, a FROM card_actions WHERE card IN {}", wanted)
        )
        for told in [told for rows in self.told.values() for told in rows]:
            if told.state == POSTED:
                self.done[told.card] = max(self.done[told.card], told.k)
        self._carriers = read_carriers(database)
        self._forgotten_until = forgotten_until(database)
        self._seen: dict[int, int] = {}  # when the newest tap that is here was, by card
        if self._forgotten_until:
            sql = "SELECT card, at FROM card_sightings WHERE card IN {}"
            self._seen.update(map(tuple, database.rows_in(sql, wanted)))

    def _read_entries(self, database: Database, cards: list[int]) -> None:
        rows = database.rows_in(
            "SELECT id, card, k, kind, action FROM action_entries"
            " WHERE id NOT IN (SELECT entry FROM displaced) AND card IN {}",
            cards,
        )
        bits: dict[int, int] = defaultdict(int)
        for pending, rule in database.rows_in(
            "SELECT pending, rule FROM evidence WHERE pending IN {}",
            sorted({row[0] for row in rows}),
        ):
            bits[pending] |= BITS[rule]
        for row in sorted(set(map(tuple, rows))):
            told = Told._make([*row, state_of(bits[row[0]])])
            self.told[told.card].append(told)

    def is_held(self, line: Line) -> bool:
        """Say whether any device could still carry out this line, for all that is known.

        A device that got it cannot once all its entries to beyond `valid_to` are here, for its
        clock never goes back; or once the last lease that it can have has ended.
        """
        if line.listed is None:
            return False
        if self.now <= line.valid_to:
            return True
        return any(
            carrier.last_list >= line.listed
            and carrier.first_made <= line.valid_to
            and carrier.reported <= line.valid_to
            and carrier.leased_to + LEASE_MARGIN_S >= self.now
            for carrier in self._carriers
        )

    def may_run_forgotten(self) -> bool:
        """Say whether a device may still carry out lists that these books have forgotten."""
        return self.now <= self._forgotten_until

    def is_known(self, card: int) -> bool:
        """Say whether no forgotten list can have done anything to the card that is not known.

        If a journal that may tell of it never came, the card itself has to be seen again first.
        """
        return not self.may_run_forgotten() and (
            not self._forgotten_until or self._seen.get(card, 0) > self._forgotten_until
        )

    def is_in_doubt(self, card: int) -> bool:
        """Say whether the card did something that may be any order: of a list forgotten here."""
        return bool(self._forgotten_until) and self.is_unexplained(card)

    def is_unexplained(self, card: int) -> bool:
        """Say whether the card has done an action that no entry here tells of.

        It may be any order of this card, if the books were put back to an older copy since.
        """
        told = {told.k for told in self.told[card]}
        folded = self._folded.get(card, 0)
        return any(k not in told for k in range(folded + 1, self.done[card] + 1))

    def newest(self, card: int, k: int) -> Line:
        """Return the line of an action number that lists have: the highest version."""
        return max(self.slots[card][k], key=lambda line: line.version)


def read_carriers(database: Database) -> list[Carrier]:
    """Return every device that lists went out to, with how far its journal is held."""
    rows = database.rows(
        "SELECT c.first_list, c.last_list, l.made, c.leased_to,"
        " CASE WHEN t.seq <= d.seq THEN t.at ELSE 0 END FROM action_carriers c"
        " JOIN action_lists l ON l.id = c.first_list"
        " LEFT JOIN device_times t ON t.device = c.device AND t.epoch = c.epoch"
        " LEFT JOIN devices d ON d.device = c.device AND d.epoch = c.epoch"
    )
    return [Carrier._make([*row[:4], row[4] or 0]) for row in rows]
