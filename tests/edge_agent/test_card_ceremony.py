"""The key ceremony: two custodians, one master key file, and cards that a validator then opens."""

import json

import pytest

from backend_sync.keyring.keyfile import read_keys
from backend_sync.keyring.main import main as keyring
from card_layouts.crypto.an10922 import card_key
from edge_agent.counter import cli
from edge_agent.counter.desk import Desk
from edge_agent.counter.key_components import check_value
from edge_agent.drivers.system import SystemClock, SystemEntropy
from tests.edge_agent.issue_world import AUTHORITY, Office, blank, one_by_one

pytestmark = pytest.mark.requirement("D10", "X-3")
DESK = Desk(lambda name: None, SystemClock(), SystemEntropy())


def ceremony(*arguments):
    return cli.main(["ceremony", *map(str, arguments)], DESK)


@pytest.fixture
def components(tmp_path):
    files = [tmp_path / name for name in ("anna", "berta")]
    assert [ceremony("draw", file) for file in files] == [0, 0]
    return files


def masters_of(path):
    return json.loads(path.read_text())["masters"]


@pytest.mark.parametrize(("key", "wanted"), [(bytes(16), "E14D5D"), (bytes(range(16)), "C35280")])
def test_the_check_value_is_that_of_other_programs(key, wanted):
    assert check_value(key) == wanted  # by pycryptodome


def test_keys_are_the_components_xored_and_nobodys_alone(components, tmp_path, capsys):
    out = tmp_path / "masters.json"
    capsys.readouterr()
    assert ceremony("join", *components, "--out", out) == 0
    said = capsys.readouterr().out
    lines = [file.read_text().splitlines()[1:] for file in components]
    for first, second in zip(*lines):
        name, *groups, _check = first.split()
        other = second.split()[1:-1]
        key = bytes(
            a ^ b for a, b in zip(bytes.fromhex("".join(groups)), bytes.fromhex("".join(other)))
        )
        assert masters_of(out)[name] == key.hex()
        assert f"{name:<6} {check_value(key)}" in said
        assert key.hex() not in said.lower()
    assert "PILOT ONLY" in said and "PILOT ONLY" in out.read_text()
    assert [path.stat().st_mode & 0o777 for path in (out, *components)] == [0o600] * 3


def test_cards_of_the_ceremonys_keys_open_with_what_the_keyring_gives(components, tmp_path, capsys):
    out = tmp_path / "masters.json"
    assert ceremony("join", *components, "--out", out, "--generation", "2") == 0
    folder = tmp_path / "ring"
    assert keyring(["init", str(folder), "--authority", str(AUTHORITY), "--masters", str(out)]) == 0
    keys = read_keys(folder / "keys.json")
    assert {name: key.hex() for name, key in keys.masters[2].items()} == masters_of(out)
    office = Office(tmp_path / "office", 1)
    capsys.readouterr()
    more = ("--authority", str(AUTHORITY), "--kind", "issuer")
    assert keyring(["provision", str(folder), "9", *more]) == 0
    office.keys_file.write_text(capsys.readouterr().out)
    card = blank(1)
    assert office.personalise(one_by_one([card])) == 0
    (aid,) = card.image.applications
    k1 = card_key(bytes.fromhex(masters_of(out)["K1"]), card.uid, aid, 1, 2)
    assert card.image.applications[aid].keys[1].value == k1


def test_a_mistyped_digit_is_found(components, tmp_path, capsys):
    lines = components[0].read_text().splitlines()
    digit = lines[3][7]
    lines[3] = lines[3][:7] + ("0" if digit != "0" else "1") + lines[3][8:]
    components[0].write_text("\n".join(lines))
    assert ceremony("join", *components, "--out", tmp_path / "out") == 1
    assert "line 4: K2: the check value is not" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a, b: b.write_text(a.read_text()), "the same component twice"),
        (lambda a, b: b.write_text("K0 12 34 ABCDEF\n"), "line 1: wanted NAME, 32 digits"),
        (lambda a, b: b.write_text(a.read_text() * 2), "stands there twice"),
        (lambda a, b: b.write_text("\n".join(a.read_text().splitlines()[:-1])), "no line for TICK"),
        (lambda a, b: b.chmod(0o640), "chmod 600"),
        (lambda a, b: b.unlink(), "cannot be read"),
    ],
)
def test_a_wrong_component_is_one_sentence(components, tmp_path, capsys, change, words):
    change(*components)
    assert ceremony("join", *components, "--out", tmp_path / "out") == 1
    assert words in capsys.readouterr().err


def test_one_custodian_is_not_enough_and_nothing_is_overwritten(components, tmp_path, capsys):
    assert ceremony("join", components[0], "--out", tmp_path / "out") == 1
    assert "two custodians at least" in capsys.readouterr().err
    assert ceremony("draw", components[0]) == 1
    assert "never overwritten" in capsys.readouterr().err


def test_a_file_that_holds_no_masters_is_refused_by_the_keyring(tmp_path, capsys):
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{}")
    wrong.chmod(0o600)
    assert keyring(["init", str(tmp_path / "ring"), "--masters", str(wrong)]) == 1
    assert "no master key file" in capsys.readouterr().err
    assert not (tmp_path / "ring" / "keys.json").exists()
