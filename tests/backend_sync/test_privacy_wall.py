"""No value and no column is in two registers, and an erased person is in none, backups included."""

import re
import shutil
import sqlite3

import pytest

from backend_sync.customers.customers import CustomerRefused
from backend_sync.customers.tables import customers
from backend_sync.customers.tables import metadata as of_customers
from backend_sync.ledger.schema import metadata as of_ledger
from backend_sync.links.purposes import LinkRefused
from backend_sync.links.tables import links
from backend_sync.links.tables import metadata as of_links
from backend_sync.storage.subject_keys import SubjectKeys, SubjectKeysError, make_keys
from tests.backend_sync.builders import AUTHORITY, World
from tests.backend_sync.ledger_databases import make_database
from tests.backend_sync.service_desk import Desk

NAMES = ("Aino Virtanen", "Bo Lind", "Cilla Aho")
REGISTERS = ("customers", "links")


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request, tmp_path):
    """Three people with cards that were loaded and tapped."""

    def url(name):
        if request.param == "sqlite":
            return f"sqlite:///{tmp_path / name}.db"
        return make_database(request.getfixturevalue("postgresql"))

    urls = {name: url(name) for name in (*REGISTERS, "ledger")}
    world = World(tmp_path / "world", urls["ledger"], cards=3)
    for card in world.cards:
        world.devices[1].load(card)
        world.devices[2].tap(card)
    world.post()
    desk = Desk(tmp_path, urls.get, world.keyring)
    people = [(name, number, desk.customers.link_card(number, desk.links, card.uid))
              for name, card in zip(NAMES, world.cards, strict=True)
              for number in [desk.add(name=name)]]  # fmt: skip
    yield world, desk, people
    desk.close()
    world.close()


def columns(metadata):
    return {column.name for table in metadata.tables.values() for column in table.columns}


def values(database, metadata):
    for table in metadata.tables.values():
        for row in database.rows(f"SELECT * FROM {table.name}"):
            yield from (bytes(v) if isinstance(v, memoryview) else v for v in row)


def found(needles, haystack):
    """Return the needles (bytes, text, numbers) that stand in any value."""
    hits = set()
    for value in haystack:
        text = value if isinstance(value, bytes) else str(value).encode()
        for needle in needles:
            if isinstance(needle, int):
                hits |= {needle} if value == needle else set()
                continue
            raw = needle if isinstance(needle, bytes) else needle.encode()
            if raw in text or raw.hex().encode() in text.lower():
                hits.add(needle)
    return hits


def card_numbers(card, index):
    """Return all that names a card: UID, serial, printed number in both forms (D1)."""
    digits = f"{AUTHORITY:03}{31_000_000 + index:08}"
    doubled = [int(d) * (1 + (place % 2 == 0)) for place, d in enumerate(reversed(digits))]
    check = -sum(n - 9 * (n > 9) for n in doubled) % 10
    printed = f"{digits}{check}"
    return {card.uid, 31_000_000 + index, printed, int(printed)}


@pytest.mark.requirement("T19", "W-146", "W-148")
def test_no_column_is_named_alike_in_two_registers():
    registers = [columns(metadata) for metadata in (of_customers, of_links, of_ledger)]
    assert all(registers)
    for place, one in enumerate(registers):
        for other in registers[place + 1 :]:
            assert (
                one & other - {"clerk", "outcome", "line"} == set()
            )  # words, and a count of its own
    assert not columns(of_customers) & columns(of_ledger)  # of the wall's two sides none at all
    assert not [n for n in columns(of_customers) if re.search("uid|card|pseudonym|time|at$", n)]


@pytest.mark.requirement("T19", "D11", "W-148")
def test_no_value_of_one_register_stands_in_another(town):
    world, desk, people = town
    cards = set().union(*(card_numbers(card, i) for i, card in enumerate(world.cards)))
    pseudonyms = set(world.keyring.pseudonyms([card.uid for card in world.cards]))
    handles = {handle for _, _, handle in people}
    persons = {*NAMES, *(number for _, number, _ in people), "aino@example.org"}
    of = {
        "customers": [*values(desk.customers.database, of_customers),
                      *(str(customer.document) for customer in desk.customers.everyone())],
        "links": list(values(desk.links.database, of_links)),
        "ledger": list(values(world.ledger.database, of_ledger)),
    }  # fmt: skip
    assert found(cards | pseudonyms, of["customers"]) == set()
    assert found(cards | pseudonyms | persons | handles, of["links"]) == set()
    assert found(cards | persons | handles, of["ledger"]) == set()
    # The search finds what is there: names and handles behind the customers' keys, P_L in ledger.
    assert found(persons | handles, of["customers"]) >= {*NAMES, *handles}
    assert found(pseudonyms, of["ledger"]) == pseudonyms
    long_values = {
        name: {v for v in of[name] if isinstance(v, bytes) and len(v) >= 8} for name in of
    }
    assert not long_values["customers"] & long_values["ledger"]
    assert not long_values["links"] & (long_values["customers"] | long_values["ledger"])


def everything_readable(desk, leave_out=()):
    """Return every text that all keys that exist still open, and every file as it lies there."""
    texts = [str(c.document) for c in desk.customers.everyone()]
    for file in sorted(desk.folder.rglob("*")):
        if file.is_file() and not {*leave_out, "backup"} & {*file.parts, file.stem}:
            texts.append(file.read_bytes())
    return texts


def back_up(desk):
    """Back up both databases; return the function that puts the backups in their place."""
    if not desk.customers.database.sqlite:
        return dumped(desk)
    backup = desk.folder / "backup"
    backup.mkdir()
    for name in REGISTERS:
        with sqlite3.connect(desk.folder / f"{name}.db") as copying:
            copying.execute("VACUUM INTO ?", (str(backup / f"{name}.db"),))

    def restore():
        desk.close_registers()
        for path in backup.iterdir():
            for old in desk.folder.glob(f"{path.name}*"):
                old.unlink()
            shutil.copy(path, desk.folder / path.name)
        desk.open()

    return restore


def dumped(desk):
    """The same as rows, as pg_dump makes them; the two audits are append-only and stay."""
    tables = ((desk.customers.database, customers), (desk.links.database, links))
    rows = [database.rows(f"SELECT * FROM {table.name}") for database, table in tables]

    def restore():
        for (database, table), copied in zip(tables, rows, strict=True):
            with database.transaction():
                database.connection.exec_driver_sql(f"DELETE FROM {table.name}")
                database.insert(table, copied)

    return restore


@pytest.mark.requirement("D24", "T19", "W-147")
def test_an_erased_person_is_in_no_store_even_after_the_last_backup_is_restored(town):
    world, desk, people = town
    (name, number, handle), others = people[0], people[1:]
    restore = back_up(desk)
    assert found({name, handle}, everything_readable(desk)) == {name, handle}
    (lost,) = desk.links.ask(desk.question("lost-card", handle, days=1))

    code = desk.customers.erase(number, desk.links)
    restore()

    rows = desk.customers.database.rows("SELECT customer FROM customers")
    assert (number,) in [tuple(row) for row in rows]  # the backup brought the sealed row back
    assert found({name, handle}, everything_readable(desk)) == set()
    # The postings stay with an account that leads to nobody (GDPR 17(3)(b)), and the keyring knows
    # the card; nothing else names it.
    registers = everything_readable(desk, ("ledger", "world"))
    assert found({lost.pseudonym}, registers) == set()
    with pytest.raises(CustomerRefused, match="none such"):
        desk.customers.show(number)
    with pytest.raises(LinkRefused, match="no card is linked"):
        desk.links.ask(desk.question("lost-card", handle, days=1))
    assert desk.links.about(handle) == []
    assert (desk.customers.settle(), desk.links.settle()) == (1, 1)
    for name, other, _ in others:
        assert desk.customers.show(other).document["fields"]["name"] == name
    if desk.customers.database.sqlite:  # the proof is younger than the backup
        assert desk.customers.was_erased(code) is None


@pytest.mark.requirement("D24", "W-147")
def test_erasing_leaves_a_proof_and_no_row_and_frees_the_card(town):
    world, desk, people = town
    _, number, handle = people[0]
    code = desk.customers.erase(number, desk.links)
    assert desk.customers.was_erased(code) == 2516
    assert desk.customers.was_erased("00" * 16) is None
    proofs = desk.customers.database.rows("SELECT * FROM erasures")
    assert [(row[1], row[2]) for row in proofs] == [(AUTHORITY, 2516)]
    assert found({number, handle, *NAMES}, [v for row in proofs for v in row]) == set()
    with pytest.raises(CustomerRefused):
        desk.customers.erase(number, desk.links)
    assert desk.customers.link_card(people[1][1], desk.links, world.cards[0].uid)


@pytest.mark.requirement("D24")
def test_an_erasure_cut_off_in_the_middle_is_finished_by_the_next(town):
    _, desk, people = town
    _, number, handle = people[0]

    class Crash(Exception):
        pass

    class Dying:
        def unlink(self, handle):
            desk.links.unlink(handle)
            raise Crash

    with pytest.raises(Crash):
        desk.customers.erase(number, Dying())
    assert desk.customers.erase(number, desk.links)
    for _, number, _ in people[1:]:  # as if power went before the commit
        desk.customers.keys.drop(number.to_bytes(8, "big"))
    assert list(desk.customers.everyone()) == []
    code = desk.customers.erase(people[1][1], desk.links)  # he still gets his proof
    assert desk.customers.was_erased(code) == 2516
    with pytest.raises(CustomerRefused, match="none such"):
        desk.controller(AUTHORITY + 1).erase(people[2][1], desk.links)
    assert desk.customers.settle() == 1


@pytest.mark.requirement("D24", "W-147")
def test_with_an_older_copy_of_the_keys_settling_takes_nobody_away(town):
    _, desk, people = town
    shelves = {name: desk.folder / name / "subject-keys.db" for name in REGISTERS}
    older = {name: path.read_bytes() for name, path in shelves.items()}
    late = desk.add(name="Late Comer")
    handle = desk.customers.link_card(late, desk.links, bytes.fromhex("04a1a2a3a4a5a6"))
    newest = {name: path.read_bytes() for name, path in shelves.items()}

    def put(copies):
        desk.close_registers()
        for name, copy in copies.items():
            shelves[name].write_bytes(copy)
        desk.open()

    put(older)
    assert len(list(desk.customers.everyone())) == len(people)
    for register in (desk.customers, desk.links):
        with pytest.raises(SubjectKeysError, match="1 rows have no key, and none of theirs was"):
            register.settle()
    put(newest)
    assert desk.customers.show(late).document["fields"]["name"] == "Late Comer"
    assert desk.links.ask(desk.question("lost-card", handle, days=1))
    assert (desk.customers.settle(), desk.links.settle()) == (0, 0)
    put(older)  # and the newest one is lost for good
    assert (desk.customers.settle(every=True), desk.links.settle(every=True)) == (1, 1)


@pytest.mark.requirement("D24", "W-147")
def test_without_its_keys_a_register_does_not_open_and_makes_no_new_ones(town):
    _, desk, people = town
    desk.close_registers()
    shelf = desk.folder / "customers" / "subject-keys.db"
    kept = shelf.rename(desk.folder / "kept")
    with pytest.raises(SubjectKeysError, match="missing; put back its newest copy"):
        SubjectKeys(desk.folder / "customers")
    assert not shelf.exists()
    (desk.folder / "customers" / "register.key").rename(desk.folder / "register.key")
    kept.rename(shelf)
    with pytest.raises(SubjectKeysError, match="holds keys already; put back the register.key"):
        make_keys(desk.folder / "customers")
    (desk.folder / "register.key").rename(desk.folder / "customers" / "register.key")
    desk.open()
    assert len(list(desk.customers.everyone())) == len(people)


@pytest.mark.requirement("W-148")
def test_a_settled_dump_lists_people_in_the_order_of_drawn_numbers(town):
    _, desk, _ = town
    numbers = [desk.add(name=f"N{i}") for i in range(30)]
    desk.customers.change(min(numbers), {"town": "Oulu"})  # PostgreSQL writes a changed row anew
    desk.customers.settle()
    sql = "SELECT customer FROM customers"
    if desk.customers.database.sqlite:
        listed = [row[0] for row in desk.customers.database.rows(sql)]
    else:
        listed = [row[0] for row in desk.customers.database.rows(f"{sql} ORDER BY ctid")]
    assert listed == sorted(listed) and listed != numbers
