"""Read a card image file: what a DESFire card holds, as the file formats of images tell it.

Understands "desfire-ev1-image-1" (one JSON file a card: applications, files, committed values).
An image whose commit had reached its journal mark reads as the card will after the next power-up:
the staged files count. Knows our application's files C and V; no keys are needed, none are shown.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from card_layouts.cards.card_layout import FILE_C, FILE_G, FILE_V, G
from card_layouts.cards.counter import KILLED_B, counter_b_n
from card_layouts.errors import LayoutError
from edge_agent.counter.desk import CounterError

FORMAT = "desfire-ev1-image-1"
OUR_AID_NIBBLE = 0xF0  # the last byte on the wire: 0xF, then the cluster's high bits


class CardImageError(CounterError):
    """A file is no card image; the message says which file, what was found and wanted."""


class TransitCard(NamedTuple):
    """One card of ours as an image shows it; cents and counts."""

    name: str
    uid: bytes
    balance_cents: int
    n: int
    b: int
    records: list[dict[str, Any]]  # G, oldest first

    @property
    def killed(self) -> bool:
        return self.b == KILLED_B


def read_image(path: Path) -> TransitCard:
    """Return the transit card in the image file `path`. Raises: CardImageError."""
    try:
        tree = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CardImageError(f"{path}: no such file; wanted a card image") from None
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise CardImageError(f"{path}: not a card image ({error})") from None
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        found = tree.get("format") if isinstance(tree, dict) else type(tree).__name__
        raise CardImageError(f"{path}: format {found!r}, wanted {FORMAT!r}")
    try:
        return _transit_card(path, tree)
    except (KeyError, TypeError, ValueError, AttributeError, LayoutError) as error:
        raise CardImageError(
            f"{path}: {type(error).__name__} {error}; the image is damaged"
        ) from None


def _transit_card(path: Path, tree: dict[str, Any]) -> TransitCard:
    ours = [
        aid
        for aid in sorted(tree["applications"])
        if bytes.fromhex(aid)[2] & 0xF0 == OUR_AID_NIBBLE
    ]
    if not ours:
        raise CardImageError(
            f"{path}: no transit application on this card; found "
            f"{sorted(tree['applications']) or 'none'}"
        )
    files = dict(tree["applications"][ours[0]]["files"])
    pending = tree.get("transaction")
    if pending and pending["marked"] and pending["aid"] == ours[0]:
        files.update({number: change["file"] for number, change in pending["staged"].items()})
    b, n = counter_b_n(int(files[str(FILE_C)]["value"]))
    records = [G.unpack(bytes.fromhex(record)) for record in files[str(FILE_G)]["records"]]
    return TransitCard(
        path.name,
        bytes.fromhex(tree["card"]["uid"]),
        int(files[str(FILE_V)]["value"]),
        n,
        b,
        records,
    )
