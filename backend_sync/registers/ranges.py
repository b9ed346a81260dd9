"""Ranges of serials that carry a value: cut, put in, joined again. Pure.

Rows are (first, last, value), disjoint and in order; both ends are included.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Any

Range = tuple[int, int, Any]


def put(rows: list[Range], first: int, last: int, value: Any) -> None:
    """Let first..last carry `value` in `rows`, or be in no row when it is None."""
    begin = bisect_left(rows, first - 1, key=_last)
    end = bisect_right(rows, last + 1, key=_first)
    touched = rows[begin:end]
    left = [(f, min(t, first - 1), v) for f, t, v in touched if f < first]
    right = [(max(f, last + 1), t, v) for f, t, v in touched if t > last]
    middle = [] if value is None else [(first, last, value)]
    rows[begin:end] = joined([*left, *middle, *right])


def joined(rows: Sequence[Range]) -> list[Range]:
    """Return the rows with neighbours that are alike as one."""
    found: list[Range] = []
    for first, last, value in rows:
        if found and found[-1][1] + 1 == first and found[-1][2] == value:
            found[-1] = (found[-1][0], last, value)
        else:
            found.append((first, last, value))
    return found


def within(rows: Sequence[Range], first: int, last: int) -> list[Range]:
    """Return the parts of the rows that lie in first..last."""
    return [(max(f, first), min(t, last), v) for f, t, v in rows if f <= last and t >= first]


def first_hole(rows: Sequence[Range], first: int, last: int) -> int | None:
    """Return the first serial of first..last that is in no row, None when all are."""
    wanted = first
    for begin, end, _ in within(rows, first, last):
        if begin > wanted:
            return wanted
        wanted = end + 1
    return wanted if wanted <= last else None


def ranges_of(serials: Sequence[int]) -> list[tuple[int, int]]:
    """Return sorted serials as (first, last) of each run."""
    return [(f, t) for f, t, _ in joined([(serial, serial, True) for serial in serials])]


def _first(row: Range) -> int:
    return row[0]


def _last(row: Range) -> int:
    return row[1]
