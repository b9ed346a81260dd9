"""Who does something with money signs in where the ledger's folder is bound to a register of users.

Cash-up, deposits and cards that come back, disputes and dormant value, by their commands.
"""

import pytest

from backend_sync.registers import asking
from backend_sync.sales.main import main
from backend_sync.storage.database import Database
from tests.backend_sync.builders import AUTHORITY, World
from tests.backend_sync.registers_world import RegistersWorld, secret_file

pytestmark = pytest.mark.requirement("X-14", "W-10", "W-11")
TILL = ("--till", "--device", "31", "--shift", "1", "--clerk", "5", "--authority", str(AUTHORITY))
STATED = ("--issuer", str(AUTHORITY), "--months", "24", "--notice-days", "90", "--words", "terms")


class BoundLedger:
    """A ledger's folder bound to a register: anna and alma are the authority's."""

    def __init__(self, folder, capsys):
        world = World(folder)
        self.card = str(world.ledger.database.value("SELECT min(card) FROM issues"))
        world.close()
        (folder / "keyring").mkdir()
        for path in folder.glob("key*.*"):
            path.rename(folder / "keyring" / path.name)
        register = RegistersWorld(f"sqlite:///{folder}/registers.db")
        register.add("alma", "authority")
        register.add("otto", "dispatch point", operator=7)
        register.close()
        self.folder, self.capsys = folder, capsys
        self.secret = str(secret_file(folder))
        self.wrong = str(secret_file(folder, "not it at all", "wrong"))
        asking.bind(folder, str(folder / "registers.db"))

    def run(self, group, command, *more, by="", second=""):
        """Return (exit code, what was said)."""
        words = [group, command, str(self.folder), *more]
        if by:
            words += ["--by", by, "--secret", self.secret]
        if second:
            words += ["--second", second, "--second-secret", self.secret]
        code = main(words)
        said = self.capsys.readouterr()
        return code, said.out + said.err

    def column(self, sql):
        with Database(f"sqlite:///{self.folder}/ledger.db") as database:
            return [tuple(row) for row in database.rows(sql)]


@pytest.fixture
def ledger(tmp_path, capsys):
    return BoundLedger(tmp_path, capsys)


def test_cash_is_counted_and_decided_by_people_who_signed_in(ledger):
    count = ("cash-up", "count", *TILL, "--cents", "50")
    with pytest.raises(SystemExit):
        ledger.run(*count)  # a name is wanted, also by a folder bound to no register
    code, said = ledger.run(*count, "--by", "anna", "--secret", ledger.wrong)
    assert code == 1 and "the secret is wrong" in said
    code, said = ledger.run(*count, "--by", "cashier", "--secret", ledger.secret)
    assert code == 1 and "no such user" in said
    assert ledger.column("SELECT * FROM cash_counts") == []
    assert ledger.run(*count, by="otto") == (0, "count of 50 cents entered\n")
    assert ledger.run("cash-up", "close", *TILL, "--last-slip", "0", by="anna")[0] == 0
    assert ledger.run("cash-up", "pay-in", *TILL, by="otto")[0] == 0
    decide = ("cash-up", "decide", *TILL, "--as", "surplus")
    assert "by two people" in ledger.run(*decide, by="anna")[1]
    code, said = ledger.run(*decide, "--second", "alma", "--second-secret", ledger.wrong, by="anna")
    assert code == 1 and "the secret is wrong" in said
    assert ledger.run(*decide, by="anna", second="anna")[0] == 1
    assert ledger.run(*decide, by="anna", second="alma")[0] == 0
    found = ledger.column("SELECT decision, cents, by, second FROM cash_decisions ORDER BY id")
    assert found == [("paid_in", 50, "otto", ""), ("surplus", 50, "anna", "alma")]


@pytest.mark.parametrize(
    ("words", "by", "second", "wanted"),
    [
        (("cash-up", "count", *TILL, "--cents", "9"), "carl", "", "carl (sales point) does not"),
        (("cash-up", "decide", *TILL, "--as", "loss"), "anna", "carl", "right cash.take"),
        (("cash-up", "close", *TILL, "--last-slip", "0"), "otto", "", "right sales.settle"),
        (("cash-up", "pay-in", *TILL[:-1], "7"), "anna", "", "authority 7, not 244"),
        (("dormant", "policy", *STATED), "anna", "otto", "right settlement.close"),
        (("dormant", "policy", "--issuer", "7", *STATED[2:]), "anna", "alma", "has no"),
        (("return", "absent", "--key", "a1", "--card", "1"), "carl", "", "right cards.block"),
        (("return", "deposit", "--key", "d1", "--card", "1", "--cents", "500"), "otto", "",
         "right sales.make"),
    ],
)  # fmt: skip
def test_who_has_no_right_to_it_is_told_which_and_changes_nothing(
    ledger, words, by, second, wanted
):
    words = [ledger.card if at and words[at - 1] == "--card" else w for at, w in enumerate(words)]
    code, said = ledger.run(*words, by=by, second=second)
    assert code == 1 and wanted in said
    tables = ("cash_counts", "cash_decisions", "till_closings", "deposits", "claims",
              "dormancy_policies", "bookings")  # fmt: skip
    assert [ledger.column(f"SELECT count(*) FROM {name}") for name in tables] == [[(0,)]] * 7


def test_a_policy_of_dormant_value_is_stated_by_two_who_signed_in(ledger):
    assert "wanted" in ledger.run("dormant", "policy", *STATED, by="anna")[1]
    assert ledger.run("dormant", "policy", *STATED, by="anna", second="alma") == (0, "stated\n")
    assert ledger.column("SELECT by, second FROM dormancy_policies") == [("anna", "alma")]


def test_deposits_cards_and_disputes_take_who_signed_in(ledger):
    card = ("--card", ledger.card)
    deposit = ("return", "deposit", "--key", "d1", *card, "--cents", "500")
    code, said = ledger.run(*deposit)
    assert code == 1 and "who asks? --by NAME --secret FILE" in said
    assert ledger.run(*deposit, by="carl") == (0, "booked\n")
    assert ledger.run("return", "absent", "--key", "a1", *card, by="dora")[0] == 0
    assert ledger.run("return", "settle", "--key", "a1")[0] == 1
    assert ledger.run("return", "settle", "--key", "a1", by="dora")[0] == 0
    assert ledger.column("SELECT by FROM claims") == [("dora",)]
    opened = ("dispute", "open", "--key", "c1", *card, "--about", "other", "--words", "why")
    assert ledger.run(*opened, "--by", "nobody", "--secret", ledger.secret)[0] == 1
    assert ledger.run(*opened, by="dora") == (0, "opened\n")


@pytest.mark.parametrize(
    "words",
    [
        ("cash-up", "show", "--device", "9" * 23, "--shift", "1", "--clerk", "1"),
        ("cash-up", "show", "--device", "1", "--shift", "9" * 23, "--clerk", "1"),
    ],
)
def test_a_number_that_no_database_holds_is_wrong_use(tmp_path, capsys, words):
    with pytest.raises(SystemExit) as stopped:
        main([*words, str(tmp_path)])
    assert stopped.value.code == 2
    assert "wanted a number of at most 15 digits" in capsys.readouterr().err
