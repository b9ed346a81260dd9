"""Disputes: a case, its evidence, and goodwill that reaches the card exactly once."""

import copy
import json

import pytest

from backend_sync.actions import desk as actions
from backend_sync.ports import ApprovalRefused
from backend_sync.registers.approvals import RegisterApprovals
from backend_sync.sales import dispute_evidence
from backend_sync.sales.disputes import (
    ACCEPTED,
    ANSWERED,
    OPEN,
    PAID,
    REFUSED,
    DisputeRefused,
    Disputes,
    has_open,
)
from backend_sync.sales.evidence import EvidenceFault
from backend_sync.sales.main import main
from card_layouts.answers import ACCEPTED as TAP_ACCEPTED
from card_layouts.cards.card_layout import KIND_ADJUST
from card_layouts.records import entries as types
from card_layouts.records.entries_service import ACT_ADJUST
from simulator.worlds.tap_world import NOW
from tests.backend_sync.action_worlds import DAY_S, HOUR, Shop
from tests.backend_sync.builders import AUTHORITY, OPERATOR, World
from tests.backend_sync.registers_world import RegistersWorld

CENTS, FARE = 500, 300


@pytest.fixture
def desk(world):
    """A card with 20.00 that rode for 3.00, and the desk where that is disputed as case d1."""
    world.ledger.import_sales([("s1", 1, 2000, "kiosk", 5)])
    world.devices[1].load(world.cards[0], 2000)
    ride = world.devices[1].tap(world.cards[0], FARE)
    world.post()
    made = Disputes(world.ledger)
    made.ride = (1, 0, ride.seq)
    made.card = world.ledger.database.value("SELECT min(card) FROM issues")
    assert made.open("d1", "charge", made.card, made.ride, "I was not there", "clerk")
    return made


def balances(ledger):
    rows = ledger.database.rows("SELECT name, cents FROM balances WHERE cents <> 0")
    assert sum(row[1] for row in rows) == 0
    return {name.partition(":")[0]: int(cents) for name, cents in rows}


def give(world, action, cents=CENTS):
    """A validator carries the goodwill out."""
    device, card = world.devices[2], world.cards[0]
    before = card.fields
    sums = {"L": before["L"] + cents, "D": before["D"], "a": 2}
    announced = device.announce(card, KIND_ADJUST, cents, types.ACTION, sums, ACT_ADJUST,
                                action=action, operator=OPERATOR, k=2)  # fmt: skip
    card.commit(announced)
    device.outcome(announced)
    world.post()


def reviewed(world, card):
    with world.ledger.books() as books:
        return actions.review(books, [card])


def action_of(desk):
    return int(desk.database.value("SELECT max(action) FROM dispute_steps"))


@pytest.mark.requirement("X-9", "W-106")
def test_a_case_goes_from_open_to_answered_to_accepted_to_paid(world, desk):
    assert desk.status("d1").state == OPEN and has_open(desk.database, desk.card)
    assert not desk.open("d1", "charge", desk.card, desk.ride, "I was not there", "clerk")
    assert desk.answer("d1", "we ask the operator", "anna").state == ANSWERED
    found = desk.accept("d1", CENTS, "the stop was closed", "anna")
    assert (found.state, found.waiting_cents, found.given_cents) == (ACCEPTED, CENTS, 0)
    before = balances(world.ledger)
    assert "GOODWILL" not in before, "nothing is given before the card has it"
    for _ in range(2):
        assert desk.accept("d1", CENTS, "the stop was closed", "anna").waiting_cents == CENTS
    give(world, action_of(desk))
    for _ in range(3):
        reviewed(world, desk.card)
        assert desk.status("d1")[:1] + desk.status("d1")[2:] == (PAID, 0, CENTS)
        after = balances(world.ledger)
        assert after == {**before, "LIAB": before["LIAB"] + CENTS, "GOODWILL": -CENTS}
    with pytest.raises(DisputeRefused, match="is paid: it stands"):
        desk.accept("d1", CENTS + 1, "more", "anna")
    assert not has_open(desk.database, desk.card)


@pytest.mark.requirement("X-9")
def test_a_refused_case_gives_nothing_and_stands(world, desk):
    before = balances(world.ledger)
    assert desk.refuse("d1", "the card was read at that gate", "anna").state == REFUSED
    for ask in (lambda: desk.answer("d1", "sorry", "anna"),
                lambda: desk.accept("d1", CENTS, "after all", "anna")):  # fmt: skip
        with pytest.raises(DisputeRefused, match="is refused: it stands"):
            ask()
    assert balances(world.ledger) == before


@pytest.mark.requirement("X-9")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"entry": (1, 0, 99)}, "seq 99 of device 1 is not held"),
        ({"card": 987654}, "is another card's or nobody's"),
        ({"about": "weather"}, "one of ride, charge, load, other"),
        ({"entry": None}, "a charge: wanted the entry"),
        ({"key": "a b"}, "without spaces"),
        ({"by": ""}, "wanted 1 to 64"),
        ({"words": "x" * 201}, "wanted 1 to 200"),
        ({}, "is disputed as d1 already"),
        ({"key": "d1", "about": "ride"}, "opened before with other values"),
    ],
)
def test_what_is_no_case_is_refused_and_changes_nothing(desk, change, words):
    said = {"key": "d2", "about": "charge", "card": desk.card, "entry": desk.ride,
            "words": "no", "by": "clerk"}  # fmt: skip
    with pytest.raises(DisputeRefused, match=words):
        desk.open(**{**said, **change})
    assert desk.database.value("SELECT count(*) FROM disputes") == 1


@pytest.mark.requirement("X-9", "X-14")
def test_goodwill_above_the_limit_takes_another_person(world, desk):
    register = RegistersWorld()
    alma = register.add("alma", "authority")
    desk.approvals = RegisterApprovals(register.proposals, register.anna)
    with pytest.raises(ApprovalRefused) as refused:
        desk.accept("d1", 6000, "stranded at night", "anna")
    assert desk.status("d1").state == OPEN
    digest = next(word for word in str(refused.value).split() if len(word) == 64)
    asked = register.proposals.propose(register.anna, "refund", AUTHORITY, 6000, "x", digest)
    register.proposals.decide(alma, asked.number)
    with pytest.raises(ApprovalRefused, match="not about refund"):
        desk.accept("d1", 7000, "stranded at night", "anna", asked.number)
    assert desk.accept("d1", 6000, "stranded at night", "anna", asked.number).state == ACCEPTED
    assert desk.database.value("SELECT count(*) FROM agreements") == 1


@pytest.mark.requirement("X-9")
def test_goodwill_that_was_not_fetched_is_given_again_and_only_then(world, desk):
    desk.accept("d1", CENTS, "sorry", "anna")
    with pytest.raises(DisputeRefused, match="is accepted: it stands"):
        desk.accept("d1", CENTS + 100, "more", "anna")
    world.clock.now += 400 * DAY_S
    reviewed(world, desk.card)
    found = desk.status("d1")
    assert found.state == ACCEPTED and "not fetched in time" in found.words
    assert desk.accept("d1", CENTS, "again", "anna").waiting_cents == CENTS
    give(world, action_of(desk))
    reviewed(world, desk.card)
    assert desk.status("d1").given_cents == CENTS
    assert balances(world.ledger)["GOODWILL"] == -CENTS


@pytest.mark.requirement("X-9", "D9", "I11")
def test_a_real_gate_gives_the_goodwill_once_whatever_gates_hold_the_list(tmp_path):
    shop = Shop(tmp_path, f"sqlite:///{tmp_path / 'ledger.db'}")
    desk = Disputes(shop.ledger)
    desk.open("d1", "other", shop.card, None, "the gate was broken", "clerk")
    desk.accept("d1", CENTS, "sorry", "anna")
    held = shop.purse()
    shop.publish(0, 1)
    assert shop.town.tap(NOW + HOUR, 0) == TAP_ACCEPTED
    charged = held + CENTS - shop.purse()
    assert shop.town.tap(NOW + 30 * HOUR, 1) == TAP_ACCEPTED
    shop.review()
    assert charged > 0 and held + CENTS - shop.purse() in (charged, 2 * charged)
    found = balances(shop.ledger)
    assert (found["GOODWILL"], found["LIAB"]) == (-CENTS, shop.purse())
    assert desk.status("d1").state == PAID and "UNALLOCATED" not in found
    shop.close()


# --- evidence ---


@pytest.mark.requirement("X-9", "D25")
def test_the_evidence_holds_every_sealed_entry_and_no_card_number(world, desk):
    bundle = json.loads(json.dumps(desk.evidence("d1")))
    assert [entry["type"] for entry in bundle["entries"]] == ["INTENT", "OUTCOME"]
    assert [row["rule"] for row in bundle["evidence"]] == ["P1"]
    assert {line["account"]: line["cents"] for line in bundle["postings"]} == {
        "LIAB of the card": -FARE, "REV:244:7": FARE}  # fmt: skip
    text = json.dumps(bundle)
    pseudonym = world.ledger.database.value("SELECT pseudonym FROM cards ORDER BY id LIMIT 1")
    assert world.cards[0].uid.hex() not in text and bytes(pseudonym).hex() not in text
    assert dispute_evidence.check(bundle) == []
    database, tariffs = world.ledger.database, world.ledger.rerater.tariffs
    assert dispute_evidence.check_with(bundle, database, world.keyring, tariffs) == []


@pytest.mark.requirement("X-9")
def test_a_changed_bundle_is_found_without_a_key_or_with_the_ledger(world, desk):
    bundle = desk.evidence("d1")
    database, tariffs = world.ledger.database, world.ledger.rerater.tariffs
    slot = bundle["entries"][0]["slot"]
    for path, value, words in (
        (("entries", 0, "slot"), slot[:-2] + "00", "does not lead to the H behind it"),
        (("entries", 1, "seq"), 9, "its slot is another entry's"),
        (("postings", 0, "cents"), -301, "sum to -1 cents, wanted 0"),
    ):
        forged = copy.deepcopy(bundle)
        forged[path[0]][path[1]][path[2]] = value
        assert words in " ".join(dispute_evidence.check(forged))
    forged = copy.deepcopy(bundle)
    forged["entries"][0]["clear"]["stop"] = 7
    assert dispute_evidence.check(forged) == []
    found = dispute_evidence.check_with(forged, database, world.keyring, tariffs)
    assert found == ["entries: the ledger has other slots or words than the bundle"]
    for broken in ([], {"format": "x"}, {"format": dispute_evidence.FORMAT},
                   {**bundle, "entries": [{}]}):  # fmt: skip
        with pytest.raises(EvidenceFault):
            dispute_evidence.check(broken)


@pytest.mark.requirement("X-9")
def test_a_contested_ride_shows_both_sides_of_its_evidence(world, desk):
    card = world.cards[0]
    torn = world.devices[3].intent(card, 450)
    world.post()
    desk.open("d2", "ride", desk.card, (3, 0, torn.seq), "the light was red", "clerk")
    first = desk.evidence("d2")
    assert first["evidence"] == first["postings"] == []
    world.devices[2].tap(card, 200)
    world.post()
    bundle = desk.evidence("d2")
    assert [row["rule"] for row in bundle["evidence"]] == ["V2"]
    assert {entry["device"] for entry in bundle["entries"]} == {2, 3}
    assert dispute_evidence.digest(bundle) != dispute_evidence.digest(first)


def test_the_commands_open_list_export_and_check(tmp_path, capsys):
    world = World(tmp_path)
    world.devices[1].tap(world.cards[0], 0)
    world.post()
    card = world.ledger.database.value("SELECT min(card) FROM issues")
    world.close()
    (tmp_path / "keyring").mkdir()
    for path in tmp_path.glob("key*.*"):
        path.rename(tmp_path / "keyring" / path.name)
    place, file = str(tmp_path), str(tmp_path / "case.json")
    assert main(["dispute", "list", place]) == 0
    assert "no case was opened yet" in capsys.readouterr().out
    opened = ["dispute", "open", place, "--key", "d1", "--about", "ride", "--card", str(card),
              "--words", "gate shut", "--by", "clerk"]  # fmt: skip
    assert main(opened) == 1 and "wanted the entry" in capsys.readouterr().err
    assert main([*opened, "--entry", "1:0"]) == 1
    assert "wanted DEVICE:EPOCH:SEQ" in capsys.readouterr().err
    assert main([*opened, "--entry", "1:0:1"]) == 0 and main(["dispute", "list", place]) == 0
    assert "gate shut" in capsys.readouterr().out
    said = ["--key", "d1", "--words", "we look", "--by", "anna"]
    assert main(["dispute", "answer", place, *said]) == 0
    assert main(["dispute", "accept", place, *said, "--cents", "9000"]) == 1
    assert "takes two people" in capsys.readouterr().err
    assert main(["dispute", "evidence", place, "--key", "d1", "--to", file]) == 0
    assert main(["dispute", "check", file]) == 0 and main(["dispute", "check", file, place]) == 0
    assert "holds: 2 sealed entries" in capsys.readouterr().out
    (tmp_path / "case.json").write_text("{")
    assert main(["dispute", "check", file]) == 2 and "no JSON" in capsys.readouterr().err


@pytest.mark.requirement("X-9", "D24")
def test_nothing_of_a_disputed_card_is_folded_until_its_case_is_over(world, desk):
    world.clock.now += 200 * DAY_S
    world.ledger.fold(13)
    kept = desk.evidence("d1")
    assert [entry["type"] for entry in kept["entries"]] == ["INTENT", "OUTCOME"]
    assert dispute_evidence.check(kept) == []
    desk.refuse("d1", "the card was read at that gate", "anna")
    assert world.ledger.fold(13).slots > 0
    with pytest.raises(DisputeRefused, match="is folded"):
        desk.open("d2", "charge", desk.card, desk.ride, "again", "clerk")
