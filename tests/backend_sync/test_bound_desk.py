"""Customer register and link service bound to a register of users: who may ask what, and with whom.

The same commands as in test_customers.py, by people who sign in.
"""

import io
import json
import re

import pytest

from backend_sync.cli import main
from backend_sync.registers import main as register
from backend_sync.registers.rights import role_of
from card_layouts.cards.card_number import card_number
from tests.backend_sync.builders import AUTHORITY
from tests.backend_sync.registers_world import CHEAP, secret_file
from tests.backend_sync.service_desk import AINO, uid_of

OTHER = 91
PEOPLE = (  # name, role, what binds him
    ("sara", "service point", ("--authority", AUTHORITY, "--point", "kamppi")),
    ("carl", "sales point", ("--authority", AUTHORITY, "--point", "kamppi")),
    ("alma", "authority", ("--authority", AUTHORITY)),
    ("dora", "data protection officer", ("--authority", AUTHORITY)),
)


class Town:
    """All registers of two authorities; `anna` and `bea` are their first users, `tess` supports."""

    def __init__(self, folder, monkeypatch, capsys):
        self.monkeypatch, self.capsys = monkeypatch, capsys
        self.secret = secret_file(folder)
        names = ("keyring", "customers", "links", "users")
        self.folders = {name: folder / name for name in names}
        self.folders["users"].mkdir()
        (folder / "people.csv").write_text("1;Kuopio\n")
        for name in names[:3]:
            assert self.say(name, "init")[0] == 0
        for number, name in ((0, "tess"), (AUTHORITY, "anna"), (OTHER, "bea")):
            self.register("init", "--authority", number, "--user", name, "--secret", self.secret)
        for name, role, bonds in PEOPLE:
            self.add(name, role, *bonds)
        self.add("cleo", "customer support", by="tess")
        for name in ("customers", "links"):
            self.register("bind", "--folder", self.folders[name])
        self.links = ("--links", self.folders["links"], "--keyring", self.folders["keyring"])

    def add(self, name, role, *bonds, by="anna"):
        rights = ",".join(role_of(role).rights)
        self.register("user", "add", "--name", name, "--role", role, "--rights", rights,
                      "--new-secret", self.secret, *bonds, by=by)  # fmt: skip

    def register(self, *words, by="", code=0):
        at = 2 if words[0] == "user" else 1
        signed = ["--by", by, "--secret", self.secret] if by else []
        given = [*words[:at], self.folders["users"], *words[at:], *signed]
        assert register.main([str(word) for word in given], CHEAP) == code
        said = self.capsys.readouterr()
        return said.err if code else said.out

    def say(self, program, command, *more, by="", said=""):
        """Return (exit code, output, errors)."""
        signed = ["--by", by, "--secret", self.secret] if by else []
        self.monkeypatch.setattr("sys.stdin", io.StringIO(said))
        code = main([str(w) for w in (program, command, self.folders[program], *more, *signed)])
        heard = self.capsys.readouterr()
        return code, heard.out.strip(), heard.err

    def customers(self, by, command, *more, authority=AUTHORITY, said=""):
        return self.say("customers", command, *more, "--authority", authority, by=by, said=said)

    def ask(self, by, purpose, handle, *more):
        keyring = ("--keyring", self.folders["keyring"])
        return self.say("links", "ask", purpose, handle, *keyring, *more, by=by)

    def with_card(self):
        """Let sara register Aino and give her card a handle; return (number, handle)."""
        _, number, _ = self.customers("sara", "add", "-", said=json.dumps(AINO))
        linking = (number, *self.links, "--uid", uid_of(5).hex())
        return number, self.customers("sara", "link-card", *linking)[1]


@pytest.fixture
def town(tmp_path, monkeypatch, capsys):
    return Town(tmp_path, monkeypatch, capsys)


@pytest.mark.requirement("W-10", "W-25", "W-26", "W-101", "W-102", "W-103")
def test_a_service_point_serves_customers_of_its_authority_alone(town, tmp_path):
    number, handle = town.with_card()
    check = ("check", number, "Kuopio", "--population", tmp_path / "people.csv")
    assert town.customers("sara", *check, said="1\n")[:2] == (0, "same")
    assert town.customers("sara", "proof", number, "senior", "--until", "2060-01")[0] == 0
    assert json.loads(town.customers("anna", "show", number)[1])["handles"] == [handle]
    # The authority is controller of its own: another's user is refused, and sees none of hers.
    for command in (("list",), ("show", number), ("erase", number, *town.links)):
        code, out, err = town.customers("bea", *command)
        assert (code, out) == (1, "") and "authority 244, not 91" in err
    assert town.customers("bea", "list", authority=OTHER)[:2] == (0, "")
    code, _, err = town.customers("bea", "show", number, authority=OTHER)
    assert code == 1 and "has none such" in err
    assert town.customers("sara", "list", authority=OTHER)[0] == 1
    assert town.customers("sara", "list")[1] == f"{number} natural Aino Virtanen"


@pytest.mark.requirement("W-10", "W-11", "W-28", "T19")
@pytest.mark.parametrize("who", ["", "carl", "dora", "cleo", "tess", "zoe"])
def test_who_has_no_right_to_customers_sees_nothing_and_changes_nothing(town, who):
    number, _ = town.with_card()
    before = town.customers("sara", "show", number)[1]
    for command, said in (
        (("list",), ""),
        (("show", number), ""),
        (("add", "-"), json.dumps(AINO)),
        (("change", number, "-"), '{"town": "Oulu"}'),
        (("erase", number, *town.links), ""),
    ):
        code, out, err = town.customers(who, *command, said=said)
        assert (code, out) == (1, "") and "Aino" not in err
    assert town.customers("sara", "show", number)[1] == before
    assert town.customers("sara", "list")[1].count("\n") == 0


@pytest.mark.requirement("W-11")
def test_of_two_users_of_one_role_one_may_erase_and_one_may_not(town):
    number, _ = town.with_card()
    town.register("user", "revoke", "--name", "sara", "--right", "customers.erase", by="anna")
    code, _, err = town.customers("sara", "erase", number, *town.links)
    assert code == 1 and "sara (service point) does not have the right customers.erase" in err
    assert town.customers("alma", "erase", number, *town.links)[0] == 0


@pytest.mark.requirement("W-28", "W-106", "X-7", "T19")
def test_support_helps_with_a_lost_card_and_never_learns_whose_it_is(town):
    _, handle = town.with_card()
    code, out, _ = town.ask("cleo", "lost-card", handle)
    assert code == 0 and out.startswith("ledger ")
    assert "links.ask" in town.ask("dora", "lost-card", handle)[2]
    assert "who asks?" in town.ask("", "lost-card", handle)[2]
    code, out, _ = town.say("links", "audit", by="dora")
    assert code == 0 and " cleo: lost-card about " in out and " sara: link about " in out
    assert town.say("links", "audit", by="cleo")[0] == 1
    assert town.say("links", "audit", "--handle", handle, by="sara")[1].count("\n") == 1


@pytest.mark.requirement("W-27", "W-28", "W-96", "W-124", "W-125")
def test_support_moves_and_finds_cards_of_every_authority_and_hands_out_none(town):
    """Card logistics, for every authority; what support does with keys is in test_key_use.py."""
    for authority, main_user in ((AUTHORITY, "anna"), (OTHER, "bea")):
        point = ("--authority", authority, "--name", "point:harbour")
        town.register("place", *point, by=main_user)
        first, last = (card_number(authority, serial) for serial in (1000, 1009))
        cards = ("--range", f"{first}..{last}")
        town.register("deliver", *cards, "--delivery", 17, by="tess")
        town.register("move", *cards, "--to", "stock", by="tess")
        town.register("move", *cards, "--to", "point:harbour", by="tess")
        handing_out = ("state", *cards, "--to", "with customer")
        assert "cards.serve" in town.register(*handing_out, by="tess", code=1)
        assert "places.change" in town.register("place", *point, by="tess", code=1)
        one = ("--card", str(first))
        assert "at point" in town.register("card", *one, by="cleo")
        assert "cards.move" in town.register("move", *cards, "--to", "stock", by="cleo", code=1)
        lost = ("state", "--range", str(first), "--to", "lost", "--reason", "a box is missing")
        town.register(*lost, by="cleo")  # for a point whose staff calls
        assert "lost" in town.register("history", *one, by="tess")
    stock = json.loads(town.register("stock", "--json", by="tess"))
    assert sorted({row["authority"] for row in stock}) == [OTHER, AUTHORITY]


@pytest.mark.requirement("T19", "X-14", "W-10")
def test_a_fraud_case_is_answered_when_two_others_agreed_to_that_very_question(town):
    _, handle = town.with_card()
    fraud = ("fraud", handle, "--from", "2026-11-01", "--days", 20)
    code, out, err = town.ask("sara", *fraud)
    assert (code, out) == (1, "")
    asked = re.search("`tornello register (propose .*) --content WORDS`", err)[1].split()
    for second in ("anna", "alma"):
        found = town.register(*asked, "--content", "case 7", "--json", by="sara")
        town.register("approve", "--proposal", json.loads(found)[0]["number"], by=second)
    assert handle not in town.register("proposals", by="sara")
    town.register(
        "approve",
        "--proposal",
        json.loads(town.register(*asked, "--content", "case 7", "--json", by="sara"))[0]["number"],
        by="alma",
    )
    both = ("--proposal", 1, "--proposal", 2)
    assert "takes two people" in town.ask("sara", *fraud, "--proposal", 1)[2]
    assert (
        "wanted: names of two other"
        in town.ask("sara", *fraud, "--proposal", 2, "--proposal", 3)[2]
    )
    assert "not about question" in town.ask("sara", *fraud[:-1], 21, *both)[2]
    assert "--approver: who agrees signs in" in town.ask("sara", *fraud, "--approver", "x")[2]
    code, out, _ = town.ask("sara", *fraud, *both)
    assert code == 0 and out.startswith("events ")
    lines = town.say("links", "audit", by="dora")[1]
    assert "sara: fraud" in lines and "answered approved by anna,alma" in lines


@pytest.mark.requirement("W-10")
def test_a_bound_link_service_is_not_reached_through_an_unbound_customer_register(town):
    number, _ = town.with_card()
    (town.folders["customers"] / "register.place").unlink()
    linking = (number, *town.links, "--uid", uid_of(6).hex())
    code, _, err = town.customers("", "link-card", *linking)
    assert code == 1 and "is bound to a register of users: bind" in err
