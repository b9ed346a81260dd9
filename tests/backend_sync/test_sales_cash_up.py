"""Cash-up: blind counts, differences only on complete evidence, and evidence to check again."""

import copy
import json

import pytest

from backend_sync.sales.cash_up import CashUp, CashUpRefused
from backend_sync.sales.evidence import EvidenceFault, check, check_with
from backend_sync.sales.finding import DECIDED, DOUBTFUL, UNCOUNTED, WAITING
from backend_sync.sales.main import main
from backend_sync.sales.shift_journal import ShiftName
from card_layouts.records import entries as types
from card_layouts.records.entries_device import COUNTED_NONE, SHIFT_END, SHIFT_START
from card_layouts.records.entries_service import PAID_CARD, PAID_CASH, ROUNDING_ZERO
from tests.backend_sync.builders import AUTHORITY, World

CLERK, SHIFT = 33, 7
NAME = ShiftName(1, 0, SHIFT)
PRICES = (300, 450, 200)


def shift(device, event, **fields):
    values = {"event": event, "shift": SHIFT, "driver": CLERK, "counted": COUNTED_NONE,
              "time": 199_990_000, "authority": AUTHORITY}  # fmt: skip
    return device.put(types.SHIFT, {**values, **fields})


def sell(device, ticket, cents, **fields):
    values = {"ticket": ticket, "total": cents, "paid": PAID_CASH, "clerk": CLERK, "shift": SHIFT,
              "authority": AUTHORITY, "operator": 7, "rounding": ROUNDING_ZERO}  # fmt: skip
    return device.put(types.CASH_SALE, {**values, **fields})


def play(device, prices=PRICES, **totals):
    """Journal a whole shift: its start is entry 1, its end the last."""
    first = shift(device, SHIFT_START, first_seq=1, first_ticket=1)
    for ticket, cents in enumerate(prices, 1):
        sell(device, ticket, cents)
    end = {"first_seq": first, "first_ticket": 1, "next_ticket": len(prices) + 1,
           "tickets": len(prices), "cash": sum(prices)}  # fmt: skip
    return shift(device, SHIFT_END, **{**end, **totals})


@pytest.fixture
def desk(world):
    return CashUp(world.ledger)


@pytest.fixture
def small(tmp_path):
    """On SQLite alone: what has nothing to do with the kind of database."""
    made = World(tmp_path / "small")
    yield made
    made.close()


def balances(world):
    rows = world.ledger.database.rows("SELECT name, cents FROM balances WHERE cents <> 0")
    return {name: int(cents) for name, cents in rows}


@pytest.mark.requirement("T18", "W-17")
def test_nothing_is_shown_before_the_cash_was_counted(world, desk):
    play(world.devices[1])
    world.post()
    found = desk.judge(NAME, CLERK)
    assert (found.state, found.expected, found.difference) == (UNCOUNTED, None, None)
    with pytest.raises(CashUpRefused, match="counted first, blind"):
        desk.evidence(NAME, CLERK)


@pytest.mark.requirement("T18", "W-17", "R-23")
def test_a_shortage_waits_for_the_missing_entries_and_is_then_found_to_the_cent(world, desk):
    device = world.devices[1]
    end = play(device)
    desk.count(NAME, CLERK, 940, "cashier")
    world.post(device.run(1, 2), device.run(5, end))
    found = desk.judge(NAME, CLERK)
    assert found.state == WAITING and found.expected is found.difference is None
    assert [doubt.words for doubt in found.doubts] == ["waiting for seq 3..4 of device 1"]
    world.post(device.run(3, 4))
    found = desk.judge(NAME, CLERK)
    assert (found.state, found.expected, found.difference) == (DECIDED, 950, -10)


@pytest.mark.requirement("T18")
def test_a_shift_without_its_end_or_without_any_entry_waits(world, desk):
    device = world.devices[1]
    desk.count(NAME, CLERK, 950, "cashier")
    assert "nothing of device 1 epoch 0 has come" in desk.judge(NAME, CLERK).doubts[0].words
    play(device)
    world.post(device.run(1, 3))
    (doubt,) = desk.judge(NAME, CLERK).doubts
    assert (
        doubt.words == "waiting for the end of shift 7 of device 1: its journal is held up to seq 3"
    )


@pytest.mark.requirement("T18")
def test_a_torn_tap_of_the_shift_is_waited_for_until_it_is_resolved(world, desk):
    device, card = world.devices[1], world.cards[0]
    shift(device, SHIFT_START, first_seq=1, first_ticket=1)
    announced = device.intent(card)
    shift(device, SHIFT_END, first_seq=1, first_ticket=1, next_ticket=1)
    desk.count(NAME, CLERK, 0, "cashier")
    world.post()
    assert [d.words for d in desk.judge(NAME, CLERK).doubts] == [
        "waiting for what became of seq 2 of device 1 (in suspense)"
    ]
    device.outcome(announced)
    world.post(device.run(4, 4))
    assert desk.judge(NAME, CLERK).state == DECIDED


@pytest.mark.requirement("T18")
def test_a_forged_slot_stands_in_the_way_only_until_the_genuine_one_is_held(world, desk):
    device = world.devices[1]
    end = play(device)
    desk.count(NAME, CLERK, 950, "cashier")
    number, epoch, first, before, (slot,) = device.run(3, 3)
    forged = bytes([*slot[:30], slot[30] ^ 1, *slot[31:]])
    world.post((number, epoch, first, before, [forged]), device.run(1, 2), device.run(4, end))
    found = desk.judge(NAME, CLERK)
    assert found.state == WAITING and "BAD_" in " ".join(d.words for d in found.doubts)
    world.post(device.run(3, 3))
    assert desk.judge(NAME, CLERK).difference == 0


@pytest.mark.requirement("T18")
@pytest.mark.parametrize(
    ("totals", "words"),
    [
        ({"cash": 1250}, "the device's own end of shift says cash 1250, its entries 950"),
        ({"tickets": 4}, "own end of shift says tickets 4, its entries 3"),
        ({"voids": 1}, "own end of shift says voids 1, its entries 0"),
        ({"loads": 500}, "own end of shift says loads 500, its entries 0"),
        ({"next_ticket": 5}, "tickets 1..4 were numbered, entries have 1-3"),
        ({"first_seq": 2}, "the end says the shift began at seq 2"),
    ],
)
def test_a_device_that_contradicts_itself_is_never_at_the_clerks_cost(small, totals, words):
    desk = CashUp(small.ledger)
    play(small.devices[1], **totals)
    desk.count(NAME, CLERK, 500, "cashier")
    small.post()
    found = desk.judge(NAME, CLERK)
    assert found.state == DOUBTFUL and found.difference is None
    assert words in " ".join(doubt.words for doubt in found.doubts)


@pytest.mark.requirement("T18")
def test_a_sale_journalled_twice_or_a_strange_void_is_for_a_person(world, desk):
    device = world.devices[1]
    shift(device, SHIFT_START, first_seq=1, first_ticket=1)
    sell(device, 1, 300, order=9)
    sell(device, 2, 300, order=9)
    sell(device, 3, 300, void_of=77)
    shift(device, SHIFT_END, first_seq=1, first_ticket=1, next_ticket=4, tickets=2, voids=1,
          void_cents=300, cash=300)  # fmt: skip
    desk.count(NAME, CLERK, 0, "cashier")
    world.post()
    said = [doubt.words for doubt in desk.judge(NAME, CLERK).doubts]
    assert "order 9 stands in 2 entries" in said
    assert any("takes back ticket 77, which is not of this shift" in words for words in said)


@pytest.mark.requirement("T18")
def test_books_that_differ_from_the_journal_decide_nothing(tmp_path, ledger_url):
    made = World(tmp_path / "w", ledger_url)
    play(made.devices[1])
    made.post()
    sale = made.ledger.database.value("SELECT min(id) FROM entries WHERE type = 4")
    books = made.ledger.database
    with books.transaction():
        from backend_sync.ledger.schema import postings

        rows = books.rows("SELECT * FROM postings WHERE entry = ?", (sale,))
        first = books.next_id(postings)
        books.insert(postings, [(first + n, 999, *row[2:]) for n, row in enumerate(rows)])
    desk = CashUp(made.ledger)
    desk.count(NAME, CLERK, 950, "cashier")
    (doubt,) = desk.judge(NAME, CLERK).doubts
    assert doubt.words == (
        "the books have 1250 cents of these sales in CASH:vehicle:33, the journal 950"
    )
    made.close()


@pytest.mark.requirement("T18", "W-17")
def test_voids_cards_and_other_clerks_are_kept_apart(world, desk):
    device = world.devices[1]
    shift(device, SHIFT_START, first_seq=1, first_ticket=1)
    sell(device, 1, 300)
    sell(device, 2, 450, paid=PAID_CARD)
    sell(device, 3, 200, clerk=34)
    sell(device, 4, 300, void_of=1)
    shift(device, SHIFT_END, first_seq=1, first_ticket=1, next_ticket=5, tickets=3, voids=1,
          void_cents=300, cash=200)  # fmt: skip
    world.post()
    for clerk, cents in ((CLERK, 0), (34, 200)):
        desk.count(NAME, clerk, cents, "cashier")
        found = desk.judge(NAME, clerk)
        assert (found.expected, found.difference) == (cents, 0)
    desk.count(NAME, 35, 0, "cashier")
    assert "clerk 35 is not of shift 7" in desk.judge(NAME, 35).doubts[0].words


@pytest.mark.requirement("T18", "W-17", "W-21")
def test_counted_cash_is_paid_in_once_and_a_shortage_is_booked_by_two(world, desk):
    play(world.devices[1])
    world.post()
    desk.count(NAME, CLERK, 940, "cashier")
    assert not desk.count(NAME, CLERK, 940, "cashier")
    with pytest.raises(CashUpRefused, match="is not paid in yet"):
        desk.decide(NAME, CLERK, "loss", "cashier", "manager")
    assert desk.pay_in(NAME, CLERK, "cashier") == 940 and desk.pay_in(NAME, CLERK, "cashier") == 0
    assert balances(world) == {"CASH:vehicle:33": -10, "CASH:office": -940, "REV:244:7": 950}
    for by, second in (("cashier", ""), ("cashier", "33")):
        with pytest.raises(CashUpRefused, match="decided by two people, neither of them the clerk"):
            desk.decide(NAME, CLERK, "loss", by, second)
    with pytest.raises(CashUpRefused, match="no surplus"):
        desk.decide(NAME, CLERK, "surplus", "cashier", "manager")
    assert desk.decide(NAME, CLERK, "loss", "cashier", "manager") == 10
    assert desk.decide(NAME, CLERK, "loss", "cashier", "manager") == 0
    with pytest.raises(CashUpRefused, match="decided as loss before"):
        desk.decide(NAME, CLERK, "repaid", "cashier", "manager")
    assert balances(world) == {"CASH:office": -940, "LOSS:244:cash": -10, "REV:244:7": 950}


@pytest.mark.requirement("T18")
def test_without_complete_evidence_no_shortage_is_ever_booked(world, desk):
    device = world.devices[1]
    play(device)
    world.post(device.run(1, 3))
    desk.count(NAME, CLERK, 0, "cashier")
    desk.pay_in(NAME, CLERK, "cashier")
    with pytest.raises(CashUpRefused, match="not decided: waiting for the end.*nothing is booked"):
        desk.decide(NAME, CLERK, "loss", "cashier", "manager")
    assert not any(name.startswith("LOSS") for name in balances(world))


@pytest.mark.requirement("T18")
def test_counting_again_takes_a_witness_moves_the_difference_and_ends_with_a_decision(world, desk):
    play(world.devices[1])
    world.post()
    desk.count(NAME, CLERK, 900, "cashier")
    desk.pay_in(NAME, CLERK, "cashier")
    with pytest.raises(CashUpRefused, match="needs a witness"):
        desk.count(NAME, CLERK, 960, "cashier")
    assert desk.count(NAME, CLERK, 960, "cashier", "manager")
    assert desk.pay_in(NAME, CLERK, "cashier") == 60
    assert desk.decide(NAME, CLERK, "surplus", "cashier", "manager") == 10
    with pytest.raises(CashUpRefused, match="decided as surplus; it stands"):
        desk.count(NAME, CLERK, 950, "cashier", "manager")
    assert balances(world) == {"CASH:office": -960, "LOSS:244:cash": 10, "REV:244:7": 950}
    assert [count["cents"] for count in desk.evidence(NAME, CLERK)["counts"]] == [900, 960]


@pytest.fixture
def evidence(small):
    play(small.devices[1])
    small.post()
    desk = CashUp(small.ledger)
    desk.count(NAME, CLERK, 940, "cashier")
    return desk.evidence(NAME, CLERK)


@pytest.mark.requirement("T18")
def test_evidence_holds_without_a_key_and_again_with_one(small, evidence):
    evidence = json.loads(json.dumps(evidence))
    assert check(evidence) == []
    assert check_with(evidence, small.ledger.database, small.keyring) == []
    assert len(evidence["slots"]) == 5 and evidence["difference"] == -10


@pytest.mark.requirement("T18")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda e: e["slots"].pop(2), "stands where"),
        (lambda e: e["slots"].pop(), "end before seq 5"),
        (lambda e: e["slots"].__setitem__(2, e["slots"][2][:-2] + "00"), "does not lead to the H"),
        (lambda e: e["entries"].pop(1), "does not stand among the entries"),
        (lambda e: e["entries"].append({**e["entries"][1], "seq": 77}), "has no slot"),
        (lambda e: e["entries"][1].update(total=1300), "sum to 1950 cents"),
        (lambda e: e.update(difference=-11), "counted less expected is not"),
        (lambda e: e["counts"][-1].update(cents=950), "the last count is not"),
        (lambda e: e.update(state="waiting"), "although nothing was decided"),
    ],
)
def test_evidence_that_was_changed_is_found_out(evidence, change, words):
    changed = copy.deepcopy(evidence)
    change(changed)
    assert any(words in sentence for sentence in check(changed))


@pytest.mark.requirement("T18")
def test_a_changed_sum_with_a_changed_entry_is_found_with_the_keyring(small, evidence):
    evidence["entries"][1]["total"] += 100
    evidence["expected"] += 100
    evidence["difference"] -= 100
    assert check(evidence) == []
    assert check_with(evidence, small.ledger.database, small.keyring) == [
        "the slots say something else than the entries of the evidence"
    ]


@pytest.mark.parametrize("found", [[], {}, {"format": "tornello cash evidence 2"}, 7, None])
def test_what_is_no_evidence_is_refused_in_a_sentence(found):
    with pytest.raises(EvidenceFault):
        check(found)


def test_evidence_with_values_of_other_kinds_is_refused(evidence):
    for name in evidence:
        for value in (None, "x", [1], {"a": 1}, -1):
            try:
                check({**evidence, name: value})
            except EvidenceFault:
                continue


@pytest.mark.requirement("T18")
def test_no_command_and_no_function_of_sales_writes_into_a_journal():
    from pathlib import Path

    import backend_sync.sales

    for path in Path(backend_sync.sales.__file__).parent.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "import entries\n" not in source and "schema import entries" not in source, path
        assert "Sealer" not in source, path


@pytest.mark.requirement("T18", "W-17")
def test_the_commands_count_show_book_and_hand_over_the_evidence(tmp_path, capsys):
    made = World(tmp_path / "w")
    play(made.devices[1])
    made.post()
    made.close()
    ring = tmp_path / "w" / "keyring"
    ring.mkdir()
    for path in (tmp_path / "w").glob("key*.*"):
        path.rename(ring / path.name)
    place = str(tmp_path / "w")
    which = ["--device", "1", "--shift", "7", "--clerk", "33"]

    def run(command, *more, wanted=0):
        assert main(["cash-up", command, *more]) == wanted
        out = capsys.readouterr()
        return out.out + out.err

    assert "no cash was counted yet" in run("list", place)
    assert "counted first, blind" in run("show", place, *which, wanted=1)
    run("count", place, *which, "--cents", "940", "--by", "cashier", "--authority", "244")
    assert "short by 10 cents" in run("show", place, *which, wanted=1)
    run("pay-in", place, *which, "--by", "cashier", "--authority", "244")
    decide = ["decide", place, *which, "--authority", "244", "--as", "loss", "--by", "cashier"]
    assert "two people" in run(*decide, wanted=1)
    assert "10 cents booked as loss" in run(*decide, "--second", "manager")
    file = str(tmp_path / "e.json")
    run("evidence", place, *which, "--to", file)
    assert "holds: 5 slots, difference -10 cents" in run("check", file, place)
    rows = json.loads(run("list", place, "--json"))
    assert [(row["state"], row["cents"]) for row in rows] == [("paid_in", 940), ("loss", 10)]
    assert "no such ledger" in run("show", str(tmp_path / "none"), *which, wanted=2)
    (tmp_path / "e.json").write_text("{")
    assert "no JSON" in run("check", file, wanted=2)
