"""`tornello card read`: what lies on the reader, in a few lines; with keys, balance and records.

`card explain reader` tells every field. Nothing is written to the card.
"""

import argparse
import json
from typing import Any

from card_layouts.cards.card_layout import FILE_G, G
from card_layouts.errors import LayoutError
from edge_agent.counter.card_contents import Card, DesfireCard
from edge_agent.counter.card_image import is_ours
from edge_agent.counter.card_keys import add_key_options
from edge_agent.counter.card_survey import survey
from edge_agent.counter.desk import CounterError, Desk, add_reader_option, positive
from edge_agent.counter.explain import headline
from edge_agent.counter.explain_fields import KINDS, at_second, cents
from edge_agent.counter.explain_page import Section
from edge_agent.counter.explain_transit import explain_transit
from edge_agent.ports import OTHER, CardFound, CardReader, ManyCards

WAIT_S = 30


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `card read`."""
    add_reader_option(parser)
    add_wait_option(parser, WAIT_S)
    add_key_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_wait_option(parser: argparse.ArgumentParser, seconds: int) -> None:
    """Declare --wait."""
    parser.add_argument(
        "--wait",
        type=positive,
        default=seconds,
        metavar="SECONDS",
        help=f"how long to wait for a card ({seconds})",
    )


def run(options: argparse.Namespace, desk: Desk) -> int:
    """Print the card on the reader. Raises: CounterError, ReaderError."""
    reader = desk.open_reader(options.reader)
    try:
        found = awaited(reader, options.wait)
        card = None
        if found.kind != OTHER:
            card = survey(options, desk._replace(open_reader=lambda _name: reader))
    finally:
        reader.close()
    if options.json:
        print(json.dumps(_plain(reader.name, found, card), indent=1))
    else:
        print("\n".join(_lines(reader.name, found, card)))
    return 0


def awaited(reader: CardReader, wait_s: int) -> CardFound:
    """Return the card on the reader. Raises: CounterError if none, or two, lie there."""
    try:
        found = reader.wait(wait_s * 1000)
    except ManyCards:
        raise CounterError(
            f"{reader.name}: two cards or more; lay one card on the reader"
        ) from None
    if found is None:
        raise CounterError(f"{reader.name}: no card within {wait_s} s; lay one on the reader")
    return found


def _lines(name: str, found: CardFound, card: Card | None) -> list[str]:
    lines = [
        f"reader        {name}",
        f"UID           {found.uid.hex() or 'not told by the reader'}",
    ]
    answers = (("ATQA", found.atqa[::-1]), ("ATS", found.ats), ("ATR", found.atr))
    told = [f"{word} {value.hex()}" for word, value in answers if value]
    if found.sak >= 0:
        told.insert(1, f"SAK {found.sak:02x}")
    lines.append(f"activation    {', '.join(told)}")
    if card is None:
        return [*lines, "kind          neither DESFire nor Ultralight: nothing more can be read"]
    lines.append(f"kind          {_kind(card)}")
    if isinstance(card, DesfireCard):
        lines += _chip(card)
    section = _ours(card)
    if section is not None:
        lines += ["", *(f"{row.name:<13} {row.text}" for row in section.rows)]
        lines += _records(card)
    return lines + [f"note          {note}" for note in card.notes]


def _kind(card: Card) -> str:
    if not isinstance(card, DesfireCard) or card.applications:
        return headline(card)
    hidden = "applications hidden without keys (--keys)"
    return f"DESFire card, {hidden if card.notes else 'blank: no application'}"


def _chip(card: DesfireCard) -> list[str]:
    lines = []
    if card.version is not None:
        hardware, software = card.version[3:5], card.version[10:12]
        lines.append(
            f"version       hardware {hardware[0]}.{hardware[1]}, software {software[0]}."
            f"{software[1]}, made in week {card.version[26]:02x} of 20{card.version[27]:02x}"
        )
    free = "not told" if card.free_bytes is None else f"{card.free_bytes} bytes free"
    lines.append(f"memory        {free}, chip of {card.storage_bytes}")
    for app in card.applications:
        whose = "ours" if is_ours(app.aid) else "foreign"
        lines.append(
            f"application   {app.aid.hex()} ({whose}), {len(app.files)} files"
            + (f"; {app.unread}" if app.unread else "")
        )
    if not card.applications:
        lines.append("application   none to be seen")
    return lines


def _ours(card: Card | None) -> Section | None:
    """Return the summary of our application, None if nothing of it could be read."""
    if not isinstance(card, DesfireCard):
        return None
    for app in card.applications:
        if is_ours(app.aid):
            section = explain_transit(app)[0]
            return section if section.rows else None
    return None


def _records(card: Card) -> list[str]:
    """Return one line a record of our log, newest first."""
    if not isinstance(card, DesfireCard):
        return []
    log = next((app.file(FILE_G) for app in card.applications if is_ours(app.aid)), None)
    lines = []
    for record in reversed(log.records or () if log is not None else ()):
        try:
            values = G.unpack(record)
        except LayoutError as error:
            lines.append(f"record        {error}")
            continue
        lines.append(
            f"record        n {values['n']:<6} {at_second(values['time'])}"
            f"  {KINDS.get(values['kind'], values['kind']):<10} {cents(values['amount']):>12}"
            f"  device {values['device']}, entry {values['seq']}"
        )
    return lines


def _plain(name: str, found: CardFound, card: Card | None) -> dict[str, Any]:
    section = _ours(card)
    return {
        "reader": name,
        "uid": found.uid.hex(),
        "kind": found.kind,
        "atqa": found.atqa[::-1].hex(),
        "sak": None if found.sak < 0 else found.sak,
        "ats": found.ats.hex(),
        "atr": found.atr.hex(),
        "card": None if card is None else card.plain(),
        "ours": None if section is None else {row.name: row.text for row in section.rows},
    }
