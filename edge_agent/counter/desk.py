"""What the commands of `tornello card` stand on: the world they are handed, how they fail.

Commands know ports only; `cli.py` is their wiring and fills the Desk.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from edge_agent.ports import CardReader, Clock, Entropy

READER_HELP = (
    "pcsc (the reader that PC/SC has a card in), pcsc:TEXT (the one whose name holds TEXT), "
    "nfcpy:PORT (a serial PN532: /dev/ttyUSB0), nfcpy:usb (a USB reader); "
    "left out: whichever is there"
)


class CounterError(Exception):
    """A command cannot be done; the message says where, what was found, what to do instead."""


def _no_images(path: Path) -> str:
    raise CounterError(f"{path}: no images are read here; give the code's text")


class Desk(NamedTuple):
    """The world of a service point. `open_reader`: name as in --reader -> an open reader.

    `read_image`: image file -> text of the one code in it, CounterError if there is none.
    """

    open_reader: Callable[[str], CardReader]
    clock: Clock
    entropy: Entropy
    read_image: Callable[[Path], str] = _no_images


def add_reader_option(parser: argparse.ArgumentParser) -> None:
    """Declare `--reader`, the same for every command that wants a card."""
    parser.add_argument("--reader", default="", metavar="NAME", help=READER_HELP)


def positive(text: str) -> int:
    """Return a number from 1 on, for an option's `type`."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: wanted a number from 1 on")
    return int(text)
