"""The hotlist's files: exact answers, few reads, damage named."""

import hashlib

import pytest

from card_layouts.errors import LayoutError, RangeError
from card_layouts.packages.hotlist import SHORT, Hotlist
from card_layouts.packages.hotlist_builder import build_base, build_overlay, difference
from card_layouts.packages.hotlist_layout import (
    HOT_BLOCK,
    HOT_KILL,
    HOT_NONE,
    HOT_REFUSE,
)

pytestmark = pytest.mark.requirement("D8", "W-137")


def uid_of(number):
    return b"\x04" + hashlib.sha256(b"card %d" % number).digest()[:6]


def listed(count, first=0):
    return [
        (uid_of(i), (HOT_REFUSE, HOT_BLOCK, HOT_KILL)[i % 3], 1 + i % 62)
        for i in range(first, first + count)
    ]


class CountedFile:
    def __init__(self, body):
        self.body = body
        self.reads = 0

    def read(self, offset, n):
        self.reads += 1
        return self.body[offset : offset + n]


def test_every_listed_card_is_found_and_no_other():
    rows = listed(3000)
    base = Hotlist(CountedFile(build_base(7, rows)).read)
    assert all(base.lookup(uid) == (action, g) for uid, action, g in rows)
    assert all(base.lookup(uid_of(i)) == (HOT_NONE, 0) for i in range(5000, 8000))


def test_a_lookup_is_two_reads_in_the_base_and_two_in_the_overlay():
    rows = listed(3000)
    base = CountedFile(build_base(7, rows))
    overlay = CountedFile(build_overlay(8, base.body, listed(500, 4000)))
    hotlist = Hotlist(base.read, overlay.read)
    base.reads = overlay.reads = 0
    hotlist.lookup(rows[5][0])
    assert (base.reads, overlay.reads) == (2, 2)


def test_the_overlay_adds_changes_and_takes_off_the_list():
    rows = listed(100)
    new = rows[10:] + [(uid_of(900), HOT_BLOCK, 3)]
    new[0] = (new[0][0], HOT_KILL, 62)
    base = build_base(1, rows)
    overlay = build_overlay(2, base, difference(rows, new))
    hotlist = Hotlist(CountedFile(base).read, CountedFile(overlay).read)
    assert all(hotlist.lookup(uid) == (action, g) for uid, action, g in new)
    assert all(hotlist.lookup(uid) == (HOT_NONE, 0) for uid, _, _ in rows[:10])
    assert (hotlist.version, hotlist.overlay_version) == (1, 2)


def test_an_overlay_made_for_another_base_is_refused():
    base = build_base(1, listed(10))
    other = build_base(1, listed(11))
    overlay = build_overlay(2, other, [])
    with pytest.raises(LayoutError, match="made for base"):
        Hotlist(CountedFile(base).read, CountedFile(overlay).read)


def test_a_kill_needs_the_exact_width():
    with pytest.raises(RangeError, match="kill needs the exact UID"):
        build_base(1, [(uid_of(1), HOT_KILL, 1)], width=SHORT)


def test_short_entries_find_their_cards():
    rows = [(uid_of(i), HOT_BLOCK, 1) for i in range(2000)]
    hotlist = Hotlist(CountedFile(build_base(1, rows, width=SHORT)).read)
    assert all(hotlist.lookup(uid) == (HOT_BLOCK, 1) for uid, _, _ in rows)
    assert sum(hotlist.lookup(uid_of(i)) != (HOT_NONE, 0) for i in range(2000, 6000)) == 0


def test_an_empty_list_lists_nobody():
    hotlist = Hotlist(CountedFile(build_base(1, [])).read)
    assert hotlist.lookup(uid_of(1)) == (HOT_NONE, 0)


def test_the_same_entries_give_the_same_bytes_in_any_order():
    rows = listed(500)
    assert build_base(3, rows) == build_base(3, rows[::-1])


def test_a_card_listed_twice_is_refused():
    with pytest.raises(RangeError, match="listed twice"):
        build_base(1, [(uid_of(1), HOT_REFUSE, 0), (uid_of(1), HOT_BLOCK, 1)])


@pytest.mark.parametrize("at", [0, 2, 3])
def test_a_damaged_head_is_named(at):
    body = bytearray(build_base(1, listed(3)))
    body[at] ^= 0xFF
    with pytest.raises(LayoutError, match="hotlist.head"):
        Hotlist(CountedFile(bytes(body)).read)


def test_a_damaged_index_is_named():
    body = bytearray(build_base(1, listed(100)))
    body[48:] = b"\xff" * (len(body) - 48)
    with pytest.raises(LayoutError, match="hotlist.bucket"):
        Hotlist(CountedFile(bytes(body)).read).lookup(uid_of(1))
