"""Whether what is paid elsewhere will find room on its card, by what the ledger knows of it.

A validator looks again at the tap; what it cannot put on the card would wait, and all behind it.
Source: card.md (limits of V); W-56, W-66; trust.md 4.5.
"""

from backend_sync.actions.desk import ActionRefused
from backend_sync.actions.states import ENDED
from backend_sync.storage.database import Database
from card_layouts.cards.card_layout import P_SLOTS, S, T
from card_layouts.cards.directory import free_place
from card_layouts.records.entries_service import ACT_LOAD, ACT_PRODUCT

LIMIT = (
    "SELECT c.balance_cents, i.limit_cents FROM cards c JOIN issues i ON i.card = c.id"
    " WHERE c.id = ?"
)
WAITING = (
    "SELECT count(*), coalesce(sum(a.cents), 0) FROM actions a JOIN action_states s"
    " ON s.action = a.id WHERE a.card = ? AND a.kind = ?"
    f" AND s.state NOT IN ({', '.join('?' for _ in ENDED)})"
)


def check_load(database: Database, card: int, cents: int) -> None:
    """Refuse a load that the purse cannot hold beside what waits for it. Raises: ActionRefused."""
    _, coming = _waiting(database, card, ACT_LOAD)
    for balance, most in database.rows(LIMIT, (card,)):
        if most and balance + coming + cents > most:
            raise ActionRefused(f"{cents} cents: with what waits for it the purse would hold more"
                                f" than its {most}", "balance")  # fmt: skip


def free_slot(database: Database, card: int, day: int) -> int:
    """Return a slot of P, 0 to 3, for one more right on a service day. Raises: ActionRefused."""
    rows = database.rows("SELECT head, usage FROM holdings WHERE card = ?", (card,))
    free = list(range(P_SLOTS))  # of a card that nobody has used: all
    if rows:
        head, usage = S.unpack(bytes(rows[0][0])), T.unpack(bytes(rows[0][1]))
        free = [slot for slot in free if free_place(head, slot, day, usage) == slot]
    if len(free) <= _waiting(database, card, ACT_PRODUCT)[0]:
        sentence = f"product: the card has {P_SLOTS} places, none is free; one has to end first"
        raise ActionRefused(sentence, "place")
    return free[0]


def _waiting(database: Database, card: int, kind: int) -> tuple[int, int]:
    """Return how many orders of a kind wait for a card, and their cents."""
    count, cents = database.rows(WAITING, (card, kind, *ENDED))[0]
    return int(count), int(cents)
