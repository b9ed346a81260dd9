"""The door that modules move money through: once by key, in two phases, all or nothing."""

import pytest

from backend_sync.ledger.books import BooksRefused, KeyContradiction
from backend_sync.ledger.schema import accounts

AREA = 244
SALE = [("CASH:kiosk", AREA, -500), ("REV:244:7", AREA, 500)]


def balance(ledger, name):
    rows = ledger.database.rows("SELECT cents FROM balances WHERE name = ?", (name,))
    return int(rows[0][0]) if rows else 0


def count(ledger, table):
    return ledger.database.value(f"SELECT count(*) FROM {table}")


def transfer(ledger, key="sales:1", rule="SALE", lines=SALE):
    with ledger.books() as books:
        return books.transfer(key, rule, lines)


@pytest.fixture
def liab(world):
    """The account of a card that holds 20 euros."""
    world.devices[1].load(world.cards[0], 2000)
    world.post(world.devices[1].run())
    return world.ledger.database.value(
        "SELECT a.name FROM accounts a JOIN cards c ON c.id = a.id WHERE c.balance_cents = 2000"
    )


@pytest.mark.requirement("D21")
def test_a_transfer_is_booked_once_however_often_it_comes(world):
    assert transfer(world.ledger) is True
    assert transfer(world.ledger) is False
    with world.ledger.books() as books:
        assert books.transfer("sales:2", "SALE", SALE) is True
        assert books.transfer("sales:2", "SALE", SALE[::-1]) is False
    assert balance(world.ledger, "REV:244:7") == 1000
    assert count(world.ledger, "postings") == 4
    assert world.ledger.report()["trial_balance_cents"] == 0


@pytest.mark.requirement("D21", "I9")
@pytest.mark.parametrize(
    "change",
    [
        {"lines": [("CASH:kiosk", AREA, -501), ("REV:244:7", AREA, 501)]},
        {"lines": [("CASH:kiosk", AREA, -500), ("REV:244:8", AREA, 500)]},
        {"lines": [("CASH:kiosk", AREA, -500), ("REV:244:7", 91, 500)]},
        {"rule": "REFUND"},
    ],
)
def test_the_same_key_with_other_lines_is_refused_and_both_are_named(world, change):
    transfer(world.ledger)
    before = [count(world.ledger, table) for table in ("accounts", "postings", "bookings")]
    with world.ledger.books() as books:
        with pytest.raises(KeyContradiction, match=r"REV:244:7 500 .*, now as .*nothing was"):
            books.transfer(**{"key": "sales:1", "rule": "SALE", "lines": SALE, **change})
        assert books.transfer("sales:3", "SALE", SALE)  # the others of the group still can be
    after = [count(world.ledger, table) for table in ("accounts", "postings", "bookings")]
    assert after == [before[0], before[1] + 2, before[2] + 1]


@pytest.mark.requirement("D21")
@pytest.mark.parametrize(
    ("key", "rule", "lines", "words"),
    [
        ("sales:1", "SALE", [("CASH:kiosk", AREA, -500)], "sum to -500 cents, wanted 0"),
        ("sales:1", "SALE", [], "no lines"),
        ("sales", "SALE", SALE, "wanted '<module>:<id>'"),
        ("sales:" + "x" * 91, "SALE", SALE, "at most 96 characters"),
        ("sales:1", "sale", SALE, "rule 'sale', wanted 1 to 8 capitals"),
        ("sales:1", "SALE", [("GOLD:1", AREA, 1), ("CASH:1", AREA, -1)], "account 'GOLD:1'"),
        ("sales:1", "SALE", [("CASH", AREA, 1), ("REV:1:1", AREA, -1)], "account 'CASH'"),
        ("sales:1", "SALE", [("CASH:1", AREA, 1.0), ("REV:1:1", AREA, -1.0)], "cents 1.0"),
        ("sales:1", "SALE", [("CASH:1", AREA, True), ("REV:1:1", AREA, -1)], "cents True"),
        ("sales:1", "SALE", [("CASH:1", AREA, 10**14), ("REV:1:1", AREA, -(10**14))], "cents 1000"),
        ("sales:1", "SALE", [("LIAB:244:" + "0" * 32, AREA, 1), ("CASH:1", AREA, -1)], "no such"),
        ("sales:1", "SALE", [("UNALLOCATED:card:00", AREA, 1), ("CASH:1", AREA, -1)], "no such"),
    ],
)
def test_what_is_no_booking_is_refused_and_changes_nothing(world, key, rule, lines, words):
    with world.ledger.books() as books, pytest.raises(BooksRefused, match=words):
        books.transfer(key, rule, lines)
    assert count(world.ledger, "bookings") == count(world.ledger, "postings") == 0


def test_an_account_in_another_currency_is_refused(world):
    with world.ledger.database.transaction():
        world.ledger.database.insert(accounts, [(999, "CASH", "CASH:oslo", 1, "NOK")])
    with world.ledger.books() as books, pytest.raises(BooksRefused, match="in NOK, not in EUR"):
        books.transfer("sales:1", "SALE", [("CASH:oslo", 1, -5), ("REV:244:7", 1, 5)])


@pytest.mark.requirement("D21")
def test_a_hold_moves_nothing_until_it_is_posted_and_is_posted_once(world, liab):
    refund = [(liab, AREA, -300), ("PAYOUT:244", AREA, 300)]
    ledger = world.ledger
    with ledger.books() as books:
        assert books.hold("refunds:1", "REFUND", refund) is True
        assert books.hold("refunds:1", "REFUND", refund) is False
        assert books.hold("refunds:2", "REFUND", refund) is True
    assert (balance(ledger, liab), balance(ledger, "PAYOUT:244")) == (2000, 0)
    held = ledger.database.rows("SELECT key, cents FROM held WHERE name = ? ORDER BY key", (liab,))
    assert [tuple(row) for row in held] == [("refunds:1", -300), ("refunds:2", -300)]
    with ledger.books() as books:
        assert books.post_hold("refunds:1") is True
        assert books.post_hold("refunds:1") is False
    with ledger.books() as books:
        assert books.post_hold("refunds:1") is False
        assert books.release_hold("refunds:2") is True
        assert books.release_hold("refunds:2") is False
    assert (balance(ledger, liab), balance(ledger, "PAYOUT:244")) == (1700, 300)
    assert ledger.database.value("SELECT count(*) FROM held") == 0
    row = ledger.database.rows("SELECT balance_cents FROM cards WHERE balance_cents <> 0")
    assert [tuple(r) for r in row] == [(1700,)]  # the card's row follows the postings


@pytest.mark.requirement("D21")
def test_a_hold_ends_one_way_only(world):
    with world.ledger.books() as books:
        books.hold("refunds:1", "REFUND", SALE)
        books.hold("refunds:2", "REFUND", SALE)
        books.post_hold("refunds:1")
    with world.ledger.books() as books:
        books.release_hold("refunds:2")
        with pytest.raises(KeyContradiction, match="was posted before, so it cannot be released"):
            books.release_hold("refunds:1")
        with pytest.raises(KeyContradiction, match="was released before, so it cannot be posted"):
            books.post_hold("refunds:2")
        with pytest.raises(BooksRefused, match="nothing has this key"):
            books.post_hold("refunds:3")
        with pytest.raises(KeyContradiction, match="booked before as hold REFUND"):
            books.transfer("refunds:1", "REFUND", SALE)
        books.transfer("sales:1", "SALE", SALE)
        with pytest.raises(BooksRefused, match="a transfer has this key"):
            books.post_hold("sales:1")
    assert balance(world.ledger, "REV:244:7") == 1000


@pytest.mark.requirement("D21")
def test_what_is_interrupted_inside_a_transaction_never_was(world):
    tables = ("accounts", "postings", "bookings", "held")
    before = [count(world.ledger, table) for table in tables]
    with pytest.raises(KeyboardInterrupt), world.ledger.books() as books:
        books.transfer("sales:1", "SALE", SALE)
        books.write()
        books.hold("refunds:1", "REFUND", SALE)
        raise KeyboardInterrupt
    assert [count(world.ledger, table) for table in tables] == before
    assert transfer(world.ledger) is True


def test_lines_of_no_money_are_left_out_and_the_key_is_still_taken(world):
    free = [("CASH:kiosk", AREA, 0), ("VAT:244:1", AREA, 0)]
    before = count(world.ledger, "accounts")
    assert transfer(world.ledger, lines=free) is True
    assert transfer(world.ledger, lines=free) is False
    with pytest.raises(KeyContradiction):
        transfer(world.ledger)
    assert (count(world.ledger, "postings"), count(world.ledger, "accounts")) == (0, before)
