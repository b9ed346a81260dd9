"""Action lists: every waiting line is found in a few reads, and nothing else is believed."""

import hashlib

import pytest

from card_layouts.crypto.kdf import next_action_key
from card_layouts.errors import LayoutError, RangeError, SealError
from card_layouts.packages.action_list import (
    LINES_PER_CARD_MAX,
    RATCHETS_MAX,
    check_action_list,
    open_action_list,
)
from card_layouts.packages.action_list_builder import build_action_list, lines_that_fit
from card_layouts.packages.actions import open_action
from card_layouts.records.entries_service import ACT_LOAD

pytestmark = pytest.mark.requirement("D9", "W-143")

KEY = b"k" * 16
AUTHORITY = 244


def uid_of(number):
    return b"\x04" + hashlib.sha256(b"card %d" % number).digest()[:6]


def waiting(count, k=1):
    return [
        {"uid": uid_of(i), "kind": ACT_LOAD, "k": k, "action": i, "amount": 500, "K": b"2" * 16}
        for i in range(count)
    ]


def listed(lines, version=7, generation=3):
    return build_action_list(version, AUTHORITY, generation, KEY, lines)


class CountedFile:
    def __init__(self, body):
        self.body = body
        self.reads = []

    def read(self, offset, n):
        self.reads.append(n)
        return self.body[offset : offset + n]


def opened(body, key=KEY, generation=3):
    return open_action_list(CountedFile(body).read, key, generation)


def test_every_waiting_line_is_found_and_no_strangers():
    found = opened(listed(waiting(800) + waiting(20, k=2)))
    for number in range(800):
        first, count = found.find(uid_of(number))
        lines = [open_action(found.line(first + i), KEY) for i in range(count)]
        assert [row["k"] for row in lines] == ([1, 2] if number < 20 else [1])
        assert {row["action"] for row in lines} == {number}
    assert all(found.find(uid_of(n))[1] == 0 for n in range(5000, 6000))


def test_a_card_that_is_not_listed_costs_two_reads_of_a_few_bytes():
    file = CountedFile(listed(waiting(800)))
    found = open_action_list(file.read, KEY, 3)
    file.reads.clear()
    for number in range(5000, 6000):
        found.find(uid_of(number))
    assert len(file.reads) < 2200 and sum(file.reads) < 12 * 1000


def test_the_same_lines_in_any_order_give_the_same_bytes_and_an_empty_list_is_one():
    assert listed(waiting(30)) == listed(reversed(waiting(30)))
    assert opened(listed([])).find(uid_of(1))[1] == 0


def test_a_list_is_opened_by_the_key_of_its_generation_or_an_earlier_one():
    newer = KEY
    for steps in range(RATCHETS_MAX + 2):
        body = build_action_list(1, AUTHORITY, (250 + steps) % 256, newer, waiting(1))
        if steps <= RATCHETS_MAX:
            assert opened(body, KEY, 250).k_act == newer
        else:
            with pytest.raises(SealError, match="generation"):
                opened(body, KEY, 250)
        newer = next_action_key(newer)


def test_a_list_of_an_older_generation_or_another_key_stays_shut():
    with pytest.raises(SealError, match="the lease has 4"):
        opened(listed([], generation=3), KEY, 4)
    with pytest.raises(SealError, match="mac"):
        opened(listed([]), b"x" * 16)


def test_a_cut_or_foreign_body_is_not_a_list():
    body = listed(waiting(5))
    check_action_list(CountedFile(body).read, len(body), 7, AUTHORITY)
    for size, version, authority, words in (
        (len(body) - 1, 7, AUTHORITY, "bytes"),
        (len(body) + 96, 7, AUTHORITY, "bytes"),
        (len(body), 8, AUTHORITY, "manifest"),
        (len(body), 7, 1, "this is 1"),
    ):
        with pytest.raises(LayoutError, match=words):
            check_action_list(CountedFile(body).read, size, version, authority)
    for at, value in ((0, 0), (2, 0x20), (8, 1)):
        damaged = bytearray(body)
        damaged[at] = value
        with pytest.raises(LayoutError, match="head"):
            opened(damaged)


def test_a_damaged_index_is_named_and_never_followed():
    body = bytearray(listed(waiting(5)))
    body[48:60] = b"\xff" * 12
    with pytest.raises(LayoutError, match="bucket"):
        opened(body).find(uid_of(1))


def test_what_does_not_fit_is_refused_by_name():
    one = waiting(1)[0]
    for lines, words in (
        ([one, one], "two lines"),
        ([{**one, "uid": b"\x04"}], "1 bytes"),
        ([{**one, "k": k} for k in range(LINES_PER_CARD_MAX + 1)], "for one card"),
    ):
        with pytest.raises(RangeError, match=words):
            listed(lines)


@pytest.mark.parametrize("count", [0, 1, 40, 700])
def test_a_device_is_told_how_many_lines_its_slot_holds(count):
    size = len(listed(waiting(count)))
    assert lines_that_fit(size) >= count
    assert lines_that_fit(size - 1) < max(count, 1)


@pytest.mark.full
def test_a_full_list_of_16384_lines_is_built_and_found():
    body = listed(waiting(16_384))
    assert len(body) == 1_605_682 and lines_that_fit(len(body)) == 16_384
    found = opened(body)
    for number in range(0, 16_384, 97):
        first, count = found.find(uid_of(number))
        assert count == 1 and open_action(found.line(first), KEY)["action"] == number
    with pytest.raises(RangeError, match="at most"):
        listed(waiting(16_385))
