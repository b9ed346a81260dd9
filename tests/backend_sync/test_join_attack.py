"""Whoever holds full dumps of customers and ledger does not learn whose card is whose."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests import figures
from tests.backend_sync.join_attack import accounts, attack, days_kept, documents, planted
from tests.backend_sync.joinable_town import Town

# A sample is small against the public classes (50 groups and municipalities): what they alone
# give away is 50 / size, 2.5 % of a sample and 0.25 % of 20,000 cards.
SAMPLE, SAMPLE_LIMIT = 2000, 0.06
CARDS, LIMIT = 20_000, 0.01


@pytest.fixture
def fast_folder():
    """A folder in memory where the machine has one: each registration is synced to its disk."""
    memory = Path("/dev/shm")
    folder = tempfile.mkdtemp(prefix="tornello-join-", dir=memory if memory.is_dir() else None)
    yield Path(folder)
    shutil.rmtree(folder)


def play(folder, size, limit):
    town = Town(folder, size)
    people, cards = documents(town), accounts(town)
    counted = sorted(people, key=lambda row: town.numbers.index(row[0])) if size < 5000 else None
    scores = {
        "as built": attack(people, cards, town.truth),
        "every load with its day": attack(days_kept(people, town), cards, town.truth),
        "planted: the day at the desk": attack(planted(people, town, True), cards, town.truth),
        "planted: a shared timestamp": attack(planted(people, town), cards, town.truth),
    }
    if counted:
        scores["planted: customers counted, not drawn"] = attack(counted, cards, town.truth)
    figures.say(f"join attack, {size} cards", [s.line(name) for name, s in scores.items()])
    town.close()
    assert scores["as built"].above_chance < limit
    assert all(score.hits / size > 0.5 for name, score in scores.items() if "timestamp" in name)
    assert all(score.hits / size > 0.5 for name, score in scores.items() if "counted" in name)


@pytest.mark.requirement("T19", "W-148")
def test_an_insider_with_both_dumps_does_not_join_a_sample(fast_folder):
    play(fast_folder, SAMPLE, SAMPLE_LIMIT)


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.requirement("T19", "W-148")
def test_an_insider_with_both_dumps_joins_less_than_one_card_in_a_hundred(fast_folder):
    play(fast_folder, CARDS, LIMIT)
