"""Golden numbers: a replayed seed must give the same world for ever."""

import pytest

from simulator.prng import Prng

pytestmark = pytest.mark.requirement("D19")


def test_numbers_are_those_of_the_published_generator():
    # First outputs of pcg32_srandom(42, 54), as the generator's authors publish them.
    prng = Prng(42, 54)
    wanted = "a15c02b7 7b47f409 ba1d3330 83d2f293 bfa4784b cbed606e"
    assert " ".join(f"{prng.u32():08x}" for _ in range(6)) == wanted


def test_a_fork_depends_on_its_name_and_not_on_numbers_drawn():
    left, right = Prng(7), Prng(7)
    right.bytes(100)
    assert left.fork("cards").bytes(8) == right.fork("cards").bytes(8)
    assert left.fork("cards").bytes(8) != left.fork("taps").bytes(8)


def test_below_reaches_every_number_and_no_other():
    prng = Prng(1)
    assert sorted({prng.below(6) for _ in range(200)}) == [0, 1, 2, 3, 4, 5]


def test_shuffle_keeps_all_members_and_bytes_keep_their_length():
    prng, row = Prng(2), list(range(50))
    prng.shuffle(row)
    assert sorted(row) == list(range(50)) != row
    assert [len(prng.bytes(n)) for n in (0, 1, 4, 7)] == [0, 1, 4, 7]


def test_golden_numbers_of_this_project():
    prng = Prng(1).fork("golden")
    golden = (prng.bytes(5).hex(), prng.below(1000), prng.between(-3, 3), prng.choice("abcd"))
    assert golden == GOLDEN


GOLDEN = ("fe7844a329", 175, -1, "b")
