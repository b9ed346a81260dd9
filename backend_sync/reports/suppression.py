"""Which cells of a table with totals are withheld so that no small one can be computed again.

Primary: a cell that fewer than k people are in. Complementary: as many more as it takes. Every
cell stands in one row sum and one column sum, totals included; so a withheld cell can be solved for
exactly when its edge is a bridge of the graph whose nodes are rows and columns and whose edges are
the withheld cells. What is left is closed against an attacker who also knows that no count is below
0: by adding up, no withheld cell may be known closer than k. Pure; nothing here knows a database.
Source: trust.md section 5, Statistics.
"""

import heapq
from collections.abc import Iterable
from typing import NamedTuple

TOTAL = -1  # the number of the row and the column of totals
UNKNOWN = 1 << 62

Place = tuple[int, int]  # row, column
Node = tuple[str, int]


class Count(NamedTuple):
    """What a cell would show, and how many people are in it."""

    shown: int
    people: int


Counts = dict[Place, Count]  # every cell, totals included


def withheld(counts: Counts, k: int) -> set[Place]:
    """Return the places whose figure is withheld."""
    hidden = {place for place, count in counts.items() if 0 < count.people < k}
    while True:
        bridge = next(iter(sorted(bridges(hidden))), None)
        more = _around(counts, hidden, bridge, k) if bridge else _widen(counts, hidden, k)
        if not more:
            return hidden
        hidden |= more


def bridges(hidden: Iterable[Place]) -> set[Place]:
    """Return the withheld cells that the sums alone give away."""
    edges = set(hidden)
    return {place for place in edges if not _joined(edges - {place}, place)}


def bounds(counts: Counts, hidden: set[Place]) -> dict[Place, tuple[int, int]]:
    """Return (least, most) that each withheld cell can be, by adding rows and columns up.

    Each sum says what its withheld parts add up to, the total among them counted the other way;
    what is known of the others bounds each one, again and again until nothing changes.
    """
    known = dict.fromkeys(hidden, (0, UNKNOWN))
    lines = [line for line in _lines(counts) if any(place in hidden for _, place in line)]
    changed = True
    while changed:
        changed = False
        for line in lines:
            rest = -sum(sign * counts[p].shown for sign, p in line if p not in hidden)
            parts = [(sign, place) for sign, place in line if place in hidden]
            for sign, place in parts:
                low, high = _between(known, [part for part in parts if part[1] != place], rest)
                if sign < 0:
                    low, high = -high, -low
                now = (max(known[place][0], low), min(known[place][1], high))
                if now != known[place]:
                    known[place], changed = now, True
    return known


def _between(
    known: dict[Place, tuple[int, int]], others: list[tuple[int, Place]], rest: int
) -> tuple[int, int]:
    """Return what is left of `rest` when the others take as much, or as little, as they can."""
    most = least = 0
    for sign, place in others:
        low, high = known[place]
        most += high if sign > 0 else -low
        least += low if sign > 0 else -high
    low, high = rest - most, rest - least
    # What holds something unknown says nothing, however much is taken off it.
    half = UNKNOWN // 2
    return (low if most < half else -UNKNOWN, high if least > -half else UNKNOWN)


def _lines(counts: Counts) -> list[list[tuple[int, Place]]]:
    """Return every sum as its parts with their signs: rows, then columns; it is 0."""
    found = []
    for axis in (0, 1):
        by: dict[int, list[tuple[int, Place]]] = {}
        for place in counts:
            sign = -1 if place[1 - axis] == TOTAL else 1
            by.setdefault(place[axis], []).append((sign, place))
        found += [by[number] for number in sorted(by)]
    return found


def _joined(edges: set[Place], place: Place) -> bool:
    """Say whether a cell's row and column hang together by other withheld cells."""
    reached, waiting = {("row", place[0])}, [("row", place[0])]
    by: dict[Node, list[Node]] = {}
    for row, column in edges:
        by.setdefault(("row", row), []).append(("column", column))
        by.setdefault(("column", column), []).append(("row", row))
    while waiting:
        for node in by.get(waiting.pop(), []):
            if node not in reached:
                reached.add(node)
                waiting.append(node)
    return ("column", place[1]) in reached


def _around(counts: Counts, hidden: set[Place], place: Place, k: int) -> set[Place]:
    """Return the cheapest cells that close a ring through a bridge: the shortest way around it."""
    start: Node = ("row", place[0])
    best: dict[Node, int] = {start: 0}
    came: dict[Node, tuple[Node, Place]] = {}
    waiting = [(0, start)]
    while waiting:
        cost, node = heapq.heappop(waiting)
        if cost > best[node]:
            continue
        for step in counts:
            ends: tuple[Node, Node] = (("row", step[0]), ("column", step[1]))
            if step == place or node not in ends:
                continue
            there = ends[0] if node == ends[1] else ends[1]
            price = cost + (0 if step in hidden else _price(counts[step], k))
            if price < best.get(there, UNKNOWN):
                best[there], came[there] = price, (node, step)
                heapq.heappush(waiting, (price, there))
    found, node = set(), ("column", place[1])
    while node != start and node in came:
        node, step = came[node]
        found.add(step)
    return found - hidden


def _widen(counts: Counts, hidden: set[Place], k: int) -> set[Place]:
    """Return one more cell when a withheld one is still known closer than k; else none."""
    known = bounds(counts, hidden)
    for place in sorted(hidden):
        low, high = known[place]
        if high - low < k:
            near = [p for p in counts if p not in hidden
                    and (p[0] == place[0] or p[1] == place[1])]  # fmt: skip
            left = near or [p for p in counts if p not in hidden]
            if left:
                return {min(left, key=lambda p: (_price(counts[p], k), p))}
    return set()


def _price(count: Count, k: int) -> int:
    """Return what withholding a cell costs: small ones hide little, totals are missed most."""
    return count.shown + 1 if count.people >= k else (1 << 40) + count.shown
