"""What comes with a delivery: its batch file, and the ISSUE rows of the cards that were made.

The batch file is the one that `tornello card personalise` works from; of it only batch, first and
last are read here. Of an ISSUE row only authority, batch, serial and state: no UID enters this
register. Source: D1, D11; R-1, R-2, W-125; SPEC.md table ISSUE.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from backend_sync.registers.cards import Span
from backend_sync.registers.ranges import ranges_of
from backend_sync.registers.refusals import Refused
from card_layouts.cards.card_number import SERIAL_MAX, parse_card_number
from card_layouts.cards.issue import ISSUE, STATE_VERIFIED
from card_layouts.errors import LayoutError

RANGE = ".."
RANGE_MOST = 60  # characters of two numbers with room to spare


class Delivery(NamedTuple):
    """The supplier's number, and the cards that it has to hold."""

    number: int
    span: Span


def read_span(text: str) -> Span:
    """Return the cards of "244 00001000 9..244 00001499 2", or of one number. Raises: Refused."""
    if len(text) > RANGE_MOST:
        raise Refused(f"range {text[:RANGE_MOST]} ...: {len(text)} characters, wanted FIRST..LAST")
    first, dots, last = text.partition(RANGE)
    try:
        authority, begin = parse_card_number(first.strip())
        other, end = parse_card_number((last if dots else first).strip())
    except LayoutError as error:
        raise Refused(str(error)).told_as("no printed number: {text}", text=text) from None
    if other != authority:
        raise Refused(
            "range {text}: cards of authorities {authority} and {other}, wanted one",
            text=text,
            authority=authority,
            other=other,
        )
    if end < begin:
        raise Refused("range {text}: the last card is before the first", text=text)
    return Span(authority, begin, end)


def read_batch(path: Path) -> Delivery:
    """Return the delivery of a batch file. Raises: Refused, OSError."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        number, first, last = found["batch"], found["first"], found["last"]
    except (ValueError, RecursionError) as error:
        raise Refused(f"{path}: not a TOML file ({error})") from None
    except KeyError as error:
        raise Refused(f"{path}: key {error} is missing; wanted batch, first and last") from None
    if type(number) is not int or not isinstance(first, str) or not isinstance(last, str):
        raise Refused(f"{path}: batch {number!r}, wanted a number, and texts for first and last")
    return Delivery(number, read_span(f"{first}{RANGE}{last}"))


def read_made(path: Path, delivery: Delivery | None) -> tuple[Delivery, list[int]]:
    """Return (delivery, serials) of the finished cards in a file of 64-byte ISSUE rows, in order.

    Without a delivery to compare with, it is what the rows span. Raises: Refused naming the row.
    """
    data = path.read_bytes()
    if not data or len(data) % ISSUE.size:
        raise Refused(f"{path}: {len(data)} bytes, wanted rows of {ISSUE.size}")
    rows = [ISSUE.unpack(data, at) for at in range(0, len(data), ISSUE.size)]
    wanted = (rows[0]["authority"], rows[0]["batch"])
    if delivery:
        wanted = (delivery.span.authority, delivery.number)
    made: set[int] = set()
    for place, row in enumerate(rows, 1):
        if (row["authority"], row["batch"]) != wanted:
            raise Refused(
                f"{path}: row {place}: authority {row['authority']} batch {row['batch']},"
                f" wanted {wanted[0]} and {wanted[1]}"
            )
        if row["state"] == STATE_VERIFIED:
            if row["serial"] > SERIAL_MAX:
                raise Refused(f"{path}: row {place}: serial {row['serial']}, at most {SERIAL_MAX}")
            if row["serial"] in made:
                number = Span(wanted[0], 0, 0).number(row["serial"])
                raise Refused(f"{path}: row {place}: card {number} is there twice")
            made.add(row["serial"])
    if not made:
        raise Refused(f"{path}: no card is finished")
    serials = sorted(made)
    return delivery or Delivery(wanted[1], Span(wanted[0], serials[0], serials[-1])), serials


def holes(delivery: Delivery, made: Sequence[int]) -> list[Span]:
    """Return the cards of a delivery that were not made. Raises: Refused for others' cards."""
    authority, first, last = delivery.span
    outside = [serial for serial in made if not first <= serial <= last]
    if outside:
        number = delivery.span.number(outside[0])
        raise Refused(f"card {number} was made, but it is not in delivery {delivery.number}")
    missing = sorted(set(range(first, last + 1)) - set(made))
    return [Span(authority, begin, end) for begin, end in ranges_of(missing)]
