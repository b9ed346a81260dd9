"""`tornello card diff A B`: what differs between two cards, field by field or byte range by range.

Our own tables are compared by their fields, everybody else's contents by bytes. What one source
does not know counts as different from what the other knows, and says so.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from typing import NamedTuple

from edge_agent.counter.card_contents import Card, CardImageError
from edge_agent.counter.card_source import SOURCE_HELP, add_source_options, read_card
from edge_agent.counter.desk import CounterError, Desk
from edge_agent.counter.explain import explain_card
from edge_agent.counter.explain_page import Row, Section, shown
from edge_agent.ports import ReaderError

MISSING = "(not there)"
TROUBLE = 2


class Difference(NamedTuple):
    """One thing that differs: where, and what stands there on either side."""

    place: str
    a: str
    b: str


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `card diff`."""
    parser.description = "What differs between two cards; exit code 0 nothing, 1 something."
    parser.epilog = "Exit codes: 0 the same, 1 different, 2 wrong use or a source that is no card."
    parser.add_argument("a", metavar="A", help=SOURCE_HELP)
    parser.add_argument("b", metavar="B", help="the other one")
    add_source_options(parser, many=False)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace, desk: Desk) -> int:
    """Compare two cards: 0 the same, 1 different, 2 when one of them cannot be read."""
    try:
        cards = [read_card(source, options, desk) for source in (options.a, options.b)]
    except (CardImageError, CounterError, ReaderError) as error:
        print(f"card: {error}", file=sys.stderr)
        return TROUBLE
    found = differences(*cards)
    if options.json:
        print(json.dumps({"different": [line._asdict() for line in found]}, indent=1))
    elif found:
        print(f"--- {options.a}\n+++ {options.b}")
        for place, a, b in found:
            print(f"{place}\n  - {shown(a)}\n  + {shown(b)}")
        print(f"{len(found)} differences")
    return 1 if found else 0


def differences(a: Card, b: Card) -> list[Difference]:
    """Return what differs, in the order of the explanation; empty if nothing does."""
    if a.plain() == b.plain():
        return []
    left, right = _by_place(a), _by_place(b)
    places = list(left) + [place for place in right if place not in left]
    found: list[Difference] = []
    for place in places:
        found += _section(place, left.get(place), right.get(place))
    return found


def _by_place(card: Card) -> dict[str, Section]:
    """Return the sections by a name that is the same on both sides, contents left out of it."""
    found: dict[str, Section] = {}
    parents = [""] * 5
    for section in explain_card(card):
        if section.derived:
            continue
        parents[section.level] = section.place
        found[" / ".join(name for name in parents[1 : section.level + 1] if name)] = section
    return found


def _section(place: str, a: Section | None, b: Section | None) -> Iterator[Difference]:
    if a is None or b is None:
        title = (a or b or Section("")).title
        yield Difference(place, MISSING if a is None else title, MISSING if b is None else title)
        return
    rows_a, rows_b = ({row.name: row for row in section.rows} for section in (a, b))
    for name in [*rows_a, *(name for name in rows_b if name not in rows_a)]:
        before, after = _said(rows_a.get(name)), _said(rows_b.get(name))
        if before != after:
            yield Difference(f"{place}: {name}", before, after)
    yield from _ranges(place, a.data, b.data)


def _said(row: Row | None) -> str:
    if row is None:
        return MISSING
    return f"{row.raw} {row.text}".strip() if row.raw not in row.text else row.text


def _ranges(place: str, a: bytes, b: bytes) -> Iterator[Difference]:
    """Yield the runs of bytes that differ."""
    longest = max(len(a), len(b))
    at = 0
    while at < longest:
        if a[at : at + 1] == b[at : at + 1]:
            at += 1
            continue
        end = at
        while end < longest and a[end : end + 1] != b[end : end + 1]:
            end += 1
        where = f"byte {at}" if end == at + 1 else f"bytes {at}..{end - 1}"
        yield Difference(
            f"{place}: {where}", a[at:end].hex() or MISSING, b[at:end].hex() or MISSING
        )
        at = end
