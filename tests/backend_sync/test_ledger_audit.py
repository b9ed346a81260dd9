"""The choice among a card's products, repeated by the ledger from what it knows to be on it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend_sync.ledger.choice import ChoiceRater, Commit
from backend_sync.ledger.differences import differences
from backend_sync.ledger.holdings import issued
from backend_sync.ledger.results import POSTED
from backend_sync.ports import KeyringAbsent
from card_layouts.answers import ACCEPTED, HOLD_AGAIN
from card_layouts.cards.card_layout import CARD_GROUP, FILE_P, FILE_S, FILE_T, G, S
from card_layouts.errors import LayoutError
from card_layouts.fares.repeat import DIFFERENT, PRICE_ONLY, SAME, UNRATED
from card_layouts.records import entries as types
from card_layouts.records.entries_tap import INTENT
from simulator import product_tariff as p
from simulator.desfire_card import DesfireCard
from simulator.field import answer_lost, commit_lost
from simulator.prng import Prng
from simulator.tap_world import AUTHORITY, GATE_B, NOW, OnCard
from tests.backend_sync.audited_worlds import (
    BLIND_GATE,
    TARIFFS,
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
    TARIFF,
    ZERO,
)

pytestmark = pytest.mark.requirement("D14", "O-17")
BLIND = 2  # index of the gate that sees no right
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


# --- what stops a chain, and what goes on --------------------------------------------------------


def lively():
    """A card's week: torn taps settled elsewhere, a load and a sale between them, a blind gate."""
    town = Town(SEASON, profile={"adults": 0})
    assert town.tap(NOW) == ACCEPTED
    assert town.tear(NOW + HOUR_S, 0, commit_lost()) == HOLD_AGAIN  # never on the card
    assert town.tap(NOW + 2 * HOUR_S, 1) == ACCEPTED
    assert town.tear(NOW + 3 * HOUR_S, 1, answer_lost()) == HOLD_AGAIN  # on the card all the same
    assert town.tap(NOW + 4 * HOUR_S, 0) == ACCEPTED
    assert town.tap(NOW + 5 * HOUR_S, BLIND) == ACCEPTED
    town.load(2000)
    town.sell(1, {**FLEX, "travel_days": 2})
    assert town.tap(NOW + 31 * DAY_S, BLIND) == ACCEPTED
    assert town.tear(NOW + 31 * DAY_S + HOUR_S, 0, answer_lost()) == HOLD_AGAIN
    assert town.tap(NOW + 32 * DAY_S, 1) == ACCEPTED
    town.sell(0, BEST)
    assert town.tap(NOW + 33 * DAY_S, 0) == ACCEPTED
    assert town.tap(NOW + 33 * DAY_S + HOUR_S, 1) == ACCEPTED
    return town


def told(ledger):
    """Return all that an audit leaves, by names that do not depend on the order of arrival."""
    rows = ledger.database.rows
    named = "JOIN entries e ON e.id = t.pending"
    return {
        "verdicts": verdicts(ledger),
        "report": [ledger.report()[name] for name in ("rerated", "price_only_because")],
        "holdings": [
            [bytes(value) if isinstance(value, bytes | memoryview) else value for value in row]
            for row in rows("SELECT n, head, rights, usage, record, doubt FROM holdings")
        ],
        "waiting": sorted(
            tuple(row) for row in rows(f"SELECT e.device, e.seq, t.n FROM waiting_taps t {named}")
        ),
        "differences": sorted(
            tuple(row)
            for row in rows(
                "SELECT e.device, e.seq, d.validator, d.ledger FROM differences d"
                " JOIN entries e ON e.id = d.pending"
            )
        ),
    }


@pytest.mark.requirement("D22", "W-56", "W-70")
def test_a_lively_card_has_two_wrong_choices_and_no_other_difference(books):
    town = lively()
    found = audited(books, town)
    assert (found["same"], found["differences"]) == (found["rateable"] - 2, 2)
    wrong = [key for key, verdict in verdicts(books).items() if verdict == "differences"]
    assert {device for device, _seq in wrong} == {BLIND_GATE}
    assert_mirrored(books, town)


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


def deliver(books, town, chance):
    """Bring issue, batch and every slot, some twice, in any order; audit now and then."""
    slots = town.slots()
    steps = [(post, books, [run]) for run in slots + slots[:5]]
    steps.append((books.import_batches, [town.batch()]))
    steps.append((books.import_issues, [town.issue_row()]))
    chance.shuffle(steps)
    for call, *words in steps:
        call(*words)
        if chance.random() < 0.5:
            books.audit(1)


@pytest.mark.requirement("D22", "I16")
def test_the_order_of_arrival_changes_nothing(ring, tmp_path):
    town, wanted = lively(), None
    for seed in range(12):
        chance = random.Random(seed)
        books = open_ledger(f"sqlite:///{tmp_path / f'{seed}.db'}", ring)
        deliver(books, town, chance)
        audit_all(books)
        wanted = wanted or told(books)
        assert told(books) == wanted, f"seed {seed}"
        books.auditor.begin_again()
        audit_all(books)
        assert told(books) == wanted, "and once more from the beginning"
        books.close()
    assert wanted["waiting"] == [] and len(wanted["differences"]) == 2


@pytest.mark.requirement("D22")
def test_behind_a_hole_only_the_price_is_known_until_the_hole_fills(books):
    town = Town(SEASON)
    for at in range(5):
        assert town.tap(NOW + at * HOUR_S, at % 2) == ACCEPTED
    enter(books, town)
    late = [run for run in town.slots() if run[0] == GATE_B]
    post(books, [run for run in town.slots() if run[0] != GATE_B])
    audit_all(books)
    # The first tap was at gate A, the second at B: what B wrote nobody knows yet.
    assert sorted(verdicts(books).values()) == ["price_only", "price_only", "same"]
    assert books.report()["price_only_because"] == {"behind an open or missing commit": 2}
    post(books, late[:2])
    audit_all(books)
    assert sorted(verdicts(books).values()) == ["price_only", "same", "same", "same"]
    post(books, late)
    audit_all(books)
    assert set(verdicts(books).values()) == {"same"} and len(verdicts(books)) == 5
    assert books.report()["price_only_because"] == {}


@pytest.mark.requirement("D22")
def test_a_wrong_choice_behind_a_hole_is_found_once_the_hole_fills(books):
    town = Town(SEASON)
    town.tap(NOW)
    town.tap(NOW + HOUR_S, 1)
    town.tap(NOW + 2 * HOUR_S, BLIND)
    enter(books, town)
    post(books, [run for run in town.slots() if run[0] != GATE_B])
    audit_all(books)
    assert books.report()["rerated"]["differences"] == 0
    post(books, [run for run in town.slots() if run[0] == GATE_B])
    audit_all(books)
    assert books.report()["rerated"]["differences"] == 1


@pytest.mark.requirement("D22")
def test_a_card_made_elsewhere_has_its_prices_repeated(books):
    town = Town(SEASON)
    town.tap(NOW)
    books.import_issues([town.issue_row(batch=99)])
    post(books, town.slots())
    audit_all(books)
    assert books.report()["rerated"]["price_only"] == 1
    assert books.report()["price_only_because"] == {"card made elsewhere": 1}
    assert holdings(books) == []


@pytest.mark.requirement("D26")
def test_a_tariff_that_is_archived_late_is_asked_then(ring, ledger_url):
    town, tariffs = Town(SEASON), {}
    books = open_ledger(ledger_url, ring, tariffs)
    town.tap(NOW)
    town.tap(NOW + HOUR_S)
    assert audited(books, town)["unrated"] == 2
    tariffs.update(TARIFFS)
    audit_all(books)
    assert books.report()["rerated"]["same"] == 2
    books.close()


@pytest.mark.requirement("D16", "D20")
def test_an_audit_that_fails_leaves_nothing_half_done(books, monkeypatch):
    town = lively()
    enter(books, town)
    post(books, town.slots())
    before = told(books)

    def absent(_runs):
        raise KeyringAbsent("the keyring is away")

    with monkeypatch.context() as away:
        away.setattr(books.auditor.keyring, "unseal", absent)
        with pytest.raises(KeyringAbsent):
            books.audit()
    assert told(books) == before
    audit_all(books)
    assert books.report()["rerated"]["differences"] == 2
    assert books.audit() == 0


@pytest.mark.requirement("D22")
def test_a_copied_card_has_no_choice_to_repeat_from_the_fork_on(books):
    town = Town(SEASON)
    town.tap(NOW)
    twin = DesfireCard(town.card.image.clone(), Prng(5).bytes)
    town.tap(NOW + HOUR_S, 0)
    town.gates[1].watch.seconds = NOW + HOUR_S
    assert town.gates[1].present(twin) == ACCEPTED  # the same counter again
    town.tap(NOW + 2 * HOUR_S, 0)
    enter(books, town)
    runs = town.slots()
    post(books, [run for run in runs if run[0] != GATE_B])
    audit_all(books)
    assert set(verdicts(books).values()) == {"same"}
    post(books, [run for run in runs if run[0] == GATE_B])
    audit_all(books)
    assert sorted(verdicts(books).values()) == ["price_only", "same", "same", "same"]
    assert books.report()["rerated"]["differences"] == 0


@pytest.mark.requirement("D11", "X-14")
def test_a_batch_is_no_single_card_and_stands_as_it_came_first(books):
    town = Town(purse=0)
    assert books.import_batches([town.batch(), town.batch()]) == 1
    assert books.import_batches([town.batch()]) == 0
    other = S.unpack(town.batch().head)
    changed = town.batch()._replace(head=S.pack({**other, "group": 2}))
    assert books.import_batches([changed]) == 0
    assert books.report()["alarms"] == {"BATCH_DIFFERS": 1}
    single = town.batch()._replace(batch=8, head=town.head)
    with pytest.raises(LayoutError, match="serial"):
        books.import_batches([single])
    with pytest.raises(LayoutError, match="authority 3"):
        books.import_batches([town.batch()._replace(batch=8, authority=3)])


@pytest.mark.requirement("D16")
@given(st.lists(st.binary(min_size=96, max_size=96), min_size=1, max_size=4), st.integers(0, 31))
def test_whatever_authentic_entries_say_an_audit_ends_with_verdicts(payloads, doubt):
    """A broken device must not stop the audit of everybody's cards."""
    held = issued(S.pack({"layout": 1, "authority": AUTHORITY, "purse_product": p.VALUE}))
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
