"""What banks say: each line once, at what it pays; the rest waits for a person."""

import json

import pytest

from backend_sync.settlement.bank import order
from backend_sync.settlement.camt import CamtFault, read_camt
from backend_sync.settlement.close import every_batch
from backend_sync.settlement.dues import outstanding
from backend_sync.settlement.holds import differences
from backend_sync.settlement.main import main
from backend_sync.settlement.parties import read_parties
from backend_sync.settlement.received import StatementRefused, cases, decide, receive
from backend_sync.settlement.references import account_party, is_reference, reference_of
from backend_sync.settlement.statements import statements
from tests.backend_sync.bank_files import balance, camt, entry
from tests.backend_sync.settled_worlds import DAY, FERRY, MORNING, SENIOR, TOWN, Settled
from tests.backend_sync.test_settlement_bank import MORE, written
from tests.backend_sync.test_settlement_files import ACCOUNTS

pytestmark = pytest.mark.requirement("W-23", "T17")
FERRYS = "NL91ABNA0417164300"


@pytest.fixture
def world(tmp_path, ledger_url):
    """A day is closed: two operators are paid 2.40 each, the town is billed 0.70."""
    made = Settled(tmp_path / "keyring", ledger_url)
    made.parties = read_parties(written(tmp_path, ACCOUNTS + MORE))
    made.ride(1, made.cards[0], MORNING, group=SENIOR)
    made.ride(2, made.cards[1], MORNING, operator=11)
    made.settle()
    made.file = tmp_path / "statement.xml"
    yield made
    made.close()


def told(world, *entries, **how):
    """Enter a bank's file; return (new, known, matched, cases)."""
    world.file.write_bytes(camt(*entries, **how))
    return receive(world.ledger, *read_camt(world.file, "EUR"), world.parties)[:4]


def balances(world, *kinds):
    rows = world.ledger.database.rows("SELECT kind, name, cents FROM balances")
    return {name: int(cents) for kind, name, cents in rows if kind in kinds and cents}


def whole(world):
    """Everything sums to 0, closed batches are what the books say, the next day can be closed."""
    assert world.ledger.database.value("SELECT sum(cents) FROM postings") == 0
    world.settle(every_batch(world.ledger.database)[-1].values["day"] + 1)
    assert differences(world.ledger.database, world.keyring.signing.ledger.public) == []
    closed = every_batch(world.ledger.database)[-1].values
    assert closed["takings"] == closed["clearing"] == closed["loads"] == []


@pytest.mark.requirement("R-8")
def test_what_was_ordered_and_paid_is_posted_once_whatever_files_tell_of_it(world):
    order(world.ledger, world.parties)
    lines = entry(-240, "1-1", bank="B1"), entry(-240, "1-2", bank="B2"), entry(70, "2-1", bank="C")
    assert told(world, *lines) == (3, 0, 3, 0)
    assert told(world, *lines) == (0, 3, 0, 0)
    assert told(world, *lines, name="S-2") == (0, 3, 0, 0), "another statement of the same lines"
    assert told(world, *lines, message="054", version="02") == (0, 3, 0, 0)
    assert balances(world, "BANK", "PAID") == {
        "BANK:1": 410, "PAID:1:10": -240, "PAID:1:11": -240,
    }  # fmt: skip
    assert balances(world, "CONCESSION") == {}
    assert outstanding(world.ledger.database) == [] and cases(world.ledger.database) == []
    whole(world)


def test_a_second_payment_of_the_same_line_is_a_case_and_moves_nothing(world):
    order(world.ledger, world.parties)
    told(world, entry(-240, "1-1", bank="B1"))
    before = balances(world, "BANK", "PAID")
    wrong = (
        entry(-240, "1-1", bank="B9"), entry(-241, "1-2"), entry(240, "1-2"), entry(-240, "1-3"),
        entry(-240, "9-1"), entry(-5, "NOTPROVIDED"), entry(70, "RF00AAAA"),
        entry(-240, "9" * 16 + "-1"),
    )  # fmt: skip
    assert told(world, *wrong, name="S-2") == (8, 0, 0, 8)
    assert balances(world, "BANK", "PAID") == before
    assert [case.cents for case in cases(world.ledger.database)] == [
        -240, -241, 240, -240, -240, -5, 70, -240,
    ]  # fmt: skip
    whole(world)


def test_what_a_bank_gives_back_is_outstanding_again_and_ordered_again(world):
    order(world.ledger, world.parties)
    told(world, entry(-240, "1-1", bank="B1"), entry(70, "2-1", bank="B2"))
    assert told(world, entry(240, "1-1", bank="B3"), entry(-70, "2-1", bank="B4")) == (2, 0, 2, 0)
    assert balances(world, "BANK", "PAID", "CONCESSION") == {"CONCESSION:1:town": -70}
    assert [(due.party, due.cents) for due in outstanding(world.ledger.database)] == [
        ("operator-1-10", 240), ("payer-1-town", -70),
    ]  # fmt: skip
    made, _ = order(world.ledger, world.parties)
    assert [row[1:] for row in made] == [("pay", 1, 240), ("collect", 1, 70)]
    assert told(world, entry(-240, "3-1", bank="B5"), entry(70, "4-1", bank="B6")) == (2, 0, 2, 0)
    assert outstanding(world.ledger.database) == []
    whole(world)


def test_an_order_booked_as_one_sum_is_paid_whole_or_line_by_line_and_never_both(world):
    order(world.ledger, world.parties)
    rows = world.ledger.database.rows("SELECT body FROM bank_orders WHERE id = 1")
    message = bytes(rows[0][0]).decode().split("<MsgId>")[1].split("<")[0]
    forged = message[:-1] + ("0" if message[-1] != "0" else "1")
    assert told(world, entry(-480, forged, kind="PmtInfId", bank="B0")) == (1, 0, 0, 1)
    assert told(world, entry(-480, message, kind="PmtInfId", bank="B1")) == (1, 0, 1, 0)
    assert told(world, entry(-240, "1-1", bank="B2")) == (1, 0, 0, 1)
    assert balances(world, "PAID") == {"PAID:1:10": -240, "PAID:1:11": -240}
    with pytest.raises(StatementRefused, match="a whole order came back at once"):
        told(world, entry(480, message, kind="PmtInfId", bank="B3"))
    whole(world)


@pytest.mark.requirement("W-59", "W-77")
def test_an_invoice_is_paid_by_its_reference_and_not_collected_afterwards(world):
    statement = next(s for s in statements(every_batch(world.ledger.database)[0])
                     if s.party == "payer-1-town")  # fmt: skip
    assert is_reference(statement.reference)
    assert f"reference: {statement.reference}" in statement.as_text().decode()
    assert json.loads(statement.as_json())["reference"] == statement.reference
    spaced = " ".join(statement.reference[i : i + 4] for i in range(0, 18, 4))
    assert told(world, entry(70, structured=spaced, bank="B1")) == (1, 0, 1, 0)
    assert balances(world, "BANK", "CONCESSION") == {"BANK:1": -70}
    made, _ = order(world.ledger, world.parties)
    assert [row[1:3] for row in made] == [("pay", 1)]
    assert told(world, entry(70, text=f"bill {statement.reference} thanks")) == (1, 0, 0, 1)
    whole(world)


@pytest.mark.requirement("W-41")
def test_a_payment_between_authorities_is_seen_on_both_accounts(world):
    world.ride(3, world.cards[2], MORNING, area=FERRY, operator=20, stop=30)
    world.settle(DAY + 1)
    made, _ = order(world.ledger, world.parties)
    number = next(n for n, kind, area, _ in made if kind == "pay" and area == TOWN)
    rows = world.ledger.database.rows(
        "SELECT party, cents FROM bank_lines WHERE bank_order = ? AND authority = 1 ORDER BY id",
        (number,),
    )
    place = 1 + [row[0] for row in rows].index("authority-2")
    cents = rows[place - 1][1]
    assert told(world, entry(-cents, f"{number}-{place}", bank="B1")) == (1, 0, 1, 0)
    assert balances(world, "CLEARING") == {"CLEARING:2:1": -cents}
    assert told(world, entry(cents, f"{number}-{place}", bank="B1"), iban=FERRYS) == (1, 0, 1, 0)
    assert balances(world, "CLEARING") == {}
    told(world, entry(cents, f"{number}-{place}", bank="B2"))
    told(world, entry(-cents, f"{number}-{place}", bank="B2"), iban=FERRYS)
    assert ("authority-2", cents) in [row[1:] for row in outstanding(world.ledger.database)]
    assert ("authority-1", -cents) in [row[1:] for row in outstanding(world.ledger.database)]


def test_a_case_is_decided_once_by_a_person_who_says_why(world):
    told(world, entry(70, "thanks", bank="B1"), entry(-900, "rent", bank="B2"))
    paid, rent = (case.line for case in cases(world.ledger.database))
    for party in (
        "payer-1-nobody",
        "payer-2-town",
        "authority-2",
        "operator-1",
        "card",
        "account-1-3",
    ):
        with pytest.raises(StatementRefused, match="wanted operator-A-N"):
            decide(world.ledger, paid, party, "why", "anna")
    with pytest.raises(StatementRefused, match="no case"):
        decide(world.ledger, 99, "", "why", "anna")
    with pytest.raises(StatementRefused, match="--words"):
        decide(world.ledger, paid, "", " ", "anna")
    assert decide(world.ledger, paid, "payer-1-town", "their clerk forgot it", "anna")
    assert not decide(world.ledger, paid, "payer-1-town", "again", "anna")
    with pytest.raises(StatementRefused, match="decided before: payer-1-town"):
        decide(world.ledger, paid, "", "no", "anna")
    assert decide(world.ledger, rent, "", "rent of the office", "anna")
    assert balances(world, "BANK", "CONCESSION") == {"BANK:1": -70}
    assert [due.party for due in outstanding(world.ledger.database)] == [
        "operator-1-10", "operator-1-11",
    ]  # fmt: skip
    assert cases(world.ledger.database) == [] and len(cases(world.ledger.database, True)) == 2
    whole(world)


HUGE = entry(1, amount="9" * 14)
LAUGHS = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]>'
WRONG = {
    "document type": camt(head=LAUGHS),
    "a document type (x)": camt(head='<!DOCTYPE x SYSTEM "file:///etc/passwd">'),
    "currency 'SEK', the books are in EUR": camt(entry(5, currency="SEK")),
    "'-1.00', wanted an amount": camt(entry(5, amount="-1.00")),
    "'1.005', wanted an amount": camt(entry(5, amount="1.005")),
    "'1e3', wanted an amount": camt(entry(5, amount="1e3")),
    "'99999999999999', wanted": camt(HUGE),
    "'', wanted an amount": camt(entry(5, amount=" ")),
    "wanted BOOK": camt(entry(5, status="HUH")),
    "wanted 2026-06-05": camt(entry(5, day="8.6.2026")),
    "an entry is missing": camt(entry(5), balances=balance("OPBD", 100) + balance("CLBD", 106)),
    "camt.053.001 or camt.054.001": camt().replace(b"camt.053", b"camt.052"),
    "wanted CRDT or DBIT": camt(entry(5)).replace(b">CRDT<", b">GIVE<"),
    "no <IBAN> inside": camt().replace(b"IBAN", b"Othr"),
    "at most 40 levels": camt("<a>" * 50 + "</a>" * 50),
    "wanted a whole XML file": camt()[:-9],
    "unknown encoding": camt().replace(b"UTF-8", b"EBCDIC-9"),
    "no element found": b"",
    "not well-formed": b"\xff\x00PK\x03\x04",
    "its payments are 3 cents": camt(entry(5).replace(
        "<TxDtls>", '<TxDtls><Amt Ccy="EUR">0.01</Amt></TxDtls><TxDtls><Amt Ccy="EUR">0.02</Amt>')),
}  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_a_file_that_is_no_statement_is_refused_in_a_sentence(tmp_path, words):
    path = tmp_path / "statement.xml"
    path.write_bytes(WRONG[words])
    with pytest.raises(CamtFault) as refused:
        read_camt(path, "EUR")
    assert words in str(refused.value) and str(refused.value).startswith(str(path))


def test_a_larger_file_than_a_bank_gives_is_not_read(tmp_path):
    path = tmp_path / "statement.xml"
    with path.open("wb") as file:
        file.truncate(17 << 20)
    with pytest.raises(CamtFault, match="more than 16 MiB"):
        read_camt(path, "EUR")


def test_another_account_or_one_bad_line_enters_nothing(world):
    order(world.ledger, world.parties)
    with pytest.raises(StatementRefused, match=r"account DE\.\.\.3000 is no authority's"):
        told(world, entry(-240, "1-1"), iban="DE89370400440532013000")
    with pytest.raises(CamtFault):
        told(world, entry(-240, "1-1"), entry(5, currency="USD"))
    assert world.ledger.database.rows("SELECT 1 FROM bank_movements") == []
    assert balances(world, "BANK") == {}


def test_what_is_not_booked_yet_waits_for_its_booking(world):
    order(world.ledger, world.parties)
    world.file.write_bytes(camt(entry(-240, "1-1", status="PDNG")))
    found = receive(world.ledger, *read_camt(world.file, "EUR"), world.parties)
    assert found == (0, 0, 0, 0, 1)
    old = entry(-240, "1-1").replace("<Sts><Cd>BOOK</Cd></Sts>", "<Sts>BOOK</Sts>")
    assert told(world, old, version="02") == (1, 0, 1, 0)


def test_a_batch_entry_is_its_payments_and_the_statement_adds_up(world):
    order(world.ledger, world.parties)
    one = '<TxDtls><Refs><EndToEndId>{}</EndToEndId></Refs><Amt Ccy="EUR">2.40</Amt></TxDtls>'
    both = entry(-480).replace("<TxDtls><RmtInf></RmtInf></TxDtls>",
                               one.format("1-1") + one.format("1-2"))  # fmt: skip
    around = balance("OPBD", 500) + balance("CLBD", 20)
    assert told(world, both, balances=around) == (2, 0, 2, 0)
    assert balances(world, "PAID") == {"PAID:1:10": -240, "PAID:1:11": -240}


def test_references_have_the_check_digits_of_the_standard():
    assert is_reference("RF18539007547034") and not is_reference("RF19539007547034")
    found = {reference_of(batch, account_party(1, n)) for batch in (1, 2) for n in range(500)}
    assert len(found) == 1000 and all(map(is_reference, found))


def test_the_commands_enter_list_and_decide(tmp_path, capsys):
    made = Settled(tmp_path / "keyring", f"sqlite:///{tmp_path / 'ledger.db'}")
    made.ride(1, made.cards[0], MORNING, group=SENIOR)
    made.settle()
    made.close()
    (tmp_path / "tariffs").mkdir()
    parties = ["--parties", str(written(tmp_path, ACCOUNTS + MORE))]
    file = tmp_path / "bank.xml"
    file.write_bytes(camt(entry(-240, "1-1", bank="B1"), entry(33, "gift", bank="B2")))

    def run(name, *words, code=0):
        assert main([name, str(tmp_path), *words]) == code
        said = capsys.readouterr()
        return said.out + said.err

    run("pay", *parties, "--to", str(tmp_path / "bank"))
    assert "2 lines are new (1 paid, 1 cases)" in run("bank-statement", str(file), *parties, code=1)
    assert "0.33" in run("bank-cases", code=1)
    decided = ["--line", "2", "--party", "none", "--words", "a gift", "--by", "anna"]
    assert "line 2: none" in run("bank-decide", *decided)
    assert "was decided before" in run("bank-decide", *decided)
    assert "no line waits" in run("bank-cases")
    assert "0 lines are new" in run("bank-statement", str(file), *parties)
    assert "No such file" in run("bank-statement", "nowhere.xml", *parties, code=2)
    file.write_bytes(b"rubbish")
    assert "syntax error" in run("bank-statement", str(file), *parties, code=2)
