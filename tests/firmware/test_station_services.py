"""Products, refunds and unblocking at a station: what they cost, what they leave, and only once."""

from dataclasses import replace

import pytest

from card_layouts.answers import ACCEPTED, LOADED, LOADED_BEFORE
from card_layouts.cards.card_layout import (
    CHANNEL_COUNTER,
    FILE_C,
    FILE_G,
    FILE_J,
    FILE_P,
    FILE_S,
    FILE_T,
    FILE_V,
    KIND_PRODUCT,
    KIND_REFUND,
    KIND_UNBLOCK,
    M_CALENDAR,
    M_FIRST_USE,
    P_SLOT,
    G,
    S,
    T,
    p_slot_at,
)
from card_layouts.cards.counter import N_MAX, counter_b_n, counter_value
from card_layouts.packages.hotlist_layout import HOT_BLOCK, HOT_KILL
from card_layouts.packages.lease import RIGHT_LOAD
from card_layouts.records import entries_service as service
from card_layouts.records.entries_tap import (
    REASON_BLOCKED,
    REASON_CARD_ERROR,
    REASON_COUNTER_END,
    REASON_KILLED,
    REASON_LEASE,
    REASON_LISTED,
    REASON_NO_PLACE,
)
from firmware.station import Order
from firmware.station_services import Load, Product, Refund, Unblock
from simulator.worlds.tap_world import (
    AID,
    GATE_A,
    NOW,
    PURSE,
    STATION,
    UID,
    Device,
    NoHotlist,
    OnCard,
    head_of,
    lease,
    new_card,
)

pytestmark = pytest.mark.requirement("R-10", "W-143")
ORDER = Order(77, 2, 1, 0, CHANNEL_COUNTER)
RIGHT = P_SLOT.pack(
    {"mechanism": M_CALENDAR, "slot": 2, "product": 41, "zones": 6, "last_day": 2600, "k": 2}
)


def station(**parts):
    return Device(STATION, station=True, **parts)


def serve(card, what, device=None, order=ORDER):
    device = device or station()
    return device.present(card, order=order, service=what), device


def blocked_card(g=3):
    card = new_card()
    gate = Device(GATE_A, hotlist=NoHotlist({UID: (HOT_BLOCK, g)}))
    assert gate.present(card) == REASON_LISTED
    card.meter.exchanges.clear()
    return card


def data_of(card, number):
    return card.image.applications[AID].files[number].data


def cost(card):
    counts = card.meter.exchanges
    return len(counts), sum(c.bytes_in + c.bytes_out for c in counts)


def test_a_product_goes_into_head_right_and_both_copies():
    card = new_card()
    answer, device = serve(card, Product(2, RIGHT, copy=1))
    assert answer == LOADED and cost(card) == (18, 685)
    head = S.unpack(data_of(card, FILE_S))
    assert (head["d_product2"], head["d_zones2"], head["d_last2"]) == (41, 6, 2600)
    assert data_of(card, FILE_P)[p_slot_at(2) : p_slot_at(3)] == RIGHT
    assert data_of(card, FILE_J) == data_of(card, FILE_S) + bytes(24) + RIGHT
    after = OnCard(card)
    assert (after.purse, after.actions, after.newest["kind"]) == (PURSE, 2, KIND_PRODUCT)
    name, _header, fields = device.entries()[0]
    assert (name, fields["kind"], fields["slot"]) == ("ACTION", service.ACT_PRODUCT, 2)
    assert fields["use_reset"] == 1 << 2
    assert fields["slot_bytes"] == RIGHT


@pytest.mark.requirement("W-56", "D32")
@pytest.mark.parametrize("slot", range(4))
def test_a_sale_blanks_the_usage_of_its_own_slot_and_of_no_other(slot):
    card = new_card(head_of(d_k0=3, d_k1=3, d_k2=3, d_k3=3))
    widths = {name: T.find(name)[1] for name in T.unpack(bytes(T.size)) if name != "layout"}
    full = {name: 2**width - 1 for name, width in widths.items()}
    files = card.image.applications[AID].files
    files[FILE_T] = replace(files[FILE_T], data=T.pack({"layout": 1, **full}))
    over = {"last_day": 1, "length": 30}
    right = P_SLOT.pack({"mechanism": M_FIRST_USE, "slot": slot, "product": 41, **over})
    assert serve(card, Product(slot, right))[0] == LOADED
    head, usage = S.unpack(data_of(card, FILE_S)), T.unpack(data_of(card, FILE_T))
    assert head[f"d_k{slot}"] == (usage[f"t_k{slot}"] + 1) % 4 == 0
    assert head[f"d_usage{slot}"] == 1, "first use is counted in T"
    for name, most in full.items():
        own = name.startswith("t_") and name.endswith(str(slot)) and not name.startswith("t_k")
        assert usage[name] == (0 if own else most), name
    assert usage["layout"] == 1
    assert serve(card, Product(slot, right), order=ORDER._replace(k=3))[0] == LOADED
    assert S.unpack(data_of(card, FILE_S))[f"d_k{slot}"] == 1


@pytest.mark.requirement("W-56")
def test_no_sale_is_written_over_a_right_that_may_still_run():
    card, rights = new_card(), []
    today = NOW // 86400
    for k, last_day in enumerate((today, today - 1, 0, today + 30)):
        right = P_SLOT.pack({"mechanism": M_FIRST_USE, "product": 40 + k, "last_day": last_day})
        answer, device = serve(card, Product(0, right), order=ORDER._replace(k=2 + k))
        assert (answer, device.entries()[0][2]["slot"]) == (LOADED, k)
        rights.append(bytearray(right))
        P_SLOT.put(rights[k], "slot", k)
    assert data_of(card, FILE_P)[p_slot_at(0) :] == b"".join(rights)
    more = P_SLOT.pack({"mechanism": M_FIRST_USE, "product": 44, "last_day": today})
    assert serve(card, Product(3, more), order=ORDER._replace(k=6))[0] == REASON_NO_PLACE
    assert data_of(card, FILE_P)[p_slot_at(0) :] == b"".join(rights)
    nothing = P_SLOT.pack({"slot": 2})
    assert serve(card, Product(2, nothing), order=ORDER._replace(k=6))[0] == LOADED
    answer, device = serve(card, Product(3, more), order=ORDER._replace(k=7))
    assert (answer, device.entries()[0][2]["slot"]) == (LOADED, 2)


def test_a_refund_pays_the_whole_purse_out_and_blocks_the_card():
    card = new_card()
    answer, device = serve(card, Refund())
    assert answer == LOADED and cost(card) == (15, 470)
    after = OnCard(card)
    assert (after.purse, after.b, after.n, after.actions) == (0, 1, 2, 2)
    newest = after.newest
    assert (newest["kind"], newest["amount"], newest["b"]) == (KIND_REFUND, PURSE, 1)
    assert newest["L"] - newest["D"] == 0
    assert device.entries()[0][2]["kind"] == service.ACT_REFUND
    assert Device(GATE_A).present(card) == REASON_BLOCKED
    assert serve(card, Refund())[0] == LOADED_BEFORE, "asked again, here or elsewhere"
    assert serve(card, Refund(), order=ORDER._replace(k=3))[0] == REASON_BLOCKED


@pytest.mark.parametrize("cents", [-1, 1 << 16])
def test_a_purse_that_no_record_could_name_is_not_paid_out(cents):
    card = new_card()
    files = card.image.applications[AID].files
    files[FILE_V] = replace(files[FILE_V], value=cents)
    answer, device = serve(card, Refund())
    assert answer == REASON_CARD_ERROR and device.names() == ["REFUSAL"]
    assert OnCard(card).state()[:3] == (cents, OnCard(new_card()).counter, 1)


def test_an_unblocked_card_travels_and_the_old_list_does_nothing():
    card = blocked_card()
    answer, device = serve(card, Unblock())
    assert answer == LOADED and cost(card) == (15, 554)
    assert S.unpack(data_of(card, FILE_S))["u"] == 3
    assert data_of(card, FILE_J)[:44] == data_of(card, FILE_S)
    assert OnCard(card).newest["kind"] == KIND_UNBLOCK
    assert device.entries()[0][2]["u"] == 3
    listing = NoHotlist({UID: (HOT_BLOCK, 3)})
    assert Device(GATE_A, hotlist=listing).present(card) == ACCEPTED


def test_the_record_announced_is_the_record_written():
    for what, card in ((Refund(), new_card()), (Unblock(), blocked_card())):
        _answer, device = serve(card, what)
        fields = device.entries()[0][2]
        body = G.unpack(bytes(7) + fields["body"] + fields["h"])
        newest = OnCard(card).newest
        assert {name: body[name] for name in ("n", "a", "D", "L", "b", "h")} == {
            name: newest[name] for name in ("n", "a", "D", "L", "b", "h")
        }


@pytest.mark.requirement("W-109")
def test_every_service_needs_its_right():
    device = station(lease=lease(rights=RIGHT_LOAD))
    for what in (Product(0, RIGHT), Refund(), Unblock()):
        assert serve(new_card(), what, device)[0] == REASON_LEASE


def test_a_blocked_card_gets_nothing_and_a_dead_one_is_not_revived():
    for what in (Product(0, RIGHT), Refund()):
        card = blocked_card()
        before = OnCard(card).state()
        assert serve(card, what)[0] == REASON_BLOCKED
        assert OnCard(card).state() == before
    card = new_card()
    Device(GATE_A, hotlist=NoHotlist({UID: (HOT_KILL, 62)})).present(card)
    assert serve(card, Unblock())[0] == REASON_KILLED


def test_a_card_with_no_generation_left_is_not_paid_out_at_a_station():
    card = blocked_card(62)
    assert serve(card, Unblock())[0] == LOADED
    assert serve(card, Refund(), order=ORDER._replace(k=3))[0] == REASON_COUNTER_END
    assert OnCard(card).purse == PURSE


def test_a_card_whose_counter_is_at_its_end_is_refused_by_every_service():
    for what in (Load(), Product(0, RIGHT), Refund(), Unblock()):
        card = blocked_card() if isinstance(what, Unblock) else new_card()
        files = card.image.applications[AID].files
        b, _ = counter_b_n(files[FILE_C].value)
        files[FILE_C] = replace(files[FILE_C], value=counter_value(b, N_MAX))
        record = bytearray(files[FILE_G].records[-1])
        G.put(record, "n", N_MAX)
        rows = [*files[FILE_G].records[:-1], bytes(record)]
        files[FILE_G] = replace(files[FILE_G], records=tuple(rows))
        before, order = OnCard(card).state(), ORDER._replace(k=OnCard(card).actions + 1)
        assert serve(card, what, order=order)[0] == REASON_COUNTER_END
        assert OnCard(card).state() == before
