"""The world's time, and what devices make of it."""

import pytest

from simulator.clock import UNSET, DeviceClock, WorldClock

pytestmark = pytest.mark.requirement("D19")


def test_time_moves_only_when_told():
    clock = WorldClock(1000)
    assert (clock.ticks_ms(), clock.utc_seconds()) == (0, 1000)
    clock.advance(2500)
    clock.advance_to(100)
    assert (clock.ticks_ms(), clock.utc_seconds()) == (2500, 1002)


def test_a_device_drifts_jumps_and_forgets():
    world = WorldClock(1000)
    fast = DeviceClock(world, drift_ppm=100)
    world.advance(100_000_000)
    assert fast.utc_seconds() - world.utc_seconds() == 10
    fast.set_utc(world.utc_seconds())
    fast.jump(-3600)
    assert fast.utc_seconds() - world.utc_seconds() == -3600
    fast.unset()
    assert fast.utc_seconds() == UNSET


def test_a_device_set_after_it_forgot_knows_the_time():
    world = WorldClock(1000)
    device = DeviceClock(world)
    device.unset()
    device.set_utc(5000)
    world.advance(3000)
    assert device.utc_seconds() == 5003


def test_ticks_begin_again_at_power_up():
    world = WorldClock(0)
    device = DeviceClock(world)
    world.advance(5000)
    device.restart()
    world.advance(70)
    assert device.ticks_ms() == 70
