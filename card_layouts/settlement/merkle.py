"""The tree over a batch's lines: its root stands in the signed batch.

As RFC 6962, section 2.1: a leaf is SHA-256(00 | line), a node SHA-256(01 | left | right), and the
left side of a node is the largest power of two that is smaller than the whole. So a line can be
shown to be part of a batch by about twenty hashes. Left out of the board's image.
Source: SPEC_SETTLEMENT.md section 2; decision D25.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(line: bytes) -> bytes:
    return hashlib.sha256(b"\0" + line).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """The root of lines that come one by one; keeps one hash for each level."""

    def __init__(self) -> None:
        self.count = 0
        self._peaks: list[bytes] = []

    def add(self, line: bytes) -> None:
        """Take the next line."""
        found, size = leaf_hash(line), self.count
        while size & 1:
            found = _node(self._peaks.pop(), found)
            size >>= 1
        self._peaks.append(found)
        self.count += 1

    def root(self) -> bytes:
        """Return the root over all lines so far, 32 bytes."""
        if not self._peaks:
            return EMPTY
        found = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            found = _node(peak, found)
        return found


def path_of(leaves: Sequence[bytes], place: int) -> list[bytes]:
    """Return the hashes that lead from leaf hash `place` to the root, nearest first."""
    if len(leaves) <= 1:
        return []
    middle = 1 << ((len(leaves) - 1).bit_length() - 1)
    if place < middle:
        return [*path_of(leaves[:middle], place), _root(leaves[middle:])]
    return [*path_of(leaves[middle:], place - middle), _root(leaves[:middle])]


def root_by_path(line: bytes, place: int, count: int, path: Sequence[bytes]) -> bytes:
    """Return the root that `path` leads to from `line`; b"" when it cannot be one of that tree."""
    sides = []
    while count > 1:
        middle = 1 << ((count - 1).bit_length() - 1)
        sides.append(place >= middle)
        place, count = (place - middle, count - middle) if place >= middle else (place, middle)
    if len(sides) != len(path):
        return b""
    found = leaf_hash(line)
    for beside, is_right in zip(path, reversed(sides)):
        found = _node(beside, found) if is_right else _node(found, beside)
    return found


def _root(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    middle = 1 << ((len(leaves) - 1).bit_length() - 1)
    return _node(_root(leaves[:middle]), _root(leaves[middle:]))
