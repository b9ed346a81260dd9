"""The states of a card, where a card in each can be, and the closed table of what may become what.

| state | the card |
|---|---|
| ordered | is at the supplier |
| in stock | lies in the authority's central stock |
| at point | lies at a sales point and may be handed out |
| with customer | was handed out; this register never knows to whom |
| returned | came back and may be handed out again |
| damaged | does not work |
| lost | nobody knows where it is; its place is where it was last |
| blocked | validators refuse it |
| killed | will never work again |

Source: W-97, W-104, W-123..W-125, W-149, R-1..R-3, R-9, R-12; X-7.
"""

from typing import NamedTuple

ORDERED, IN_STOCK, AT_POINT, WITH_CUSTOMER = "ordered", "in stock", "at point", "with customer"
RETURNED, DAMAGED, LOST, BLOCKED, KILLED = "returned", "damaged", "lost", "blocked", "killed"
STATES = (
    *(ORDERED, IN_STOCK, AT_POINT, WITH_CUSTOMER),
    *(RETURNED, DAMAGED, LOST, BLOCKED, KILLED),
)
# Can be handed out: what stock counts and alarms count.
READY = (IN_STOCK, AT_POINT, RETURNED)

SUPPLIER, STOCK, POINT, CUSTOMER = "supplier", "stock", "point", "customer"
KINDS = (SUPPLIER, STOCK, POINT, CUSTOMER)
DELIVER, UNDO = "deliver", "undo"


class Act(NamedTuple):
    """One allowed transition: the right that it takes, and both ends as (state, kind of place)."""

    name: str
    right: str
    state_before: str
    kind_before: str
    state_after: str
    kind_after: str

    @property
    def is_move(self) -> bool:
        """Whether it is asked for by where the cards go, not by what becomes of them."""
        return self.name in MOVES


MOVES = ("receive", "send back", "distribute", "bring back", "pass on", "collect", "hand in",
         "dispose")  # fmt: skip
SAME = ""
# act, right, state before, kinds of place before, state after, kind after (SAME = the same place)
_TABLE = (
    ("receive", "cards.move", ORDERED, (SUPPLIER,), IN_STOCK, STOCK),
    ("send back", "cards.move", IN_STOCK, (STOCK,), ORDERED, SUPPLIER),
    ("distribute", "cards.move", IN_STOCK, (STOCK,), AT_POINT, POINT),
    ("bring back", "cards.move", AT_POINT, (POINT,), IN_STOCK, STOCK),
    ("pass on", "cards.move", AT_POINT, (POINT,), AT_POINT, POINT),
    ("collect", "cards.move", RETURNED, (POINT,), IN_STOCK, STOCK),
    ("hand in", "cards.serve", DAMAGED, (CUSTOMER,), DAMAGED, POINT),
    ("dispose", "cards.move", DAMAGED, (POINT,), DAMAGED, STOCK),
    ("dispose", "cards.move", DAMAGED, (STOCK,), DAMAGED, SUPPLIER),
    ("hand out", "cards.serve", AT_POINT, (POINT,), WITH_CUSTOMER, CUSTOMER),
    ("send out", "cards.move", IN_STOCK, (STOCK,), WITH_CUSTOMER, CUSTOMER),
    ("take back", "cards.serve", WITH_CUSTOMER, (CUSTOMER,), RETURNED, POINT),
    ("reuse", "cards.serve", RETURNED, (POINT,), AT_POINT, SAME),
    ("lose", "cards.report", ORDERED, (SUPPLIER,), LOST, SAME),
    ("lose", "cards.report", IN_STOCK, (STOCK,), LOST, SAME),
    ("lose", "cards.report", AT_POINT, (POINT,), LOST, SAME),
    ("lose", "cards.report", RETURNED, (POINT,), LOST, SAME),
    ("lose", "cards.report", WITH_CUSTOMER, (CUSTOMER,), LOST, SAME),
    ("lose", "cards.report", BLOCKED, (POINT, CUSTOMER), LOST, SAME),
    ("find", "cards.report", LOST, (SUPPLIER,), ORDERED, SAME),
    ("find", "cards.report", LOST, (STOCK,), IN_STOCK, SAME),
    ("find", "cards.report", LOST, (POINT,), AT_POINT, SAME),
    ("find", "cards.report", LOST, (CUSTOMER,), WITH_CUSTOMER, SAME),
    ("damage", "cards.report", ORDERED, (SUPPLIER,), DAMAGED, SAME),
    ("damage", "cards.report", IN_STOCK, (STOCK,), DAMAGED, SAME),
    ("damage", "cards.report", AT_POINT, (POINT,), DAMAGED, SAME),
    ("damage", "cards.report", RETURNED, (POINT,), DAMAGED, SAME),
    ("damage", "cards.report", WITH_CUSTOMER, (CUSTOMER,), DAMAGED, SAME),
    ("damage", "cards.report", BLOCKED, (POINT, CUSTOMER), DAMAGED, SAME),
    ("block", "cards.block", AT_POINT, (POINT,), BLOCKED, SAME),
    ("block", "cards.block", WITH_CUSTOMER, (CUSTOMER,), BLOCKED, SAME),
    ("unblock", "cards.block", BLOCKED, (POINT,), AT_POINT, SAME),
    ("unblock", "cards.block", BLOCKED, (CUSTOMER,), WITH_CUSTOMER, SAME),
    ("kill", "cards.kill", RETURNED, (POINT,), KILLED, SAME),
    ("kill", "cards.kill", DAMAGED, KINDS, KILLED, SAME),
    ("kill", "cards.kill", LOST, KINDS, KILLED, SAME),
    ("kill", "cards.kill", BLOCKED, (POINT, CUSTOMER), KILLED, SAME),
)
ACTS = tuple(
    Act(name, right, before, kind, after, kind_after or kind)
    for name, right, before, kinds, after, kind_after in _TABLE
    for kind in kinds
)


def kind_of(place: str) -> str:
    """Return the kind of a place: point:kamppi is a point."""
    return place.partition(":")[0]


def acts_from(state: str, kind: str) -> list[Act]:
    """Return what may be done with cards in `state` at such a place."""
    return [act for act in ACTS if (act.state_before, act.kind_before) == (state, kind)]


def moving(state: str, kind: str, to_kind: str) -> Act | None:
    """Return the move of cards in `state` from one kind of place to another."""
    found = [act for act in acts_from(state, kind) if act.is_move and act.kind_after == to_kind]
    return found[0] if found else None


def becoming(state: str, kind: str, to_state: str) -> Act | None:
    """Return the act that makes cards in `state` become `to_state`."""
    found = [act for act in acts_from(state, kind) if not act.is_move]
    return next((act for act in found if act.state_after == to_state), None)
