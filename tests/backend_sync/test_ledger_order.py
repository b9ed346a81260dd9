"""The books are a function of the set of entries, and they agree with what is on the cards."""

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend_sync.ledger import Ledger
from tests.backend_sync.builders import AUTHORITY, World
from tests.backend_sync.ledger_databases import make_database
from tests.backend_sync.ledger_histories import cut, groups, on_cards, play, state

CARDS = 3


def deliver(world, url, parts):
    """Post the parts to a new ledger; return its final state. Balance 0 after every commit."""
    world.keyring.restored()  # else it refuses other books than those it served
    ledger = Ledger(url, world.clock, world.keyring, {}, AUTHORITY)
    ledger.import_issues([world.plastic(i)[1] for i in range(CARDS)])
    for group in parts:
        ledger.post(group)
        sums = ledger.database.rows(
            "SELECT coalesce(sum(cents), 0) FROM postings UNION ALL"
            " SELECT count(*) FROM (SELECT transfer FROM postings GROUP BY transfer"
            " HAVING sum(cents) <> 0) t"
        )
        assert [int(row[0]) for row in sums] == [0, 0]
    found = state(ledger)
    ledger.close()
    return found


def history(folder, seed, lose):
    """Play a history; return (world, cards, runs), some of a journal lost if `lose`."""
    chance = random.Random(seed)
    world = World(folder, cards=CARDS)
    cards = play(world, chance, 40)
    runs = world.run_all()
    lost = world.devices[3]
    if lose and len(lost.slots) > 1:
        runs = [run for run in runs if run[0] != 3]
        runs.append(lost.run(1, chance.randrange(1, len(lost.slots))))
    return world, cards, runs, chance


def order_changes_nothing(seed, lose):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world, _, runs, chance = history(folder, seed, lose)
        wanted = deliver(world, f"sqlite:///{folder / 'at-once.db'}", [[("edge-1", runs)]])
        for turn in range(3):
            parts = groups(cut(runs, chance), chance)
            assert deliver(world, f"sqlite:///{folder / str(turn)}.db", parts) == wanted
        world.close()


@pytest.mark.requirement("D22", "R-19", "D16")
@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), lose=st.booleans())
def test_order_repeats_and_delay_never_change_the_final_state(seed, lose):
    order_changes_nothing(seed, lose)


@pytest.mark.full
@pytest.mark.requirement("D22", "R-19", "D16")
@settings(max_examples=300, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), lose=st.booleans())
def test_order_repeats_and_delay_never_change_the_final_state_of_300_histories(seed, lose):
    """Twenty of them run always."""
    order_changes_nothing(seed, lose)


@pytest.mark.requirement("D22", "R-19")
@pytest.mark.parametrize("seed", range(6))
def test_both_databases_end_in_the_same_state(seed, tmp_path, postgresql):
    world, _, runs, chance = history(tmp_path, seed, lose=seed % 2)
    wanted = deliver(world, f"sqlite:///{tmp_path / 'at-once.db'}", [[("edge-1", runs)]])
    parts = groups(cut(runs, chance), chance)
    assert deliver(world, make_database(postgresql), parts) == wanted
    world.close()


@pytest.mark.requirement("D15", "D22", "R-7")
@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6))
def test_what_is_posted_is_on_the_card_and_what_is_voided_is_not(seed):
    with tempfile.TemporaryDirectory() as name:
        world, cards, runs, chance = history(Path(name), seed, lose=False)
        if len(cards) > CARDS:  # copied cards end as forks, tested apart
            world.close()
            return
        found = deliver(world, f"sqlite:///{name}/shuffled.db", groups(cut(runs, chance), chance))
        real = on_cards(cards)
        for identity, rule in found["rules"].items():
            assert (identity in real) == rule.startswith("P"), (identity, rule)
        assert found["report"]["forks"] == found["report"]["lost"] == 0
        open_cents = found["report"]["suspense_cents"]
        posted = found["report"]["ledger_cards_cents"]
        assert abs(posted - sum(card.cents for card in cards)) <= open_cents
        world.close()


@pytest.mark.requirement("D22")
def test_with_everything_delivered_one_more_tap_anywhere_leaves_nothing_open(tmp_path):
    for seed in range(25):
        chance = random.Random(seed)
        world = World(tmp_path / str(seed), cards=CARDS)
        cards = play(world, chance, 40)
        if len(cards) == CARDS:
            for card in cards:
                world.devices[chance.choice((1, 2, 3))].tap(card, 0)
            world.post()
            report = world.ledger.report()
            assert report["open_intents"] == 0 and report["missing_money"] == []
            assert report["ledger_cards_cents"] == sum(card.cents for card in cards)
        world.close()
