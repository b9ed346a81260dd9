"""Where an audit of a card stops, and that nothing depends on the order in which news came."""

import random
from collections import Counter

import pytest

from backend_sync.ports import KeyringAbsent
from card_layouts.answers import ACCEPTED, HOLD_AGAIN
from card_layouts.cards.card_layout import S
from card_layouts.errors import LayoutError
from simulator.desfire_card import DesfireCard
from simulator.field import answer_lost, commit_lost
from simulator.prng import Prng
from simulator.worlds.tap_world import GATE_A, GATE_B, NOW, STATION
from tests.backend_sync.audited_worlds import (
    BLIND,
    BLIND_GATE,
    TARIFFS,
    Town,
    assert_mirrored,
    audit_all,
    audited,
    enter,
    holdings,
    open_ledger,
    post,
    verdicts,
)
from tests.firmware.product_worlds import (
    BEST,
    DAY_S,
    FLEX,
    HOUR_S,
    RIDES,
    SEASON,
)

pytestmark = pytest.mark.requirement("D14", "O-17")


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
        ring.restored()  # else it refuses other books than those it served
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


def drawn(chance):
    """A card that honest gates, a station and a copier meet in any order; torn now and then."""
    town = Town(SEASON, profile={"adults": 0})
    cards, at = [town.card], NOW
    for _ in range(12):
        at += chance.randrange(1, 40) * HOUR_S
        what = chance.choice(("tap", "tap", "tap", "torn", "answer lost", "load", "sell", "copy"))
        town.card = chance.choice(cards)
        if what == "load" and len(cards) == 1:
            town.load(1000)
        elif what == "sell" and len(cards) == 1:
            town.sell(chance.randrange(3), chance.choice((SEASON, FLEX, BEST, RIDES)))
        elif what == "copy" and len(cards) < 3:
            cards.append(DesfireCard(town.card.image.clone(), Prng(len(cards)).bytes))
        else:
            tears = {"torn": [commit_lost()], "answer lost": [answer_lost()]}.get(what, [])
            town.tear(at, chance.randrange(2), *tears)
    return town


@pytest.mark.requirement("D22", "I16")
def test_nobody_honest_is_blamed_whatever_is_missing(ring, tmp_path):
    """Lost journals, torn taps, copied cards: what cannot be known is no difference."""
    counts = Counter()
    for seed in range(6):
        chance = random.Random(seed)
        town = drawn(chance)
        slots = town.slots()
        for part in (len(slots), len(slots) - 1, len(slots) * 3 // 4, len(slots) // 2):
            some = chance.sample(slots, part)
            found = []
            for order in (some, chance.sample(some, part)):
                ring.restored()
                books = open_ledger(
                    f"sqlite:///{tmp_path / f'{seed}-{part}-{len(found)}.db'}", ring
                )
                enter(books, town)
                for run in order:
                    post(books, [run])
                    if chance.random() < 0.2:
                        books.audit()
                audit_all(books)
                found.append(told(books))
                books.close()
            assert found[0] == found[1], f"seed {seed}, {part} slots"
            counts.update(found[0]["verdicts"].values())
    assert set(counts) == {"same", "price_only"} and min(counts.values()) > 50


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


@pytest.mark.requirement("D22")
def test_no_tap_is_judged_by_what_another_copy_of_its_card_did(books):
    town = Town(SEASON)
    town.tap(NOW)
    twin = DesfireCard(town.card.image.clone(), Prng(5).bytes)
    town.gates[1].watch.seconds = NOW + HOUR_S
    assert town.gates[1].present(twin) == ACCEPTED
    town.tap(NOW + 2 * HOUR_S, 0)  # the same counter, of which the ledger will not hear
    town.tap(NOW + 3 * HOUR_S, 1)
    enter(books, town)
    runs = [run for run in town.slots() if run[0] == STATION]
    runs += [run for run in town.slots() if run[0] == GATE_A][:2]
    runs += [run for run in town.slots() if run[0] == GATE_B][:3]  # the last one's INTENT alone
    post(books, runs)
    audit_all(books)
    assert sorted(verdicts(books).values()) == ["price_only", "same", "same"]


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
