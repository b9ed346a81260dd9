"""The card a card image shows, as the engine's CARD list: files V, S, T and the newest of G.

Reads "desfire-ev1-image-1" (one JSON file a card, no keys needed). A commit that had reached its
mark counts, as on the card at its next power-up. Source: card_layouts/SPEC.md section 2.
"""

from collections.abc import Mapping
from typing import Any

from backend_sync.tariffs.taps import WordsError
from card_layouts.cards.card_layout import FILE_G, FILE_S, FILE_T, FILE_V, G, S, T
from card_layouts.errors import LayoutError
from card_layouts.fares import inputs as i
from card_layouts.fares.card_lists import load_head, load_journey, load_usage

FORMAT = "desfire-ev1-image-1"
OUR_AID_NIBBLE = 0xF0  # of the last byte on the wire


def card_of_image(tree: Mapping[str, Any]) -> list[int]:
    """Return the CARD list of an image. Raises: WordsError naming what is missing or damaged."""
    files = _files(tree)
    card: list[int] = i.new_card()
    try:
        card[i.C_BALANCE] = int(files[FILE_V]["value"])
        head = S.unpack(bytes.fromhex(files[FILE_S]["data"]))
        load_head(card, head)
        load_usage(card, head, T.unpack(bytes.fromhex(files[FILE_T]["data"])))
        records = files[FILE_G]["records"]
        if records:
            load_journey(card, G.unpack(bytes.fromhex(records[-1])))  # the newest stands last
    except (KeyError, TypeError, ValueError, LayoutError) as error:
        said = f"file {error} is missing" if isinstance(error, KeyError) else str(error)
        raise WordsError(f"card image: {said}; wanted files V, S, T and G of the scheme") from None
    return card


def _files(tree: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    try:
        applications = tree["applications"]
        ours = sorted(aid for aid in applications if bytes.fromhex(aid)[2] & 0xF0 == OUR_AID_NIBBLE)
        if not ours:
            raise WordsError("card image: no application of the transit scheme on this card")
        files = {int(number): file for number, file in applications[ours[0]]["files"].items()}
        waiting = tree.get("transaction")
        if waiting and waiting["marked"] and waiting["aid"] == ours[0]:
            files |= {int(number): row["file"] for number, row in waiting["staged"].items()}
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        if isinstance(error, WordsError):
            raise
        raise WordsError(f"card image: not a card image ({error!r})") from None
    return files
