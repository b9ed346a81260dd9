"""Where a card to explain, compare or dump comes from: a file of any known format, or a reader.

A file's format is told by its contents: an image of ours, or a dump of another program.
"""

import argparse
from pathlib import Path

from edge_agent.counter.card_contents import Card
from edge_agent.counter.card_image import image_card
from edge_agent.counter.card_keys import add_key_options
from edge_agent.counter.card_survey import survey
from edge_agent.counter.card_tree import Node, parse_json, read_source
from edge_agent.counter.desk import Desk, add_reader_option
from edge_agent.counter.import_formats import import_dump

READER_WORD = "reader"
SOURCE_HELP = (
    "a card image, a Flipper, FareBot or Metrodroid dump, or the word `reader`: "
    "the card on the reader"
)


def add_source_options(parser: argparse.ArgumentParser, many: bool) -> None:
    """Declare SOURCE (several), the reader and the keys."""
    if many:
        parser.add_argument("source", nargs="+", metavar="SOURCE", help=SOURCE_HELP)
    add_reader_option(parser)
    add_key_options(parser)


def read_card(source: str, options: argparse.Namespace, desk: Desk) -> Card:
    """Return the card a source shows. Raises: CardImageError, CounterError, ReaderError."""
    if source == READER_WORD:
        return survey(options, desk)
    return card_of_bytes(read_source(Path(source)), source)


def card_of_bytes(data: bytes, where: str) -> Card:
    """Return the card in the bytes of a file of any known format. Raises: CardImageError."""
    if data.lstrip()[:1] == b"{":
        tree = parse_json(data, where)
        if is_image(tree):
            return image_card(tree)
    return import_dump(data, where)


def is_image(tree: Node) -> bool:
    """Return whether a JSON tree says it is an image of ours; no dump has that entry."""
    return isinstance(tree.value, dict) and isinstance(tree.value.get("format"), str)
