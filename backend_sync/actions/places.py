"""Which action number of its card an order gets, and what keeps the numbers running.

A card does its actions strictly in order: k runs when the card has done k - 1. So an order that
will never run may not stand in the way: a line NOTHING of a higher version takes its place.
Source: trust.md 4.5; decisions.md D9.
"""

from typing import NamedTuple

from backend_sync.actions.facts import Action, Facts
from backend_sync.actions.holders import Line
from backend_sync.actions.states import ENDED, runs
from card_layouts.packages.action_list import LINES_PER_CARD_MAX
from card_layouts.records.entries_service import ACT_NOTHING

VERSION_MAX = 255


class PlacesFull(Exception):
    """The card can have no further action; the message is the sentence to show."""


class Place(NamedTuple):
    """A new line of a card."""

    action: int
    card: int
    k: int
    version: int
    kind: int
    valid_to: int


def next_place(facts: Facts, states: dict[int, str], action: Action) -> Place:
    """Return the place behind all that waits for the card. Raises: PlacesFull."""
    done = facts.done[action.card]
    k = max([done, *occupied(facts, states, action)]) + 1
    if k - done > LINES_PER_CARD_MAX:
        raise PlacesFull(
            f"{k - 1 - done} actions wait for this card already, at most {LINES_PER_CARD_MAX}:"
            " it has to be held to a validator first"
        )
    return _line(facts, action, k, action.kind, action.valid_to)


def occupied(facts: Facts, states: dict[int, str], action: Action) -> list[int]:
    """Return the numbers that other orders wait under, or that a device may still carry out."""
    return [
        k
        for k, lines in facts.slots[action.card].items()
        if any(
            facts.is_held(line)
            or (line.action != action.id and states.get(line.action) not in ENDED)
            for line in lines
        )
    ]


def fillers(facts: Facts, states: dict[int, str], card: int) -> list[Place]:
    """Return the lines NOTHING that a card lacks: for what is withdrawn, before what waits."""
    done, slots = facts.done[card], facts.slots[card]
    wanted: dict[int, int] = {}
    needed_to = 0
    for k in sorted((k for k in slots if k > done), reverse=True):
        newest = facts.newest(card, k)
        action = facts.actions[newest.action]
        if newest.kind != ACT_NOTHING and runs(facts, action, states[action.id]):
            needed_to = max(needed_to, newest.valid_to)
            continue
        withdrawn = newest.kind != ACT_NOTHING and newest.listed and action.id in facts.cancelled
        until = max(needed_to, action.valid_to if withdrawn else 0)
        has = newest.valid_to if newest.kind == ACT_NOTHING else 0
        if until > has and until >= facts.now:
            wanted[k] = until
    return [
        _line(facts, facts.actions[facts.newest(card, k).action], k, ACT_NOTHING, until)
        for k, until in wanted.items()
    ]


def lines_now(facts: Facts, states: dict[int, str], card: int) -> list[Line]:
    """Return what lists should have for a card now, in the order of its numbers."""
    if facts.is_unexplained(card):
        return []  # the action nobody tells of may be one of these
    found = []
    for k in sorted(k for k in facts.slots[card] if k > facts.done[card]):
        line = facts.newest(card, k)
        action = facts.actions[line.action]
        wanted = line.kind == ACT_NOTHING or runs(facts, action, states[action.id])
        if line.listed is None and not facts.is_known(card):
            break  # it may stand under another number in a list that is forgotten here
        if wanted and line.valid_to >= facts.now:
            found.append(line)
    return found


def _line(facts: Facts, action: Action, k: int, kind: int, valid_to: int) -> Place:
    before = [line.version for line in facts.slots[action.card].get(k, [])]
    version = max(before, default=0) + 1
    if version > VERSION_MAX:
        raise PlacesFull(f"action {k} of this card was changed {VERSION_MAX} times: at a counter")
    return Place(action.id, action.card, k, version, kind, valid_to)
