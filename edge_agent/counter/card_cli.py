"""`tornello card dump FILE...`: what cards hold, a line each, or the sum of their money."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_agent.counter.card_image import CardImageError, TransitCard, read_image


def main(arguments: Sequence[str]) -> int:
    """Run one `card` command; return the exit code."""
    parser = argparse.ArgumentParser(prog="tornello card", description="Read card images.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    dump = commands.add_parser("dump", help="one line a card: balance, counter, state")
    dump.add_argument("files", type=Path, nargs="+", help="card image files")
    dump.add_argument("--sum-cents", action="store_true", help="print only the sum of balances")
    dump.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    try:
        cards = [read_image(path) for path in options.files]
    except CardImageError as error:
        print(f"card: {error}", file=sys.stderr)
        return 1
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
