"""Makes the hotlist files that `hotlist.py` reads. CPython only: the keyring's side.

The same entries and version give the same bytes. Source: D8; SPEC.md HOTLIST_7, HOTLIST_5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from card_layouts.errors import RangeError
from card_layouts.packages.hotlist import (
    BUCKET_ENTRIES_MAX,
    EXACT,
    HOTLIST_HEAD,
    INDEX_BYTES,
    KIND_BASE,
    KIND_OVERLAY,
    LAYOUT,
    MAGIC,
    SHORT,
    place,
)
from card_layouts.packages.hotlist_layout import G_MAX, HOT_BLOCK, HOT_KILL, HOT_NONE

EXACT_ENTRIES_MAX = 250_000
BUCKET_ENTRIES_WANTED = 24
SALTS_TRIED = 64

Entry = tuple[bytes, int, int]


def build_base(
    version: int, entries: Iterable[Entry], authority: int = 0, width: int | None = None
) -> bytes:
    """Return a base file of entries (uid 7 B, action, g).

    The width is 7 bytes up to 250,000 cards and 5 above, unless it is given.
    Raises: RangeError for a value that does not fit, a card listed twice, a kill when short.
    """
    rows = list(entries)
    if any(action == HOT_NONE for _, action, _ in rows):
        raise RangeError("hotlist.base: action none belongs in an overlay")
    return _build(KIND_BASE, version, 0, bytes(16), rows, authority, width)


def build_overlay(
    version: int,
    base: bytes,
    entries: Iterable[Entry],
    authority: int = 0,
    width: int | None = None,
) -> bytes:
    """Return the cumulative overlay for `base`; action none takes a card off the list.

    Raises: RangeError as build_base.
    """
    base_version = HOTLIST_HEAD.get(base, "version")
    digest = HOTLIST_HEAD.get(base, "digest")
    return _build(KIND_OVERLAY, version, base_version, digest, list(entries), authority, width)


def difference(old: Iterable[Entry], new: Iterable[Entry]) -> list[Entry]:
    """Return overlay entries that turn list `old` (the base) into list `new`."""
    before = {uid: (action, g) for uid, action, g in old}
    after = {uid: (action, g) for uid, action, g in new}
    changed = [(uid, *state) for uid, state in after.items() if before.get(uid) != state]
    gone = [(uid, HOT_NONE, 0) for uid in before if uid not in after]
    return sorted(changed + gone)


def _build(
    kind: int,
    version: int,
    base: int,
    digest: bytes,
    rows: list[Entry],
    authority: int,
    width: int | None,
) -> bytes:
    if width is None:
        width = EXACT if len(rows) <= EXACT_ENTRIES_MAX else SHORT
    _check(rows, width)
    buckets = max(1, len(rows) // BUCKET_ENTRIES_WANTED)
    for attempt in range(SALTS_TRIED):
        salt = hashlib.sha256(b"hotlist salt %d %d %d" % (kind, version, attempt)).digest()[:8]
        table = _table(salt, rows, buckets, width)
        if table is not None:
            break
    else:
        raise RangeError(f"hotlist: no salt of {SALTS_TRIED} spreads {len(rows)} cards")
    body = _index(table) + b"".join(entry for bucket in table for entry in bucket)
    # A base names itself by its content: an overlay made for other bytes does not fit.
    own = hashlib.sha256(salt + body).digest()[:16] if kind == KIND_BASE else digest
    head = HOTLIST_HEAD.pack(
        {
            "magic": MAGIC,
            "layout": LAYOUT,
            "kind": kind,
            "width": width,
            "version": version,
            "base": base,
            "count": len(rows),
            "buckets": buckets,
            "authority": authority,
            "salt": salt,
            "digest": own,
        }
    )
    return head + body


def _check(rows: list[Entry], width: int) -> None:
    if width not in (EXACT, SHORT):
        raise RangeError(f"hotlist.width: {width}, wanted {EXACT} or {SHORT}")
    if len({uid for uid, _, _ in rows}) != len(rows):
        raise RangeError("hotlist: a card is listed twice")
    for uid, action, g in rows:
        if len(uid) != 7:
            raise RangeError(f"hotlist.uid: {len(uid)} bytes, wanted 7")
        if not HOT_NONE <= action <= HOT_KILL or not 0 <= g <= G_MAX:
            raise RangeError(f"hotlist.entry: action {action}, g {g} out of range")
        if action == HOT_KILL and width != EXACT:
            raise RangeError(f"hotlist.action: kill needs the exact UID, width is {width}")
        if action == HOT_BLOCK and g == 0:
            raise RangeError("hotlist.g: a block writes generation 1 or higher")


def _table(salt: bytes, rows: list[Entry], buckets: int, width: int) -> list[list[bytes]] | None:
    """Return the sorted entries of each bucket, or None if this salt does not do."""
    table: list[list[bytes]] = [[] for _ in range(buckets)]
    seen = set()
    for uid, action, g in rows:
        bucket, remainder = place(salt, uid, buckets, width)
        if (bucket, remainder) in seen:
            return None
        seen.add((bucket, remainder))
        table[bucket].append(remainder + bytes([g << 2 | action]))
    if max(len(bucket) for bucket in table) > BUCKET_ENTRIES_MAX:
        return None
    return [sorted(bucket) for bucket in table]


def _index(table: list[list[bytes]]) -> bytes:
    starts = [0]
    for bucket in table:
        starts.append(starts[-1] + len(bucket))
    return b"".join(start.to_bytes(INDEX_BYTES, "big") for start in starts)
