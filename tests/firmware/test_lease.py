"""The lease and the clock floor: nothing is charged outside them."""

import pytest

from card_layouts.codec.timestamps import CLOCK_FLOOR, CLOCK_SIGNED, CLOCK_UNSET
from card_layouts.errors import LayoutError, SealError
from card_layouts.packages.lease import LEASE, RIGHT_DEBIT, RIGHT_LOAD, seal_lease
from card_layouts.packages.manifest import LEASE as LEASE_ROLE
from card_layouts.records.entries import CONFIG, INTENT
from card_layouts.records.entries_device import CONFIG as CONFIG_PAYLOAD
from card_layouts.records.entries_device import CONFIG_SWITCHED
from card_layouts.records.entries_tap import REASON_CLOCK_UNSET, REASON_LEASE
from firmware.device_clock import DeviceClock
from firmware.lease import Lease, kept, lease_check
from tests.firmware.journal_builders import intent, mounted, new_flash, tap

pytestmark = pytest.mark.requirement("T6", "T15", "D2")

CFG = b"c" * 16
VALUES = {"lease": 9, "not_before": 100, "not_after": 200, "max_taps": 2, "max_cents": 600}
VALUES["rights"] = RIGHT_DEBIT


def leased_journal():
    journal = mounted(new_flash())
    config = {"role": LEASE_ROLE, "result": CONFIG_SWITCHED, "new": 9}
    journal.append(CONFIG, CONFIG_PAYLOAD.pack(config))
    return journal


@pytest.mark.parametrize(
    ("now", "source", "reason"),
    [
        (99, CLOCK_SIGNED, REASON_LEASE),
        (100, CLOCK_SIGNED, 0),
        (200, CLOCK_FLOOR, 0),
        (201, CLOCK_SIGNED, REASON_LEASE),
        (150, CLOCK_UNSET, REASON_CLOCK_UNSET),
    ],
)
def test_a_lease_allows_from_its_first_second_to_its_last(now, source, reason):
    assert Lease(VALUES).allows(now, source, 100, leased_journal()) == reason


def test_no_lease_and_no_right_allow_nothing():
    journal = leased_journal()
    assert Lease().allows(150, CLOCK_SIGNED, 0, journal) == REASON_LEASE
    loads = dict(VALUES, rights=RIGHT_LOAD)
    assert Lease(loads).allows(150, CLOCK_SIGNED, 0, journal) == REASON_LEASE
    assert Lease(loads).may(RIGHT_LOAD) and not Lease().may(0)


def test_taps_are_counted_with_those_whose_outcome_is_open():
    journal = leased_journal()
    tap(journal, 1, cents=100)
    assert Lease(VALUES).allows(150, CLOCK_SIGNED, 100, journal) == 0
    journal.append(INTENT, intent(cents=100))
    assert Lease(VALUES).allows(150, CLOCK_SIGNED, 100, journal) == REASON_LEASE


def test_cents_are_limited_to_the_last_one():
    journal = leased_journal()
    tap(journal, 1, cents=250)
    assert Lease(VALUES).allows(150, CLOCK_SIGNED, 350, journal) == 0
    assert Lease(VALUES).allows(150, CLOCK_SIGNED, 351, journal) == REASON_LEASE


def test_a_new_lease_counts_from_nothing():
    journal = leased_journal()
    tap(journal, 1, cents=600)
    assert Lease(dict(VALUES, lease=10)).allows(150, CLOCK_SIGNED, 600, journal) == 0


def test_a_lease_for_another_device_or_with_a_wrong_seal_is_not_installed():
    check = lease_check(CFG, 4711, 2)
    body = seal_lease({"device": 4711, "epoch": 2, "lease": 9}, CFG)
    check(lambda offset, n: body, {"version": 9})
    for changed, version in (({"device": 4712}, 9), ({"epoch": 3}, 9), ({}, 10)):
        other = seal_lease({"device": 4711, "epoch": 2, "lease": 9, **changed}, CFG)
        with pytest.raises(LayoutError):
            check(lambda offset, n, other=other: other, {"version": version})
    with pytest.raises(SealError):
        check(lambda offset, n: seal_lease({"device": 4711}, b"x" * 16), {"version": 9})
    assert set(kept(LEASE.unpack(body))) == set(VALUES)


class Rtc:
    def __init__(self, seconds):
        self.seconds = seconds

    def utc_seconds(self):
        return self.seconds

    def ticks_ms(self):
        return 5


def test_a_clock_behind_the_floor_is_the_floor_and_an_unset_one_says_so():
    counters = mounted(new_flash()).counters
    clock = DeviceClock(Rtc(1000), counters)
    assert clock.now() == (1000, CLOCK_SIGNED)
    counters.raise_floor(2000)
    counters.raise_floor(1500)
    assert clock.now() == (2000, CLOCK_FLOOR) and clock.utc_seconds() == 2000
    clock = DeviceClock(Rtc(-1), counters)
    assert clock.now() == (2000, CLOCK_UNSET) and clock.utc_seconds() == -1
    assert clock.ticks_ms() == 5
