"""What waits for the card of tap_world.py in an action list, as the keyring would seal it."""

from typing import Any

from card_layouts.cards.card_layout import CHANNEL_WEB, K2
from card_layouts.crypto.an10922 import card_key
from card_layouts.packages.action_list import ActionList, open_action_list
from card_layouts.packages.action_list_builder import build_action_list
from card_layouts.records.entries_service import ACT_LOAD
from simulator.worlds.tap_world import AID, AUTHORITY, GENERATION, MASTERS, NOW, UID

K_ACT, LIST_GENERATION = b"act" * 5 + b"!", 9


def waiting(k: int = 2, cents: int = 1500, uid: bytes = UID, **changed: Any) -> dict[str, Any]:
    """Return a line of an action list: a load of `cents` as the card's action `k`."""
    return {
        "uid": uid,
        "kind": ACT_LOAD,
        "k": k,
        "version": 1,
        "valid_from": NOW - 86400,
        "valid_to": NOW + 30 * 86400,
        "amount": cents,
        "channel": CHANNEL_WEB,
        "action": 700 + k,
        "K": card_key(MASTERS[K2], uid, AID, K2, GENERATION),
        **changed,
    }


def action_list(*lines: dict[str, Any], version: int = 5) -> ActionList:
    """Return a list of these lines, open."""
    body = build_action_list(version, AUTHORITY, LIST_GENERATION, K_ACT, lines)
    return open_action_list(lambda offset, n: body[offset : offset + n], K_ACT, LIST_GENERATION)
