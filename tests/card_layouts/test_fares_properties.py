"""What holds for every tap: the fare engine's properties, its bounds, its decisions repeated."""

import functools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backend_sync.tariffs.memo import Memo
from backend_sync.tariffs.network import derive
from card_layouts.cards.card_layout import KIND_DEBIT
from card_layouts.cards.zones import zones_hull, zones_run, zones_subset
from card_layouts.fares import inputs as i
from card_layouts.fares.engine import activate, rate
from card_layouts.fares.package import RESIDENT_MAX, u16
from card_layouts.fares.repeat import DIFFERENT, PRICE_ONLY, SAME, UNRATED, Repeater
from card_layouts.records.entries_tap import INTENT
from simulator.bench import fares as bench_fares
from simulator.bench.fare_questions import questions
from simulator.boards.board_process import micropython_path
from tests.card_layouts.fare_world import World, intent_of, mounted, shipped, write

READS_MAX = 40  # issue 4
HEAP_BYTES_MAX = 8 * 1024


@functools.cache
def asked(name="mikkeli", count=2000):
    book, feed, body = shipped(name)
    return mounted(body), questions(book, derive(feed), count, 11)


def decided(tariff, card, tap, terms=(30, 20, 5522)):
    """Return a fresh decision, completed by what P says."""
    d = i.new_decision()
    rate(tariff, card, tap, d)
    if d[i.D_ACTIVATES]:
        activate(d, *terms)
    return d


@pytest.fixture(autouse=True, scope="module")
def questions_are_ready():
    """Draw the questions before hypothesis looks at its watch."""
    asked()


places = st.integers(0, 1999)


@pytest.mark.requirement("R-21", "D31")
@given(places)
def test_amounts_are_never_negative_and_their_parts_add_up(place):
    tariff, rows = asked()
    card, tap = rows[place]
    d = decided(tariff, card, tap)
    assert 0 <= d[i.D_SURCHARGE] <= d[i.D_FULL] or d[i.D_KIND] == i.KIND_REFUSED
    if d[i.D_KIND] != i.KIND_REFUSED:
        assert 0 <= d[i.D_AMOUNT] <= d[i.D_FULL] and d[i.D_AMOUNT] <= card[i.C_BALANCE]
        assert d[i.D_FULL] - d[i.D_REDUCTION] == d[i.D_AMOUNT]
        assert all(0 <= value < 1 << 30 for value in d)


@pytest.mark.requirement("W-15", "W-38")
@given(places)
def test_a_tap_repeated_at_once_is_a_transfer_that_costs_nothing(place):
    tariff, rows = asked()
    card, tap = list(rows[place][0]), rows[place][1]
    first = decided(tariff, card, tap)
    product = first[i.D_PRODUCT]
    book = shipped("mikkeli")[0]
    if first[i.D_KIND] == i.KIND_REFUSED or book.product(product).transfer is None:
        return
    write(card, tap, first)
    again = decided(tariff, card, tap)
    assert (again[i.D_KIND], again[i.D_AMOUNT]) == (i.KIND_TRANSFER, 0)
    assert not again[i.D_T_WRITE]


@given(places, st.permutations(range(4)))
def test_the_order_of_the_slots_changes_nothing_but_their_numbers(place, order):
    tariff, rows = asked()
    card, tap = list(rows[place][0]), rows[place][1]
    card[i.C_J_AUTHORITY] = 0
    held = [card[i.slot_at(n) + i.S_PRODUCT] for n in range(4) if card[i.slot_at(n)]]
    # Of two sales of one product that are equal by every key, the lower slot is taken.
    assume(len(held) == len(set(held)))
    moved = list(card)
    for to, source in enumerate(order):
        here, there = i.slot_at(to), i.slot_at(source)
        moved[here : here + i.C_SLOT_SIZE] = card[there : there + i.C_SLOT_SIZE]
    one, other = decided(tariff, card, tap), decided(tariff, moved, tap)
    for field in (i.D_KIND, i.D_AMOUNT, i.D_FULL, i.D_SURCHARGE, i.D_COMPANIONS, i.D_GROUP):
        assert one[field] == other[field]


@pytest.mark.requirement("W-68")
@given(places)
def test_a_product_less_never_makes_a_tap_cheaper(place):
    tariff, rows = asked()
    card, tap = list(rows[place][0]), rows[place][1]
    card[i.C_J_AUTHORITY] = 0
    with_all = decided(tariff, card, tap)
    if with_all[i.D_KIND] == i.KIND_REFUSED:
        return
    for slot in range(4):
        less = list(card)
        less[i.slot_at(slot) + i.S_MECHANISM] = 0
        found = decided(tariff, less, tap)
        if found[i.D_KIND] != i.KIND_REFUSED and not found[i.D_T_WRITE]:
            assert found[i.D_AMOUNT] + found[i.D_REDUCTION] >= 0
            # What then pays may bill or consume instead; money out of the purse alone is compared.
            billed = found[i.D_REDUCTION] > with_all[i.D_REDUCTION]
            assert found[i.D_AMOUNT] >= with_all[i.D_AMOUNT] or billed


@pytest.mark.requirement("W-34")
@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 7))
def test_the_wider_what_is_paid_the_less_an_upgrade_costs(first, second, last):
    narrow = World().purse("value").pick(*range(1, min(first, second) + 1))
    wide = World().purse("value").pick(*range(1, max(first, second) + 1))
    paid = [world.cents() for world in (narrow, wide)]
    more = [world.pick(*range(1, last + 1)).cents() for world in (narrow, wide)]
    assert more[1] <= more[0]
    assert paid[0] + more[0] <= max(paid[0], (251, 338, 415, 524, 644, 840, 1025)[last - 1])


@pytest.mark.requirement("W-75")
@given(st.lists(st.tuples(st.integers(1, 28), st.integers(1, 3)), min_size=1, max_size=60))
def test_best_price_never_charges_more_than_the_season(taps):
    world = World().slot(1, "best", 1, 2, 3, last=2000)
    world.terms = (30, 0, 9130)
    total = 0
    for day, far in sorted(taps):
        world.card[i.C_J_AUTHORITY] = 0
        total += world.at(f"2025-02-{day:02}", "10:00").pick(*range(1, far + 1)).cents()
    assert total <= 9130


@pytest.mark.requirement("W-70")
@given(st.lists(st.integers(1, 28), min_size=1, max_size=40))
def test_a_flex_season_is_used_on_as_many_days_as_were_sold(days):
    world = World().slot(1, "flex", 1, last=2000)
    world.terms = (90, 5, 0)
    used = set()
    for day in sorted(days):
        world.card[i.C_J_AUTHORITY] = 0
        if world.at(f"2025-02-{day:02}", "12:00").pay()[i.D_KIND] != i.KIND_REFUSED:
            used.add(day)
    assert len(used) == min(len(set(days)), 5)


@given(places)
def test_the_paid_zones_hold_the_place_and_what_was_picked(place):
    tariff, rows = asked()
    card, tap = rows[place]
    d = decided(tariff, card, tap)
    if d[i.D_KIND] in (i.KIND_CHARGE, i.KIND_UPGRADE):
        assert d[i.D_ZONES] >> (15 - d[i.D_ZONE]) & 1
        assert zones_subset(tap[i.T_PICKED], d[i.D_ZONES])
        assert d[i.D_ZONES] == zones_hull(d[i.D_ZONES])


@pytest.mark.requirement("O-17", "D14")
def test_every_journalled_tap_is_decided_the_same_again():
    tariff, rows = asked()
    repeater, verdicts = Repeater(tariff), {}
    for card, tap in rows:
        d = decided(tariff, card, tap)
        if d[i.D_KIND] == i.KIND_REFUSED or tap[i.T_ADULTS] < 0 and card[i.C_PURSE_COMPANIONS]:
            continue
        intent = intent_of(tariff, card, tap, d)
        if not card[i.C_J_AUTHORITY]:
            intent["was_start_zone"] = 0
        verdict = repeater.verdict(intent, known=card, terms=((30, 20, 5522),) * 4)
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
        assert verdict == SAME, (card, tap, d)
        alone = repeater.verdict(intent, terms=((30, 20, 5522),) * 4)
        verdicts[alone] = verdicts.get(alone, 0) + 1
        assert repeater.verdict({**intent, "full": intent["full"] ^ 1}, known=card) == DIFFERENT
    assert verdicts[SAME] > 1000 and verdicts[PRICE_ONLY] > 800
    assert set(verdicts) <= {SAME, PRICE_ONLY, UNRATED}


@pytest.mark.requirement("O-17", "D26")
def test_another_version_of_the_tariff_is_unrated():
    world = World().purse("value")
    before = list(world.card)
    d = world.pay()
    intent = intent_of(world.tariff, before, world.tap, d)
    assert Repeater(world.tariff).verdict(intent, known=before) == SAME
    assert Repeater(world.tariff).verdict(intent) == PRICE_ONLY
    assert Repeater(world.tariff).verdict({**intent, "tariff": 9}, known=before) == UNRATED
    assert Repeater(None).verdict(intent) == UNRATED


def test_a_remembered_answer_is_the_decided_one():
    tariff, rows = asked()
    memo = Memo(tariff, most=500)
    for card, tap in rows[:400] + rows[:400] + rows[:700]:
        d = i.new_decision()
        rate(tariff, card, tap, d)
        assert memo.rate(card, tap) == tuple(d)
    assert memo.asked == 1500 and memo.decided <= 1100 and len(memo.known) <= 500


@pytest.mark.requirement("D31")
@pytest.mark.parametrize("name", ["mikkeli", "hsl", "turku", "kotka"])
def test_no_decision_reads_flash_more_than_forty_times(name):
    tariff, rows = asked(name, 800)
    highest = 0
    for card, tap in rows:
        tariff.read_count = 0
        rate(tariff, card, tap, i.new_decision())
        highest = max(highest, tariff.read_count)
    assert 5 < highest <= READS_MAX


@pytest.mark.system
@pytest.mark.requirement("D4", "D31")
def test_micropython_answers_the_same_without_a_byte_of_heap_for_a_decision(tmp_path):
    body, rows = bench_fares.prepared(1500)
    ours = bench_fares.measure([bench_fares.sys.executable], body, rows, tmp_path)
    runtime = [micropython_path(), "-X", "heapsize=64m"]
    theirs = bench_fares.measure(runtime, body, rows, tmp_path)
    assert (ours.decisions, ours.answers) == (1500, theirs.answers)
    assert theirs.heap_bytes <= HEAP_BYTES_MAX and theirs.reads_max <= READS_MAX


@pytest.mark.parametrize("name", ["mikkeli", "hsl", "turku", "kotka", "ski"])
def test_what_stays_in_ram_fits_the_resident_block(name):
    body = shipped(name)[2]
    assert u16(body, 32) <= RESIDENT_MAX
    assert len(body) % 4 == 0
    assert zones_run(1, 1) == 0x4000


@pytest.mark.requirement("D16", "O-17")
@given(st.binary(min_size=96, max_size=96))
def test_whatever_an_entry_says_repeating_it_ends_with_a_verdict(payload):
    """An authentic entry of a broken device must not stop the ledger."""
    tariff, _rows = asked()
    intent = INTENT.unpack(payload)
    intent["tariff"] = tariff.version
    kind = (KIND_DEBIT << 3 | intent["body"][0] & 7).to_bytes(1, "big")
    intent["body"] = kind + intent["body"][1:]
    assert Repeater(tariff).verdict(intent) in (DIFFERENT, PRICE_ONLY, UNRATED)
