"""Which old detail may be folded: of cards that no open intent, fork or dispute touches.

Fills two temporary tables: `fold_commits` (pendings of rides, blocks, accesses and counters' loads)
and `fold_slots` (entries: those, their OUTCOMEs, what only looked at such a card, tourist tickets).
What a web order or a sale of a product did stays: their money may still be asked for. So does a
commit that rule X lapsed: late evidence still posts it. Source: decisions.md D24.
"""

from typing import NamedTuple

from backend_sync.ledger.report import STATES
from backend_sync.storage.database import Database
from card_layouts.cards.card_layout import KIND_LOAD
from card_layouts.records.entries import (
    ACCESS,
    BLOCK,
    INSPECTION,
    INTENT,
    OBS,
    OUTCOME,
    REFUSAL,
    TICKET,
)

COMMITS = f"({INTENT}, {BLOCK}, {ACCESS})"
# Loads whose orders nobody keeps (the web shop's are numbered from 2^29 on), of cards that did no
# action without an entry: `actions` must know of each which it was.
LOADS = (
    "SELECT x.id FROM action_entries x JOIN pendings q ON q.id = x.id"
    " LEFT JOIN checkpoints c ON c.card = x.card"
    f" WHERE q.kind = {KIND_LOAD} AND x.action < {1 << 29} AND coalesce("
    "(SELECT max(y.k) - count(DISTINCT y.k) FROM action_entries y WHERE y.card = x.card"
    " AND y.k > coalesce(c.a, 0)), c.a, 0) = coalesce(c.a, 0)"
)
LOOKS = f"({REFUSAL}, {OBS}, {INSPECTION})"
# Cards with an old commit that nobody knows the end of, or that is contradicted.
TOUCHED = (
    "SELECT p.card FROM pendings p JOIN held_entries e ON e.id = p.id"
    f" LEFT JOIN ({STATES}) s ON s.pending = p.id WHERE e.received <= ?"
    " AND (s.pending IS NULL OR s.eq = 1 OR (s.p = 1 AND s.v = 1))"
    " UNION SELECT card FROM kept_detail"
    # A dispute (`backend_sync/sales`) is open until it is refused, or its goodwill has ended.
    " UNION SELECT d.card FROM disputes d WHERE NOT EXISTS (SELECT 1 FROM dispute_steps s"
    " LEFT JOIN action_states a ON a.action = s.action WHERE s.dispute = d.id"
    " AND (s.step = 'refused' OR (s.step = 'accepted' AND a.ended = 1)))"
)
TICKET_CASES = (
    "SELECT ticket FROM ticket_twice UNION SELECT t.ticket FROM ticket_taps t"
    " WHERE NOT EXISTS (SELECT 1 FROM ticket_sales s WHERE s.ticket = t.ticket)"
)
ENDED = (
    "SELECT o.id FROM entries o JOIN entries e ON e.device = o.device AND e.epoch = o.epoch"
    " AND e.seq = o.of JOIN fold_slots f ON f.id = e.id"
    f" WHERE o.type = {OUTCOME} AND length(o.slot) > 0"
)
INTO_SLOTS = "INSERT INTO fold_slots SELECT DISTINCT n.id FROM ({}) n"
UNSEEN = " WHERE NOT EXISTS (SELECT 1 FROM fold_slots f WHERE f.id = n.id)"


class Selected(NamedTuple):
    """How much there is to fold; `cards_kept` are those that something touches."""

    cards: int
    commits: int
    slots: int
    cards_kept: int


def select(database: Database, until: int) -> Selected:
    """Fill the temporary tables with what was received up to `until`; inside a transaction."""
    drop(database)
    for name, columns in (("fold_commits", ", card BIGINT"), ("fold_slots", "")):
        database.execute(f"CREATE TEMPORARY TABLE {name} (id BIGINT PRIMARY KEY{columns})")
    database.execute("CREATE TEMPORARY TABLE fold_touched (id BIGINT PRIMARY KEY)")
    database.execute(f"INSERT INTO fold_touched SELECT DISTINCT card FROM ({TOUCHED}) t", (until,))
    database.execute(
        "INSERT INTO fold_commits SELECT p.id, p.card FROM pendings p JOIN entries e ON e.id = p.id"
        f" LEFT JOIN ({STATES}) s ON s.pending = p.id"
        f" WHERE e.received <= ? AND (e.type IN {COMMITS} OR p.id IN ({LOADS}))"
        " AND p.card NOT IN (SELECT id FROM fold_touched)"
        " AND (s.p = 1 OR s.v = 1 OR p.id IN (SELECT entry FROM displaced))",
        (until,),
    )
    _fill_slots(database, until)
    return Selected(
        int(database.value("SELECT count(DISTINCT card) FROM fold_commits")),
        int(database.value("SELECT count(*) FROM fold_commits")),
        int(database.value("SELECT count(*) FROM fold_slots")),
        int(database.value("SELECT count(*) FROM fold_touched")),
    )


def drop(database: Database) -> None:
    """Drop the temporary tables, if they are there."""
    for name in ("fold_commits", "fold_slots", "fold_touched"):
        database.execute(f"DROP TABLE IF EXISTS {name}")


def _fill_slots(database: Database, until: int) -> None:
    database.execute(INTO_SLOTS.format("SELECT id FROM fold_commits"))
    database.execute(INTO_SLOTS.format(
        f"SELECT id FROM entries WHERE received <= ? AND type IN {LOOKS} AND card IS NOT NULL"
        " AND card NOT IN (SELECT id FROM fold_touched)"
    ), (until,))  # fmt: skip
    database.execute(INTO_SLOTS.format(
        f"SELECT e.id FROM entries e JOIN ticket_taps t ON t.id = e.id WHERE e.received <= ?"
        f" AND e.type = {TICKET} AND t.ticket NOT IN ({TICKET_CASES})"
    ), (until,))  # fmt: skip
    database.execute(INTO_SLOTS.format(ENDED) + UNSEEN)
