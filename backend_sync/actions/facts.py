"""Everything that is known of some actions and their cards, read in sets; and what is held where.

It decides nothing (`states.py` does). Source: trust.md 4.5.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from backend_sync.actions.holders import Holders, Line
from backend_sync.ledger.forgotten_lists import forgotten_until
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


class Told(NamedTuple):
    """One ACTION entry and what all evidence about it says."""

    entry: int
    card: int
    k: int
    kind: int
    action: int
    state: int  # OPEN, POSTED, ... of results.py


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
                "SELECT l.*, f.list, m.made, d.list FROM action_lines l"
                " LEFT JOIN action_listed f ON f.line = l.id"
                " LEFT JOIN action_lists m ON m.id = f.list"
                " LEFT JOIN action_dropped d ON d.line = l.id WHERE l.card IN {}",
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
        self._database = database
        self._holders: Holders | None = None  # read when somebody asks
        self._forgotten_until = forgotten_until(database)
        sql = "SELECT card, at FROM card_sightings WHERE card IN {}"
        # When the newest tap that is here was, by card.
        self._seen: dict[int, int] = dict(map(tuple, database.rows_in(sql, wanted)))

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
        """Say whether any device could still carry out this line, for all that is known."""
        if line.listed is None:
            return False
        if line.dropped is None and self.now <= line.valid_to:
            return True
        if self._holders is None:
            self._holders = Holders(self._database, self.now, self._seen)
        return self._holders.may_carry(line)

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
