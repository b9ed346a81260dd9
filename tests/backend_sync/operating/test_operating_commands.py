"""`tornello operating`: the same versions, by people who sign in, and their exit codes."""

import json

import pytest

from backend_sync.cli import main
from backend_sync.clocks import SystemClock
from backend_sync.operating.opening import open_operating
from tests.backend_sync.office_world import Office
from tests.backend_sync.operating.planners import DAYS, TEN, TOWN_FEED, zipped
from tests.backend_sync.registers_world import secret_file

DECADES = f"{DAYS}\ndaily,1,1,1,1,1,1,1,20260101,20551231\n"  # commands have the real clock


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    made = Office(tmp_path_factory.mktemp("commands"), lived=False)
    secret_file(made.folder)
    yield made
    made.close()


@pytest.fixture
def run(office, capsys):
    def run(command, *words, by="olli"):
        code = main([str(word) for word in
                     ("operating", command, office.folder, *words, "--register", office.folder,
                      "--by", by, "--secret", office.folder / "secret")])  # fmt: skip
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


@pytest.mark.requirement("W-20", "W-119", "W-127", "W-140")
def test_commands_add_list_undo_and_export(office, run, tmp_path):
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    first.write_bytes(zipped(tmp_path, **TOWN_FEED, calendar=DECADES))
    other = TOWN_FEED | {"stops": TOWN_FEED["stops"].replace("Hill", "High Hill")}
    second.write_bytes(zipped(tmp_path, **other, calendar=DECADES))
    assert run("list") == (0, "no version\n")
    code, said = run("add", first)
    assert code == 0 and "not in force: add it again with --from DAY" in said
    with open_operating(office.folder, SystemClock()) as operating:
        today = operating.today("Europe/Helsinki")
    assert run("add", first, "--from", today)[0] == 0
    code, said = run("add", second, "--from", today)
    assert (code, "stops: 0 added, 0 removed, 1 changed" in said) == (0, True)
    states = json.loads(run("list", "--json")[1])
    assert [(row["number"], row["in_force"]) for row in states] == [(2, True), (1, False)]
    assert "version 1 is in force from" in run("undo")[1]
    assert "version 2 is in force from" in run("undo", "--version", 2)[1]
    out = tmp_path / "out.zip"
    assert run("export", "--version", 1, "--to", out)[0] == 0
    assert out.read_bytes() == first.read_bytes()
    assert run("export", "--to", out)[0] == 2  # never over a file that is there
    # The authority sees it all; another operator nothing.
    assert f"{TEN.authority}:10" in run("list", by="alma")[1]
    assert run("list", by="otto") == (0, "no version\n")
    assert run("export", "--operator", 10, "--to", tmp_path / "x", by="otto")[0] == 1


@pytest.mark.requirement("W-10", "T22")
def test_commands_refuse_with_a_sentence_and_exit_codes(office, run, tmp_path):
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"no zip")
    code, said = run("add", bad)
    assert code == 1 and "not a readable zip" in said and "nothing was changed" in said
    assert run("add", tmp_path / "none.zip")[0] == 2
    assert run("add", bad, by="alma")[0] == 1  # for which operator?
    assert run("list", by="carl")[0] == run("list", by="dpo")[0] == 1
    assert run("undo", "--version", 99)[0] == 1
    with pytest.raises(SystemExit) as refused:
        run("add", bad, "--from", "tomorrow")
    assert refused.value.code == 2
    assert main(["operating", "list", str(tmp_path / "nowhere"), "--by", "olli"]) == 2
