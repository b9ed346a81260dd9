"""One tap on real parts: what it costs, what it writes, what it answers."""

import pytest

from card_layouts.answers import (
    ACCEPTED,
    ACCEPTED_GRACE,
    ACCEPTED_SETTLED,
    ALREADY_SHOWN,
    ANSWERS,
    CODE_ANSWERS,
    HOLD_AGAIN,
    ROW,
    TAP_AGAIN,
    lamp_of,
    name_of,
    opens,
    text_of,
)
from card_layouts.cards.card_layout import KIND_DEBIT, KIND_PASS, G, zone_bit
from card_layouts.fares.repeat import PRICE_ONLY, Repeater
from card_layouts.records.entries import record_from
from card_layouts.records.entries_tap import (
    GATE_NONE,
    GATE_OPENED,
    HOW_ABANDONED,
    HOW_ANSWER,
    HOW_LATER,
    HOW_NOT_SENT,
    HOW_REPOLL,
    OUTCOME_ABORTED,
    OUTCOME_COMMITTED,
    OUTCOME_ORPHAN,
    REASON_LIMIT,
    REASON_TWO_CARDS,
    TERMINAL_BUS,
    TERMINAL_HAND_HELD,
)
from simulator.desfire_card import Cut
from simulator.field import Tear, answer_lost, before_commit, commit_lost
from simulator.worlds.tap_world import (
    EPOCH,
    FARE,
    FARE_TWO,
    GATE_A,
    GATE_B,
    NOW,
    PURSE,
    UID,
    Device,
    OnCard,
    head_of,
    new_card,
    tariff,
)

BUS = {"terminal": TERMINAL_BUS}


@pytest.mark.requirement("R-6", "W-93", "D15")
def test_a_debit_takes_ten_exchanges_336_bytes_and_two_slot_programs():
    device, card = Device(), new_card()
    before = device.flash.programs
    assert device.present(card) == ACCEPTED
    counts = card.meter.exchanges
    assert len(counts) == 10
    assert sum(c.bytes_in for c in counts) == 150
    assert sum(c.bytes_out for c in counts) == 186
    assert device.flash.programs - before == 2
    assert device.names() == ["INTENT", "OUTCOME"]
    after = OnCard(card)
    assert after.purse == PURSE - FARE
    assert after.newest["kind"] == KIND_DEBIT
    assert device.signals.opened()


@pytest.mark.requirement("R-21", "D14")
def test_an_intent_tells_who_where_when_how_much_and_why():
    device = Device(profile={"picked": zone_bit(2)})
    card = new_card(head_of(group=0, purse_zones=0))
    assert device.present(card) == ACCEPTED
    (_, header, intent), (_, _, outcome) = device.entries()
    body = G.unpack(bytes(7) + intent["body"] + intent["h"])
    assert (intent["uid"], header["device"], body["time"], body["clock"]) == (UID, GATE_A, NOW, 1)
    assert (intent["full"], intent["reduction"], body["amount"]) == (FARE_TWO, 0, FARE_TWO)
    assert (intent["terminal"], intent["operator"], intent["trip"]) == (1, 12, 0)
    assert (intent["tariff"], intent["semantics"], intent["picked"]) == (7, 1, zone_bit(2))
    assert (intent["product"], intent["product_authority"], intent["shift"]) == (100, 244, 5)
    assert outcome["outcome"] == OUTCOME_COMMITTED and outcome["how"] == HOW_ANSWER
    assert (outcome["of"], outcome["gate"], outcome["time"]) == (header["seq"], GATE_OPENED, NOW)
    # The record on the card is the one the entry announced, byte for byte.
    announced = G.unpack(record_from(header, bytes(7) + intent["body"] + intent["h"]))
    assert announced == OnCard(card).newest
    assert G.unpack(outcome["observed"]) == OnCard(card).records[-2]


@pytest.mark.requirement("D14", "W-36", "W-29", "W-38")
def test_every_fare_can_be_rated_again_from_its_entry():
    card = new_card()
    first, second = Device(GATE_A), Device(GATE_B, profile={"call": 1, "stop": 1})
    for device, seconds in ((first, 0), (second, 600), (first, 900), (second, 99999)):
        device.watch.seconds = NOW + seconds
        assert device.present(card) == ACCEPTED
    intents = [f for d in (first, second) for name, _h, f in d.entries() if name == "INTENT"]
    repeater = Repeater(tariff())
    assert [repeater.verdict(fields) for fields in intents] == [PRICE_ONLY] * 4
    amounts = [record["amount"] for record in OnCard(card).records]
    assert amounts[-4:] == [FARE, FARE_TWO - FARE, 0, FARE]


@pytest.mark.requirement("W-15")
def test_a_transfer_costs_nothing_and_takes_nine_exchanges():
    device, card = Device(), new_card()
    assert device.present(card) == ACCEPTED
    device.watch.seconds += 600
    assert device.present(card) == ACCEPTED
    assert device.exchanges == 9
    after = OnCard(card)
    assert (after.purse, after.newest["kind"], after.newest["transfers"]) == (
        PURSE - FARE,
        KIND_PASS,
        1,
    )


@pytest.mark.requirement("D7")
def test_a_card_held_again_is_not_charged_and_opens_nothing_twice():
    device, card = Device(), new_card()
    assert device.present(card) == ACCEPTED
    programs = device.flash.programs
    device.watch.seconds += 9
    assert device.present(card) == ALREADY_SHOWN
    assert not device.signals.opened() and device.exchanges == 6
    assert device.flash.programs == programs
    assert OnCard(card).purse == PURSE - FARE


@pytest.mark.requirement("D7")
def test_green_that_power_kept_from_showing_is_shown_once_after_the_reboot():
    device, card = Device(), new_card()
    assert device.present(card) == ACCEPTED
    device.boot()
    device.watch.seconds += 9
    assert device.present(card) == ACCEPTED_GRACE and device.signals.opened()
    assert device.present(card) == ALREADY_SHOWN
    assert OnCard(card).purse == PURSE - FARE


@pytest.mark.requirement("D7")
def test_grace_ends_after_ten_seconds_and_is_not_given_elsewhere():
    first, other, card = Device(GATE_A), Device(GATE_B), new_card()
    assert first.present(card) == ACCEPTED
    assert other.present(card) == ACCEPTED
    first.watch.seconds += 11
    assert first.present(card) == ACCEPTED
    assert OnCard(card).newest["transfers"] == 2


@pytest.mark.requirement("D7", "I14")
def test_a_commit_that_never_left_is_journalled_as_not_sent():
    device, card = Device(), new_card()
    assert device.present(card, before_commit()) == TAP_AGAIN
    assert not device.signals.opened()
    outcome = device.entries()[1][2]
    assert (outcome["outcome"], outcome["how"]) == (OUTCOME_ABORTED, HOW_NOT_SENT)
    assert OnCard(card).purse == PURSE
    assert device.present(card) == ACCEPTED


@pytest.mark.parametrize("wait_ms, how", [(250, HOW_REPOLL), (301, HOW_LATER)])
@pytest.mark.parametrize(
    "tear, result", [(answer_lost(), OUTCOME_COMMITTED), (commit_lost(), OUTCOME_ABORTED)]
)
def test_an_unknown_commit_is_settled_by_reading_the_card(tear, result, wait_ms, how):
    device, card = Device(), new_card()
    assert device.present(card, tear) == HOLD_AGAIN
    assert lamp_of(HOLD_AGAIN) == "amber" and "not be charged twice" in text_of(HOLD_AGAIN)
    assert device.names() == ["INTENT"]
    device.watch.ticks += wait_ms
    answer = device.present(card)
    assert answer == (ACCEPTED_SETTLED if result == OUTCOME_COMMITTED else ACCEPTED)
    outcome = device.entries()[1][2]
    assert (outcome["outcome"], outcome["how"], outcome["attempts"]) == (result, how, 2)
    assert OnCard(card).purse == PURSE - FARE


def test_settling_takes_six_exchanges_and_one_slot_program():
    device, card = Device(), new_card()
    device.present(card, answer_lost())
    programs = device.flash.programs
    assert device.present(card) == ACCEPTED_SETTLED
    assert (device.exchanges, device.flash.programs - programs) == (6, 1)


def test_a_settled_tap_of_an_old_journey_is_a_new_tap_now():
    device, card = Device(), new_card()
    device.present(card, answer_lost())
    device.watch.seconds += 4000
    assert device.present(card) == ACCEPTED
    assert OnCard(card).purse == PURSE - 2 * FARE
    assert device.names() == ["INTENT", "OUTCOME", "INTENT", "OUTCOME"]


@pytest.mark.requirement("D16")
def test_an_open_entry_older_than_the_card_remembers_is_left_to_the_ledger():
    first, other, card = Device(GATE_A), Device(GATE_B), new_card()
    first.present(card, answer_lost())
    for _ in range(11):
        other.watch.seconds += 60
        assert other.present(card) == ACCEPTED
    first.watch.seconds = other.watch.seconds + 60
    assert first.present(card) == ACCEPTED
    outcome = first.entries()[1][2]
    assert (outcome["outcome"], outcome["how"]) == (OUTCOME_ORPHAN, HOW_ABANDONED)


def test_the_eighth_passenger_who_walks_away_makes_room_by_giving_up_the_first():
    device = Device()
    for number in range(8):
        card = new_card(seed=number)
        card.image.uid = b"\x04" + bytes(5) + bytes([number])
        # Only the keys belong to the UID; the port is asked for this card's.
        device.keys.card_key = lambda no, version, uid, own=device.keys.card_key: own(
            no, version, UID
        )
        assert device.present(card, commit_lost()) == HOLD_AGAIN
    assert len(device.journal.open_intents) == 7
    outcomes = [fields for name, _header, fields in device.entries() if name == "OUTCOME"]
    assert [(o["of"], o["outcome"]) for o in outcomes] == [(1, OUTCOME_ORPHAN)]


def test_phases_are_timed_by_the_clock_port():
    device, card = Device(), new_card()
    device.tap.activated_ms = 5
    ticks = iter(range(0, 10000, 100))
    device.watch.ticks_ms = lambda: next(ticks)
    assert device.present(card) == ACCEPTED
    outcome = device.entries()[1][2]
    phases = [
        outcome["ms_" + p]
        for p in ("activate", "auth", "read", "decide", "stage", "flash", "commit")
    ]
    assert phases == [5, 100, 100, 100, 100, 100, 100]
    assert outcome["ms_total"] == 600


def test_a_bus_has_no_gate_to_open():
    device, card = Device(profile=BUS), new_card()
    assert device.present(card) == ACCEPTED
    assert not device.signals.opened()
    assert ("lamp", "green") in device.signals.seen
    assert device.entries()[1][2]["gate"] == GATE_NONE


@pytest.mark.requirement("R-22", "D7a")
def test_a_conductor_sees_that_a_card_was_accepted_in_this_run():
    device, card = Device(profile={"terminal": TERMINAL_HAND_HELD}), new_card()
    device.journal.counters.values["run_seq"] = 1
    assert device.present(card) == ACCEPTED
    device.watch.seconds += 1200
    assert device.present(card) == ALREADY_SHOWN
    device.journal.counters.values["run_seq"] = device.journal.head_seq + 1  # at the terminus
    assert device.present(card) == ACCEPTED


@pytest.mark.requirement("D5", "T8")
def test_in_a_declared_rotation_the_card_is_asked_for_its_key_version():
    device, card = Device(profile={"rotation": True}), new_card()
    assert device.present(card) == ACCEPTED
    assert device.exchanges == 11


@pytest.mark.requirement("D6", "P2")
def test_records_of_a_lost_device_are_read_after_green():
    lost, other, card = Device(GATE_A), Device(GATE_B), new_card()
    for _ in range(3):
        assert lost.present(card) == ACCEPTED
        lost.watch.seconds += 60
    other.profile["lost"] = [(GATE_A, EPOCH)]
    other.watch.seconds = lost.watch.seconds
    assert other.present(card) == ACCEPTED
    assert other.names() == ["INTENT", "OUTCOME", "OBS", "OBS"]
    observed = [fields for name, _header, fields in other.entries() if name == "OBS"]
    kept = [G.unpack(f[k]) for f in observed for k in ("older", "newer") if f[k] != bytes(44)]
    assert sorted(record["n"] for record in kept) == [2, 3, 4]
    assert {record["device"] for record in kept} == {GATE_A}
    assert (observed[0]["count"], observed[0]["linked"], observed[1]["count"]) == (2, 1, 1)


@pytest.mark.parametrize("exchange", [10, 11])
def test_a_card_that_leaves_during_the_harvest_has_paid_and_passed(exchange):
    device, card = Device(profile={"lost": [(GATE_B, EPOCH)]}), new_card()
    assert device.present(card, Tear(exchange=exchange, cut=Cut("in", 0))) == ACCEPTED
    assert device.signals.opened() and device.names() == ["INTENT", "OUTCOME"]


def test_two_cards_get_an_answer_without_an_exchange_or_an_entry():
    device = Device()
    assert device.tap.two_cards() == REASON_TWO_CARDS
    assert device.names() == []
    assert ("answer", "REFUSED_TWO_CARDS") in device.signals.seen


def test_every_answer_has_a_name_a_lamp_and_words():
    codes = (ANSWERS + CODE_ANSWERS)[::ROW]
    assert len(set(codes)) == len(codes)
    assert set(range(1, REASON_LIMIT + 1)) <= set(codes)
    for code in codes:
        assert name_of(code).isupper() and lamp_of(code) in ("green", "amber", "red")
        assert len(text_of(code)) < 80
        assert not opens(code) or lamp_of(code) == "green"
    assert len({name_of(code) for code in codes}) == len(codes)
