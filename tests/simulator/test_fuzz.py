"""`./tornello sim fuzz`: every parser takes what it may and refuses the rest by name."""

import json

import pytest

from simulator.commands import main as sim
from simulator.fuzzing.engine import run_target
from simulator.fuzzing.mutation import case_of
from simulator.fuzzing.plants import PLANTS
from simulator.fuzzing.runtimes import compare
from simulator.fuzzing.shared.readers import GROUPS
from simulator.fuzzing.shrinking import smallest
from simulator.fuzzing.target import outcome_of
from simulator.fuzzing.targets import NAMES, TARGETS
from simulator.fuzzing.text import TREE
from simulator.prng import Prng
from tests import figures

pytestmark = pytest.mark.requirement("T22", "T23")
RUNS, SAMPLE = 600, 32
SLOW_RUNS, VERY_SLOW_RUNS = 150, 40
PLANT_RUNS_MOST = 1000
AGREE, SLOW_AGREE = 2000, 120
# Cases a second below a thousand, and below two hundred, on one core of a small machine.
SLOW = ("journal", "card-answers", "card-files", "tariff", "card-image", "dump-json", "dump-xml",
        "dump-flipper", "gtfs", "survey", "issue", "signature", "batch-file", "station-keys",
        "ticket-register", "intake", "versions")  # fmt: skip
VERY_SLOW = ("ticket-pages", "dock", "edge-dock", "tariff-toml", "gtfs-fares")
PLANT_RUNS = {"forged-answer": 150, "bare-json": 400, "any-number": 600}


def runs_of(target):
    return (
        VERY_SLOW_RUNS if target.name in VERY_SLOW else SLOW_RUNS if target.name in SLOW else RUNS
    )


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_sample_of_wrong_bytes_is_taken_or_refused_by_name(target):
    result = run_target(target, runs_of(target), 11, min(SAMPLE, runs_of(target) // 4))
    figures.add("wrong inputs given to parsers", result.executions)
    assert not result.faults, [(fault.outcome, fault.small[:200]) for fault in result.faults]
    assert result.executions == runs_of(target)
    # A corpus whose cases all end alike has stopped at the door.
    assert result.taken and result.lines_reached > result.lines_all // 5


@pytest.mark.system
@pytest.mark.parametrize(
    "target", [target for target in TARGETS if target.shared], ids=lambda target: target.name
)
def test_micropython_says_the_same_of_every_case_and_its_heap_stays(target):
    slow = target.name in SLOW or target.name in VERY_SLOW
    found = compare(target, SLOW_AGREE if slow else AGREE, 12)
    figures.add("verdicts compared with MicroPython", found.cases)
    assert not found.failed, found


def test_every_shared_reader_is_the_reader_of_a_target():
    names = [name for group in GROUPS.values() for name in group]
    assert sorted(names) == sorted(target.shared for target in TARGETS if target.shared)
    assert {plant.target for plant in PLANTS.values()} <= set(NAMES)


@pytest.mark.parametrize("name", PLANTS)
def test_every_planted_mistake_is_found_and_ends_with_1(name, capsys):
    runs = str(PLANT_RUNS.get(name, PLANT_RUNS_MOST))
    assert sim.main(["fuzz", "--plant", name, "--runs", runs, "--json"]) == 1
    (row,) = json.loads(capsys.readouterr().out)
    assert row["target"] == PLANTS[name].target and row["faults"]
    again = row["faults"][0]["again"].split()[3:]
    assert sim.main(["fuzz", *again]) == 1, "its own line plays it again"
    assert sim.main(["fuzz", *again[: again.index("--plant")]]) == 0, "without the plant it is well"


@pytest.mark.parametrize("case", [b"", b"7", b'"a"', b"null", b"[]", b"{}", b"[[1]]", b"[" * 3000])
def test_a_tree_is_changed_whatever_the_changes_before_left_of_it(case):
    work = NAMES["card-image"].make()
    for number in range(60):
        changed = case
        for operation in TREE:
            changed = operation(changed, Prng(number), work)
            assert isinstance(changed, bytes)


def test_a_case_is_its_number_and_seed_and_nothing_else():
    for name in ("cbor", "card-image", "tariff"):
        work = NAMES[name].make()
        first = [case_of(work, 7, number) for number in range(200)]
        again = NAMES[name].make()
        assert [case_of(again, 7, number) for number in reversed(range(200))] == first[::-1]
        other = [case_of(work, 8, number) for number in range(200)]
        seeds = len(work.seeds)
        assert first[:seeds] == other[:seeds] == list(work.seeds)
        assert first[seeds:] != other[seeds:]


def test_a_fault_is_made_small_and_stays_the_same_fault():
    with PLANTS["trailing-bytes"].planted():
        work = NAMES["cbor"].make()
        case = work.seeds[0] + bytes(100)
        outcome = outcome_of(work, case)
        assert outcome.failed and smallest(work, case, outcome) == b"\0\0"


def test_more_lines_or_memory_than_a_case_may_have_are_a_fault():
    target = NAMES["cobs"]
    for bound in ("lines_max", "memory_max"):

        def make(bound=bound):
            work = target.make()
            setattr(work, bound, -10_000_000)
            return work

        result = run_target(target._replace(make=make), 40, 1, 40)
        assert result.faults and result.faults[0].outcome.kind == "broken"


def test_a_run_prints_a_row_and_a_failing_case_is_saved_only_where_asked(capsys, tmp_path):
    assert sim.main(["fuzz", "--target", "topic", "--runs", "500"]) == 0
    text = capsys.readouterr().out
    assert "topic" in text and "1 targets, 500 cases, 0 faults" in text
    arguments = ["fuzz", "--plant", "no-mac", "--runs", "300", "--save", str(tmp_path / "found")]
    assert sim.main(arguments) == 1
    assert len(list((tmp_path / "found").iterdir())) == capsys.readouterr().out.count("saved: ")
    assert sim.main(["fuzz", "--target", "cbor", "--input", "00", "--show"]) == 0
    assert "taken" in capsys.readouterr().out


def test_a_run_that_was_ended_goes_on_where_it_was(capsys, tmp_path):
    kept = tmp_path / "done"
    arguments = ["fuzz", "--target", "topic", "--target", "base45", "--json", "--runs"]
    assert sim.main([*arguments, "2600"]) == 0
    whole = json.loads(capsys.readouterr().out)
    assert sim.main([*arguments, "2000", "--resume", str(kept)]) == 0
    assert len(kept.read_text().splitlines()) == 2
    capsys.readouterr()
    assert sim.main([*arguments, "2600", "--resume", str(kept), "--jobs", "1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["cases"] for row in found] == [2600, 2600]
    for row, other in zip(found, whole):
        for name in ("endings", "lines_reached", "faults", "taken"):
            assert row[name] == other[name], "pieces and processes change nothing"
    assert len(kept.read_text().splitlines()) == 4, "what was done is not done again"
    whole_lines = kept.read_text()
    kept.write_text(whole_lines[:-9])  # killed while it wrote the last line
    assert sim.main([*arguments, "2600", "--resume", str(kept)]) == 0
    assert sorted(row["cases"] for row in map(json.loads, kept.read_text().splitlines())) == [
        600, 600, 2000, 2000
    ]  # fmt: skip
    changed = kept.read_text().replace('"code": "', '"code": "x')
    kept.write_text(changed)
    assert sim.main([*arguments, "2600", "--resume", str(kept)]) == 0
    assert len(kept.read_text().splitlines()) == 8, "other source: done again"


def test_what_ended_with_a_fault_is_done_again(capsys, tmp_path):
    kept = tmp_path / "done"
    arguments = ["fuzz", "--runs", "300", "--resume", str(kept)]
    assert sim.main([*arguments, "--plant", "no-mac"]) == 1
    (row,) = map(json.loads, kept.read_text().splitlines())
    assert row["faults"]
    assert sim.main([*arguments, "--target", row["target"]]) == 0, "the mistake is gone"
    assert len(kept.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        ["--case", "3"],
        ["--target", "cbor", "--input", "xyz"],
        ["--target", "nothing"],
        ["--for", "soon"],
        ["--jobs", "0"],
    ],
)
def test_wrong_use_ends_with_2(wrong, capsys):
    with pytest.raises(SystemExit) as ended:
        sim.main(["fuzz", *wrong])
    assert ended.value.code == 2 and capsys.readouterr().err


@pytest.mark.system
@pytest.mark.full
def test_atheris_runs_the_same_targets_and_finds_the_same_mistakes(capsys):
    pytest.importorskip("atheris", reason="no wheel of atheris for this machine")
    arguments = ["fuzz", "--engine", "atheris", "--runs", "300"]
    assert sim.main([*arguments, "--target", "topic"]) == 0
    assert sim.main([*arguments, "--plant", "trailing-bytes"]) == 1
    assert "not canonical" in capsys.readouterr().out
