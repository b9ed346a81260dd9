"""A service day is closed once, explains every cent, and what comes late falls into the next."""

from zlib import crc32

import pytest
from sqlalchemy.exc import DBAPIError

from backend_sync.ledger.tickets import TicketSale
from backend_sync.ports import KeyringAbsent
from backend_sync.settlement.bills import bills
from backend_sync.settlement.close import SettlementError, close_day, every_batch, lines_of
from backend_sync.settlement.holds import differences
from card_layouts.cards.ulc_layout import ULC_HEADER
from card_layouts.fares.settlement import HOLDER
from card_layouts.records import entries as types
from card_layouts.records.chain import chain_next
from card_layouts.records.entries_tap import OUTCOME_ABORTED
from card_layouts.records.slot import TAG_END
from card_layouts.settlement import lines as ln
from tests.backend_sync.settled_worlds import DAY, MORNING, SENIOR, Settled, lines_in

TOURIST = 8
GROUP_TICKET = 9  # of the shipped tariff: its holder is invoiced


@pytest.fixture
def world(tmp_path, ledger_url):
    made = Settled(tmp_path / "keyring", ledger_url)
    yield made
    made.close()


def lived(world):
    """Rides of two operators and two areas: a transfer, a concession, one abroad, one open."""
    first, second, third, fourth = world.cards
    world.ride(1, first, MORNING)
    world.ride(2, first, MORNING + 900, operator=11)
    world.ride(1, second, MORNING + 60, group=SENIOR)
    world.ride(3, third, MORNING + 100, area=2, operator=20, stop=30)
    return world.intent(3, fourth, MORNING + 200)


def by_sql(world, sql):
    return int(world.ledger.database.value(sql) or 0)


@pytest.mark.requirement("D25", "W-23", "W-41", "W-59", "X-1")
def test_a_closed_day_explains_every_cent_and_every_account_sums_to_0(world):
    lived(world)
    values = world.settle().values
    counted = (
        "SELECT sum(r.charged_cents + r.billed_cents) FROM rides r JOIN ride_postings p"
        " ON p.ride = r.id"
    )
    assert values["sums"] == [by_sql(world, counted)] * 3 + [0] == [780, 780, 780, 0]
    assert values["operators"] == [
        [1, 10, 2, 410, 70, 0, 480, 59, 421],
        [1, 11, 1, 0, 0, 0, 0, 0, 0],
        [2, 20, 1, 300, 0, 0, 300, 37, 263],
    ]
    assert values["payers"] == [[1, "town", 10, 1, SENIOR, SENIOR, 1, 70]]
    assert values["clearing"] == [[1, 2, 300]]
    assert values["tax"] == [[1, "transport", 140, 480, 59], [2, "transport", 140, 300, 37]]
    owners = world.ledger.database.rows(
        "SELECT a.authority, sum(p.cents) FROM postings p JOIN accounts a ON a.id = p.account"
        " GROUP BY a.authority"
    )
    assert sorted((row[0], int(row[1])) for row in owners) == [(1, 0), (2, 0)]
    assert world.findings() == []
    assert differences(world.ledger.database, world.keyring.signing.ledger.public) == []


@pytest.mark.requirement("D25")
def test_a_day_that_is_closed_twice_is_closed_once(world):
    lived(world)
    first = world.settle()
    rows = by_sql(world, "SELECT count(*) FROM postings")
    again = close_day(world.ledger, DAY, world.hashes)
    earlier = close_day(world.ledger, DAY - 3, world.hashes)
    assert first.fresh and not again.fresh and not earlier.fresh
    assert (again.number, again.body) == (earlier.number, earlier.body) == (1, first.body)
    assert by_sql(world, "SELECT count(*) FROM postings") == rows


@pytest.mark.requirement("D25")
def test_what_ends_in_the_middle_of_closing_leaves_nothing_behind(world, monkeypatch):
    lived(world)
    world.post()
    tables = ("postings", "bookings", "settlement_batches", "settlement_lines", "settlement_legs")
    before = [by_sql(world, f"SELECT count(*) FROM {name}") for name in tables]

    def absent(kind, items):
        raise KeyringAbsent("stopped")

    with monkeypatch.context() as patched:
        patched.setattr(world.keyring, "sign", absent)
        with pytest.raises(KeyringAbsent):
            close_day(world.ledger, DAY, world.hashes)
    assert [by_sql(world, f"SELECT count(*) FROM {name}") for name in tables] == before
    assert close_day(world.ledger, DAY, world.hashes).fresh
    assert world.findings() == []


@pytest.mark.requirement("D25", "D22")
def test_what_was_open_is_a_line_of_the_next_batch_and_a_fork_a_negative_one(world):
    still_open = lived(world)
    first = world.settle()
    states = [ln.decode_line(record).state for record in lines_in(lines_of_batch(world, 1))]
    assert states.count(ln.OPEN) == 1
    world.cards[3].commit(still_open)
    world.devices[3].outcome(still_open)
    second = world.settle(DAY + 1)
    assert [line.kind for line in decoded(world, 2)] == [ln.LATER]
    assert second.values["sums"][0] == 240 and second.values["days"] == [[1, DAY, 1, 240]]
    world.devices[3].outcome(still_open, OUTCOME_ABORTED)  # evidence for and against
    third = world.settle(DAY + 2)
    assert [(line.kind, line.sign, line.state) for line in decoded(world, 3)] == [
        (ln.LATER, -1, ln.FORK)
    ]
    assert third.values["sums"] == [-240, -240, -240, 0]
    sums = sum(c.values["sums"][0] for c in (first, second, third))
    assert sums == by_sql(
        world,
        "SELECT sum(p.cents) FROM postings p JOIN accounts a ON a.id = p.account"
        " WHERE a.kind IN ('REV', 'VAT')",
    )
    assert world.findings() == []


def test_an_entry_that_comes_late_keeps_its_own_service_day(world):
    world.ride(1, world.cards[0], MORNING)
    world.settle()
    world.ride(2, world.cards[1], MORNING + 60)
    late = world.settle(DAY + 1)
    assert late.values["days"] == [[1, DAY, 1, 240]]
    assert (
        late.values["ranges"][2][0]
        == every_batch(world.ledger.database)[0].values["ranges"][2][1] + 1
    )
    assert world.findings() == []


@pytest.mark.requirement("X-12")
@pytest.mark.parametrize("cards_in", ("one batch", "two batches"))
def test_a_journey_is_shared_leg_by_leg_also_over_two_batches(tmp_path, cards_in):
    world = Settled(tmp_path / "keyring", revenue="per_leg")
    world.ride(1, world.cards[0], MORNING)
    if cards_in == "two batches":
        world.settle(DAY - 1)
    world.ride(2, world.cards[0], MORNING + 900, operator=11)
    world.settle()
    gross: dict[int, int] = {}
    for closed in every_batch(world.ledger.database):
        for row in closed.values["operators"]:
            gross[row[1]] = gross.get(row[1], 0) + row[6]
    assert gross == {10: 120, 11: 120}
    assert world.findings() == []
    world.close()


@pytest.mark.requirement("D25")
def test_a_cent_that_no_line_explains_keeps_the_day_open(world):
    lived(world)
    world.post()
    with world.ledger.books() as books:
        books.transfer("test:1", "SALE", [("CASH:x", 1, -500), ("REV:1:0", 1, 500)])
    database = world.ledger.database
    with database.transaction():
        rev = database.value("SELECT id FROM accounts WHERE name = 'REV:1:10'")
        ride = database.value("SELECT min(id) FROM rides")
        row = (10_000, 10_000, rev, 240, "EUR", 1, "P1", ride, ride, None)
        database.run(f"INSERT INTO postings VALUES ({','.join('?' * 10)})", [row])
    with pytest.raises(SettlementError, match="240 are unassigned"):
        close_day(world.ledger, DAY, world.hashes)
    assert every_batch(database) == []


def test_revenue_without_a_slot_has_a_line_of_its_own(world):
    lived(world)
    with world.ledger.books() as books:
        books.transfer("test:1", "SALE", [("CASH:x", 1, -500), ("REV:1:0", 1, 500)])
    values = world.settle().values
    assert values["channels"] == [[1, "SALE", 1, 500]] and values["sums"][3] == 0
    report = world.check()[0]
    assert (report.on_trust, report.findings) == (500, [])


@pytest.mark.requirement("X-1", "W-89")
def test_a_tourist_ticket_sold_at_a_counter_is_taxed_as_its_product(world):
    header = ULC_HEADER.pack({"layout": 1, "authority": 1, "product": TOURIST, "price": 1140})
    sale = TicketSale("t-1", bytes(range(7)), bytes(header), "kiosk", MORNING)
    world.ledger.import_tickets([sale])
    values = world.settle().values
    assert values["tax"] == [[1, "transport", 140, 1140, 140]]
    assert values["days"] == [[1, DAY, 1, 1140]] and values["channels"] == [[1, "TICKET", 1, 1140]]
    assert values["products"] == [[1, 0, 1, TOURIST, 1, 1140, 0, 0]]
    assert world.findings() == []


def test_no_line_tells_of_a_card_and_batches_are_never_changed(world):
    lived(world)
    world.settle()
    told = lines_of_batch(world, 1)
    for card in world.cards:
        assert card.uid not in told and all(record[36:] not in told for record in card.records)
    for line in decoded(world, 1):
        assert ln.is_blank(line)
    for name in ("settlement_batches", "settlement_lines", "rides", "ride_postings"):
        with pytest.raises(DBAPIError, match="append-only"), world.ledger.database.transaction():
            world.ledger.database.run(f"DELETE FROM {name} WHERE 1 = ?", [(1,)])


def test_a_slot_no_key_opens_is_a_line_too(world):
    device = world.devices[1]
    world.ride(1, world.cards[0], MORNING)
    seq = device.put(types.INTENT, {"uid": world.cards[1].uid})
    slot = bytearray(device.slots[-1])
    slot[60] ^= 1
    spoilt = reseal(bytes(slot))
    device.slots[-1] = spoilt
    device.chain[-1] = chain_next(device.chain[-2], spoilt)
    world.settle()
    kinds = [(line.kind, line.seq) for line in decoded(world, 1)]
    assert kinds == [(ln.RIDE, 1), (ln.UNREAD, seq)]
    assert world.findings() == []


@pytest.mark.requirement("W-59", "W-91", "W-148")
def test_rides_that_the_holder_is_invoiced_for_are_billed_by_account(world):
    first, second = world.cards[:2]
    world.ride(1, first, MORNING, product=GROUP_TICKET)
    world.ride(2, first, MORNING + 20_000, product=GROUP_TICKET)
    world.ride(3, second, MORNING, product=GROUP_TICKET)
    world.ride(3, world.cards[2], MORNING)
    closed = world.settle()
    found = bills(world.ledger.database, closed)
    assert [(bill.rides, bill.product) for bill in found] == [(2, 9), (1, 9)]
    owed = sum(row[-1] for row in closed.values["payers"] if row[1] == HOLDER)
    assert sum(bill.cents for bill in found) == owed > 0
    assert world.findings() == []


def reseal(slot):
    """Return the slot with the CRC of its bytes: torn it is not, its tag is wrong."""
    return slot[:TAG_END] + crc32(slot[:TAG_END]).to_bytes(4, "big")


def lines_of_batch(world, number):
    return lines_of(world.ledger.database, number)


def decoded(world, number):
    return [ln.decode_line(record) for record in lines_in(lines_of_batch(world, number))]
