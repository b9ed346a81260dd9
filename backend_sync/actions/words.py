"""What is said about an action: one sentence a state, and where a load happened.

The stop is that of the fare that the same tap charged behind the load, on the same device.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from backend_sync.actions import states
from backend_sync.actions.facts import Action, action_of
from backend_sync.ledger.decoding import reader
from backend_sync.storage.database import Database
from card_layouts.cards.card_layout import P_SLOT
from card_layouts.codec.timestamps import to_unix
from card_layouts.records.entries import INTENT
from card_layouts.records.entries_service import (
    ACT_ADJUST,
    ACT_LOAD,
    ACT_PRODUCT,
    ACT_UNBLOCK,
)
from card_layouts.records.entries_tap import INTENT as INTENT_LAYOUT
from card_layouts.records.entries_tap import STOP_NONE

KINDS = {"load": ACT_LOAD, "product": ACT_PRODUCT, "unblock": ACT_UNBLOCK}
# A goodwill is given by `tornello sales dispute` alone: nobody orders one here.
KIND_NAMES = {number: name for name, number in KINDS.items()} | {ACT_ADJUST: "goodwill"}
DONE_WORDS = {ACT_LOAD: "loaded", ACT_PRODUCT: "put on the card", ACT_UNBLOCK: "unblocked",
              ACT_ADJUST: "given"}  # fmt: skip
SAME_TAP = 8  # entries between a load and the fare of its tap, at most
WORDS = {
    states.CREATED: "waiting: goes onto the card at its next tap, once validators know it",
    states.PUBLISHED: "waiting: goes onto the card at its next tap",
    states.COUNTER: "waiting, at a counter only: the validators' list is full",
    states.DISPLACED: "waiting: another action came first",
    states.CONFIRMING: "being confirmed: hold the card to a validator again",
    states.UNCLEAR: "being confirmed: the card says it is done, a validator's report is missing",
    states.CANCELLING: "being cancelled: money back once no validator can load it any more",
    states.EXPIRING: "expired: money back once all validators have reported",
    states.SUPERSEDED: "cancelled",
    states.EXPIRED: "expired",
}
read_stop = reader(INTENT_LAYOUT, ("stop",), 72, 96)


class Place(NamedTuple):
    """Where and when an action was carried out."""

    device: int
    stop: int | None  # index of the tariff's stops; None: the tap does not say
    at: int  # s since 2020


def status(database: Database, number: int) -> dict[str, Any] | None:
    """Return what is known of an action, its sentence included; None when there is none."""
    rows = database.rows("SELECT * FROM actions WHERE id = ?", (number,))
    if not rows:
        return None
    action = action_of(rows[0])
    state, entry = database.rows(
        "SELECT state, entry FROM action_states WHERE action = ?", (number,)
    )[0]
    place = place_of(database, entry) if state == states.EXECUTED else None
    back = _went_back(database, number)
    return {
        "action": number,
        "key": action.key,
        "card": action.card,
        "kind": KIND_NAMES.get(action.kind, str(action.kind)),
        "product": P_SLOT.get(action.what, "product") if action.kind == ACT_PRODUCT else 0,
        "cents": action.cents,
        "channel": action.channel,
        "state": state,
        "device": place.device if place else None,
        "stop": place.stop if place else None,
        "day": day_text(place.at) if place else None,
        "money_back": back,
        "status": sentence(action, state, place, back),
    }


def sentence(action: Action, state: str, place: Place | None, money_back: bool) -> str:
    """Return the status for the buyer."""
    if place is None:
        return WORDS[state] + (", money back" if money_back else "")
    where = f"stop {place.stop}" if place.stop is not None else f"validator {place.device}"
    words = f"{DONE_WORDS[action.kind]} at {where} on {day_text(place.at)}"
    return words + ("; its money went back before: a case" if money_back else "")


def place_of(database: Database, entry: int) -> Place:
    """Return where the ACTION entry `entry` was written."""
    device, epoch, seq, card, at = database.rows(
        "SELECT e.device, e.epoch, e.seq, e.card, a.at FROM entries e"
        " JOIN action_entries a ON a.id = e.id WHERE e.id = ?",
        (entry,),
    )[0]
    fares = database.rows(
        "SELECT r.facts FROM entries e JOIN rides r ON r.id = e.id WHERE e.device = ?"
        " AND e.epoch = ? AND e.seq > ? AND e.seq <= ? AND e.card = ? AND e.type = ?"
        " ORDER BY e.seq LIMIT 1",
        (device, epoch, seq, seq + SAME_TAP, card, INTENT),
    )
    stop = read_stop(bytes(fares[0][0]))[0] if fares else STOP_NONE
    return Place(device, None if stop == STOP_NONE else stop, at)


def day_text(at: int) -> str:
    """Return the UTC day of a second since 2020."""
    return datetime.fromtimestamp(to_unix(at), UTC).date().isoformat()


def _went_back(database: Database, number: int) -> bool:
    key = f"actions:{number}:back"
    return bool(database.rows("SELECT 1 FROM bookings WHERE key = ?", (key,)))


def figures(database: Database) -> dict[str, Any]:
    """Return the counts of actions by state, and the money that waits, is loaded, went back."""
    counts = dict.fromkeys(states.STATES, 0)
    cents = dict.fromkeys(states.STATES, 0)
    for state, count, money in database.rows(
        "SELECT s.state, count(*), sum(a.cents) FROM action_states s"
        " JOIN actions a ON a.id = s.action GROUP BY s.state"
    ):
        counts[state], cents[state] = int(count), int(money)
    return {"counts": counts, "cents": cents}
