"""`tornello report`: who asks signs in, sees his own, gets a file in every form, or a sentence."""

import json
import shutil
from secrets import token_bytes

import openpyxl
import pytest

from backend_sync.registers.asking import bind
from backend_sync.registers.card_views import set_place
from backend_sync.registers.opening import MIGRATIONS, Registers
from backend_sync.registers.rights import Scope, role_of
from backend_sync.reports.catalogue import REPORTS
from backend_sync.reports.main import main
from backend_sync.storage.database import Database
from tests.backend_sync.builders import FixedClock
from tests.backend_sync.registers_world import CHEAP, SECRET, secret_file
from tests.backend_sync.reports.reports_world import FERRY, TOWN, Reported

PEOPLE = (("alma", "authority", TOWN, 0), ("bert", "authority", TOWN, 0),
          ("olli", "operator", TOWN, 11), ("ferry", "authority", FERRY, 0),
          ("carl", "sales point", TOWN, 0))  # fmt: skip
JUNE = ("--from", "2026-06-01", "--to", "2026-06-30")
QUERY = {"source": "rides", "columns": ["operator"], "measures": ["rides", "charged"],
         "period": {"from": "2026-06-01", "to": "2026-06-30"}}  # fmt: skip


@pytest.fixture(scope="module")
def lived(tmp_path_factory):
    """A ledger's folder bound to a register of users."""
    folder = tmp_path_factory.mktemp("place")
    world = Reported(folder / "keyring", f"sqlite:///{folder / 'ledger.db'}")
    world.live()
    world.close()
    (folder / "tariffs").mkdir()
    for (authority, version), body in world.bodies.items():
        (folder / "tariffs" / f"{authority}-{version}.ttar").write_bytes(body)
    register = folder / "registers.db"
    with Registers(Database(f"sqlite:///{register}", MIGRATIONS), FixedClock(), token_bytes,
                   CHEAP) as registers:  # fmt: skip
        bosses = {area: registers.found(area, f"boss{area}", SECRET) for area in (TOWN, FERRY)}
        set_place(registers.trail, bosses[TOWN], TOWN, "point:kamppi", 0)
        for name, role, area, operator in PEOPLE:
            scope = Scope(area, operator, "kamppi" if role == "sales point" else "")
            registers.users.add(bosses[area], name, role, scope, role_of(role).rights, SECRET)
    bind(folder, str(register))
    secret_file(folder)
    return folder


@pytest.fixture
def place(lived, tmp_path):
    """A copy of it: commands write reports.db."""
    return shutil.copytree(lived, tmp_path / "place")


@pytest.fixture
def report(place, capsys):
    def ask(*words, by="alma"):
        who = ("--by", by, "--secret", str(place / "secret")) if by else ()
        code = main([*map(str, words), *who])
        said = capsys.readouterr()
        return code, said.out, said.err

    return ask


@pytest.mark.requirement("W-151", "W-152", "W-10")
def test_each_sees_his_own_figures(report, place):
    code, out, _ = report("run", "settlement", place, *JUNE, "--json")
    whole = json.loads(out)
    assert code == 0 and {row["operator"] for row in whole["rows"]} == {0, 10, 11}
    own = json.loads(report("run", "settlement", place, *JUNE, "--json", by="olli")[1])
    assert own["rows"] == [row for row in whole["rows"] if row["operator"] == 11]
    ferry = json.loads(report("run", "settlement", place, *JUNE, "--json", by="ferry")[1])
    assert {row["operator"] for row in ferry["rows"]} == {20}
    text = report("run", "passengers", place, *JUNE, "--language", "fi")[1]
    assert text.splitlines()[0] == "Matkustajamäärät" and "Yhteensä" in text


@pytest.mark.requirement("W-10", "W-11", "W-151")
@pytest.mark.parametrize(
    ("by", "words", "code", "said"),
    [
        ("olli", ("run", "sales"), 1, "of a whole authority"),
        (
            "alma",
            ("run", "usage", "--authority", FERRY),
            1,
            "no right 'usage.see' over authority 2",
        ),
        ("carl", ("run", "usage"), 1, "carl is bound to a point or person"),
        ("nobody", ("run", "usage"), 1, ""),
        ("", ("run", "usage"), 1, "who asks? --by NAME"),
        ("alma", ("run", "usages"), 1, "did you mean 'usage'?"),
        ("alma", ("run", "suspense", *JUNE), 1, "has no filter 'from'; it has: operator"),
        ("alma", ("run", "usage", "--from", "1.6.2026"), 1, "'1.6.2026' is no date, wanted 2026"),
        ("alma", ("run", "usage", "--from", "2026-06-09", "--to", "2026-06-01"), 1, "ends before"),
        ("alma", ("run", "passengers", "--from", "2025-01-01"), 1, "wanted at most 62"),
        ("alma", ("run", "usage", "--operator", "ten"), 1, "'ten', wanted a number of 1 to"),
        ("alma", ("run", "usage", "--each", "year"), 1, "'year', wanted day or month"),
        ("alma", ("run", "usage", "--to-file", "x.doc"), 1, "wanted a name that ends in .pdf"),
        ("alma", ("saved", "run", "nothing"), 1, "not in production"),
        ("olli", ("statistics", *JUNE), 1, "no right"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(report, place, by, words, code, said):
    at = 3 if words[0] == "saved" else 2 if words[0] == "run" else 1
    found = report(*words[:at], place, *words[at:], by=by)
    assert found[0] == code and said in found[2] and found[1] == ""
    assert found[2].startswith("report ") and "Traceback" not in found[2]


def test_a_place_without_a_ledger_and_wrong_use_exit_with_2(report, tmp_path, capsys):
    code, _, said = report("run", "usage", tmp_path / "none.db")
    assert code == 2 and "no such ledger" in said
    for words in (["run"], ["statistics", "--from", "1.1.26", "--to", "x"], ["made-up"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
    capsys.readouterr()
    for words in (["--help"], ["run", "--help"], ["saved", "--help"], ["saved", "due", "--help"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 0 and "usage: tornello report" in capsys.readouterr().out


@pytest.mark.requirement("W-152")
def test_a_file_is_written_once_in_the_form_of_its_name(report, place, tmp_path):
    for end in ("pdf", "xlsx", "csv", "json"):
        path = tmp_path / f"sales.{end}"
        assert report("run", "sales", place, *JUNE, "--to-file", path)[0] == 0
        before = path.read_bytes()
        code, _, said = report("run", "sales", place, *JUNE, "--to-file", path)
        assert code == 1 and "is there already" in said and path.read_bytes() == before
    assert before[:1] == b"{" and (tmp_path / "sales.pdf").read_bytes()[:5] == b"%PDF-"


@pytest.mark.requirement("W-153")
def test_a_query_goes_from_a_file_into_production_and_into_a_file_when_due(report, place, tmp_path):
    file = tmp_path / "q.json"
    file.write_text(json.dumps(QUERY))
    tried = json.loads(report("saved", "try", place, "--query", file, "--json")[1])
    assert sum(row["rides"] for row in tried["rows"]) == 8
    assert report("saved", "save", "by-operator", place, "--query", file)[0] == 0
    code, _, said = report("saved", "produce", "by-operator", place)
    assert code == 1 and "alma made it" in said
    assert report("saved", "produce", "by-operator", place, by="bert")[0] == 0
    own = json.loads(report("saved", "run", "by-operator", place, "--json", by="olli")[1])
    assert [row["operator"] for row in own["rows"]] == [11]
    assert report("saved", "save", "x", place, "--query", file, by="olli")[0] == 1
    assert report("saved", "schedule", "by-operator", place, "--every", "day")[0] == 0
    assert report("saved", "due", place)[1] == "nothing is due\n"  # today began before
    listed = report("saved", "list", place)[1].splitlines()[1].split()
    assert listed == ["by-operator", "1", "1", "day", "alma"]
    shown = report("saved", "show", "by-operator", place)[1]
    assert json.loads(shown[shown.index("{") :])["source"] == "rides"
    file.write_text(json.dumps({**QUERY, "source": "cards"}))
    code, _, said = report("saved", "save", "bad", place, "--query", file)
    assert code == 1 and 'source: found "cards", wanted one of rides' in said
    file.write_bytes(b"\xff{")
    assert "no UTF-8" in report("saved", "save", "bad", place, "--query", file)[2]


def test_a_folder_bound_to_nobody_asks_whose_figures(report, place, tmp_path):
    (place / "register.place").unlink()
    code, _, said = report("run", "sales", place, *JUNE, by="")
    assert code == 1 and "whose figures? --authority N" in said
    path = tmp_path / "sales.xlsx"
    done = report("run", "sales", place, *JUNE, "--authority", TOWN, "--to-file", path, by="")
    assert done[0] == 0
    assert openpyxl.load_workbook(path).worksheets[0]["A1"].value == "day"
    assert list(REPORTS) == [line.split()[0] for line in report("list", by="")[1].splitlines()[::2]]
