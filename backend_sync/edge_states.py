"""What an edge says of itself on its retained topic: is it there, and what packages does it hold.

Anybody with the edge's right to the broker may say anything here: it is checked, and only decides
what is sent again. Source: contract of the `state` topic in SPEC.md; D18.
"""

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from backend_sync.ports import Message
from backend_sync.topics import parse_topic
from card_layouts.errors import LayoutError

STATE_BYTES_MAX = 1 << 18
Edge = tuple[int, str]  # authority, edge
Held = dict[tuple[int, int, int], int]  # (device, role, authority) -> version
Holds = tuple[Held, set[int]]
HELD_FILE = "edge-holdings.json"  # beside the status file: what edges hold, for the office


def read_state(message: Message) -> tuple[Edge, bool, str, Holds | None]:
    """Return (edge, is it there, which birth, what it holds if it says so).

    Raises: LayoutError naming what is wrong.
    """
    authority, edge, _ = parse_topic(message.topic)
    if len(message.payload) > STATE_BYTES_MAX:
        raise LayoutError(f"state of {edge}: {len(message.payload)} bytes, too long")
    try:
        state = json.loads(message.payload)
    except (ValueError, RecursionError) as error:
        raise LayoutError(f"state of {edge}: no JSON: {error}") from None
    if not isinstance(state, dict) or not isinstance(state.get("online"), bool):
        raise LayoutError(f"state of {edge}: wanted online true or false")
    birth = str(state.get("birth", ""))
    return (authority, edge), state["online"], birth, _read_holds(edge, state.get("holds"))


def holdings(held: Mapping[Edge, Held], online: AbstractSet[Edge]) -> dict[str, Any]:
    """Return what edges hold for a file: {edges: [authority, edge, is it there, packages]}."""
    return {
        "edges": [
            [*edge, edge in online, sorted([*name, version] for name, version in rows.items())]
            for edge, rows in sorted(held.items())
        ]
    }


def read_holdings(folder: Path) -> dict[str, Any]:
    """Return what `holdings` wrote into a folder; no edge where it cannot be read."""
    try:
        found = json.loads((folder / HELD_FILE).read_text(encoding="utf-8"))
        return {"edges": [(int(a), str(e), bool(there), [tuple(map(int, row)) for row in rows])
                          for a, e, there, rows in found["edges"]]}  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {"edges": []}


def _read_holds(edge: str, holds: Any) -> Holds | None:
    """Return ({(device, role, authority): version}, months with dock keys), None if unsaid."""
    if holds is None:
        return None
    try:
        rows = [tuple(map(int, row)) for row in holds["packages"]]
        held = {(device, role, authority): version for device, role, authority, version in rows}
        return held, {int(month) for month in holds["dock_months"]}
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise LayoutError(f"state of {edge}: holds: {type(error).__name__} {error}") from None
