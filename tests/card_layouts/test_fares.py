"""What a tap costs: the cases an accountant would ask about, and properties over all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_layouts.cards.card_layout import G, zone_bit, zones_run
from card_layouts.errors import RangeError
from card_layouts.fares.rate import Journey, Place, Rider, rate
from card_layouts.fares.rerate import DIFFERENT, SAME, UNRATED, rerate
from card_layouts.fares.tariff import Tariff, run_index
from card_layouts.fares.tariff_builder import build

NOW = 200_000_000


def tariff(zones=4, version=3):
    adult = [240, 320, 410, 520, 630][:zones]
    rows = [[[adult[n], adult[n] // 2] for n in range(zones - low)] for low in range(zones)]
    body = build(
        1,
        version,
        b"EUR",
        0,
        16000,
        rows,
        [(0, 0), (0, 1)],
        [60] + [90] * (zones - 1),
        [1, 2, 3, 4][:zones],
        [(1, 0, 50)],
        [(0, 120)],
    )
    return Tariff(lambda offset, size: body[offset : offset + size])


def rider(group=0, zones=0, companions=0):
    return Rider(group, 1, 1, zones, companions)


def journey(start_zone=1, zones=None, age=10, charged=240, companions=0, authority=1):
    return Journey(
        authority, start_zone, zones or zones_run(1, 1), NOW // 60 - age, charged, 0, companions
    )


@pytest.mark.requirement("W-61", "W-63")
def test_default_zones_drive_the_charge_where_they_hold_the_boarding_zone():
    charge = rate(tariff(), rider(zones=zones_run(1, 3)), None, Place(2, 0), NOW)
    assert (charge.amount, charge.zones, charge.start_zone) == (410, zones_run(1, 3), 2)


@pytest.mark.requirement("W-63", "W-64")
def test_boarding_outside_the_default_zones_pays_for_this_zone_only():
    charge = rate(tariff(), rider(zones=zones_run(1, 2)), None, Place(4, 0), NOW)
    assert (charge.amount, charge.zones) == (240, zones_run(4, 4))


@pytest.mark.requirement("W-41")
def test_default_zones_of_another_authority_mean_nothing_here():
    guest = rider(zones=zones_run(1, 3))._replace(authority=2)
    assert rate(tariff(), guest, None, Place(1, 0), NOW).zones == zones_run(1, 1)


@pytest.mark.requirement("W-34")
def test_a_zone_asked_for_prices_the_run_there_in_both_directions():
    for here, to in ((1, 3), (3, 1)):
        assert rate(tariff(), rider(), None, Place(here, to), NOW).amount == 410


@pytest.mark.requirement("R-21")
def test_a_concession_shows_full_price_amount_and_type():
    charge = rate(tariff(), rider(group=1), None, Place(1, 2), NOW)
    assert (charge.full, charge.reduction, charge.amount, charge.concession) == (320, 160, 160, 1)


@pytest.mark.requirement("W-38", "X-13")
@pytest.mark.parametrize(("age", "amount"), [(0, 0), (60, 0), (65, 0), (66, 240)])
def test_a_transfer_costs_nothing_within_the_start_zones_minutes_and_five(age, amount):
    assert rate(tariff(), rider(), journey(age=age), Place(1, 0), NOW).amount == amount


def test_leaving_the_paid_zones_pays_the_difference():
    charge = rate(tariff(), rider(), journey(), Place(2, 0), NOW)
    assert (charge.amount, charge.charged, charge.zones, charge.transfers) == (
        80,
        320,
        zones_run(1, 2),
        1,
    )
    assert charge.rule == 16 + 2


def test_a_journey_of_another_authority_or_a_larger_party_starts_anew():
    assert rate(tariff(), rider(), journey(authority=2), Place(1, 0), NOW).amount == 240
    assert rate(tariff(), rider(companions=1), journey(), Place(1, 0), NOW).amount == 480


def test_a_zone_the_tariff_lacks_is_a_range_error():
    with pytest.raises(RangeError, match="rate.zone: 9"):
        rate(tariff(), rider(), None, Place(9, 0), NOW)


def test_rows_of_runs_are_numbered_without_holes():
    for zones in range(1, 13):
        rows = [
            run_index(zones, low, high)
            for low in range(1, zones + 1)
            for high in range(low, zones + 1)
        ]
        assert rows == list(range(zones * (zones + 1) // 2))


runs = st.tuples(st.integers(1, 4), st.integers(1, 4)).map(lambda p: zones_run(min(p), max(p)))
journeys = st.none() | st.builds(
    journey,
    start_zone=st.integers(1, 4),
    zones=runs,
    age=st.integers(0, 200),
    charged=st.integers(0, 600),
)
riders = st.builds(
    rider, group=st.integers(0, 1), zones=st.just(0) | runs, companions=st.integers(0, 2)
)
places = st.builds(Place, st.integers(1, 4), st.integers(0, 4))


@given(riders, journeys, places)
def test_a_charge_is_never_negative_and_its_parts_add_up(who, before, where):
    charge = rate(tariff(), who, before, where, NOW)
    fresh = rate(tariff(), who, None, where, NOW)
    assert 0 <= charge.amount <= fresh.amount
    assert charge.full - charge.reduction == charge.amount and charge.reduction >= 0


def entry(charge, who, where, before=None, **changed):
    kind = 2 if charge.amount else 3
    body = {
        "kind": kind,
        "time": NOW,
        "amount": charge.amount,
        "authority": 1,
        "zone": where.zone,
        "start_zone": charge.start_zone,
        "zones": charge.zones,
        "start_minute": charge.start_minute & 0x7FF,
        "charged": charge.charged,
        "transfers": charge.transfers,
        "companions": who.companions,
    }
    body.update(changed)
    intent = {
        "body": G.pack(body)[7:36],
        "group": who.group,
        "product": who.product,
        "product_zones": who.zones,
        "product_authority": who.authority,
        "picked": zone_bit(where.to_zone),
        "full": charge.full,
        "reduction": charge.reduction,
        "concession": charge.concession,
        "rule": charge.rule,
        "tariff": 3,
        "was_time": 0,
        "was_authority": 0,
        "was_start_zone": 0,
        "was_zones": 0,
        "was_start_minute": 0,
        "was_charged": 0,
        "was_transfers": 0,
        "was_companions": 0,
    }
    if before is not None:
        intent.update(
            was_time=NOW - 300,
            was_authority=before.authority,
            was_start_zone=before.start_zone,
            was_zones=before.zones,
            was_start_minute=before.start_minute & 0x7FF,
            was_charged=before.charged,
            was_transfers=before.transfers,
            was_companions=before.companions,
        )
    return intent


@pytest.mark.requirement("O-17", "D14")
@given(riders, journeys, places)
def test_every_journalled_tap_prices_the_same_again(who, before, where):
    if before is not None and before.start_minute > NOW // 60 - 5:
        before = before._replace(start_minute=NOW // 60 - 5)
    charge = rate(tariff(), who, before, where, NOW)
    assert rerate(tariff(), entry(charge, who, where, before))[0] == SAME


@pytest.mark.requirement("O-17")
def test_one_cent_more_is_a_difference_and_another_version_is_unrated():
    who, where = rider(), Place(1, 2)
    charge = rate(tariff(), who, None, where, NOW)
    assert rerate(tariff(), entry(charge, who, where, amount=charge.amount + 1))[0] == DIFFERENT
    assert rerate(tariff(version=4), entry(charge, who, where))[0] == UNRATED
    assert rerate(None, entry(charge, who, where))[0] == UNRATED
