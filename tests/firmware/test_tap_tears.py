"""Every single tear of every flow, followed by a second try here and elsewhere (T1, D30)."""

import pytest

from card_layouts.answers import (
    ACCEPTED,
    ACCEPTED_SETTLED,
    HOLD_AGAIN,
    LOADED,
    LOADED_BEFORE,
    TAP_AGAIN,
)
from card_layouts.cards.card_layout import CHANNEL_COUNTER, COUNTER_START
from card_layouts.packages.hotlist_layout import HOT_BLOCK, HOT_KILL
from card_layouts.records.entries_tap import REASON_BLOCKED, REASON_KILLED, REASON_LISTED
from firmware.station import Order
from simulator.tap_world import (
    FARE,
    GATE_A,
    GATE_B,
    PURSE,
    STATION,
    UID,
    Device,
    NoHotlist,
    OnCard,
    new_card,
)
from simulator.tear_drill import Drill, check_answer, settled
from tests import figures

OTHER_STATION = 10


def debit_drill():
    return Drill(new_card().image, [Device(GATE_A), Device(GATE_B)])


def tear_all(drill, second_try, seconds=5):
    """Tear the flow everywhere; call `second_try` after each. Return how often the card changed."""
    changed = 0
    tears = drill.tears()
    for tear in tears:
        card, devices = drill.fork()
        before = OnCard(card)
        answer = devices[0].present(card, tear, order=drill.order)
        after = OnCard(card)
        changed += after.n != before.n
        for device in devices:
            device.watch.seconds += seconds
        try:
            check_answer(devices[0], answer, before, after)
            second_try(card, devices, answer, before)
        except AssertionError as error:
            raise AssertionError(f"torn at {tear}: {error}") from error
    figures.add(figures.TEARS, len(tears))
    return len(tears), changed


@pytest.mark.requirement("R-6", "T1", "D30", "D15")
def test_a_debit_torn_at_every_position_is_charged_once_at_the_same_validator():
    def again(card, devices, answer, before):
        gate = devices[0]
        torn = OnCard(card)
        assert answer in (TAP_AGAIN, HOLD_AGAIN)
        assert (gate.journal.find_open(UID) is not None) == (answer == HOLD_AGAIN)
        if answer == TAP_AGAIN:
            assert torn.n == before.n and gate.names() == []
        second = gate.present(card)
        assert second == (ACCEPTED_SETTLED if torn.n > before.n else ACCEPTED)
        assert gate.signals.opened()
        after = OnCard(card)
        assert (after.purse, after.n) == (PURSE - FARE, before.n + 1)
        counts = settled([gate], card)
        assert counts["committed"] == 1 and counts["open"] == 0

    positions, changed = tear_all(debit_drill(), again)
    assert positions == 345
    # From the card's journal mark on (4 steps) and with the answer lost (9 bytes).
    assert changed == 13


@pytest.mark.requirement("R-6", "T1", "I13", "D7", "D30")
def test_a_debit_torn_at_every_position_is_charged_once_at_another_validator():
    def elsewhere(card, devices, answer, before):
        first, other = devices
        second = other.present(card)
        assert second == ACCEPTED and other.signals.opened()
        assert OnCard(card).purse == PURSE - FARE
        # The card comes by the first one again: nothing of its tap stays open.
        first.watch.seconds += 60
        assert first.present(card) == ACCEPTED
        assert OnCard(card).purse == PURSE - FARE
        assert settled(devices, card)["open"] == 0

    assert tear_all(debit_drill(), elsewhere)[0] == 345


@pytest.mark.requirement("D30", "D15")
def test_a_debit_torn_at_every_position_survives_a_reboot_before_the_second_try():
    def reboot(card, devices, answer, before):
        gate = devices[0]
        committed = OnCard(card).n > before.n
        gate.boot()
        assert gate.present(card) == (ACCEPTED_SETTLED if committed else ACCEPTED)
        assert OnCard(card).purse == PURSE - FARE
        assert settled([gate], card)["open"] == 0

    assert tear_all(debit_drill(), reboot)[0] == 345


@pytest.mark.requirement("D30")
def test_a_transfer_torn_at_every_position_costs_nothing_and_opens_once():
    first, card = Device(GATE_A), new_card()
    assert first.present(card) == ACCEPTED
    first.watch.seconds += 600
    late = first.watch

    def again(card, devices, answer, before):
        second = devices[0].present(card)
        assert second in (ACCEPTED, ACCEPTED_SETTLED)
        after = OnCard(card)
        assert (after.purse, after.n) == (PURSE - FARE, before.n + 1)
        assert settled(devices, card)["open"] == 0

    drill = Drill(card.image, [Device(GATE_B, watch=late)])
    positions, _changed = tear_all(drill, again)
    assert positions == 316


@pytest.mark.requirement("D8", "T1", "I15", "D30")
def test_a_block_torn_at_every_position_is_written_at_the_next_tap_anywhere():
    hotlist = NoHotlist({UID: (HOT_BLOCK, 3)})
    listing = [Device(GATE_A, hotlist=hotlist), Device(GATE_B, hotlist=hotlist)]

    def again(card, devices, answer, before):
        assert answer in (REASON_LISTED, REASON_BLOCKED, TAP_AGAIN)
        for device in (devices[1], devices[0]):
            assert device.present(card) in (REASON_LISTED, REASON_BLOCKED)
            assert not device.signals.opened()
        after = OnCard(card)
        assert (after.b, after.purse, after.n) == (3, PURSE, before.n + 1)
        assert settled(devices, card)["open"] == 0

    positions, _changed = tear_all(Drill(new_card().image, listing), again)
    assert positions == 316


@pytest.mark.requirement("D4", "D8", "D30")
def test_a_kill_torn_at_every_position_ends_with_a_dead_card():
    hotlist = NoHotlist({UID: (HOT_KILL, 62)})
    listing = [Device(GATE_A, hotlist=hotlist), Device(GATE_B, hotlist=hotlist)]

    def again(card, devices, answer, before):
        for device in (devices[1], devices[0]):
            assert device.present(card) == REASON_KILLED
            assert not device.signals.opened()
        after = OnCard(card)
        assert (after.counter, after.purse) == (0, PURSE)
        assert settled(devices, card)["open"] == 0

    drill = Drill(new_card().image, listing)
    tears = drill.tears()
    assert len(tears) == 259
    for tear in tears:
        card, devices = drill.fork()
        before = OnCard(card)
        answer = devices[0].present(card, tear)
        assert not devices[0].signals.opened()
        again(card, devices, answer, before)
    figures.add(figures.TEARS, len(tears))


@pytest.mark.requirement("R-10", "T1", "I11", "D30")
@pytest.mark.parametrize("second", [0, 1], ids=["same station", "another station"])
def test_a_load_torn_at_every_position_arrives_once(second):
    order = Order(501, 2, 1, 1500, CHANNEL_COUNTER)
    stations = [Device(STATION, station=True), Device(OTHER_STATION, station=True)]

    def again(card, devices, answer, before):
        assert answer in (TAP_AGAIN, HOLD_AGAIN)
        assert devices[second].present(card, order=order) in (LOADED, LOADED_BEFORE)
        after = OnCard(card)
        assert (after.purse, after.actions) == (PURSE + 1500, 2)
        devices[0].present(card, order=order)
        assert OnCard(card).state() == after.state()
        assert settled(devices, card)["open"] == 0

    drill = Drill(new_card().image, stations, order)
    positions, _changed = tear_all(drill, again)
    assert positions == 462


@pytest.mark.requirement("D4")
def test_the_flows_cost_what_the_card_table_says():
    listed = NoHotlist({UID: (HOT_BLOCK, 3)})
    killed = NoHotlist({UID: (HOT_KILL, 62)})
    order = Order(501, 2, 1, 1500, CHANNEL_COUNTER)
    flows = {
        "debit": debit_drill(),
        "block": Drill(new_card().image, [Device(GATE_A, hotlist=listed)]),
        "kill": Drill(new_card().image, [Device(GATE_A, hotlist=killed)]),
        "load": Drill(new_card().image, [Device(STATION, station=True)], order),
    }
    costs = {}
    for name, drill in flows.items():
        counts = drill.transcript()[2]
        costs[name] = (len(counts), sum(c.bytes_in + c.bytes_out for c in counts))
    assert costs == {"debit": (10, 336), "block": (9, 309), "kill": (8, 252), "load": (14, 451)}
    assert COUNTER_START == (1 << 30) - 1
