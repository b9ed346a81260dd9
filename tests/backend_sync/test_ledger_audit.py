"""The choice among a card's products, repeated by the ledger from what it knows to be on it."""

import pytest

from card_layouts.answers import ACCEPTED, HOLD_AGAIN, TAP_AGAIN
from card_layouts.cards.card_layout import CARD_GROUP, FILE_P, FILE_S, FILE_T, S
from simulator import product_tariff as p
from simulator.field import answer_lost, commit_lost
from simulator.tap_world import NOW, OnCard
from tests.backend_sync.audited_worlds import (
    Town,
    audit_all,
    enter,
    open_keyring,
    open_ledger,
    post,
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
    ZERO,
)

pytestmark = pytest.mark.requirement("D14", "O-17")
MIDNIGHT = NOW + 15 * HOUR_S
PARTY = {"adults": 0, "youths": 1, "children": 1}


@pytest.fixture
def ring(tmp_path):
    made = open_keyring(tmp_path / "keyring")
    yield made
    made.close()


@pytest.fixture
def books(ring, ledger_url):
    """A ledger on each of the two databases."""
    ledger = open_ledger(ledger_url, ring)
    yield ledger
    ledger.close()


def audited(books, town):
    """Post and audit all of a town; return the counts of the report."""
    enter(books, town)
    post(books, town.slots())
    audit_all(books)
    return books.report()["rerated"]


def holdings(books):
    return books.database.rows("SELECT n, head, rights, usage FROM holdings")


TOWNS = {
    "a season": (Town, (SEASON,), {}, (NOW, NOW + HOUR_S, NOW + 30 * DAY_S)),
    "two seasons": (Town, (SEASON, SEASON), {}, (NOW, NOW + 30 * DAY_S, NOW + 61 * DAY_S)),
    "travel days": (
        *(Town, ({**FLEX, "travel_days": 2},), {}),
        (NOW, NOW + HOUR_S, NOW + 5 * DAY_S, NOW + 6 * DAY_S),
    ),
    "a school card": (
        *(Town, (SCHOOL,), {"group": p.CHILD}),
        (NOW, MONDAY, MONDAY + HOUR_S, MONDAY + 2 * HOUR_S, MONDAY + DAY_S),
    ),
    "a best price": (Town, (BEST,), {}, tuple(NOW + k * HOUR_S for k in range(4))),
    "a cheaper cap that was sold": (Town, ({**BEST, "price": 200},), {}, (NOW, NOW + HOUR_S)),
    "a pack": (
        *(Town, ({**RIDES, "travel_days": 2},), {}),
        (NOW, NOW + HOUR_S, NOW + 2 * HOUR_S),
    ),
    "a zero price": (Town, (ZERO,), {"purse": 0}, (NOW, NOW + HOUR_S)),
    "a day cap": (
        *(Town, (), {"purse_product": p.DAY_CAP}),
        (NOW, NOW + HOUR_S, NOW + 2 * HOUR_S, MONDAY),
    ),
    "a senior": (
        *(Town, (), {"purse_product": p.SENIOR, "group": p.OLD}),
        (MONDAY, MONDAY + 6 * HOUR_S, NOW + 7 * DAY_S),
    ),
    "a group billed": (
        Town,
        (),
        {"purse_product": p.GROUP, "kind": CARD_GROUP, "profile": {**PARTY, "adults": 1}},
        (NOW,),
    ),
    "companions beside a season": (Town, (SEASON,), {"profile": PARTY}, (NOW, NOW + HOUR_S)),
    "companions on a best price": (
        *(Town, ({**SEASON, "zones": A_ONLY}, BEST), {"profile": {"adults": 0, "children": 1}}),
        (NOW, NOW + HOUR_S),
    ),
    "a party nobody named": (Town, (SEASON,), {"purse_companions": 2}, (NOW, NOW + 30 * DAY_S)),
    "a night fee on a season": (Town, (SEASON,), {}, (MIDNIGHT, MIDNIGHT + HOUR_S)),
}


@pytest.mark.requirement("W-54", "W-56", "W-62", "W-70", "W-75", "W-77", "W-86", "W-91", "R-4")
@pytest.mark.parametrize("name", TOWNS)
def test_every_choice_a_validator_made_is_repeated(ring, tmp_path, name):
    make, rights, options, times = TOWNS[name]
    town = make(*rights, **options)
    for at in times:
        assert town.tap(at) == ACCEPTED
    books = open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", ring)
    assert set(verdicts_after(books, town).values()) == {"same"}
    assert_mirrored(books, town)
    books.close()


def verdicts_after(books, town):
    audited(books, town)
    return verdicts(books)


def assert_mirrored(books, town):
    """What the ledger says is on the card is what is on it, byte for byte."""
    data = OnCard(town.card).data
    head = bytearray(data[FILE_S])
    for name in ("serial", "issued"):
        S.put(head, name, 0)
    [(n, held, rights, usage)] = holdings(books)
    assert n == OnCard(town.card).newest["n"]
    assert bytes(held) == bytes(head)
    assert bytes(rights) == bytes(data[FILE_P][12:])
    assert bytes(usage) == bytes(data[FILE_T])
