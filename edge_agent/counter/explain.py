"""`tornello card explain SOURCE...`: any card or image, field by field, in words and in hex."""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from edge_agent.counter.card_contents import Card, CardImageError, UltralightCard
from edge_agent.counter.card_image import is_ours
from edge_agent.counter.card_source import add_source_options, read_card
from edge_agent.counter.desk import Desk
from edge_agent.counter.explain_desfire import (
    explain_application,
    explain_desfire_card,
    explain_file,
)
from edge_agent.counter.explain_page import Section, render
from edge_agent.counter.explain_transit import explain_transit
from edge_agent.counter.explain_ultralight import explain_ultralight, is_ticket


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `card explain`."""
    add_source_options(parser, many=True)
    parser.add_argument("--json", action="store_true", help="print JSON, one object a card")


def run(options: argparse.Namespace, desk: Desk) -> int:
    """Explain every source; 1 if one of them shows no card."""
    code = 0
    for number, source in enumerate(options.source):
        try:
            card = read_card(source, options, desk)
        except CardImageError as error:
            print(f"card: {error}", file=sys.stderr)
            code = 1
            continue
        if number and not options.json:
            print()
        print_explained(source, card, options.json, sys.stdout.write)
    return code


def print_explained(source: str, card: Card, as_json: bool, write: Callable[[str], Any]) -> None:
    """Write the explanation of one card as text or as one JSON object."""
    sections = explain_card(card)
    if as_json:
        tree = {
            "source": source,
            "card": card.plain(),
            "sections": [section.plain() for section in sections],
        }
        write(json.dumps(tree, indent=1) + "\n")
    else:
        write(f"{source}: {headline(card)}\n\n{render(sections)}")


def headline(card: Card) -> str:
    """Return what kind of card it is, in a line."""
    if isinstance(card, UltralightCard):
        ticket = "a tourist ticket" if is_ticket(card) else "foreign"
        return f"{card.model or 'Ultralight family'}, {ticket}"
    ours = sum(is_ours(app.aid) for app in card.applications)
    count = len(card.applications)
    if ours:
        more = f" and {count - ours} foreign applications" if count > ours else ""
        return f"DESFire card with the transit application{more}"
    return f"foreign DESFire card, {count} application{'' if count == 1 else 's'}"


def explain_card(card: Card) -> list[Section]:
    """Return every section of a card."""
    if isinstance(card, UltralightCard):
        return explain_ultralight(card)
    sections = [explain_desfire_card(card)]
    for app in card.applications:
        if is_ours(app.aid) and _has_our_files(app.files):
            summary, *parts = explain_transit(app)
            sections = [summary, *sections, *parts]
            continue
        sections.append(explain_application(app))
        for file in app.files:
            sections += explain_file(file)
    return sections


def _has_our_files(files: tuple[Any, ...]) -> bool:
    # Anybody may use an id of this shape; three of our eight files make it ours, even torn.
    return not files or sum(1 <= file.number <= 8 for file in files) >= 3
