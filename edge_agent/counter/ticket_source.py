"""Where a code comes from: the text itself, a file that holds it, `-` for standard input, an image.

Knows no signatures. Source: SPEC.md section 9.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from card_layouts.tickets.single import CODE_CHARS, MARK
from edge_agent.counter.desk import CounterError

TEXT_BYTES_MAX = 4096
HELP = "the code's text (TO1:...), a file that holds it or shows it (PNG, JPEG), or -"


def add_source(parser: argparse.ArgumentParser) -> None:
    """Declare what every command that wants a code takes."""
    parser.add_argument("code", metavar="CODE", help=HELP)


def read_source(given: str, read_image: Callable[[Path], str]) -> str:
    """Return the text of a code, unchecked. Raises: CounterError."""
    if given.startswith(MARK):
        return given
    if given == "-":
        return sys.stdin.read(TEXT_BYTES_MAX).strip("\r\n")
    path = Path(given)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CounterError(
            f"{given[:80]}: no code ({MARK} and {CODE_CHARS - len(MARK)} characters) and no file:"
            f" {error.strerror}"
        ) from None
    if data.startswith(MARK.encode()):
        return data[:TEXT_BYTES_MAX].decode("ascii", "replace").strip("\r\n")
    return read_image(path)
