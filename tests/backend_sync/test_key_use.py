"""What a person does with keys: two people of the register, once each, and a row for ever."""

import json
import re
import sqlite3
from contextlib import closing

import pytest

from backend_sync.keyring import main as keyring
from backend_sync.keyring.local import LocalKeyring
from backend_sync.registers import main as register
from tests.backend_sync.builders import AUTHORITY
from tests.backend_sync.ledger_databases import make_database
from tests.backend_sync.registers_world import CHEAP, secret_file

PROVISION = ("provision", "4711", "--authority", AUTHORITY, "--kind", "counter", "--edge", "depot")


class Support:
    """Technical support: tess asks, toby agrees; anna is an authority's."""

    def __init__(self, folder, users, capsys):
        self.ring, self.users, self.capsys = folder / "ring", users, capsys
        self.secret = secret_file(folder)
        self.keyring("init", "--authority", AUTHORITY)
        self.register("init", "--authority", 0, "--user", "tess", "--secret", self.secret)
        self.register("init", "--authority", AUTHORITY, "--user", "anna", "--secret", self.secret)
        self.register("user", "add", "--name", "toby", "--role", "technical support", "--rights",
                      "all", "--new-secret", self.secret, by="tess")  # fmt: skip

    def bind(self):
        self.register("bind", "--folder", self.ring)

    def keyring(self, command, *more, by="", code=0):
        """Return what the keyring says; of a refused command the refusal."""
        signed = ["--by", by, "--secret", str(self.secret)] if by else []
        found = keyring.main([command, str(self.ring), *map(str, more), *signed])
        said = self.capsys.readouterr()
        assert found == code, said
        if code:
            assert said.out == ""  # no key left
        return said.err if code else said.out

    def register(self, *words, by="", code=0):
        at = 2 if words[0] == "user" else 1
        signed = ["--by", by, "--secret", str(self.secret)] if by else []
        words = list(map(str, words))
        found = register.main([*words[:at], str(self.users), *words[at:], *signed], CHEAP)
        said = self.capsys.readouterr()
        assert found == code, said
        return said.err if code else said.out

    def agreed(self, refusal, by="tess", second="toby"):
        """Ask for what a refusal says, let another agree; return --proposal N."""
        asked = re.search("`tornello register (propose .*) --content '(.*)'`", refusal)
        words = [*asked[1].split(), "--content", asked[2]]
        number = json.loads(self.register(*words, "--json", by=by))[0]["number"]
        self.register("approve", "--proposal", number, by=second)
        return ["--proposal", number]

    def uses(self):
        return [json.loads(line) for line in self.keyring("uses").splitlines()]

    def devices(self):
        return json.loads(self.keyring("status"))["devices"]


@pytest.fixture(params=["sqlite", "postgresql"])
def support(request, tmp_path, capsys):
    """The register of users is on each of the two databases."""
    users = tmp_path / "users"
    users.mkdir()
    if request.param == "postgresql":
        users = make_database(request.getfixturevalue("postgresql"))
    return Support(tmp_path, users, capsys)


@pytest.mark.requirement("X-14", "W-27", "W-150")
def test_keys_leave_a_bound_keyring_for_two_people_and_once(support):
    support.bind()
    assert "who asks?" in support.keyring(*PROVISION, code=1)
    refusal = support.keyring(*PROVISION, by="tess", code=1)
    assert "'provision counter 4711 epoch 0 authority 244" in refusal
    number = support.agreed(refusal)
    assert "keys.propose" in support.keyring(*PROVISION, *number, by="anna", code=1)
    other = ("provision", "4712", *PROVISION[2:])
    assert "not about key 1" in support.keyring(*other, *number, by="tess", code=1)
    assert support.devices() == 0
    config = json.loads(support.keyring(*PROVISION, *number, by="tess"))
    assert config["card_keys"] and support.devices() == 1
    # The same device once more is another use, which another agreement is for.
    assert "is taken, wanted" in support.keyring(*PROVISION, *number, by="tess", code=1)
    assert ", use 2'" in support.keyring(*PROVISION, by="tess", code=1)
    (use,) = support.uses()
    assert (use["by"], use["second"]) == ("tess", "toby") and use["what"].endswith(", use 1")
    told = json.loads(support.register("trail", "--subject", "proposal:1", "--json", by="tess"))
    assert [(row["by"], row["what"]) for row in told] == [
        ("tess", "propose"),
        ("toby", "approved"),
        ("tess", "taken"),
    ]


@pytest.mark.requirement("X-14")
def test_a_certificate_and_another_incarnation_take_two_and_a_lost_device_one(support):
    support.keyring(*PROVISION)
    support.bind()
    for command in (("certificate", 4711, "--from", "2026-11-22"), ("restored",)):
        refusal = support.keyring(*command, by="tess", code=1)
        number = support.agreed(refusal, by="toby", second="tess")
        assert support.keyring(*command, *number, by="tess")
    assert [(use["by"], use["second"]) for use in support.uses()] == [
        ("", ""),  # before there were users
        ("tess", "toby"),
        ("tess", "toby"),
    ]
    assert "who asks?" in support.keyring("refuse", 4711, code=1)
    support.keyring("refuse", 4711, by="anna")  # in a hurry, and nothing leaves
    assert "refused" in support.keyring("certificate", 4711, by="tess", code=1)


@pytest.mark.requirement("X-14", "D25")
def test_to_forget_batches_that_were_given_out_takes_two(support):
    with closing(LocalKeyring(support.ring)) as ring:
        ring.assemble("settled", {"batches": [[number, bytes(32)] for number in (1, 2, 3)]})
    support.bind()
    forget = ("forget-batches", "--from", 2)
    assert "who asks?" in support.keyring(*forget, code=1)
    refusal = support.keyring(*forget, by="tess", code=1)
    assert "'forget batches 2 to 3, use 1'" in refusal
    number = support.agreed(refusal)
    all_of_them = ("forget-batches", "--from", 1, *number)
    assert "not about key 1" in support.keyring(*all_of_them, by="tess", code=1)
    assert json.loads(support.keyring("status"))["last_batch"]["number"] == 3
    assert "forgot batch 2" in support.keyring(*forget, *number, by="tess")
    assert json.loads(support.keyring("status"))["last_batch"]["number"] == 1


@pytest.mark.requirement("X-14")
def test_a_binding_is_for_ever_and_the_uses_too(support, tmp_path):
    support.bind()
    support.bind()  # to the same: nothing changes
    (tmp_path / "mine").mkdir()
    mine = ["init", str(tmp_path / "mine"), "--authority", "0", "--user", "mallory",
            "--secret", str(support.secret)]  # fmt: skip
    assert register.main(mine, CHEAP) == 0
    bind = ["bind", str(tmp_path / "mine"), "--folder", str(support.ring)]
    assert register.main(bind, CHEAP) == 1
    assert "is bound to another register already" in support.capsys.readouterr().err
    theirs = ("--register", tmp_path / "mine")
    assert "bound to another" in support.keyring(*PROVISION, *theirs, by="mallory", code=1)
    refusal = support.keyring(*PROVISION, by="tess", code=1)
    support.keyring(*PROVISION, *support.agreed(refusal), by="tess")
    database = sqlite3.connect(support.ring / "keyring.db")
    for change in ("UPDATE key_use SET by_user = 'x'", "DELETE FROM key_use"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            database.execute(change)
    database.close()


@pytest.mark.requirement("X-14")
def test_what_does_not_fit_costs_no_agreement(support):
    support.bind()
    refusal = support.keyring(*PROVISION, "--epoch", 64, by="tess", code=1)
    assert "epoch 64" in refusal and "propose" not in refusal
    assert support.uses() == [] and support.devices() == 0
    (support.ring / "register.place").write_text("one\ntwo\n")
    assert "2 lines, wanted one" in support.keyring(*PROVISION, by="tess", code=1)
    (support.ring / "register.place").write_text(f"{support.ring}\n")
    assert "no such register" in support.keyring(*PROVISION, by="tess", code=1)
