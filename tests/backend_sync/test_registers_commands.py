"""`tornello register`: a register's life by its commands, in words and as JSON."""

import json
import re
from pathlib import Path

import pytest

from backend_sync.registers import main as register
from backend_sync.registers.rights import NAMES, RIGHTS, ROLES
from card_layouts.cards.issue import ISSUE, STATE_SPOILT, STATE_VERIFIED
from tests.backend_sync.builders import AUTHORITY
from tests.backend_sync.ledger_databases import make_database
from tests.backend_sync.registers_world import CHEAP, FIRST, secret_file, span

BATCH = """
batch = 17
first = "244 00001000 3"
last = "244 00001009 4"
kind = "personal"
limit_cents = 30000
"""
ALL = "244 00001000 3..244 00001009 4"


class Desk:
    """Runs commands as a user whose secret lies in a file."""

    def __init__(self, folder, place, capsys):
        self.folder, self.place, self.capsys = folder, str(place), capsys
        self.secret = str(secret_file(folder))

    def run(self, *arguments, by="anna"):
        """Return (exit code, output, errors)."""
        words = [str(word) for word in arguments]
        # `user add`: the place comes after both.
        at = 2 if words[0] == "user" else 1
        signed = ["--by", by, "--secret", self.secret] if words[0] not in ("init", "verify") else []
        code = register.main([*words[:at], self.place, *words[at:], *signed], CHEAP)
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def done(self, *arguments, by="anna"):
        code, out, err = self.run(*arguments, by=by)
        assert (code, err) == (0, ""), err
        return out

    def json(self, *arguments, by="anna"):
        return json.loads(self.run(*arguments, "--json", by=by)[1])

    def refused(self, *arguments, by="anna", code=1):
        found, out, err = self.run(*arguments, by=by)
        assert (found, out) == (code, ""), out
        return err

    def init(self):
        return self.done("init", "--authority", AUTHORITY, "--user", "anna",
                         "--secret", self.secret)  # fmt: skip

    def add(self, name, role, *more):
        return self.done("user", "add", "--name", name, "--role", role, "--authority", AUTHORITY,
                         "--rights", "all", "--new-secret", self.secret, *more)  # fmt: skip


@pytest.fixture
def desk(tmp_path, capsys):
    made = Desk(tmp_path, tmp_path, capsys)
    made.init()
    return made


@pytest.mark.requirement("W-146", "W-149", "W-150", "W-123", "W-124", "W-125", "W-126")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_register_lives_by_its_commands(kind, request, tmp_path, capsys):
    place = tmp_path
    if kind == "postgresql":
        place = make_database(request.getfixturevalue("postgresql"))
    desk = Desk(tmp_path, place, capsys)
    assert "anna (authority) can begin" in desk.init()
    assert "no cards yet" in desk.done("stock")
    assert "no place is below its limit" in desk.done("alarms")
    desk.done("place", "--authority", 244, "--name", "point:kamppi", "--alarm-below", 5)
    desk.add("carl", "sales point", "--point", "kamppi")
    desk.done("deliver", "--range", ALL, "--delivery", 17)
    desk.done("move", "--range", ALL, "--to", "stock", "--from", "supplier")
    moved = desk.json("move", "--range", "244 00001000 3..244 00001004 5", "--to", "point:kamppi",
                      "--reason", "opening")  # fmt: skip
    assert (moved[0]["cards"], moved[0]["by"], moved[0]["first"]) == (5, "anna", "244 00001000 3")
    desk.done("state", "--range", "244 00001002 9", "--to", "with customer", by="carl")
    code, out, _ = desk.run("alarms")
    assert code == 1 and "point:kamppi: 4 cards to hand out, wanted 5" in out
    assert "with customer, customer" in desk.done("card", "--card", "244 00001002 9", by="carl")
    history = desk.json("history", "--card", "244 00001002 9")
    assert [d["act"] for d in history] == ["deliver", "receive", "distribute", "hand out"]
    desk.done("undo", "--document", history[-1]["number"], by="carl")
    assert [(c["place"], c["cards"]) for c in desk.json("stock")] == [
        ("point:kamppi", 5),
        ("stock", 5),
    ]
    found = desk.json("verify")
    assert found["wrong"] == [] and f"the head is {found['head']}" in desk.done("verify")
    assert "supplier" in desk.done("trail", "--subject", "document:1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("deliver", "--range", "244 00001000 3..", "--delivery", 1), "number : wanted 12 digits"),
        (("deliver", "--range", "..244 00001000 3", "--delivery", 1), "number : wanted 12 digits"),
        (("deliver", "--range", "244 00001000 4", "--delivery", 1), "would have to be 3"),
        (("deliver", "--range", "7" * 3000, "--delivery", 1), "3000 characters, wanted FIRST"),
        (("deliver", "--range", ALL, "--delivery", 1 << 32), "delivery 4294967296: wanted"),
        (("undo", "--document", -1), "document -1: there is none"),
        (("trail", "--last", 0), "wanted 1 or more rows"),
        (("propose", "--kind", "refund", "--authority", 244, "--amount", -5, "--content", "x"),
         "amount -5"),
    ],
)  # fmt: skip
def test_rubbish_is_refused_in_a_sentence_and_changes_nothing(desk, words, said):
    before = desk.json("verify")
    assert said in desk.refused(*words)
    assert desk.json("verify") == before


@pytest.mark.parametrize("option", ["--document", "--proposal"])
def test_a_number_that_no_database_holds_is_not_understood(desk, option, capsys):
    command = "undo" if option == "--document" else "approve"
    with pytest.raises(SystemExit, match="2"):
        desk.run(command, option, 10**30)
    assert "wanted a number of at most 15 digits" in capsys.readouterr().err


@pytest.mark.requirement("W-100", "W-26")
def test_an_authority_without_a_service_point_is_named_until_somebody_serves(desk):
    code, out, _ = desk.run("points")
    assert code == 1 and "authority 244 has no service point" in out
    desk.done("place", "--authority", 244, "--name", "point:kamppi")
    desk.add("carl", "sales point", "--point", "kamppi")
    assert desk.json("points")["without"] == [244]  # he sells; he cannot solve problems
    desk.add("sara", "service point", "--point", "kamppi")
    desk.done("deliver", "--range", ALL, "--delivery", 17)
    desk.done("move", "--range", ALL, "--to", "stock")
    desk.done("move", "--range", ALL, "--to", "point:kamppi")
    found = desk.json("points", by="carl")
    assert found == {"points": [{"authority": 244, "place": "point:kamppi", "service": 1,
                                 "sales": 1, "ready": 10}], "without": []}  # fmt: skip
    assert "point:kamppi" in desk.done("points")
    desk.done("user", "disable", "--name", "sara")
    assert desk.run("points")[0] == 1


@pytest.mark.requirement("X-14", "W-11")
def test_users_and_proposals_by_their_commands(desk):
    desk.add("alma", "authority")
    desk.add("carl", "sales point", "--point", "kamppi")
    desk.done("user", "revoke", "--name", "carl", "--right", "cards.see")
    carl = next(row for row in desk.json("user", "list") if row["name"] == "carl")
    assert "cards.see" not in carl["rights"] and carl["point"] == "kamppi"
    desk.done("user", "grant", "--name", "carl", "--right", "cards.see")
    assert "no proposals" in desk.done("proposals")
    desk.done("propose", "--kind", "hotlist", "--authority", 244, "--amount", 40, "--content",
              "stolen box of Kamppi")  # fmt: skip
    assert "another has to agree" in desk.refused("approve", "--proposal", 1)
    assert "approved" in desk.done("approve", "--proposal", 1, by="alma")
    assert [row["second"] for row in desk.json("proposals", by="alma")] == ["alma"]
    desk.done("user", "disable", "--name", "carl")
    assert "carl is disabled" in desk.refused("stock", by="carl")
    desk.done("user", "enable", "--name", "carl")
    fresh = secret_file(desk.folder, "another horse battery", "fresh")
    desk.done("user", "secret", "--name", "carl", "--new-secret", fresh, by="carl")
    assert "secret is wrong" in desk.refused("stock", by="carl")
    told = [row["what"] for row in desk.json("trail", "--last", 4)]
    assert told == ["disable", "enable", "secret", "sign in"]
    desk.secret = str(fresh)
    assert "does not have the right trail.see" in desk.refused("trail", by="carl")


@pytest.mark.requirement("W-9", "W-150")
def test_rights_are_explained_each_in_a_sentence(desk):
    found = desk.json("rights")
    assert found["rights"] == dict(RIGHTS)
    assert [role["name"] for role in found["roles"]] == [role.name for role in ROLES]
    out = desk.done("rights")
    assert all(re.search(rf"^{re.escape(name)} +\S", out, re.M) for name in NAMES)
    assert {right for role in ROLES for right in role.rights} == set(NAMES)


def issue_rows(path, serials, spoilt=(), authority=AUTHORITY, batch=17):
    rows = [
        ISSUE.pack({"authority": authority, "batch": batch, "serial": FIRST + serial,
                    "uid": bytes([4, 0, 0, 0, 0, 0, serial]),
                    "state": STATE_SPOILT if serial in spoilt else STATE_VERIFIED})
        for serial in serials
    ]  # fmt: skip
    path.write_bytes(b"".join(bytes(row) for row in rows))
    return path


@pytest.mark.requirement("R-1", "R-2", "X-3", "D11", "W-125")
def test_a_delivery_is_its_batch_file_and_the_rows_of_its_cards(desk, tmp_path):
    batch = tmp_path / "kuopio-17.toml"
    batch.write_text(BATCH, encoding="utf-8")
    rows = issue_rows(tmp_path / "rows", [0, 1, 2, 4, 5, 6, 7, 9], spoilt=[5])
    given = ("deliver", "--batch", batch, "--issued", rows)
    assert "244 00001003 7 has no finished row" in desk.refused(*given)
    assert "(3 of 10 cards)" in desk.refused(*given)
    desk.done(*given, "--spoilt")
    assert [(c["state"], c["cards"]) for c in desk.json("stock")] == [
        ("damaged", 3),
        ("ordered", 7),
    ]
    uid = bytes([4, 0, 0, 0, 0, 0, 4])
    database = (tmp_path / "registers.db").read_bytes() + (
        (tmp_path / "registers.db-wal").read_bytes()
        if (tmp_path / "registers.db-wal").exists()
        else b""
    )
    assert uid not in database and uid.hex().encode() not in database


def test_rows_of_another_delivery_or_half_a_row_are_refused(desk, tmp_path):
    batch = tmp_path / "kuopio-17.toml"
    batch.write_text(BATCH, encoding="utf-8")
    path = tmp_path / "rows"
    given = ("deliver", "--batch", batch, "--issued", path)
    issue_rows(path, range(10), batch=18)
    assert "row 1: authority 244 batch 18, wanted 244 and 17" in desk.refused(*given)
    issue_rows(path, [0, 1, 1])
    assert "row 3: card 244 00001001 1 is there twice" in desk.refused(*given)
    issue_rows(path, [*range(10), 10])
    assert "244 00001010 2 was made, but it is not in delivery 17" in desk.refused(*given)
    path.write_bytes(bytes(100))
    assert "100 bytes, wanted rows of 64" in desk.refused(*given)
    batch.write_text("batch = 17\n", encoding="utf-8")
    assert "key 'first' is missing" in desk.refused(*given)
    batch.write_text("batch = = 17", encoding="utf-8")
    assert "not a TOML file" in desk.refused(*given)
    assert "No such file" in desk.refused("deliver", "--issued", tmp_path / "no", code=2)
    assert "which cards?" in desk.refused("deliver")


@pytest.mark.requirement("D1")
@pytest.mark.parametrize(
    ("cards", "words"),
    [
        ("244 00001000 4", "its last digit would have to be 3"),
        ("244 0000 3", "wanted 12 digits"),
        ("244 00001009 4..244 00001000 3", "the last card is before the first"),
        ("091 00001000 8..244 00001009 4", "authorities 91 and 244, wanted one"),
        ("999 00001000 2", "wanted 000..255"),
        ("091 00001000 8", "has no cards in this register"),
    ],
)
def test_a_card_number_that_cannot_be_right_is_refused(desk, cards, words):
    assert words in desk.refused("move", "--range", cards, "--to", "stock")
    assert desk.json("verify")["wrong"] == []


def test_every_refusal_says_that_nothing_was_changed(desk):
    said = desk.refused("card", "--card", span(0).number(FIRST))
    assert said == "register card: card 244 00001000 3 is in no delivery; nothing was changed\n"


def test_without_a_register_or_a_secret_the_command_says_what_to_do(tmp_path, capsys):
    desk = Desk(tmp_path, tmp_path, capsys)
    assert "`tornello register init` makes one" in desk.refused("stock")
    assert not (tmp_path / "registers.db").exists()
    desk.init()
    assert "in this register already" in desk.refused(
        "init", "--authority", 244, "--user", "eve", "--secret", desk.secret
    )
    desk.secret = str(tmp_path / "nowhere")
    assert "No such file" in desk.refused("stock", code=2)


def test_a_file_that_is_no_register_is_refused(tmp_path, capsys):
    (tmp_path / "registers.db").write_bytes(b"not a database" * 100)
    desk = Desk(tmp_path, tmp_path, capsys)
    assert "put back the last backup; `tornello register verify`" in desk.refused("stock", code=2)


def test_help_of_every_subcommand_names_its_options(capsys):
    cards = ("deliver", "move", "state", "undo", "stock", "alarms", "place", "card", "history")
    others = ("init", "rights", "propose", "approve", "proposals", "trail", "verify")
    for name in (*cards, *others):
        with pytest.raises(SystemExit) as ended:
            register.main([name, "--help"])
        assert ended.value.code == 0
        assert "--json" in capsys.readouterr().out


@pytest.mark.requirement("W-8")
def test_the_readme_names_every_file_of_the_folder():
    folder = Path(register.__file__).parent
    text = (folder / "README.md").read_text(encoding="utf-8")
    files = [path.name for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert [name for name in files if name not in text] == []


@pytest.mark.requirement("X-14")
def test_no_message_shows_the_password_of_a_registers_database(tmp_path, capsys):
    place = "postgresql+psycopg://anna:hemlig@127.0.0.1:1/registers"
    assert register.main(["bind", place, "--folder", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "anna:***@127.0.0.1" in said and "hemlig" not in said
