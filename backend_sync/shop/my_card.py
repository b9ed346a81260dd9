"""A card for who has it in his hand: balance, passes, what is on its way, and every tap.

Read as the office reads it (`office/accounts.py`), all areas included: it is his own. A card is
its account number inside, and nothing of it is shown. Source: W-142; D11, D14.
"""

from typing import Any, NamedTuple

from backend_sync.actions import states
from backend_sync.actions.words import place_of
from backend_sync.office import accounts
from backend_sync.registers.rights import Scope
from backend_sync.storage.database import Database
from card_layouts.cards.card_layout import M_EMPTY, P_SLOT, P_SLOT_BYTES, P_SLOTS, S, T

EVERYWHERE = Scope()  # of all areas: a card's own rides are nobody else's
LISTED_AT = (
    "SELECT min(l.made) FROM action_lines a JOIN action_listed d ON d.line = a.id"
    " JOIN action_lists l ON l.id = d.list WHERE a.action = ?"
)


class Right(NamedTuple):
    """A pass on the card: days since 2020 (0: none), 0 days left: nothing is counted."""

    product: int
    authority: int
    zones: int
    begun: int
    last: int
    length: int
    days_left: int


class OnItsWay(NamedTuple):
    """Something that was bought for the card, here or elsewhere."""

    action: int
    kind: str
    cents: int
    state: str
    listed: int  # when validators were first given it; 0: not yet
    at: int  # when it came onto the card; 0: not yet
    stop: int | None
    device: int
    money_back: bool


class Known(NamedTuple):
    """What the ledger knows; `seen` is when the newest commit that it knows was made, 0: never."""

    account: accounts.Account
    seen: int
    rights: list[Right]
    on_its_way: list[OnItsWay]


def known(database: Database, card: int) -> Known:
    """Return all but the taps of a card."""
    found = accounts.account(database, card)
    seen = database.rows("SELECT at FROM pendings WHERE id = ?", (found.newest,))
    orders = [_on_its_way(database, one) for one in accounts.actions_of(database, card)]
    return Known(found, int(seen[0][0]) if seen else 0, rights_of(database, card), orders)


def one_order(database: Database, card: int, action: int) -> OnItsWay | None:
    """Return how an action of a card fares; None when it is none of its."""
    return next((_on_its_way(database, one) for one in accounts.actions_of(database, card)
                 if one["action"] == action), None)  # fmt: skip


def taps(database: Database, card: int, before: int) -> tuple[list[accounts.Ride], int]:
    """Return (taps from commit `before` back, 0: the newest; where the next page begins or 0)."""
    start = before or accounts.account(database, card).newest
    return accounts.rides_of(database, EVERYWHERE, card, start)


def rights_of(database: Database, card: int) -> list[Right]:
    """Return the passes that the card has, as its last audit left them."""
    rows = database.rows("SELECT head, rights, usage FROM holdings WHERE card = ?", (card,))
    if not rows:
        return []
    head, rights, usage = (bytes(part) for part in rows[0])
    said, used = S.unpack(head), T.unpack(usage)
    found = []
    for slot in range(P_SLOTS):
        row = P_SLOT.unpack(rights, P_SLOT_BYTES * slot)
        if row["mechanism"] == M_EMPTY or said[f"d_mechanism{slot}"] == M_EMPTY:
            continue
        is_begun = used[f"t_k{slot}"] == said[f"d_k{slot}"] and used[f"t_start{slot}"]
        waits = row["length"] and not is_begun
        begun = used[f"t_start{slot}"] if is_begun else 0 if waits else row["first_day"]
        length = used[f"t_length{slot}"] if is_begun else row["length"]
        last = begun + length - 1 if is_begun and length else row["last_day"]
        left = used[f"t_left{slot}"] if is_begun else row["travel_days"]
        found.append(Right(row["product"], row["authority_use"], row["zones"], begun, last,
                           length, left))  # fmt: skip
    return found


def _on_its_way(database: Database, said: dict[str, Any]) -> OnItsWay:
    number = said["action"]
    at = 0
    if said["state"] == states.EXECUTED:
        entry = database.value("SELECT entry FROM action_states WHERE action = ?", (number,))
        at = place_of(database, entry).at
    listed = database.value(LISTED_AT, (number,)) or 0
    return OnItsWay(number, said["kind"], said["cents"], said["state"], int(listed), at,
                    said["stop"], said["device"] or 0, said["money_back"])  # fmt: skip
