"""How a text becomes a wrong one: numbers at edges, lines and words moved, trees changed.

Operations as in `mutation.py`; a text is its UTF-8.
"""

import json
import re
from functools import lru_cache
from typing import Any

from simulator.fuzzing.target import Operation, Work
from simulator.prng import Prng

NUMBERS = (b"0", b"-1", b"1", b"255", b"256", b"65536", b"1073741824", b"99999999999999999999",
           b"-0", b"1.5", b"1e9", b"nan", b"inf", b"-9223372036854775809", b"00", b"0x10",
           b"1_0")  # fmt: skip
MARKS = (b'"', b"'", b",", b"\n", b"\r", b"\0", b"[", b"]", b"{", b"}", b"=", b"#", b"<", b">",
         b"&", b"\\", b"\xff", b"\xc3", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\t",
         b":", "²".encode(), "１".encode(), b"\x1b[31m")  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 255, 256, 1 << 30, 1 << 64, -(1 << 64), 1.5, 1e400, "", "00",
          "zz", "ff" * 44, "²", "\ud800", [], {}, [1], {"a": 1}, [[]] * 3,
)  # fmt: skip
NESTED = 3000
HOLDERS = (dict, list)
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_WORD = re.compile(rb"[A-Za-z0-9_.-]+")


def number(case: bytes, prng: Prng, work: Work) -> bytes:
    """Put another number for one."""
    found = _spans(_NUMBER, case)
    if not found:
        return case
    start, end = found[prng.below(len(found))]
    if prng.below(3):
        value = NUMBERS[prng.below(len(NUMBERS))]
    else:
        value = b"%d" % prng.below(1 << (1 + prng.below(20)))
    return case[:start] + value + case[end:]


def mark(case: bytes, prng: Prng, work: Work) -> bytes:
    """Put a character that means something, or is no character."""
    at = prng.below(len(case) + 1)
    end = at + prng.below(2)
    return case[:at] + MARKS[prng.below(len(MARKS))] + case[end:]


def line(case: bytes, prng: Prng, work: Work) -> bytes:
    """Take a line away, say it twice, or put one of another seed."""
    rows = case.split(b"\n")
    at = prng.below(len(rows))
    what = prng.below(4)
    if what == 0:
        del rows[at]
    elif what == 1:
        rows.insert(prng.below(len(rows) + 1), rows[at])
    elif what == 2:
        others = work.seeds[prng.below(len(work.seeds))].split(b"\n")
        rows[at] = others[prng.below(len(others))]
    else:
        other = prng.below(len(rows))
        rows[at], rows[other] = rows[other], rows[at]
    return b"\n".join(rows)


def swap_words(case: bytes, prng: Prng, work: Work) -> bytes:
    """Put one word of the text where another stands."""
    found = _spans(_WORD, case)
    if len(found) < 2:
        return case
    start, end = found[prng.below(len(found))]
    other = slice(*found[prng.below(len(found))])
    return case[:start] + case[other] + case[end:]


@lru_cache(maxsize=32)  # every second question is about a seed
def _spans(pattern: re.Pattern[bytes], case: bytes) -> list[tuple[int, int]]:
    """Return where a pattern is found in the first part of a case."""
    return [match.span() for match in pattern.finditer(case[:20_000])]


def long_piece(case: bytes, prng: Prng, work: Work) -> bytes:
    """Say a character very often, or open brackets without an end."""
    piece = (b"[", b"{", b"9", b"a", b"<a>", b"\n", b'{"a":', b"(")[prng.below(8)]
    at = prng.below(len(case) + 1)
    return case[:at] + piece * (NESTED if prng.below(4) == 0 else 70) + case[at:]


TEXT: tuple[Operation, ...] = (number, mark, line, swap_words, number, swap_words)
ALL_TEXT: tuple[Operation, ...] = (*TEXT, long_piece)


def tree(case: bytes, prng: Prng, work: Work) -> bytes:
    """Change one place of a JSON tree: a value of another kind, a name, a part gone."""
    try:
        root = json.loads(case)
    except (ValueError, RecursionError):
        return mark(case, prng, work)
    if not isinstance(root, dict | list):  # what was cut down to a number or a word
        return mark(case, prng, work)
    places = _places(root)
    if not places:
        return case
    holder, last = places[prng.below(len(places))]
    what = prng.below(8)
    if what == 0:
        del holder[last]
    elif what == 1 and isinstance(holder, dict):
        name = ("x", "0", "99", "-1", "", "²", "1e5")[prng.below(7)]
        holder[name] = holder.pop(last)
    elif what == 2:
        other, key = places[prng.below(len(places))]
        # A copy: a tree that holds itself has no text.
        holder[last] = json.loads(json.dumps(other[key])) if key in _keys(other) else 0
    elif what < 5 and isinstance(holder[last], str) and holder[last]:
        text = holder[last]
        at = prng.below(len(text))
        holder[last] = text[:at] + "0f9g= -\n"[prng.below(8)] + text[at + prng.below(2) :]
    else:
        holder[last] = VALUES[prng.below(len(VALUES))]
    return json.dumps(root).encode()


def _places(root: Any) -> list[tuple[Any, Any]]:
    """Return (object or list, name or number) of every value in a tree, outermost first."""
    places, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            places.append((node, key))
            if isinstance(value, HOLDERS):
                waiting.append(value)
    return places


def _keys(node: Any) -> list[Any]:
    return list(node) if isinstance(node, dict) else list(range(len(node)))


TREE: tuple[Operation, ...] = (tree, tree, tree, number, mark, long_piece)
