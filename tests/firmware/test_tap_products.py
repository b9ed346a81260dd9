"""Passes, packs and caps at a real validator: what a tap writes, what it says, what it costs.

The station sells, the gate taps, the simulated card is looked at past its keys; the tariff has one
product of every kind (simulator/worlds/product_tariff.py). The service day of NOW is a Sunday.
"""

import pytest

from card_layouts.answers import ACCEPTED, HOLD_AGAIN
from card_layouts.cards.card_layout import (
    CARD_GROUP,
    FILE_P,
    FILE_S,
    FILE_T,
    KIND_ACTIVATION,
    KIND_DEBIT,
    KIND_PASS,
    M_EMPTY,
    ZONES_ALL,
    S,
    zone_bit,
)
from card_layouts.fares import inputs as i
from card_layouts.fares.repeat import PRICE_ONLY, UNRATED, Repeater
from card_layouts.records.entries_tap import REASON_FUNDS
from simulator.field import answer_lost
from simulator.worlds import product_tariff as p
from simulator.worlds.tap_world import (
    NOW,
    PURSE,
    OnCard,
)
from tests.firmware.product_worlds import (
    A_ONLY,
    BEST,
    DAY,
    DAY_S,
    FLEX,
    HOUR_S,
    MADE,
    MONDAY,
    RIDES,
    SCHOOL,
    SEASON,
    TARIFF,
    ZERO,
    World,
    sold_terms,
)

pytestmark = pytest.mark.requirement("D14", "D31", "D32")


@pytest.fixture(autouse=True)
def every_intent_is_repeated():
    """Whatever a test taps, repeating it from its own entry finds no difference (O-17)."""
    MADE.clear()
    yield
    repeater = Repeater(TARIFF)
    for world in MADE:
        for fields in world.intents(0) + world.intents(1):
            beside = fields["rule"] >> 4 != fields["product"]
            wanted = UNRATED if beside else PRICE_ONLY  # more needs what was sold
            terms = (sold_terms(world, fields),) * 4
            assert repeater.verdict(fields, None, terms) == wanted, fields


@pytest.mark.requirement("W-54", "D33")
def test_a_season_starts_at_its_first_use_and_is_then_only_read():
    world = World(SEASON)
    assert world.row(0) == (0, 0, 0, 0, 0, 0)
    assert world.tap() == ACCEPTED
    assert world.cost == (12, 472)
    assert world.row(0) == (DAY, 30, 0, 0, 0, 0)
    newest = world.newest
    assert (newest["kind"], newest["amount"], newest["paid_by"]) == (KIND_ACTIVATION, 0, 1)
    (first,) = world.intents()
    assert (first["product"], first["product_zones"]) == (p.SEASON, ZONES_ALL)
    assert (first["use_start"], first["use_length"], first["full"]) == (0, 0, 0)
    assert world.rule() == (p.SEASON, i.RULE_ACTIVATION)
    before = bytes(OnCard(world.card).data[FILE_T])
    assert world.tap(NOW + HOUR_S) == ACCEPTED
    assert world.cost == (10, 366)
    assert OnCard(world.card).data[FILE_T] == before, "nothing of T is written"
    assert world.newest["kind"] == KIND_PASS and world.rule() == (p.SEASON, i.RULE_PASS)
    assert (world.intents()[1]["use_start"], world.intents()[1]["use_length"]) == (DAY, 30)
    assert OnCard(world.card).purse == PURSE


@pytest.mark.requirement("W-54", "W-68")
def test_a_season_comes_before_value_until_its_last_day_is_over():
    world = World(SEASON)
    last_evening = NOW + 29 * DAY_S + 9 * HOUR_S
    assert world.rides(NOW, last_evening) == [0, 0]
    assert world.rides(NOW + 30 * DAY_S) == [p.FARE]
    assert world.newest["kind"] == KIND_DEBIT and world.newest["paid_by"] == 0
    assert world.rule() == (p.VALUE, i.RULE_CHARGE)
    assert world.intents()[-1]["product"] == p.VALUE


@pytest.mark.requirement("W-68")
def test_where_a_season_does_not_hold_the_purse_pays():
    world = World({**SEASON, "zones": zone_bit(2)})
    assert world.rides(NOW) == [p.FARE]
    assert world.row(0) == (0, 0, 0, 0, 0, 0), "and the season is not started"


@pytest.mark.requirement("W-56")
def test_the_second_of_two_seasons_starts_when_the_first_is_over():
    world = World(SEASON, SEASON)
    world.rides(NOW, NOW + 29 * DAY_S)
    assert world.row(1) == (0, 0, 0, 0, 0, 0)
    world.rides(NOW + 30 * DAY_S)
    assert world.row(0) == (DAY, 30, 0, 0, 0, 0)
    assert world.row(1) == (DAY + 30, 30, 0, 0, 0, 0)
    assert world.newest["paid_by"] == 2 and world.rule() == (p.SEASON, i.RULE_ACTIVATION)
    world.rides(NOW + 59 * DAY_S)
    assert world.newest["paid_by"] == 2 and world.rule() == (p.SEASON, i.RULE_PASS)
    assert world.rides(NOW + 60 * DAY_S) == [p.FARE]


@pytest.mark.requirement("W-56", "D32")
def test_a_season_sold_into_the_slot_of_another_is_a_new_one():
    world = World(SEASON)
    for sale in range(1, 6):  # once around the two bits that number sales
        at = NOW + 33 * sale * DAY_S
        world.sell(0, SEASON, at)
        assert world.row(0) == (0, 0, 0, 0, 0, 0)
        assert world.rides(at) == [0] and world.newest["kind"] == KIND_ACTIVATION
        assert world.row(0) == (at // DAY_S, 30, 0, 0, 0, 0)
    world.sell(0, FLEX, NOW + 200 * DAY_S)
    for _ in range(3):  # with the next one, sales that nobody used come back to the same number
        world.sell(0, {"mechanism": M_EMPTY}, NOW + 200 * DAY_S)
    world.sell(0, SEASON, NOW + 200 * DAY_S)
    assert world.rides(NOW + 200 * DAY_S) == [0]
    assert world.newest["kind"] == KIND_ACTIVATION


@pytest.mark.requirement("W-56")
def test_a_season_goes_beside_one_that_still_runs_from_its_first_use():
    world = World(SEASON)
    world.rides(NOW)
    world.sell(0, SEASON, NOW + 30 * DAY_S)
    assert world.row(1) == (0, 0, 0, 0, 0, 0) and world.row(0)[0] == DAY
    world.sell(0, SEASON, NOW + 31 * DAY_S)
    assert world.row(0) == (0, 0, 0, 0, 0, 0)


@pytest.mark.requirement("W-70", "D33")
def test_a_flex_season_counts_travel_days_and_not_taps():
    world = World({**FLEX, "travel_days": 2})
    world.rides(NOW)
    assert world.row(0) == (DAY, 90, DAY, 1, 0, 0), "what was sold counts, not what is usual"
    world.rides(NOW + HOUR_S)
    assert world.row(0) == (DAY, 90, DAY, 1, 0, 0) and world.cost == (10, 366)
    assert world.intents()[-1]["use_counted"] == 1 and world.intents()[-1]["use_left"] == 1
    assert world.rule() == (p.FLEX, i.RULE_PASS)
    world.rides(NOW + 5 * DAY_S)
    assert world.row(0) == (DAY, 90, DAY + 5, 0, 0, 0) and world.cost[0] == 11
    assert world.rule() == (p.FLEX, i.RULE_TRAVEL_DAY)
    assert world.intents()[-1]["use_counted"] == 0 and world.intents()[-1]["use_left"] == 1
    assert world.rides(NOW + 5 * DAY_S + HOUR_S) == [0]
    assert world.rides(NOW + 6 * DAY_S) == [p.FARE], "no travel day is left"
    assert world.row(0) == (DAY, 90, DAY + 5, 0, 0, 0)


@pytest.mark.requirement("W-77", "W-79")
def test_a_school_card_has_two_trips_a_school_day_and_none_beside_the_window():
    world = World(SCHOOL, group=p.CHILD)
    assert world.rides(NOW) == [p.CHILD_FARE], "Sunday"
    assert world.row(0) == (0, 0, 0, 0, 0, 0)
    assert world.rides(MONDAY, MONDAY + HOUR_S) == [0, 0]
    assert world.row(0) == (0, 0, DAY + 1, 0, 2, 0) and world.cost[0] == 11
    assert world.rule() == (p.SCHOOL, i.RULE_SCHOOL_TRIP)
    first, second = world.intents()[1:]
    assert (first["use_today"], second["use_today"]) == (0, 1)
    assert (first["use_counted"], second["use_counted"]) == (0, 1)
    assert (second["full"], second["reduction"]) == (p.CHILD_FARE, p.CHILD_FARE)
    assert world.rides(MONDAY + 2 * HOUR_S) == [p.CHILD_FARE], "the third trip"
    tuesday = MONDAY + DAY_S
    assert world.rides(tuesday) == [0] and world.row(0) == (0, 0, DAY + 2, 0, 1, 0)
    assert world.rides(tuesday + 10 * HOUR_S) == [p.CHILD_FARE], "20:00"


@pytest.mark.requirement("W-75", "D33")
def test_best_price_charges_to_the_cap_exactly_and_is_then_free():
    world = World(BEST)
    assert world.rides(NOW) == [p.FARE]
    assert world.cost == (13, 499) and world.newest["kind"] == KIND_DEBIT
    assert world.row(0) == (DAY, 30, 0, 0, 0, p.CAP_30 - p.FARE)
    assert world.intents()[0]["use_start"] == 0 and world.newest["paid_by"] == 1
    assert world.rides(NOW + HOUR_S) == [p.FARE]
    assert world.cost[0] == 12 and world.rule() == (p.BEST, i.RULE_CHARGE)
    assert world.intents()[-1]["use_cents"] == p.CAP_30 - p.FARE
    assert world.rides(NOW + 2 * HOUR_S) == [p.CAP_30 - 2 * p.FARE]
    assert world.rule() == (p.BEST, i.RULE_CAPPED) and world.row(0)[-1] == 0
    before = bytes(OnCard(world.card).data[FILE_T])
    assert world.rides(NOW + 29 * DAY_S) == [0]
    assert world.rule() == (p.BEST, i.RULE_CAP_FREE)
    assert OnCard(world.card).data[FILE_T] == before
    assert world.newest["kind"] == KIND_PASS
    assert OnCard(world.card).purse == PURSE - p.CAP_30
    assert world.rides(NOW + 30 * DAY_S) == [p.FARE], "another span begins"
    assert world.row(0) == (DAY + 30, 30, 0, 0, 0, p.CAP_30 - p.FARE)


@pytest.mark.requirement("W-75", "W-76")
def test_the_threshold_that_was_sold_is_the_one_that_counts():
    world = World({**BEST, "price": 200})
    assert world.rides(NOW, NOW + HOUR_S) == [200, 0]
    assert world.row(0) == (DAY, 30, 0, 0, 0, 0)


@pytest.mark.requirement("O-2", "W-75", "D33")
def test_a_purse_with_a_day_cap_counts_in_file_t_and_begins_again_tomorrow():
    world = World(purse_product=p.DAY_CAP)
    assert world.rides(NOW) == [p.FARE]
    assert world.cost[0] == 12
    assert (world.usage["cap_day"], world.usage["day_sum"]) == (DAY, p.FARE)
    assert world.rides(NOW + HOUR_S) == [p.CAP_DAY - p.FARE]
    assert world.rule() == (p.DAY_CAP, i.RULE_CAPPED)
    assert world.intents()[-1]["day_sum"] == p.FARE
    assert world.rides(NOW + 2 * HOUR_S) == [0]
    assert world.rule() == (p.DAY_CAP, i.RULE_CAP_FREE)
    assert (world.usage["cap_day"], world.usage["day_sum"]) == (DAY, p.CAP_DAY)
    assert world.rides(MONDAY) == [p.FARE]
    assert (world.usage["cap_day"], world.usage["day_sum"]) == (DAY + 1, p.FARE)


@pytest.mark.requirement("O-6", "W-59")
def test_a_zero_price_right_rides_free_and_says_what_it_was_worth():
    world = World(ZERO, purse=0)
    assert world.rides(NOW, NOW + HOUR_S) == [0, 0]
    assert world.row(0) == (DAY, 365, 0, 0, 0, 0)
    for fields in world.intents():
        assert (fields["full"], fields["reduction"]) == (p.FARE, p.FARE)
    assert world.newest["paid_by"] == 1 and world.newest["kind"] == KIND_PASS


@pytest.mark.requirement("W-91", "W-62")
def test_a_group_card_is_billed_for_everybody_and_its_purse_is_left_alone():
    party = {"adults": 1, "youths": 2, "children": 3}
    world = World(purse_product=p.GROUP, kind=CARD_GROUP, profile=party, purse=0)
    assert world.rides(NOW) == [0]
    everybody = 2 * p.FARE + 2 * p.YOUTH_FARE + 3 * p.CHILD_FARE
    (fields,) = world.intents()
    assert (fields["full"], fields["reduction"]) == (everybody, everybody)
    assert (fields["youths"], fields["children"]) == (2, 3)
    newest = world.newest
    assert (newest["paid_by"], newest["companions"], newest["kind"]) == (5, 6, KIND_PASS)
    assert fields["product"] == p.GROUP


@pytest.mark.requirement("W-62", "W-68")
def test_companions_of_a_season_are_charged_to_the_purse():
    world = World(SEASON, profile={"adults": 0, "youths": 1, "children": 1})
    assert world.rides(NOW) == [p.YOUTH_FARE + p.CHILD_FARE]
    newest = world.newest
    assert (newest["kind"], newest["paid_by"], newest["companions"]) == (KIND_DEBIT, 0, 2)
    assert world.row(0) == (DAY, 30, 0, 0, 0, 0), "his own right is started all the same"
    assert world.cost[0] == 13
    (fields,) = world.intents()
    assert fields["product"] == p.VALUE, "which paid"
    assert world.rule() == (p.SEASON, i.RULE_ACTIVATION), "which carries the holder"
    world = World({**SEASON, "zones": A_ONLY}, BEST, profile={"adults": 0, "children": 1})
    assert world.rides(NOW) == [p.CHILD_FARE]
    assert world.newest["paid_by"] == 2 and world.intents()[0]["product"] == p.BEST


@pytest.mark.requirement("R-4")
def test_a_pack_of_rides_counts_down_and_ends():
    world = World({**RIDES, "travel_days": 2}, purse=0)
    world.rides(NOW)
    assert world.row(0) == (DAY, 90, DAY, 1, 0, 0)
    world.rides(NOW + HOUR_S)
    assert world.row(0)[3] == 0 and world.rule() == (p.RIDES, i.RULE_RIDE)
    assert world.intents()[-1]["use_left"] == 1
    assert world.tap(NOW + 2 * HOUR_S) == REASON_FUNDS
    assert world.newest["time"] == NOW + HOUR_S


@pytest.mark.requirement("W-86", "W-87")
def test_a_senior_pays_his_price_in_the_window_and_an_adults_outside():
    world = World(purse_product=p.SENIOR, group=p.OLD)
    assert world.rides(MONDAY) == [p.SENIOR_FARE]
    (inside,) = world.intents()
    assert (inside["full"], inside["reduction"]) == (p.FARE, p.FARE - p.SENIOR_FARE)
    assert (inside["group"], inside["concession"]) == (p.OLD, 3)
    assert world.rides(MONDAY + 6 * HOUR_S) == [p.FARE], "16:00"
    assert world.rule() == (p.SENIOR, i.RULE_ELSE)
    assert world.intents()[-1]["group"] == p.OLD
    assert world.rides(NOW + 7 * DAY_S) == [p.FARE], "Sunday"


@pytest.mark.requirement("W-68", "O-3")
def test_a_night_fee_on_a_season_is_taken_or_let_off_without_money():
    midnight = NOW + 15 * HOUR_S  # 01:00 on Monday
    world = World(SEASON)
    assert world.rides(midnight) == [p.NIGHT_FEE]
    newest = world.newest
    assert (newest["kind"], newest["paid_by"], newest["night"]) == (KIND_DEBIT, 1, 1)
    assert world.row(0) == (DAY + 1, 30, 0, 0, 0, 0)
    assert (world.intents()[0]["full"], world.cost[0]) == (p.NIGHT_FEE, 13)
    poor = World(SEASON, purse=0)
    assert poor.rides(midnight, midnight + HOUR_S) == [0, 0]
    assert poor.newest["paid_by"] == 1


@pytest.mark.requirement("W-54", "W-56")
def test_a_tap_writes_neither_rights_nor_head_and_only_its_own_row():
    world = World(SEASON, FLEX, BEST)
    before = {n: bytes(OnCard(world.card).data[n]) for n in (FILE_S, FILE_P)}
    assert S.unpack(before[FILE_S])["d_usage0"] == 1
    world.rides(NOW, NOW + HOUR_S)
    after = OnCard(world.card).data
    assert {n: bytes(after[n]) for n in before} == before
    assert world.row(1) == world.row(2) == (0, 0, 0, 0, 0, 0)


@pytest.mark.requirement("I14", "W-54", "W-68")
def test_a_season_that_must_begin_first_covers_no_unfinished_tap():
    """Settling an old fare elsewhere is no ride on the season: that is written before green."""
    world = World({**SEASON, "zones": zone_bit(2)})
    gate = world.gates[0]
    assert gate.present(world.card, answer_lost()) == HOLD_AGAIN
    gate.profile["call"] = gate.profile["stop"] = 1
    assert world.tap(NOW + 2 * HOUR_S) == ACCEPTED
    assert world.newest["kind"] == KIND_ACTIVATION
