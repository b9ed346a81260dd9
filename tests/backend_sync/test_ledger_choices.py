"""The choice among a card's products, repeated by the ledger from what it knows to be on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend_sync.ledger.choice import ChoiceRater, Commit
from backend_sync.ledger.differences import differences
from backend_sync.ledger.holdings import issued
from backend_sync.ledger.results import POSTED
from card_layouts.answers import ACCEPTED
from card_layouts.cards.card_layout import CARD_GROUP, G, S
from card_layouts.fares.repeat import DIFFERENT, PRICE_ONLY, SAME, UNRATED
from card_layouts.records import entries as types
from card_layouts.records.entries_tap import INTENT
from simulator.worlds import product_tariff as p
from simulator.worlds.tap_world import AUTHORITY, NOW
from tests.backend_sync.audited_worlds import (
    BLIND,
    BLIND_GATE,
    TARIFFS,
    Town,
    assert_mirrored,
    audited,
    open_ledger,
    verdicts,
)
from tests.firmware.product_worlds import (
    A_ONLY,
    BEST,
    DAY_S,
    FLEX,
    HOUR_S,
    MONDAY,
    RIDES,
    SCHOOL,
    SEASON,
    TARIFF,
    ZERO,
)

pytestmark = pytest.mark.requirement("D14", "O-17")
MIDNIGHT = NOW + 15 * HOUR_S
PARTY = {"adults": 0, "youths": 1, "children": 1}
TOWNS = {
    "a season": ((SEASON,), {}, (NOW, NOW + HOUR_S, NOW + 30 * DAY_S)),
    "two seasons": ((SEASON, SEASON), {}, (NOW, NOW + 30 * DAY_S, NOW + 61 * DAY_S)),
    "travel days": (
        *(({**FLEX, "travel_days": 2},), {}),
        (NOW, NOW + HOUR_S, NOW + 5 * DAY_S, NOW + 6 * DAY_S),
    ),
    "a school card": (
        *((SCHOOL,), {"group": p.CHILD}),
        (NOW, MONDAY, MONDAY + HOUR_S, MONDAY + 2 * HOUR_S, MONDAY + DAY_S),
    ),
    "a best price": ((BEST,), {}, tuple(NOW + k * HOUR_S for k in range(4))),
    "a cheaper cap that was sold": (({**BEST, "price": 200},), {}, (NOW, NOW + HOUR_S)),
    "a pack": (
        *(({**RIDES, "travel_days": 2},), {}),
        (NOW, NOW + HOUR_S, NOW + 2 * HOUR_S),
    ),
    "a zero price": ((ZERO,), {"purse": 0}, (NOW, NOW + HOUR_S)),
    "a day cap": (
        *((), {"purse_product": p.DAY_CAP}),
        (NOW, NOW + HOUR_S, NOW + 2 * HOUR_S, MONDAY),
    ),
    "a senior": (
        *((), {"purse_product": p.SENIOR, "group": p.OLD}),
        (MONDAY, MONDAY + 6 * HOUR_S, NOW + 7 * DAY_S),
    ),
    "a group billed": (
        (),
        {"purse_product": p.GROUP, "kind": CARD_GROUP, "profile": {**PARTY, "adults": 1}},
        (NOW,),
    ),
    "companions beside a season": ((SEASON,), {"profile": PARTY}, (NOW, NOW + HOUR_S)),
    "companions on a best price": (
        *(({**SEASON, "zones": A_ONLY}, BEST), {"profile": {"adults": 0, "children": 1}}),
        (NOW, NOW + HOUR_S),
    ),
    "a party nobody named": ((SEASON,), {"purse_companions": 2}, (NOW, NOW + 30 * DAY_S)),
    "a night fee on a season": ((SEASON,), {}, (MIDNIGHT, MIDNIGHT + HOUR_S)),
}


@pytest.mark.requirement("W-54", "W-56", "W-62", "W-70", "W-75", "W-77", "W-86", "W-91", "R-4")
@pytest.mark.parametrize("name", TOWNS)
def test_every_choice_a_validator_made_is_repeated(ring, tmp_path, name):
    rights, options, times = TOWNS[name]
    town = Town(*rights, **options)
    for at in times:
        assert town.tap(at) == ACCEPTED
    books = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", ring)
    audited(books, town)
    assert set(verdicts(books).values()) == {"same"}
    assert_mirrored(books, town)
    books.close()


@pytest.mark.requirement("D14")
def test_the_purse_taken_beside_a_valid_pass_is_named_with_both_decisions(books, ring):
    town = Town(SEASON)
    assert town.tap(NOW, BLIND) == ACCEPTED
    audited(books, town)
    [found] = differences(books.database, ring, TARIFFS)
    assert (found["device"], found["n"]) == (BLIND_GATE, 3)
    assert found["pseudonym"] == ring.pseudonyms([town.card.uid])[0].hex()
    assert found["validator"] == "2.50 (full 2.50): charge by product 100, zones 1, from the purse"
    assert found["ledger"] == "0.00 (full 0.00): activation by product 101, zones 1 2, slot 1"
    price = books.database.value("SELECT min(verdict) FROM pendings WHERE verdict IS NOT NULL")
    assert price == PRICE_ONLY, "the price alone was right"


@pytest.mark.requirement("D14")
def test_an_honest_gate_after_a_wrong_one_is_not_blamed(books):
    town = Town({**RIDES, "travel_days": 3})
    for at, gate in ((0, 0), (1, BLIND), (2, 0), (3, BLIND), (4, 1)):
        assert town.tap(NOW + at * HOUR_S, gate) == ACCEPTED
    audited(books, town)
    wrong = [key[0] for key, verdict in verdicts(books).items() if verdict == "differences"]
    assert wrong == [BLIND_GATE] * 2
    assert_mirrored(books, town)


@pytest.mark.requirement("D16")
@given(st.lists(st.binary(min_size=96, max_size=96), min_size=1, max_size=4), st.integers(0, 31))
def test_whatever_authentic_entries_say_an_audit_ends_with_verdicts(payloads, doubt):
    """A broken device must not stop the audit of everybody's cards."""
    head = S.pack({"layout": 1, "authority": AUTHORITY, "purse_product": p.VALUE})
    held = issued(head, bytes(8))
    held.doubt = doubt
    commits = []
    for n, payload in enumerate(payloads, 1):
        kind = types.ACTION if payload[7] & 1 else types.INTENT
        body = bytes([(2 + payload[7] % 5) << 3]) + payload[8:36]
        whole = bytearray(payload[:7] + body + payload[36:])
        if kind == types.INTENT:
            INTENT.put(whole, "tariff", TARIFF.version)
            G.put(whole, "authority", AUTHORITY)
        commits.append(Commit(n, n, POSTED, kind, 1, 0, n, bytes(whole)))
    found = ChoiceRater(TARIFFS).walk(held, commits)
    assert {judgement.verdict for judgement in found} <= {SAME, DIFFERENT, PRICE_ONLY, UNRATED}
    assert all(judgement.validator for judgement in found if judgement.verdict == DIFFERENT)
