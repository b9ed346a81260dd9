"""The cards' part of `tornello register`: deliver, move, state, undo, stock, alarms, card ..."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from backend_sync.registers import card_views
from backend_sync.registers.asking import number
from backend_sync.registers.card_states import STATES
from backend_sync.registers.cards import Document
from backend_sync.registers.deliveries import Delivery, holes, read_batch, read_made, read_span
from backend_sync.registers.opening import Registers
from backend_sync.registers.points import Point, points, unserved
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import User
from backend_sync.registers.show import document_lines, document_value, table, when
from card_layouts.cards.card_number import card_number

Answer = tuple[int, Any, list[str]]
NO_CARDS = "no cards yet that you may see: register deliver, then register move"


def add_commands(commands: Any, add: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the subcommands about cards."""
    deliver = add(commands, "deliver", _deliver, "enter a delivery: ordered, at the supplier")
    deliver.add_argument("--batch", type=Path, help="batch file of the delivery")
    deliver.add_argument("--issued", type=Path, help="ISSUE rows of the cards that were made")
    deliver.add_argument("--range", type=str, help="FIRST..LAST, printed numbers")
    deliver.add_argument("--delivery", type=number, help="the supplier's number, with --range")
    deliver.add_argument(
        "--spoilt", action="store_true", help="cards that were not made become damaged"
    )
    move = add(commands, "move", _move, "move ranges of cards to a place, all of them or none")
    _add_ranges(move)
    move.add_argument("--to", required=True, metavar="PLACE", help="stock, supplier, point:NAME")
    move.add_argument("--from", dest="source", default="", metavar="PLACE", help="must be there")
    state = add(commands, "state", _state, "let cards become: " + ", ".join(STATES))
    _add_ranges(state)
    state.add_argument("--to", required=True, metavar="STATE", help="such as 'with customer'")
    state.add_argument("--at", default="", metavar="PLACE", help="point:NAME they come to")
    undo = add(commands, "undo", _undo, "make the opposite document of the newest one")
    undo.add_argument("--document", type=number, required=True, help="its number")
    for parser in (deliver, move, state, undo):
        parser.add_argument("--reason", default="", help="stands in the document")
    add(commands, "stock", _stock, "how many cards are where, in which state")
    add(commands, "alarms", _alarms, "places below their reorder limit: exit 1 if there are any")
    words = (
        "sales and service points, who serves there: exit 1 if an authority has no service point"
    )
    add(commands, "points", _points, words)
    place = add(commands, "place", _place, "open a point, or set a reorder limit")
    place.add_argument("--authority", type=number, required=True)
    place.add_argument("--name", required=True, help="stock or point:NAME")
    place.add_argument("--alarm-below", type=number, default=0, help="cards to hand out; 0 = none")
    for name, run, words in (
        ("card", _card, "where one card is, and in which state"),
        ("history", _history, "every document about one card"),
    ):
        add(commands, name, run, words).add_argument("--card", required=True, help="its number")


def _add_ranges(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--range", action="append", required=True, metavar="FIRST..LAST",
        help="printed numbers, or one number; may be said again",
    )  # fmt: skip


def _deliver(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    delivery = _delivery(options)
    spoilt = []
    if options.issued:
        delivery, made = read_made(options.issued, delivery)
        spoilt = holes(delivery, made)
        if spoilt and not options.spoilt:
            count = sum(span.card_count for span in spoilt)
            raise Refused(
                f"card {spoilt[0].number(spoilt[0].first)} has no finished row in {options.issued}"
                f" ({count} of {delivery.span.card_count} cards); with --spoilt they are damaged"
            )
    if delivery is None:
        raise Refused(
            "deliver: which cards? --batch FILE, --issued FILE, or --range and --delivery"
        )
    documents = registers.cards.deliver(by, delivery.span, delivery.number, spoilt, options.reason)
    return _made(documents)


def _delivery(options: argparse.Namespace) -> Delivery | None:
    if options.batch:
        return read_batch(options.batch)
    if options.range and options.delivery:
        return Delivery(options.delivery, read_span(options.range))
    return None


def _move(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    spans = [read_span(text) for text in options.range]
    return _made(registers.cards.move(by, spans, options.to, options.source, options.reason))


def _state(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    spans = [read_span(text) for text in options.range]
    return _made(registers.cards.become(by, spans, options.to, options.at, options.reason))


def _undo(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    return _made([registers.cards.undo(by, options.document, options.reason)])


def _made(documents: Sequence[Document]) -> Answer:
    return 0, [document_value(row) for row in documents], document_lines(documents)


def _stock(registers: Registers, by: User, _options: argparse.Namespace) -> Answer:
    rows = card_views.stock(registers.database, by)
    names = card_views.Count._fields
    return 0, [row._asdict() for row in rows], table(names, rows, NO_CARDS)


def _alarms(registers: Registers, by: User, _options: argparse.Namespace) -> Answer:
    rows = card_views.alarms(registers.database, by)
    lines = [
        f"authority {a} {place}: {ready} cards to hand out, wanted {limit}: order or move some"
        for a, place, ready, limit in rows
    ]
    none = "no place is below its limit; register place --alarm-below sets one"
    return int(bool(rows)), [row._asdict() for row in rows], lines or [none]


def _points(registers: Registers, by: User, _options: argparse.Namespace) -> Answer:
    rows, without = points(registers.database, by), unserved(registers.database, by)
    lines = table(Point._fields, rows, "no points yet that you may see: register place")
    lines += [
        f"authority {number} has no service point: register place --name point:NAME, then register"
        " user add --role 'service point' --point NAME"
        for number in without
    ]
    found = {"points": [row._asdict() for row in rows], "without": without}
    return int(bool(without)), found, lines


def _place(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    place = (options.authority, options.name, options.alarm_below)
    card_views.set_place(registers.trail, by, *place)
    words = f"authority {place[0]} {place[1]}: alarm below {place[2]} cards"
    return 0, dict(zip(("authority", "name", "alarm_below"), place, strict=True)), [words]


def _card(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    authority, serial, _ = read_span(options.card)
    state, place = card_views.where(registers.database, by, authority, serial)
    last = card_views.history(registers.database, by, authority, serial)[-1]
    number = str(card_number(authority, serial))
    found = {"card": number, "state": state, "place": place, "document": last.number}
    lines = [f"{number}: {state}, {place}",
             f"since {when(last.made)} UTC by document {last.number} of {last.by}"]  # fmt: skip
    return 0, found, lines


def _history(registers: Registers, by: User, options: argparse.Namespace) -> Answer:
    authority, serial, _ = read_span(options.card)
    return _made(card_views.history(registers.database, by, authority, serial))
