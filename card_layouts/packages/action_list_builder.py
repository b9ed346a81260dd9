"""Makes the action lists that `action_list.py` reads. CPython only: the keyring's side.

The same lines, version and key give the same bytes. Source: D9; SPEC.md ACTION_LIST.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from card_layouts.crypto.cmac import cmac
from card_layouts.crypto.kdf import seal_keys
from card_layouts.errors import RangeError
from card_layouts.packages.action_list import (
    ACTION_LIST,
    BUCKET_LINES_MAX,
    INDEX_BYTES,
    LAYOUT,
    LINE_BYTES,
    LINES_MAX,
    LINES_PER_CARD_MAX,
    MACED_BYTES,
    MAGIC,
    UID_BYTES,
)
from card_layouts.packages.actions import seal_action
from card_layouts.packages.hotlist import EXACT, place

SALTS_TRIED = 64

Line = Mapping[str, Any]  # the fields of ACTION_ENTRY, K and what in clear, no mac


def build_action_list(
    version: int, authority: int, generation: int, k_act: bytes, lines: Iterable[Line]
) -> bytes:
    """Return a list's body under K_act of `generation`.

    Raises: RangeError for a value that does not fit, more lines than a list or a card may have, or
    two lines for one action of a card: only its highest version is published.
    """
    rows = list(lines)
    _check(rows)
    buckets = max(1, len(rows))
    for attempt in range(SALTS_TRIED):
        salt = hashlib.sha256(b"action list salt %d %d" % (version, attempt)).digest()[:8]
        table = _table(salt, rows, buckets)
        if max(len(bucket) for bucket in table) <= BUCKET_LINES_MAX:
            break
    else:
        raise RangeError(f"actions: no salt of {SALTS_TRIED} spreads {len(rows)} lines")
    head = bytearray(
        ACTION_LIST.pack(
            {
                "magic": MAGIC,
                "layout": LAYOUT,
                "authority": authority,
                "version": version,
                "count": len(rows),
                "generation": generation,
                "buckets": buckets,
                "salt": salt,
            }
        )
    )
    head[MACED_BYTES:] = cmac(seal_keys(k_act)[1], bytes(head[:MACED_BYTES]))
    sealed = [seal_action(dict(row), k_act) for bucket in table for row in bucket]
    return bytes(head) + _index(table) + b"".join(sealed)


def lines_that_fit(size_bytes: int) -> int:
    """Return how many lines a list of at most `size_bytes` holds."""
    room = size_bytes - ACTION_LIST.size - INDEX_BYTES
    return max(0, min(LINES_MAX, room // (LINE_BYTES + INDEX_BYTES)))


def _check(rows: list[Line]) -> None:
    if len(rows) > LINES_MAX:
        raise RangeError(f"actions: {len(rows)} lines, at most {LINES_MAX} fit")
    for row in rows:
        if len(row["uid"]) != UID_BYTES:
            raise RangeError(f"actions.uid: {len(row['uid'])} bytes, wanted {UID_BYTES}")
    if len({(row["uid"], row["k"]) for row in rows}) != len(rows):
        raise RangeError("actions: two lines for one action of a card")
    most = max(Counter(row["uid"] for row in rows).values(), default=0)
    if most > LINES_PER_CARD_MAX:
        raise RangeError(f"actions: {most} lines for one card, at most {LINES_PER_CARD_MAX}")


def _table(salt: bytes, rows: list[Line], buckets: int) -> list[list[Line]]:
    """Return the lines of each bucket, sorted by card and action number."""
    table: list[list[Line]] = [[] for _ in range(buckets)]
    for row in rows:
        table[place(salt, row["uid"], buckets, EXACT)[0]].append(row)
    return [sorted(bucket, key=lambda row: (row["uid"], row["k"])) for bucket in table]


def _index(table: list[list[Line]]) -> bytes:
    starts = [0]
    for bucket in table:
        starts.append(starts[-1] + len(bucket))
    return b"".join(start.to_bytes(INDEX_BYTES, "big") for start in starts)
