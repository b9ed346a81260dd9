"""`tornello tariff`: check, compile, sign, table and diff, as a person runs them."""

import csv
import hashlib
import json
import re
from pathlib import Path

import pytest

from backend_sync.keyring.keyfile import make_keys, write_keys
from backend_sync.tariffs.book import read_tariff
from backend_sync.tariffs.main import COMMANDS, main
from backend_sync.tariffs.price_tables import price_tables
from backend_sync.tariffs.self_test import BROKEN, SHIPPED
from card_layouts.packages.manifest import MANIFEST, check_signatures_steps

TARIFFS = sorted(SHIPPED.glob("*/tariff.toml"))
GOLDEN = Path(__file__).parent / "price_tables"
KUOPIO = Path(__file__).parents[3] / "shared" / "data" / "kuopio" / "gtfs_kuopio_finland.zip"
MIKKELI = SHIPPED / "mikkeli" / "tariff.toml"


def named(path: Path) -> str:
    return path.parent.name


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.mark.parametrize("path", TARIFFS, ids=named)
def test_check_passes_each_shipped_tariff(capsys, path):
    code, out, err = run(capsys, "check", path)
    assert (code, err) == (0, "")
    first = out.splitlines()[0]
    assert first.startswith(f"{path}: ") and ": in order; " in first
    assert re.search(r"warnings? accepted$", first)


def test_check_says_all_that_is_wrong_and_returns_1(capsys):
    path = BROKEN / "upgrade-cheaper.toml"
    code, out, err = run(capsys, "check", path)
    assert code == 1 and out == ""
    assert err == (
        f"{path}: 1 warning\n"
        f"{path}:20: upgrade-cheaper: adult: A-C costs 5.00, value A-B 3.00 and then"
        " added C 1.00 = 4.00; wanted a journey with its upgrade at least the direct fare;"
        " raise the added part, or accept it with a reason\n"
    )


def test_check_prints_json_for_programs(capsys):
    code, out, _err = run(capsys, "check", BROKEN / "dates.toml", "--json")
    (report,) = json.loads(out)
    assert code == 1
    assert report["findings"][0]["rule"] == "dates" and report["findings"][0]["line"] == 6


def test_the_self_test_runs_where_the_linter_is_installed(capsys):
    code, out, _err = run(capsys, "check", "--self-test")
    assert (code, out) == (
        0,
        "31 rules, 31 broken tariffs, 31 found, 0 unaccepted on the shipped ones\n",
    )


@pytest.mark.requirement("W-36", "W-114")
@pytest.mark.parametrize("path", TARIFFS, ids=named)
def test_compile_writes_the_same_bytes_twice(capsys, tmp_path, path):
    bodies = []
    for name in ("one.ttar", "two.ttar"):
        code, out, err = run(capsys, "compile", path, "-o", tmp_path / name)
        assert (code, err) == (0, ""), err
        bodies.append((tmp_path / name).read_bytes())
        assert hashlib.sha256(bodies[-1]).hexdigest() in out
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("rule", ["age-hole", "split-cheaper", "product-price"])
def test_compile_refuses_errors_and_unaccepted_warnings(capsys, tmp_path, rule):
    out = tmp_path / "body.ttar"
    code, _said, err = run(capsys, "compile", BROKEN / f"{rule}.toml", "-o", out)
    assert code == 1 and f": {rule}: " in err and "was not written" in err
    assert not out.exists()


@pytest.mark.requirement("D18")
def test_sign_writes_a_manifest_that_its_public_key_opens(capsys, tmp_path):
    write_keys(tmp_path / "keys.json", make_keys([31], seed="tariff test"))
    body, manifest = tmp_path / "mikkeli.ttar", tmp_path / "mikkeli.manifest"
    run(capsys, "compile", MIKKELI, "--version", 7, "-o", body)
    arguments = ("sign", body, "--keys", tmp_path / "keys.json", "-o", manifest)
    code, out, err = run(capsys, *arguments, "--made", 5, "--json")
    assert (code, err) == (0, "")
    said, raw = json.loads(out), manifest.read_bytes()
    fields = MANIFEST.unpack(raw[:64])
    assert fields["version"] == fields["floor"] == 7
    assert fields["sha256"] == hashlib.sha256(body.read_bytes()).digest()
    # 2025-01-01 and 2026-01-01 04:00 in Helsinki are 02:00 UTC.
    assert (fields["valid_from"], fields["expires"]) == (1827 * 86400 + 7200, 2192 * 86400 + 7200)
    publics = {bytes.fromhex(said["key_id"]): bytes.fromhex(said["public_key"])}
    for _step in check_signatures_steps(raw[:64], [(raw[64:68], raw[68:])], publics):
        pass


def test_sign_needs_the_authority_s_key(capsys, tmp_path):
    write_keys(tmp_path / "keys.json", make_keys([1], seed="tariff test"))
    run(capsys, "compile", MIKKELI, "-o", tmp_path / "m.ttar")
    arguments = ("sign", tmp_path / "m.ttar", "--keys", tmp_path / "keys.json")
    code, _out, err = run(capsys, *arguments, "-o", tmp_path / "m.manifest")
    assert code == 1 and "no signing key of authority 31; it has 0, 1" in err


def test_a_package_in_the_place_of_a_tariff_is_recognised(capsys, tmp_path):
    run(capsys, "compile", MIKKELI, "-o", tmp_path / "m.ttar")
    code, _out, err = run(capsys, "check", tmp_path / "m.ttar")
    assert code == 1 and "a compiled package; wanted TOML; name the TOML it was" in err


@pytest.mark.parametrize("path", TARIFFS, ids=named)
def test_the_price_tables_are_those_an_accountant_has_seen(path):
    assert price_tables(read_tariff(path)) == (GOLDEN / f"{named(path)}.txt").read_text()


@pytest.mark.requirement("W-30", "W-61")
def test_every_published_price_stands_in_a_shipped_tariff():
    """published.csv repeats the facts of the price lists: tariff, table, group, zones, cents."""
    with (GOLDEN / "published.csv").open(encoding="utf-8") as file:
        facts = list(csv.DictReader(file))
    books = {named(path): read_tariff(path) for path in TARIFFS}
    wrong = []
    for fact in facts:
        authored = books[fact["tariff"]]
        table = next(t for t in authored.book.tables if t.name == fact["table"])
        group = next(g.number for g in authored.book.groups if g.name == fact["group"])
        rows = table.prices
        if fact["window"]:
            name = [authored.book.windows[when.window].name for when in table.when]
            rows = table.when[name.index(fact["window"])].prices
        if fact["zones"].endswith(" zones"):
            sold = authored.zones.run_of(int(fact["zones"].split()[0]))
        else:
            sold = [authored.zones.mask(zones) for zones in fact["zones"].split("|")]
        for mask in sold:
            if rows.get(mask, {}).get(group) != int(fact["cents"]):
                wrong.append((fact, authored.zones.words(mask), rows.get(mask)))
    assert wrong == []
    assert len(facts) == 106


def test_diff_says_what_changes_for_whom(capsys, tmp_path):
    text = MIKKELI.read_text()
    for old, new in (
        ("adult = [251, 338,", "adult = [260, 338,"),
        ('to = "14:00"', 'to = "15:00"'),
        ("A = 90,", "A = 60,"),
        ('groups = ["student"]', 'groups = ["student", "youth"]'),
    ):
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "tariff.toml").write_text(text)
    code, out, _err = run(capsys, "diff", MIKKELI, tmp_path / "tariff.toml")
    lines = out.splitlines()
    assert code == 1
    assert "window senior, when: Mon Tue Wed Thu Fri, 09:00 to 14:00, not on holidays -> Mon" in out
    assert "transfer value, from A: 90 min -> 60 min" in lines
    assert "product student, groups: student -> youth, student" in lines
    assert "price value, adult, A, B, C, D and 3 more: 2.51 -> 2.60 (+0.09, +3.6 %)" in lines
    assert "price season30, adult, A, B, C, D and 3 more: 55.22 -> 57.20 (+1.98, +3.6 %)" in lines
    assert lines[0] == "49 prices rise (up to +1.98 EUR, +3.6 %); 3 settings changed"
    assert [" ".join(line.split()) for line in lines[1:4]] == [
        "product group prices change per cent",
        "single adult 7 +0.10 +3.1 %",
        "value adult 7 +0.09 +3.6 %",
    ]
    assert run(capsys, "diff", MIKKELI, MIKKELI)[:2] == (0, "no difference\n")


@pytest.mark.requirement("W-32", "W-41")
def test_diff_says_what_a_neighbour_in_the_same_package_changes(capsys, tmp_path):
    koivula = SHIPPED / "koivula"
    for name in ("tariff.toml", "ferry.toml"):
        text = (koivula / name).read_text().replace("adult = 300", "adult = 330")
        (tmp_path / name).write_text(text)
    code, out, _err = run(capsys, "diff", koivula / "tariff.toml", tmp_path / "tariff.toml")
    assert code == 1
    assert out.splitlines()[0] == "1 price rises (up to +0.30 EUR, +10.0 %); 0 settings changed"
    assert "Koivula Ferry: price value, adult, F: 3.00 -> 3.30 (+0.30, +10.0 %)" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check", "absent.toml"), "absent.toml: No such file"),
        (("sign", str(MIKKELI), "--keys", "absent", "-o", "x"), "tariff.toml: package"),
        (("check", str(MIKKELI), "--gtfs", "absent.zip"), "absent.zip: no such file"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(capsys, monkeypatch, tmp_path, arguments, said):
    monkeypatch.chdir(tmp_path)
    code, _out, err = run(capsys, *arguments)
    assert code == 1 and said in err and err.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_tells_its_exit_codes(capsys, command):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "exit codes: 0 done" in capsys.readouterr().out


def test_wrong_use_ends_with_2(capsys):
    for arguments in (["chekc"], ["compile", str(MIKKELI)], ["diff", str(MIKKELI)]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check",), "name a tariff, or --rules, or --self-test"),
        (("check", "--self-test", str(MIKKELI)), "--self-test takes no tariff"),
        (("check", "--rules", str(MIKKELI)), "--rules takes no tariff"),
        (("import", "feed.zip", "--authority", "999"), "--authority 999: wanted 1..255"),
    ],
)
def test_wrong_use_that_a_command_finds_ends_with_2_and_a_sentence(capsys, arguments, said):
    code, out, err = run(capsys, *arguments)
    assert (code, out, err) == (2, "", f"tornello tariff {arguments[0]}: {said}\n")
