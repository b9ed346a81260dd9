"""Whoever changes the books beside the ledger is found, and the row is named."""

import pytest
from sqlalchemy.exc import DBAPIError

from backend_sync.ledger.append_only import triggers
from backend_sync.ledger.verify_chain import Head, head_from, newest_head, verify_chain

AREA = 244


@pytest.fixture
def sealed(world):
    """A ledger with loads, rides, a sale, a module's bookings and holds."""
    device, card = world.devices[1], world.cards[0]
    world.ledger.import_sales([("s1", 1, 2000, "counter", 5)])
    device.load(card, 2000)
    device.tap(card, 300)
    device.tap(card, 250)
    world.post(device.run())
    with world.ledger.books() as books:
        for sale in range(5):
            lines = [("CASH:kiosk", AREA, -500 - sale), ("REV:244:7", AREA, 500 + sale)]
            books.transfer(f"sales:{sale}", "SALE", lines)
            books.hold(f"refunds:{sale}", "REFUND", lines)
        books.post_hold("refunds:1")
        books.release_hold("refunds:2")
    device.tap(card, 100)
    world.post(device.run())
    world.tampered = True
    return world


def tamper(database, table, *statements):
    """Do what an administrator can: drop the triggers of a table, and change it."""
    names = [line.split()[2] for line in triggers(table, database.engine.dialect.name)]
    with database.turn, database.connection.begin():
        for name in names:
            on = "" if database.sqlite else f" ON {table}"
            database.connection.exec_driver_sql(f"DROP TRIGGER {name}{on}")
        for statement in statements:
            database.connection.exec_driver_sql(statement)


def findings(world, kept=None):
    return [
        (row["table"], row["row"]) for row in verify_chain(world.ledger.database, kept)["wrong"]
    ]


@pytest.mark.requirement("X-14", "D21")
def test_untouched_books_verify_and_every_row_is_sealed(sealed):
    found = verify_chain(sealed.ledger.database)
    assert found["wrong"] == []
    count = sum(
        sealed.ledger.database.value(f"SELECT count(*) FROM {table}")
        for table in ("accounts", "entries", "pendings", "resolutions", "postings", "issues",
                      "sales", "alarms", "bookings", "hold_lines", "hold_ends", "quarantine",
                      "rides", "ride_postings", "action_entries")
    )  # fmt: skip
    assert found["rows"] == count
    assert verify_chain(sealed.ledger.database, head_from(found["head"]))["wrong"] == []


@pytest.mark.requirement("X-14")
def test_a_changed_posting_is_named_with_what_was_expected(sealed):
    database = sealed.ledger.database
    with pytest.raises(DBAPIError, match="postings is append-only"), database.transaction():
        database.connection.exec_driver_sql("update postings set cents=0")
    assert verify_chain(database)["wrong"] == []
    row = database.value("SELECT id FROM postings WHERE cents = 250")
    tamper(database, "postings", f"UPDATE postings SET cents = 0 WHERE id = {row}")
    wrong = verify_chain(database)["wrong"]
    assert [(w["table"], w["row"]) for w in wrong] == [("postings", row)]
    assert "was changed: mark " in wrong[0]["what"] and ", wanted " in wrong[0]["what"]
    assert "cents 0" in wrong[0]["what"] and "its pending says cents 250" in wrong[0]["what"]
    module = database.value("SELECT id FROM postings WHERE cents = 503 AND pending IS NULL")
    tamper_again = f"UPDATE postings SET cents = 5 WHERE id = {module}"
    with database.turn, database.connection.begin():
        database.connection.exec_driver_sql(tamper_again)
    words = verify_chain(database)["wrong"][1]
    assert words["row"] == module and "lines of its transfer want cents 503" in words["what"]


@pytest.mark.requirement("X-14")
def test_all_postings_set_to_nothing_are_all_named(sealed):
    database = sealed.ledger.database
    tamper(database, "postings", "UPDATE postings SET cents = 0")
    rows = [row[0] for row in database.rows("SELECT id FROM postings ORDER BY id")]
    assert findings(sealed) == [("postings", row) for row in rows]


BOOKS_CHANGED = {
    "entries": ("UPDATE entries SET received = received + 1 WHERE id = 2", 2),
    "pendings": ("UPDATE pendings SET cents = cents + 1 WHERE id = 1", 1),
    "resolutions": ("UPDATE resolutions SET rule = 'V1' WHERE pending = 1", None),
    "issues": ("UPDATE issues SET deposit_cents = 9999 WHERE card = 1", 1),
    "sales": ("UPDATE sales SET cents = 1 WHERE id = 1", 1),
    "bookings": ("UPDATE bookings SET rule = 'X' WHERE id = 3", 3),
    "hold_lines": ("UPDATE hold_lines SET cents = -1 WHERE id = 4", 4),
    "hold_ends": ("UPDATE hold_ends SET posted = 1 - posted WHERE booking = 4", 4),
    "rides": ("UPDATE rides SET operator = 9 WHERE id = 3", 3),
    "ride_postings": ("UPDATE ride_postings SET sign = -1 WHERE id = 1", 1),
}


@pytest.mark.requirement("X-14")
@pytest.mark.parametrize("table", BOOKS_CHANGED)
def test_a_changed_row_of_any_book_is_named(sealed, table):
    statement, row = BOOKS_CHANGED[table]
    tamper(sealed.ledger.database, table, statement)
    found = findings(sealed)
    if row is None:  # the key itself was changed: one is gone, and one is a stranger
        assert found == [(table, [1, "P1"]), (table, (1, "V1"))]
    else:
        assert found == [(table, row)]


@pytest.mark.requirement("X-14")
def test_deleted_inserted_and_swapped_rows_are_named(sealed):
    database = sealed.ledger.database
    newest = database.value("SELECT max(id) FROM postings")
    columns = "transfer, account, cents, currency, authority, rule, pending, entry, sale"
    tamper(
        database,
        "postings",
        "DELETE FROM postings WHERE id = 3",
        f"INSERT INTO postings (id, {columns}) SELECT {newest + 1}, {columns} FROM postings"
        f" WHERE id = {newest}",
        "UPDATE postings SET id = -1 WHERE id = 5",
        "UPDATE postings SET id = 5 WHERE id = 6",
        "UPDATE postings SET id = 6 WHERE id = -1",
    )
    wrong = verify_chain(database)["wrong"]
    said = {row["row"]: row["what"] for row in wrong}
    assert sorted(said) == [3, 5, 6, newest + 1]
    assert said[3].startswith("is gone") and "no seal names it" in said[newest + 1]
    assert said[5].startswith("was changed") and said[6].startswith("was changed")


@pytest.mark.requirement("X-14")
def test_an_account_cannot_be_renamed_or_moved_to_another_kind(sealed):
    database = sealed.ledger.database
    number, name = database.rows("SELECT id, name FROM accounts WHERE name = 'REV:244:7'")[0]
    for sql in (
        f"UPDATE accounts SET name = 'REV:244:8' WHERE id = {number}",
        f"UPDATE accounts SET name = '{name}', kind = 'CASH' WHERE id = {number}",
    ):
        with database.turn, database.connection.begin():
            database.connection.exec_driver_sql(sql)
        assert findings(sealed) == [("accounts", number)]


@pytest.mark.requirement("X-14", "D11")
def test_an_unknown_card_that_is_issued_later_verifies(world):
    plastic, row = world.plastic(70)
    world.devices[1].tap(plastic)
    world.post(world.devices[1].run())
    world.ledger.import_issues([row])
    assert verify_chain(world.ledger.database)["wrong"] == []


@pytest.mark.requirement("X-14")
def test_a_row_changed_together_with_its_mark_breaks_the_seals_head(sealed):
    database = sealed.ledger.database
    row = database.value("SELECT id FROM postings WHERE cents = 250")
    tamper(database, "postings", f"UPDATE postings SET cents = 0 WHERE id = {row}")
    words = verify_chain(database)["wrong"][0]["what"]
    found, wanted = words.split("mark ")[1][:8], words.split("wanted ")[1][:8]
    tamper(database, "seals", f"UPDATE seals SET books = replace(books, '{wanted}', '{found}')")
    ((table, _),) = findings(sealed)
    assert table == "seals"


@pytest.mark.requirement("X-14")
def test_a_seal_that_is_gone_or_cannot_be_read_is_named(sealed):
    database = sealed.ledger.database
    tamper(database, "seals", "DELETE FROM seals WHERE id = 2", "UPDATE seals SET books = 'x'"
           " WHERE id = 4")  # fmt: skip
    named = [row for row in findings(sealed) if row[0] == "seals"]
    assert ("seals", 2) in named and ("seals", 4) in named


@pytest.mark.requirement("X-14")
def test_a_cut_off_end_is_noticed_by_a_head_that_was_kept_elsewhere(sealed):
    database = sealed.ledger.database
    kept = newest_head(database)
    with sealed.ledger.books() as books:
        books.transfer("sales:9", "SALE", [("CASH:kiosk", AREA, -9), ("REV:244:7", AREA, 9)])
    later = newest_head(database)
    assert findings(sealed, kept) == findings(sealed, later) == []
    tamper(database, "seals", f"DELETE FROM seals WHERE id = {later.seal}")
    tamper(database, "postings", "DELETE FROM postings WHERE abs(cents) = 9")
    tamper(database, "bookings", "DELETE FROM bookings WHERE key = 'sales:9'")
    assert findings(sealed) == [] == findings(sealed, kept)
    assert findings(sealed, later) == [("seals", kept.seal)]
    assert findings(sealed, Head(kept.ledger, kept.seal, "00" * 32)) == [("seals", kept.seal)]
    assert findings(sealed, Head("00" * 16, 1, "00" * 32)) == [("seals", 1)]


@pytest.mark.parametrize("text", ["", "1:2", "ledger:x:" + "0" * 64, "ledger:1:00"])
def test_a_text_that_is_no_head_is_refused(text):
    with pytest.raises(ValueError, match="wanted 'ledger:seal:head'"):
        head_from(text)
