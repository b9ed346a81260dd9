"""What was bought elsewhere: loaded at the next tap anywhere, once; then the fare of that tap."""

from dataclasses import replace

import pytest

from card_layouts.answers import (
    ACCEPTED,
    ACCEPTED_GRACE,
    ACCEPTED_SETTLED,
    HOLD_AGAIN,
    LOAD_AGAIN,
    TAP_AGAIN,
    unfinished,
)
from card_layouts.cards.card_layout import (
    CHANNEL_COUNTER,
    CHANNEL_WEB,
    FILE_A,
    FILE_P,
    FILE_S,
    KIND_ADJUST,
    KIND_DEBIT,
    KIND_LOAD,
    M_ZERO,
    P_SLOT,
    S,
    p_slot_at,
    zone_bit,
)
from card_layouts.packages.hotlist_layout import HOT_BLOCK, HOT_KILL
from card_layouts.packages.lease import RIGHT_DEBIT, RIGHT_LOAD
from card_layouts.records import entries_service as acts
from card_layouts.records import entries_tap as e
from firmware.station import Order
from firmware.tap import PASS_BACK_S
from firmware.tap_actions import ACTIONS_PER_TAP
from firmware.ui.loaded_text import LOADED
from simulator.desfire_card import Cut
from simulator.field import Tear, answer_lost, before_commit
from simulator.worlds.product_tariff import product_tariff
from simulator.worlds.small_tariffs import mounted
from simulator.worlds.tap_world import (
    AID,
    AUTHORITY,
    FARE,
    GATE_A,
    GATE_B,
    LIMIT,
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
from simulator.worlds.waiting_actions import LIST_GENERATION, action_list, waiting

pytestmark = pytest.mark.requirement("W-143", "D9", "I11")

LOAD = 1500
OTHER_UID = bytes.fromhex("04998877665544")


def gate(*lines, number=GATE_A, **parts):
    return Device(number, actions=action_list(*lines or (waiting(),)), **parts)


def bytes_of(card):
    return sum(c.bytes_in + c.bytes_out for c in card.meter.exchanges)


def outcomes(device):
    return [fields["outcome"] for name, _, fields in device.entries() if name == "OUTCOME"]


@pytest.mark.requirement("R-10", "D15")
def test_a_waiting_load_takes_its_own_commit_and_the_fare_of_the_same_tap_follows():
    device, card = gate(), new_card()
    assert device.present(card) == ACCEPTED
    assert (device.exchanges, bytes_of(card)) == (14 + 6, 451 + 198)
    names = device.names()
    assert names == ["ACTION", "OUTCOME", "INTENT", "OUTCOME"]
    action, intent = device.entries()[0][2], device.entries()[2][2]
    assert (action["action"], action["k"], action["kind"]) == (702, 2, acts.ACT_LOAD)
    assert (action["list"], action["generation"]) == (5, LIST_GENERATION)
    assert (action["channel"], action["version"]) == (CHANNEL_WEB, 1)
    assert intent["was_time"] == NOW, "the load's record is the one the ride follows"
    after = OnCard(card)
    assert [record["kind"] for record in after.records[-2:]] == [KIND_LOAD, KIND_DEBIT]
    assert (after.purse, after.actions, after.n) == (PURSE + LOAD - FARE, 2, 3)
    assert device.tap.told == ("Loaded 15.00.",) and device.signals.opened()


@pytest.mark.requirement("D15")
def test_a_card_that_is_not_listed_or_has_everything_costs_no_exchange_more():
    plain, card = Device(), new_card()
    assert plain.present(card) == ACCEPTED
    listed, other = gate(waiting(uid=OTHER_UID), waiting(k=1)), new_card()
    assert listed.present(other) == ACCEPTED
    assert (listed.exchanges, bytes_of(other)) == (plain.exchanges, bytes_of(card)) == (10, 336)
    assert listed.names() == ["INTENT", "OUTCOME"]
    assert ("action", "done") in listed.signals.seen


def test_a_load_is_enough_for_the_fare_it_is_needed_for():
    device, card = gate(), new_card(purse=100)
    assert Device(GATE_B).present(card) == e.REASON_FUNDS
    assert device.present(card) == ACCEPTED
    assert OnCard(card).purse == 100 + LOAD - FARE


def test_actions_that_wait_for_one_another_run_at_one_tap_up_to_a_bound():
    lines = [waiting(k, 100 + k) for k in range(2, 2 + ACTIONS_PER_TAP + 2)]
    device, card = gate(*lines), new_card()
    assert device.present(card) == ACCEPTED
    assert OnCard(card).actions == 1 + ACTIONS_PER_TAP
    assert len(device.tap.told) == ACTIONS_PER_TAP
    later = gate(*lines, number=GATE_B)
    later.watch.seconds += 7200
    assert later.present(card) == ACCEPTED
    assert OnCard(card).purse == PURSE - 2 * FARE + sum(line["amount"] for line in lines)


def test_an_action_waits_for_the_one_before_it():
    device, card = gate(waiting(k=3)), new_card()
    assert device.present(card) == ACCEPTED
    assert device.exchanges == 10 and OnCard(card).actions == 1


def test_a_withdrawn_action_moves_the_count_and_no_money():
    device, card = gate(waiting(kind=acts.ACT_NOTHING, version=2)), new_card()
    assert device.present(card) == ACCEPTED
    after = OnCard(card)
    assert (after.purse, after.actions) == (PURSE - FARE, 2)
    assert (after.records[-2]["kind"], after.records[-2]["amount"]) == (KIND_ADJUST, 0)
    assert device.entries()[0][2]["version"] == 2 and device.tap.told == ()


@pytest.mark.requirement("X-9")
def test_a_goodwill_is_money_of_its_own_kind():
    device, card = gate(waiting(kind=acts.ACT_ADJUST)), new_card()
    assert device.present(card) == ACCEPTED
    record = OnCard(card).records[-2]
    assert (record["kind"], record["amount"], record["L"]) == (KIND_ADJUST, LOAD, PURSE + LOAD)
    assert device.entries()[0][2]["kind"] == acts.ACT_ADJUST


def test_a_product_is_written_and_rides_in_the_same_tap():
    right = P_SLOT.pack(
        {
            "mechanism": M_ZERO,
            "product": 10,
            "authority_use": AUTHORITY,
            "authority_sale": AUTHORITY,
            "zones": zone_bit(1),
            "first_day": NOW // 86400 - 1,
            "length": 30,
            "last_day": NOW // 86400 + 29,
            "k": 2,
        }
    )
    line = waiting(kind=acts.ACT_PRODUCT, amount=0, slot=2, what=right + bytes(8))
    tariff = mounted(product_tariff(AUTHORITY, transfer_minutes=60))
    device, card = gate(line, tariff=tariff), new_card()
    device.present(card)
    after = OnCard(card)
    assert after.data[FILE_P][p_slot_at(2) : p_slot_at(3)] == right
    assert S.unpack(after.data[FILE_S])["d_product2"] == 10 and after.actions == 2
    assert device.entries()[0][2]["slot_bytes"] == right
    assert device.tap.told == ("Product loaded.",)


@pytest.mark.requirement("I15", "D4")
def test_a_blocked_card_is_unblocked_by_its_line_and_rides():
    card = new_card()
    Device(GATE_B, hotlist=NoHotlist({UID: (HOT_BLOCK, 2)})).present(card)
    device = gate(waiting(kind=acts.ACT_UNBLOCK, amount=0))
    assert device.present(card) == ACCEPTED
    assert S.unpack(OnCard(card).data[FILE_S])["u"] == 2
    assert device.entries()[0][2]["u"] == 2 and device.tap.told == ("Card unblocked.",)


@pytest.mark.requirement("I15")
def test_a_blocked_card_takes_no_money_and_a_listed_one_not_even_an_unblocking():
    card = new_card()
    Device(GATE_B, hotlist=NoHotlist({UID: (HOT_BLOCK, 2)})).present(card)
    device = gate()
    assert device.present(card) == e.REASON_BLOCKED
    assert device.exchanges == 6 and device.names() == ["REFUSAL"]
    again = gate(waiting(kind=acts.ACT_UNBLOCK, amount=0), hotlist=NoHotlist({UID: (HOT_BLOCK, 3)}))
    assert again.present(card) == e.REASON_LISTED
    assert OnCard(card).actions == 1 and OnCard(card).b == 3


@pytest.mark.requirement("D5")
def test_a_purse_that_would_be_too_full_is_journalled_and_the_fare_is_taken():
    device, card = gate(waiting(cents=LIMIT)), new_card()
    assert device.present(card) == ACCEPTED
    assert device.names() == ["REFUSAL", "INTENT", "OUTCOME"]
    assert device.entries()[0][2]["reason"] == e.REASON_LIMIT
    after = OnCard(card)
    assert (after.purse, after.actions) == (PURSE - FARE, 1), "the action waits on"


@pytest.mark.parametrize(
    "changed",
    [
        {"valid_from": NOW + 1},
        {"valid_to": NOW - 1},
        {"kind": acts.ACT_KEY},
        {"kind": acts.ACT_REFUND},
        {"kind": 15},
        {"key_bits": 1},
    ],
)
def test_what_is_not_for_now_or_not_for_a_validator_waits(changed):
    device, card = gate(waiting(**changed)), new_card()
    assert device.present(card) == ACCEPTED
    assert device.exchanges == 10 and OnCard(card).actions == 1


@pytest.mark.requirement("T6")
@pytest.mark.parametrize("rights, actions", [(RIGHT_DEBIT, 1), (RIGHT_DEBIT | RIGHT_LOAD, 2)])
def test_the_lease_must_allow_it(rights, actions):
    device, card = gate(lease=lease(rights=rights)), new_card()
    assert device.present(card) == ACCEPTED
    assert OnCard(card).actions == actions


def test_without_a_clock_nothing_is_loaded():
    device, card = gate(), new_card()
    device.watch.seconds = -1
    assert device.present(card) == e.REASON_CLOCK_UNSET
    assert OnCard(card).actions == 1


def test_a_damaged_line_is_left_alone_and_the_tap_goes_on():
    device, card = gate(), new_card()
    book = device.tap.actions
    whole = book.line
    book.line = lambda number: whole(number)[:90] + bytes(6)
    assert device.present(card) == ACCEPTED
    assert device.exchanges == 10 and OnCard(card).purse == PURSE - FARE
    assert device.tap.actions is None and device.tap.spoilt


def test_a_damaged_index_is_left_alone_and_the_tap_goes_on():
    device, card = gate(), new_card()
    device.tap.actions._read = lambda offset, n: b"\xff" * n
    assert device.present(card) == ACCEPTED
    assert device.tap.spoilt and OnCard(card).actions == 1


@pytest.mark.requirement("D4")
def test_the_cards_own_count_decides_not_the_records_copy_of_it():
    device, card = gate(), new_card()
    files = card.image.applications[AID].files
    files[FILE_A] = replace(files[FILE_A], value=files[FILE_A].value - 1)
    assert device.present(card) == ACCEPTED
    assert OnCard(card).purse == PURSE - FARE and device.names() == ["INTENT", "OUTCOME"]


def test_a_line_with_another_cards_key_is_refused_by_the_card_and_the_fare_is_taken():
    device, card = gate(waiting(K=b"x" * 16)), new_card()
    assert device.present(card) == ACCEPTED
    assert device.names() == ["REFUSAL", "INTENT", "OUTCOME"]
    assert OnCard(card).purse == PURSE - FARE


@pytest.mark.requirement("D5")
def test_no_key_is_proved_while_anything_is_pending():
    lines = (waiting(), waiting(3, 100), waiting(4, LIMIT))
    device, card = gate(*lines), new_card()
    whole, proved = card.exchange, []

    def exchange(command, cut=None):
        if command[0] == 0xAA:
            transaction = card.image.transaction
            proved.append(bool(transaction and transaction.staged))
        return whole(command, cut)

    card.exchange = exchange
    assert device.present(card) == ACCEPTED
    assert proved == [False] * 3, "K1 to read, K2 for the actions, K1 for the fare"


# Torn and unknown -------------------------------------------------------------------------


@pytest.mark.requirement("T1", "I6")
def test_an_unknown_load_stops_the_tap_and_the_next_one_settles_it_and_takes_the_fare():
    device, card = gate(), new_card()
    assert device.present(card, answer_lost()) == LOAD_AGAIN and unfinished(LOAD_AGAIN)
    assert device.names() == ["ACTION"] and OnCard(card).purse == PURSE + LOAD
    device.watch.seconds += 3
    assert device.present(card) == ACCEPTED
    assert device.names() == ["ACTION", "OUTCOME", "INTENT", "OUTCOME"]
    assert outcomes(device) == [e.OUTCOME_COMMITTED] * 2
    assert OnCard(card).purse == PURSE + LOAD - FARE
    assert device.tap.told == ("Loaded 15.00.",), "he is told once it is known"


def test_a_load_that_never_left_is_loaded_at_the_next_tap():
    device, card = gate(), new_card()
    assert device.present(card, before_commit()) == TAP_AGAIN
    assert outcomes(device) == [e.OUTCOME_ABORTED] and OnCard(card).purse == PURSE
    assert device.present(card) == ACCEPTED
    assert OnCard(card).purse == PURSE + LOAD - FARE


@pytest.mark.requirement("D8")
def test_an_unknown_load_of_a_card_that_is_to_be_killed_is_settled_and_it_is_killed():
    device, card = gate(), new_card()
    assert device.present(card, answer_lost()) == LOAD_AGAIN
    device.tap.hotlist = NoHotlist({UID: (HOT_KILL, 62)})
    device.watch.seconds += 3
    assert device.present(card) == e.REASON_KILLED
    assert outcomes(device)[0] == e.OUTCOME_COMMITTED and OnCard(card).counter == 0


def test_an_unknown_load_is_finished_elsewhere_and_known_when_the_card_comes_back():
    first, second, card = gate(), gate(number=GATE_B), new_card()
    assert first.present(card, answer_lost()) == LOAD_AGAIN
    second.watch.seconds += 60
    assert second.present(card) == ACCEPTED
    assert second.names() == ["INTENT", "OUTCOME"], "done: the others load nothing"
    first.watch.seconds += 600
    assert first.present(card) == ACCEPTED
    assert outcomes(first)[0] == e.OUTCOME_COMMITTED
    assert OnCard(card).purse == PURSE + LOAD - FARE and OnCard(card).actions == 2


def test_a_lost_answer_to_the_fare_behind_a_load_is_the_fares_own_story():
    device, card = gate(), new_card()
    fares_commit = Tear(exchange=19, cut=Cut("out", 0))
    assert device.present(card, fares_commit) == HOLD_AGAIN
    device.watch.seconds += 3
    assert device.present(card) == ACCEPTED_SETTLED
    assert OnCard(card).purse == PURSE + LOAD - FARE


@pytest.mark.requirement("D7")
def test_a_re_tap_within_the_grace_shows_green_and_loads_nothing():
    device, card = Device(), new_card()
    device.tap.show = lambda what: None  # green that nobody saw
    assert device.present(card) == ACCEPTED
    device.tap.actions = action_list(waiting())
    device.watch.seconds += 5
    assert device.present(card) == ACCEPTED_GRACE
    assert OnCard(card).actions == 1


@pytest.mark.requirement("R-22")
def test_a_ride_that_might_be_passed_back_is_not_hidden_behind_a_load():
    device, card = Device(), new_card()
    assert device.present(card) == ACCEPTED
    device.tap.actions = action_list(waiting())
    device.watch.seconds += PASS_BACK_S - 1
    device.present(card)
    assert OnCard(card).actions == 1
    device.watch.seconds += PASS_BACK_S
    assert device.present(card) == ACCEPTED
    assert OnCard(card).actions == 2


def test_an_action_done_at_the_counter_meanwhile_is_not_done_again():
    device, desk, card = gate(), Device(STATION, station=True), new_card()
    desk.load(card, Order(702, 2, 1, LOAD, CHANNEL_COUNTER))
    assert device.present(card) == ACCEPTED
    assert OnCard(card).purse == PURSE + LOAD - FARE and device.names() == ["INTENT", "OUTCOME"]


@pytest.mark.parametrize("language", range(8))
def test_the_passenger_reads_the_amount_in_his_language(language):
    device, card = gate(), new_card(head_of(language=language))
    assert device.present(card) == ACCEPTED
    text = LOADED[language] if language < 5 else LOADED[0]
    assert device.tap.told == (text % (15, 0),)
