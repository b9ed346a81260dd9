"""Dumps of cards that other programs wrote: which format it is, and the card in it.

Flipper (.nfc), FareBot (JSON, XML) and Metrodroid (JSON, XML). None carries keys; what a format
leaves out stays not known.
"""

from collections.abc import Callable

from edge_agent.counter.card_contents import Card, CardImageError
from edge_agent.counter.card_image import FORMATS
from edge_agent.counter.card_tree import parse_json
from edge_agent.counter.explain_page import printable
from edge_agent.counter.import_flipper import FIRST_WORD, import_flipper
from edge_agent.counter.import_json import farebot_cards, is_metrodroid, metrodroid_card
from edge_agent.counter.import_xml import xml_cards

FORMAT_NAMES = ("auto", "flipper", "farebot", "metrodroid")
WANTED = "wanted a Tornello image, a Flipper .nfc, or a FareBot or Metrodroid export (JSON or XML)"


def import_dump(data: bytes, where: str, name: str = "auto", number: int = 0) -> Card:
    """Return card `number` (1 the first; 0: there must be one only) of a dump.

    Raises: CardImageError naming line or entry, what was found and wanted.
    """
    kind, cards = _cards(data, where, name)
    if not cards:
        raise CardImageError(f"{where}: {kind}: no card in it; export the card again")
    if number == 0 and len(cards) > 1:
        raise CardImageError(
            f"{where}: {kind}: {len(cards)} cards in it; choose one with"
            f" `card import --card 1..{len(cards)}`"
        )
    if number > len(cards):
        raise CardImageError(f"{where}: {kind}: card {number} asked for, {len(cards)} in it")
    return cards[max(number - 1, 0)]()


Cards = tuple[str, list[Callable[[], Card]]]


def _cards(data: bytes, where: str, name: str) -> Cards:
    """Return the format and the cards; a card is read when it is called, so others may be bad."""
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(FIRST_WORD.encode()):
        _need(name, where, "a Flipper .nfc", "flipper")
        return "Flipper", [lambda: import_flipper(data, where)]
    if start[:1] == b"<" or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        _need(name, where, "XML", "farebot", "metrodroid")
        return "FareBot or Metrodroid XML", xml_cards(data, where)
    if start[:1] not in (b"{", b"["):
        shown = f"'{printable(start[:12])}'" if start else "nothing: it is empty"
        raise CardImageError(f"{where}: starts with {shown}; {WANTED}")
    tree = parse_json(data, where)
    if isinstance(tree.value, dict) and tree.value.get("format") in FORMATS:
        raise CardImageError(f"{where}: an image already, no dump; `card explain` reads it")
    if is_metrodroid(tree):
        _need(name, where, "Metrodroid JSON", "metrodroid")
        return "Metrodroid", [lambda: metrodroid_card(tree)]
    _need(name, where, "JSON that is not Metrodroid's", "farebot")
    return "FareBot", farebot_cards(tree, WANTED)


def _need(name: str, where: str, found: str, *allowed: str) -> None:
    if name not in ("auto", *allowed):
        raise CardImageError(f"{where}: found {found}, --format said {name}; try --format auto")
