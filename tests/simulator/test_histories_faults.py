"""A fault counts when it strikes, not when it is planned: a quiet world has none to count."""

from contextlib import closing

import pytest

from simulator.histories import dockings, people, world_faults
from simulator.histories.boards import Gate
from simulator.histories.dock_faults import DOCK_FAULTS
from simulator.histories.events import Event
from simulator.histories.faults import DOCK, TAP
from simulator.histories.options import draw_options
from simulator.histories.people import Presentation
from simulator.histories.places import gate_device
from simulator.histories.world import World
from simulator.histories.world_faults import WORLD_FAULTS
from simulator.prng import Prng

MINUTE_MS = 60_000


@pytest.fixture
def world():
    with closing(World(draw_options(3, 10, ()))) as quiet:
        quiet.run_until(MINUTE_MS)
        yield quiet


def plan(world, fault, salt=5):
    WORLD_FAULTS[fault](world, Event(0, fault, 0, gate_device(0), fault, salt))
    return struck(world, fault)


def struck(world, fault):
    world.check()
    return world.injected[fault]


@pytest.mark.requirement("T11")
@pytest.mark.parametrize("fault", ["broker-storm", "broker-late"])
def test_a_broker_without_messages_loses_doubles_and_delays_none(world, fault):
    assert plan(world, fault) == 0
    for number in range(30):
        world.post.carry("somebody", "topic", bytes([number]))
    assert struck(world, fault) == 1


@pytest.mark.requirement("T10", "T12")
@pytest.mark.parametrize("fault", ["acks-forged", "entries-forged", "packages-mixed"])
def test_what_a_stranger_sends_strikes_when_somebody_takes_it(world, fault):
    world.inland.die()
    for depot in world.depots:
        depot.die()
    assert plan(world, fault) == 0
    world.run_for(MINUTE_MS)
    assert struck(world, fault) == 0
    world.start_ledger()
    for depot in world.depots:
        depot.start()
    world.run_for(MINUTE_MS)
    assert struck(world, fault) == 1


@pytest.mark.requirement("T24")
def test_a_ledger_that_has_nothing_to_do_does_not_die_of_it(world):
    assert plan(world, "ledger-killed") == 0
    for device in world.boards:
        dockings.dock(world, Event(0, DOCK, device=device, salt=3))
    world.run_for(MINUTE_MS)
    assert struck(world, "ledger-killed") == 1


@pytest.mark.requirement("T17")
def test_a_page_nobody_reads_is_no_damage(world, monkeypatch):
    monkeypatch.setattr(world_faults, "DAMAGED_BYTES", 0)
    assert plan(world, "page-corrupted") == 0
    monkeypatch.undo()
    assert any(plan(world, "page-corrupted", salt) for salt in range(8))


@pytest.mark.requirement("T4")
def test_a_relay_needs_an_exchange(world):
    gate = world.boards[gate_device(0)]
    assert isinstance(gate, Gate)
    tap = Event(0, TAP, 0, gate.device, "relay", 5)
    gate.power_off()
    people.present(world, Presentation(world.chips[0], gate), tap, Prng(5))
    assert struck(world, "relay") == 0
    assert world.ready(gate)
    people.present(world, Presentation(world.chips[0], gate), tap, Prng(5))
    assert struck(world, "relay") == 1


@pytest.mark.requirement("T10", "T23")
@pytest.mark.parametrize("fault", ["link-garbled", "link-replayed", "link-changed"])
def test_a_line_is_disturbed_when_a_piece_arrives_otherwise_than_it_was_sent(world, fault):
    visit = dockings.dock(world, Event(0, DOCK, device=gate_device(0), salt=3))
    DOCK_FAULTS[fault](world, visit, Prng(3))
    assert struck(world, fault) == 0
    world.run_for(MINUTE_MS)
    assert struck(world, fault) == 1
