"""`tornello card import FILE`: a dump of another program, explained at once, kept as an image."""

import argparse
import os
import sys
from pathlib import Path

from edge_agent.counter.card_tree import read_source
from edge_agent.counter.desk import CounterError, Desk
from edge_agent.counter.explain import print_explained
from edge_agent.counter.image_writing import image_text
from edge_agent.counter.import_formats import FORMAT_NAMES, import_dump


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `card import`."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the dump")
    parser.add_argument(
        "--format", choices=FORMAT_NAMES, default="auto", help="whose format it is (auto)"
    )
    parser.add_argument(
        "--card", type=int, default=0, metavar="N", help="of a dump with several cards: which, 1.."
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="IMAGE",
        help="write it as a card image too; keys, which no dump has, become zeros",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace, _desk: Desk) -> int:
    """Import one card. Raises: CardImageError, CounterError."""
    where = str(options.file)
    card = import_dump(read_source(options.file), where, options.format, options.card)
    if options.output is not None:
        write_image(options.output, image_text(card, where))
    print_explained(where, card, options.json, sys.stdout.write)
    if options.output is not None and not options.json:
        print(f"\nwritten to {options.output}; its keys are stand-ins (zeros)")
    return 0


def write_image(path: Path, text: str) -> None:
    """Write a new image whole or not at all. Raises: CounterError if the file is there already."""
    beside = path.with_name(path.name + ".new")
    try:
        beside.write_text(text, "ascii")
        os.link(beside, path)
    except FileExistsError:
        raise CounterError(f"{path}: there is such a file already; name another") from None
    except OSError as error:
        raise CounterError(f"{path}: {error.strerror}; name another file") from None
    finally:
        beside.unlink(missing_ok=True)
