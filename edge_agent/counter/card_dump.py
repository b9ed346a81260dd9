"""`tornello card dump FILE...`: what cards hold, a line each, or the sum of their money."""

import argparse
import json
from pathlib import Path

from edge_agent.counter.card_image import TransitCard, read_image
from edge_agent.counter.desk import Desk


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `card dump`."""
    parser.add_argument("files", type=Path, nargs="+", help="card image files")
    parser.add_argument("--sum-cents", action="store_true", help="print only the sum of balances")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace, _desk: Desk) -> int:
    """Print the cards of the files. Raises: CardImageError."""
    cards = [read_image(path) for path in options.files]
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
