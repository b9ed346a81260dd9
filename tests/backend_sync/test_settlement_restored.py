"""Books put back from an older copy go on behind the batches they had lost, to the cent."""

import re
import shutil
from collections import Counter

import pytest

from backend_sync.settlement.adopt import absent
from backend_sync.settlement.bills import bills
from backend_sync.settlement.close import SettlementError, every_batch, revenue_moved
from card_layouts.cards.card_layout import P_SLOT
from card_layouts.settlement import lines as ln
from card_layouts.settlement.lines import LINE_BYTES
from tests.backend_sync.adopting_worlds import Restorable
from tests.backend_sync.settled_worlds import DAY, MORNING, SENIOR, TOWN
from tests.backend_sync.test_settlement import reseal

pytestmark = pytest.mark.requirement("I10", "D25")
SEASON, SEASON_CENTS = 2, 4799
ZERO = 10


@pytest.fixture
def world(tmp_path, ledger_url):
    made = Restorable(tmp_path / "keyring", ledger_url, revenue="per_leg")
    yield made
    made.close()


def first_day(world):
    """Two rides and a ticket; batch 1."""
    one, two, *_ = world.cards
    world.ride(1, one, MORNING)
    world.ride(2, two, MORNING + 60, group=SENIOR)
    world.paper(3, MORNING + 120, [(0, 1)])
    return world.close_with(DAY, 1, 2, 3)


def second_day(world):
    """Journeys over two operators, in two areas, by a pass, a ticket and a void; batch 2."""
    one, two, three, four = world.cards
    day = MORNING + 86_400
    world.ride(1, one, day)
    world.ride(2, one, day + 900, operator=11)
    world.ride(1, two, day + 60, group=SENIOR)
    world.ride(2, two, day + 960, operator=11, group=SENIOR, stop=20)
    world.ride(3, three, day + 5000, area=2, operator=20, stop=30)
    world.intent(3, four, day + 5100)
    world.paper(3, day + 5200, [(0, 2)])
    world.devices[1].product(one, 700, P_SLOT.pack({"product": SEASON, "authority_use": TOWN}))
    sold(world)
    return world.close_with(DAY + 1, 1, 2, 3)


def sold(world):
    """A counter sells the pass of action 700; told twice it is sold once."""
    at = MORNING + 86_400 + 30
    world.ledger.import_sales([("pass 1", 700, SEASON_CENTS, "counter", at, TOWN)])


def third_day(world, *names):
    """More rides on every device, of which `names` are docked; the next batch."""
    if 1 in names:
        sold(world)
    day = MORNING + 2 * 86_400
    world.ride(1, world.cards[0], day)
    world.ride(2, world.cards[1], day + 60, operator=11)
    world.ride(3, world.cards[2], day + 120)
    return world.close_with(DAY + 2, *names)


def played(world, restored_after=None, again=(1, 2, 3)):
    """Play three days and a fourth closing; return the sums of all batches, and the accounts.

    `restored_after` the second day the books go back to before it; `again` docks before the third.
    """
    first_day(world)
    copied = world.copy()
    second_day(world)
    if restored_after:
        world.restore(copied)
        found = world.adopt()
        assert found.batches == [2]
        world.agree(is_closed=False)
    third_day(world, *again)
    world.agree()
    sold(world)
    world.close_with(DAY + 3, 1, 2, 3)
    world.agree()
    return world.settled(), world.moved()


@pytest.mark.parametrize("again", [(), (1,), (2,), (1, 3), (1, 2, 3)], ids=str)
def test_restored_books_settle_to_the_cent_what_books_do_that_lost_nothing(world, again):
    played(world, restored_after=True, again=again)
    control = Restorable(world.folder.parent / "control", revenue="per_leg")
    try:
        wanted = played(control)
    finally:
        control.close()
    assert (world.settled(), world.moved()) == wanted


def test_what_is_not_in_the_books_again_is_counted_by_device_and_taken_back(world):
    first_day(world)
    copied = world.copy()
    second_day(world)
    world.restore(copied)
    assert world.adopt().absent == [(1, 0, 2), (2, 0, 2), (3, 0, 3)]
    world.post(world.devices[1].run())
    assert absent(world.ledger.database) == [(2, 0, 2), (3, 0, 3)]
    world.close_with(DAY + 2)
    assert world.told(3) == [
        (ln.LATER, -1, 2, 3), (ln.LATER, -1, 2, 5), (ln.LATER, -1, 3, 2), (ln.LATER, -1, 3, 5),
        (ln.OTHER, -1, 0, 0),
    ]  # fmt: skip
    assert absent(world.ledger.database) == []
    world.agree()


def test_what_became_of_a_slot_since_is_said_once_more_or_once_less(world):
    """A ride that batch 2 told as open is posted; one that it told as posted has no answer yet."""
    first_day(world)
    copied = world.copy()
    one, two = world.cards[:2]
    opened = world.intent(1, one, MORNING + 7000)
    world.ride(2, two, MORNING + 7060)
    world.close_with(DAY + 1, 1, 2)
    world.restore(copied)
    world.adopt()
    one.commit(opened)
    world.devices[1].outcome(opened)
    world.post(world.devices[1].run(), world.devices[2].run(last=world.devices[2].next_seq - 2))
    world.close_with(DAY + 2)
    assert [(kind, sign) for kind, sign, *_ in world.told(3)] == [(ln.LATER, 1), (ln.LATER, -1)]
    world.agree()
    world.close_with(DAY + 3, 2)
    assert [(kind, sign) for kind, sign, *_ in world.told(4)] == [(ln.LATER, 1)]
    world.agree()


@pytest.mark.requirement("W-59")
@pytest.mark.parametrize("comes", ("before the next closing", "after it"))
def test_nobody_is_invoiced_twice_for_a_ride_that_a_lost_batch_had_billed(world, comes):
    first_day(world)
    copied = world.copy()
    one, two = world.cards[:2]
    world.ride(1, one, MORNING + 9000, right=ZERO, product=0)
    second = world.close_with(DAY + 1, 1)
    billed = [(1, ZERO, 520)]
    assert invoiced(world, second) == billed
    world.restore(copied)
    world.adopt()
    assert invoiced(world, second) == [], "nobody knows whose card it was"
    world.ride(2, two, MORNING + 90_000, right=ZERO, product=0)
    third = world.close_with(DAY + 2, *((1, 2) if comes.startswith("before") else (2,)))
    assert invoiced(world, third) == billed, "the new ride alone"
    fourth = world.close_with(DAY + 3, 1, 2)
    assert invoiced(world, fourth) == []
    assert invoiced(world, second) == billed
    world.agree()


def invoiced(world, closed):
    return [(bill.rides, bill.product, bill.cents) for bill in bills(world.ledger.database, closed)]


@pytest.mark.parametrize("then", ("before it was adopted", "before it closed", "after it closed"))
def test_books_may_be_put_back_again_and_again(world, then):
    first_day(world)
    copied = world.copy()
    second_day(world)
    world.restore(copied)
    if then == "before it closed":
        world.adopt()
        copied = world.copy()
    elif then == "after it closed":
        world.adopt()
        world.close_with(DAY + 2, 1)
        world.agree()
        copied = world.copy()
    if then != "before it was adopted":
        world.ride(2, world.cards[3], MORNING + 200_000)
        world.close_with(DAY + 3, 1, 2)
        world.agree()
    world.restore(copied)
    found = world.adopt()
    assert found.batches == {
        "before it was adopted": [2], "before it closed": [3], "after it closed": [4],
    }[then]  # fmt: skip
    world.agree(is_closed=False)
    world.close_with(DAY + 5, 3)
    world.agree()
    sold(world)
    last = world.close_with(DAY + 6, 1, 2, 3)
    world.agree()
    counted = Counter()
    for number in range(1, last.number + 1):
        for _, sign, device, seq in world.told(number):
            counted[device, seq] += sign
    assert set(counted.values()) <= {0, 1}
    assert sum(closed.values["sums"][0] for closed in every_batch(world.ledger.database)) == int(
        revenue_moved(world.ledger.database, 1, 1 << 40)
    )


def test_a_folder_that_the_books_know_all_of_changes_nothing(world):
    first_day(world)
    copied = world.copy()
    second_day(world)
    assert world.adopt() == ([], [])
    world.restore(copied)
    assert world.adopt().batches == [2]
    assert world.adopt().batches == []
    assert len(every_batch(world.ledger.database)) == 2


def damaged(world, how, tmp_path):
    """Return a folder in which something of batch 2 is not as it was exported."""
    folder = tmp_path / "damaged"
    shutil.copytree(world.exported, folder)
    batch, lines = folder / "batch-000002.cbor", folder / "lines-000002.bin"
    if how == "no lines":
        lines.unlink()
    elif how == "a line less":
        lines.write_bytes(lines.read_bytes()[:-LINE_BYTES])
    elif how == "a bit of a line":
        data = bytearray(lines.read_bytes())
        data[50] ^= 4
        lines.write_bytes(data)
    elif how == "half a line":
        lines.write_bytes(lines.read_bytes()[:-7])
    elif how == "a bit of the batch":
        data = bytearray(batch.read_bytes())
        data[30] ^= 1
        batch.write_bytes(data)
    elif how == "no batch":
        batch.write_bytes(b"")
    elif how == "empty":
        shutil.rmtree(folder)
        folder.mkdir()
    elif how == "not the next":
        for path in (batch, lines):
            path.unlink()
        for kind in ("batch", "lines"):
            source = next(world.exported.glob(f"{kind}-000003.*"))
            shutil.copy(source, folder)
    return folder


@pytest.mark.parametrize(
    "how, words",
    (
        ("no lines", "No such file"),
        ("a line less", "7 lines beside it have another root than the 8 that were signed"),
        ("a bit of a line", "another root"),
        ("half a line", "another root"),
        ("a bit of the batch", "signature"),
        ("no batch", "batch-000002.cbor: "),
        ("empty", "no batch-*.cbor"),
        ("not the next", "batch 3 is no next one, wanted batch 2"),
    ),
)
def test_nothing_is_adopted_of_a_folder_that_is_not_as_it_was_exported(world, tmp_path, how, words):
    first_day(world)
    copied = world.copy()
    second_day(world)
    third_day(world, 1, 2, 3)
    world.restore(copied)
    folder = damaged(world, how, tmp_path)
    with pytest.raises(SettlementError, match=re.escape(words)) as refusal:
        world.adopt(folder)
    assert "nothing was adopted" in str(refusal.value)
    assert len(every_batch(world.ledger.database)) == 1
    for table in ("settlement_adoptions", "settlement_told"):
        assert world.ledger.database.value(f"SELECT count(*) FROM {table}") == 0
    world.adopt()
    world.agree(is_closed=False)


def test_another_ledgers_batches_are_not_adopted(world, tmp_path):
    """It was closed by books with the same keys, over other rides."""
    other = Restorable(tmp_path / "other", revenue="per_leg")
    other.ride(1, other.cards[3], MORNING)
    other.close_with(DAY, 1)
    other.ride(1, other.cards[3], MORNING + 90_000)
    other.close_with(DAY + 1, 1)
    other.close()
    first_day(world)
    with pytest.raises(SettlementError, match="a batch 1 of another content"):
        world.adopt(other.exported)
    (other.exported / "batch-000001.cbor").unlink()
    with pytest.raises(SettlementError, match="it follows another batch 1 than these books have"):
        world.adopt(other.exported)


def test_a_tariff_that_is_missing_is_named_before_anything_is_adopted(world):
    first_day(world)
    copied = world.copy()
    second_day(world)
    world.tariffs.pop((1, 1))
    world.restore(copied)
    with pytest.raises(SettlementError, match="a tariff that priced it is missing"):
        world.adopt()
    assert len(every_batch(world.ledger.database)) == 1


def damaged_run(world, name):
    """Return a device's run whose first slot no key opens."""
    device, epoch, first, before, slots = world.devices[name].run()
    slot = bytearray(slots[0])
    slot[60] ^= 1
    return device, epoch, first, before, [reseal(bytes(slot))]


@pytest.mark.parametrize("when", ("before the next closing", "after it"))
def test_a_told_slot_that_comes_again_unreadable_is_said_no_second_time(world, when):
    """Its genuine bytes come last; an outsider would find a slot that was told of before."""
    first_day(world)
    copied = world.copy()
    world.device(4)
    world.ride(4, world.cards[3], MORNING + 9000)
    world.close_with(DAY + 1, 4)
    world.restore(copied)
    world.adopt()
    if when == "after it":
        world.close_with(DAY + 2)
    world.post(damaged_run(world, 4))
    world.close_with(DAY + 3)
    assert (ln.UNREAD, 0, 4, 1) not in world.told(4 if when == "after it" else 3)
    world.close_with(DAY + 4, 4)
    world.agree()


def test_a_sale_that_is_entered_again_under_another_posting_is_not_said_again(world):
    first_day(world)
    copied = world.copy()
    second_day(world)
    world.restore(copied)
    world.adopt()
    world.ride(2, world.cards[3], MORNING + 200_000)
    world.post(*(world.devices[name].run() for name in (1, 2, 3)))
    sold(world)  # before the rides in batch 2, behind them and one more now
    world.close_with(DAY + 2)
    assert ln.OTHER in {kind for kind, *_ in world.told(2)}
    assert [(kind, sign) for kind, sign, *_ in world.told(3)] == [(ln.RIDE, 1)]
    world.agree()


def test_only_the_batch_that_the_keyring_remembers_is_adopted_and_it_remembers_that(world):
    """Two batches 2 were exported by books that an older program closed; one was given out."""
    batches = world.keyring.assembly.batches
    first_day(world)
    copied = world.copy()
    second_day(world)
    other = world.exported.rename(world.exported.with_name("other"))
    world.restore(copied)
    batches.forget(1)
    third_day(world, 1)
    wanted = batches.known()
    world.restore(copied)
    with pytest.raises(SettlementError, match=f"batch 2 of another .*{wanted[2].hex()[:8]}"):
        world.adopt(other)
    assert len(every_batch(world.ledger.database)) == 1
    batches.forget(1)  # a keyring that was put back too
    assert world.adopt().batches == [2]
    assert batches.known() == wanted
