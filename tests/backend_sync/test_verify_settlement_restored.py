"""Books put back from a copy take over the batches they forgot; an outsider agrees to the cent."""

import json

import pytest

from auditor.main import main
from backend_sync.settlement.export import openings
from card_layouts.settlement import lines as ln
from card_layouts.settlement.lines import REVENUE
from card_layouts.settlement.openings import check_openings, decode_openings
from tests.backend_sync.restored_worlds import Story, decoded, other, outside
from tests.backend_sync.settled_worlds import FERRY, MORNING
from tests.backend_sync.test_settlement_forged import STOLEN, thief_of

pytestmark = pytest.mark.requirement("I10", "D25")
A_DAY = 86_400
ALL = ((1,), (2,), (3,))  # devices, each with everything that it wrote
LATER, OTHER = ln.LATER, ln.OTHER


@pytest.fixture
def story(tmp_path):
    """Three days settled for real; copies of the books in between, named 0 to 3.

    Device 1: seqs 1-2 on the first day, 3-4 on the second, 5 open and 6-7 on the third; device 2:
    1-2, 3-4 on the second and third; device 3: 1-2 on the third. Sold at counters: 500, 700, 900.
    """
    made = Story(tmp_path)
    first, second, third, fourth = made.world.cards
    made.copy(0)
    made.world.ride(1, first, MORNING)
    made.sell("counter:1", 500)
    made.send((1,))
    made.settle()
    made.copy(1)
    made.world.ride(1, second, MORNING + A_DAY)
    made.world.ride(2, second, MORNING + A_DAY + 900, operator=11)  # the journey's second leg
    made.sell("counter:2", 700)
    made.send((1,), (2,))
    made.settle()
    made.copy(2)
    made.world.intent(1, fourth, MORNING + 2 * A_DAY)
    made.world.ride(1, first, MORNING + 2 * A_DAY)
    made.world.ride(2, second, MORNING + 2 * A_DAY)
    made.world.ride(3, third, MORNING + 2 * A_DAY, area=FERRY, operator=20, stop=30)
    made.sell("counter:3", 900)
    made.send((1,), (2,), (3,))
    made.settle()
    made.copy(3)
    yield made
    made.close()


def back_to(story, name):
    story.put_back(story.folder / f"{name}.db")


def sold_again(story, *numbers):
    for number in numbers:
        story.sell(f"counter:{number}", (500, 700, 900)[number - 1])


def agrees(story, put_back_to=None):
    """What was given out is the same to the cent, for the auditor and for the books."""
    assert story.findings() == []
    assert story.reports()[-1].put_back_to == put_back_to
    assert story.revenue()[0] == story.revenue()[1]


def test_books_that_were_never_put_back_agree_and_nothing_is_said(story):
    agrees(story)
    assert [report.put_back_to for report in story.reports()] == [None, None, None]


@pytest.mark.parametrize("to", (0, 1, 2))
def test_books_that_hold_everything_again_add_nothing(story, to):
    back_to(story, to)
    sold_again(story, *range(3, to, -1))
    story.send(*ALL)
    body = story.settle()
    assert story.told(4) == [] and body["sums"] == [0, 0, 0, 0]
    agrees(story, put_back_to=to)


def test_what_has_not_come_again_is_taken_back_and_counts_when_it_comes(story):
    back_to(story, 1)
    sold_again(story, 2, 3)
    story.send((1, 1, 4), (2, 1, 2), (3,))
    story.settle()
    assert story.told(4) == [(LATER, -1, 1, 6), (LATER, -1, 2, 3)]
    agrees(story, put_back_to=1)
    story.send(*ALL)
    story.settle()
    assert story.told(5) == [(LATER, 1, 1, 6), (LATER, 1, 2, 3)]
    agrees(story)


def test_a_journeys_leg_that_has_not_come_again_moves_back_what_its_operators_shared(story):
    before = story.earned()
    back_to(story, 1)
    sold_again(story, 2, 3)
    story.send((1,), (3,))
    story.settle()
    assert story.told(4) == [(LATER, -1, 2, 1), (LATER, -1, 2, 3)]
    assert story.findings(end=False) == []
    assert before == {0: 2100, 10: 840, 11: 120, 20: 300}
    assert story.earned() == {0: 2100, 10: 720, 20: 300}
    story.send((2,))
    story.settle()
    assert story.told(5) == [(LATER, 1, 2, 1), (LATER, 1, 2, 3)]
    assert story.earned() == before
    agrees(story)


def test_a_device_that_has_not_come_again_at_all_is_to_come(story):
    back_to(story, 2)
    sold_again(story, 3)
    story.send((1,), (2,))
    story.settle()
    assert story.told(4) == [(LATER, -1, 3, 1)]
    assert story.findings() == []
    story.send((3,))
    story.settle()
    agrees(story)


def test_new_rides_and_an_answer_to_an_old_one_stand_beside_what_is_taken_back(story):
    back_to(story, 1)
    sold_again(story, 2, 3)
    story.world.ride(1, story.world.cards[2], MORNING + 3 * A_DAY)
    story.send((1,), (2, 1, 2), (3,))
    story.settle()
    assert story.told(4) == [(ln.RIDE, 1, 1, 8), (LATER, -1, 2, 3)]
    agrees(story, put_back_to=1)


def test_what_counters_sold_and_the_books_forgot_is_taken_back_with_its_very_facts(story):
    back_to(story, 1)
    story.send(*ALL)
    sold_again(story, 3)
    story.settle()
    assert story.told(4) == [(OTHER, -1, 0, 0)]
    report = story.reports()[-1]
    assert (report.on_trust, report.sum) == (-700, -700)
    agrees(story, put_back_to=1)
    sold_again(story, 2)
    story.settle()
    assert story.told(5) == [(OTHER, 1, 0, 0)]
    agrees(story)


@pytest.mark.parametrize("to", ((1, 0), (1, 1), (1, 2), (1, 3), (2, 0, 3), (0, 2, 1)))
def test_books_that_are_put_back_several_times_go_on_from_what_each_copy_remembers(story, to):
    """Also from a copy of books that were lost long ago: numbers go on, rows do not."""
    for number, copy in enumerate(to, 4):
        back_to(story, copy)
        story.sell(f"counter:of-books-{number}", 100 + number)
        story.settle()
        assert story.findings(end=False) == []
        assert story.reports()[-1].put_back_to == (copy if copy < number - 1 else None)
        assert story.revenue()[0] == story.revenue()[1]
    story.world.ride(1, story.world.cards[2], MORNING + 9 * A_DAY)
    story.send(*ALL)
    sold_again(story, *range(to[-1] + 1, 4))
    story.settle()
    agrees(story)


def test_a_copy_of_books_that_had_been_put_back_is_as_good(story):
    back_to(story, 1)
    story.send((1,), (2,))
    story.settle()
    story.copy(4)
    story.world.ride(2, story.world.cards[2], MORNING + 3 * A_DAY)
    story.send(*ALL)
    story.settle()
    back_to(story, 4)
    story.settle()
    assert (LATER, -1, 2, 5) in story.told(6)
    assert story.findings(end=False) == []
    assert story.reports()[-1].put_back_to == 4
    story.send((3, 1, 1))  # batch 3 had more of it, and is of other books
    story.settle()
    assert story.findings() == []
    story.send(*ALL)
    sold_again(story, 2, 3)
    story.settle()
    agrees(story)


def test_a_forged_slot_that_a_lost_batch_took_back_is_not_told_of_again(tmp_path):
    made = Story(tmp_path)
    thief = thief_of(made.world)
    made.world.ride(STOLEN, made.world.cards[0], MORNING)
    made.world.ride(thief, made.world.cards[1].copy(), MORNING, operator=11)
    made.send((thief,))
    made.settle()
    made.copy(1)
    made.send((STOLEN,))
    made.settle()
    assert ln.FORGED in [kind for kind, *_ in made.told(2)]
    back_to(made, 1)
    made.send((STOLEN,))
    made.settle()
    assert made.told(3) == []
    agrees(made, put_back_to=1)
    made.close()


@pytest.mark.requirement("T13")
@pytest.mark.parametrize(
    "sent, again", ((((1, 1, 5),), 1), (((1, 1, 6),), 0), (((1, 1, 4), (1, 7, 7)), 2))
)
def test_an_opened_answer_says_nothing_until_it_and_its_ride_have_come_again(story, sent, again):
    back_to(story, 2)
    story.send(*sent, (2,), (3,))
    story.settle()
    assert (LATER, -1, 1, 6) in story.told(4)
    rows, absent = openings(story.world.ledger.database, story.world.keyring, [(1, 0, 1)])
    checker = story.checker()
    assert not any(checker.check(*files).findings for files in story.given) and not absent
    assert check_openings(checker, decode_openings(rows))[1] == []
    assert checker.waiting() == (0, again)


# What a dishonest ledger says of books that were put back -----------------------------------


def sold_in(story, number):
    return [line.facts for line in decoded(story.given[number - 1][1]) if line.kind == OTHER]


def put_back(story, to=1):
    """Put the books back and send everything again but one sale of the second day."""
    back_to(story, to)
    story.send(*ALL)
    sold_again(story, 3)


def with_lines(*lines):
    """Return a change: these lines are there too."""
    more = [ln.encode_line(line) for line in lines]
    return lambda records: sorted(
        [*records, *more], key=lambda record: ln.order_of(ln.decode_line(record))
    )


def without(*lines):
    """Return a change: lines of these (kind, device, seq) are not there."""

    def left(record):
        line = ln.decode_line(record)
        return (line.kind, line.device, line.seq) not in lines

    return lambda records: [record for record in records if left(record)]


NOT_COUNTED = "leaf %d: revenue of the books that does not count"


def test_an_ordinary_batch_takes_back_nothing_that_no_slot_tells_of(story):
    story.settle(with_lines(other(sold_in(story, 3)[0], -1)))
    assert story.findings() == [NOT_COUNTED % 0]


def test_nothing_is_taken_back_that_no_batch_told_of(story):
    put_back(story)
    facts = bytearray(sold_in(story, 2)[0])
    REVENUE.put(facts, "posting", (9999).to_bytes(8, "big"))
    story.settle(with_lines(other(bytes(facts), -1)))
    assert story.findings() == [NOT_COUNTED % 1]


def test_nothing_is_taken_back_that_a_batch_told_of_which_the_books_remember(story):
    put_back(story)
    story.settle(with_lines(other(sold_in(story, 1)[0], -1)))
    assert story.findings() == [NOT_COUNTED % 0]


def test_nothing_that_no_slot_tells_of_is_taken_back_twice(story):
    put_back(story)
    story.settle()
    facts = sold_in(story, 2)[0]
    assert sold_in(story, 4) == [facts]
    put_back(story)
    story.settle(with_lines(other(facts, -1)))
    assert story.findings() == [NOT_COUNTED % 0]


def test_nothing_that_no_slot_tells_of_is_taken_back_twice_in_one_batch(story):
    put_back(story)
    story.settle(lambda records: records * 2)
    assert story.findings() == ["leaf 1: not in the order of device, epoch and seq"]


@pytest.mark.parametrize("book", range(4))
def test_rows_begin_where_one_batch_ended_in_all_books(story, book):
    ends = [end for _, end in story.bodies()[0]["ranges"]]
    ranges = [[end + 1, end + 1] for end in ends]
    ranges[book] = [ends[book] + 2, ends[book] + 2]
    put_back(story)
    story.settle(ranges=ranges)
    now = [end for _, end in story.bodies()[2]["ranges"]]
    words = [f"it begins at row {first}, the one before ended at {end}"
             for (first, _), end in zip(ranges, now, strict=True) if first != end + 1]  # fmt: skip
    found = story.findings()
    assert words and found[: len(words)] == words
    assert story.reports()[-1].put_back_to is None


def test_a_first_batch_begins_at_the_first_rows(tmp_path):
    made = Story(tmp_path)
    made.settle(ranges=[[2, 5], *[[1, 0]] * 3])
    assert made.findings() == ["it begins at row 2, the one before ended at 0"]
    made.close()


def test_a_slot_that_the_books_got_first_after_they_were_put_back_wants_a_line(story):
    put_back(story)
    story.world.ride(1, story.world.cards[2], MORNING + 3 * A_DAY)
    story.send((1,))
    story.settle(without((ln.RIDE, 1, 8)))
    assert story.findings() == ["device 1 epoch 0 seq 8: 1 slots without a line, wanted at leaf 0"]


def test_a_slot_that_came_again_is_not_counted_twice(story):
    put_back(story)
    told = next(line for line in decoded(story.given[2][1]) if line.slot == (1, 0, 6))
    story.settle(with_lines(told._replace(kind=LATER)))
    name = "leaf 0, device 1 epoch 0 seq 6"
    assert story.findings() == [f"{name}: counted twice, or taken back without being counted"]


def test_a_slot_that_came_again_is_not_told_of_as_if_it_were_new(story):
    put_back(story)
    told = next(line for line in decoded(story.given[2][1]) if line.slot == (1, 0, 6))
    story.settle(with_lines(told))
    assert story.findings()[0] == (
        "leaf 0, device 1 epoch 0 seq 6: a slot that an earlier line told of"
    )


@pytest.mark.parametrize("sent", (((1,), (2, 1, 2)), ((1,),)), ids=("behind", "not at all"))
def test_what_the_books_do_not_hold_again_does_not_go_on_counting(story, sent):
    back_to(story, 1)
    story.send(*sent)
    story.settle(without((LATER, 2, 3)))
    assert story.findings(end=False) == [
        "device 2 epoch 0 seq 3: its line counts, and the books that were put back do not hold it"
    ]


def test_devices_stand_no_lower_than_in_the_last_batch_that_the_books_remember(story):
    then = story.bodies()[0]["devices"]
    back_to(story, 2)
    story.settle(devices=then)
    assert "device 1 epoch 0: stood at seq 4 in the batch before, at 2 now" in story.findings()


def test_h_is_walked_from_the_last_batch_that_the_books_remember(story):
    put_back(story)
    database = story.world.ledger.database
    rows = [[*row[:3], bytes(row[3]), row[4]] for row in database.rows(
        "SELECT device, epoch, seq, chain, held FROM devices ORDER BY device, epoch")]  # fmt: skip
    rows[0][3] = bytes(32)
    story.settle(devices=rows)
    assert story.findings()[0].startswith("device 1 epoch 0 seq ..7: H of the edges' slots is ")


# The command --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "to, words",
    (
        (0, "before their first batch, and took over batches 1 to 3 as they were signed"),
        (1, "the end of batch 1, and took over batches 2 to 3 as they were signed"),
        (2, "the end of batch 2, and took over batch 3 as they were signed"),
    ),
)
def test_the_command_says_which_batches_were_taken_over(story, tmp_path, capsys, to, words):
    back_to(story, to)
    story.send((1, 1, 5), (2,), (3,))
    story.settle()
    folder = outside(story, tmp_path / "outside")
    assert main([folder]) == 0
    said = capsys.readouterr().out
    assert said.count("put back") == 1
    assert f"its books had been put back to {words}" in said
    assert "1 slots that edges carried the books do not hold again yet" in said
    assert main([folder, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [batch["put_back_to"] for batch in found["batches"]] == [None, None, None, to]
    assert (found["waiting"], found["to_come_again"]) == (0, 1)
