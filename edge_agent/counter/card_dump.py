"""`tornello card dump SOURCE...`: what transit cards hold, a line each, or the sum of their money.

With -o the one card, on a reader or in a dump, is written down as a readable image instead.
"""

import argparse
import json
from pathlib import Path

from edge_agent.counter.card_contents import CardImageError, UltralightCard
from edge_agent.counter.card_image import TransitCard, transit_card
from edge_agent.counter.card_import import write_image
from edge_agent.counter.card_source import add_source_options, read_card
from edge_agent.counter.desk import CounterError, Desk
from edge_agent.counter.image_writing import image_text


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `card dump`."""
    add_source_options(parser, many=True)
    parser.add_argument("--sum-cents", action="store_true", help="print only the sum of balances")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="IMAGE", help="write the card as an image; any card"
    )


def run(options: argparse.Namespace, desk: Desk) -> int:
    """Print the cards, or write one down. Raises: CardImageError, CounterError, ReaderError."""
    if options.output is not None:
        return _write(options, desk)
    cards = [_read(source, options, desk) for source in options.source]
    total = sum(card.balance_cents for card in cards)
    if options.json:
        print(json.dumps({"cards": [_plain(card) for card in cards], "sum_cents": total}, indent=1))
    elif options.sum_cents:
        print(total)
    else:
        for card in cards:
            state = "killed" if card.killed else f"block generation {card.b}"
            print(f"{card.name:24} {card.balance_cents / 100:10.2f}  n {card.n:5}  {state}")
        print(f"{len(cards)} cards, {total / 100:.2f} in all")
    return 0


def _read(source: str, options: argparse.Namespace, desk: Desk) -> TransitCard:
    card = read_card(source, options, desk)
    if isinstance(card, UltralightCard):
        raise CardImageError(f"{source}: an Ultralight holds no purse; see `card explain`")
    return transit_card(Path(source).name, source, card)


def _write(options: argparse.Namespace, desk: Desk) -> int:
    if len(options.source) != 1:
        raise CounterError(f"-o writes one card; {len(options.source)} sources were given")
    card = read_card(options.source[0], options, desk)
    write_image(options.output, image_text(card, options.source[0]))
    print(f"written to {options.output}; its keys are stand-ins (zeros)")
    return 0


def _plain(card: TransitCard) -> dict[str, object]:
    return {
        "file": card.name,
        "uid_tail": card.uid[-2:].hex(),
        "balance_cents": card.balance_cents,
        "n": card.n,
        "b": card.b,
        "killed": card.killed,
        "records": len(card.records),
    }
