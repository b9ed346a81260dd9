"""`tornello ticket show`: what a code says, and the same code again as a picture.

Says nothing about whether it is genuine: that is `ticket check`. Source: W-51, SPEC.md section 9.
"""

import argparse
import json
from pathlib import Path

from card_layouts.codec.timestamps import to_unix
from card_layouts.errors import LayoutError, RangeError
from card_layouts.tickets.paper import paper_lines
from card_layouts.tickets.single import Code
from edge_agent.counter.desk import CounterError, Desk
from edge_agent.counter.ticket_paper import in_terminal, write_image
from edge_agent.counter.ticket_source import add_source, read_source
from edge_agent.counter.ticket_station import read_tariff_package


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_source(parser)
    parser.add_argument("--tariff", type=Path, metavar="FILE", help="for names and local times")
    parser.add_argument("--image", type=Path, metavar="FILE", help="write it as .png or .svg")
    parser.add_argument("--json", action="store_true", help="every field as JSON, no picture")


def run(options: argparse.Namespace, desk: Desk) -> int:
    """Show it; 0 done. Raises: CounterError when it is no code."""
    text = read_source(options.code, desk.read_image)
    code = read_code(text)
    if options.image is not None:
        write_image(text, options.image)
    if options.json:
        seller = {**code.seller, "public": code.seller["public"].hex()}
        print(json.dumps({"ticket": code.ticket, "seller": seller}, indent=1))
        return 0
    print("\n".join(_lines(code, options.tariff)))
    print(in_terminal(text))
    return 0


def read_code(text: str) -> Code:
    """Return the Code of a text. Raises: CounterError."""
    try:
        return Code(text)
    except LayoutError as error:
        raise CounterError(f"no single ticket of ours: {error}") from None


def _lines(code: Code, tariff: Path | None) -> list[str]:
    if tariff is None:
        hidden = ("layout", "kind", "group", "count")
        fields = [(name, value) for name, value in code.ticket.items()
                  if name.rstrip("0123") not in hidden]  # fmt: skip
        fields += [(f"group {code.ticket[f'group{n}']}", code.ticket[f"count{n}"])
                   for n in range(4) if code.ticket[f"count{n}"]]  # fmt: skip
        first = to_unix(code.ticket["from_minute"] * 60)
        return [f"{name:<12} {value}" for name, value in [*fields, ("from Unix", first)]]
    try:
        return list(paper_lines(read_tariff_package(tariff), code.ticket))
    except (RangeError, LayoutError) as error:
        raise CounterError(f"{tariff}: is not this ticket's tariff: {error}") from None
