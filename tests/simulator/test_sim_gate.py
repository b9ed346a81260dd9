"""The gate: counts taps, keeps what is done, goes on with it, and never passes what is wrong."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from simulator.commands import main as sim
from simulator.commands.gate import Gate
from simulator.gate import parts as gate_parts
from simulator.gate.log import ROWS, SETTINGS, GateLog, GateLogError, Settings
from simulator.gate.report import GateReport, clock
from simulator.tap_model import histories as tap_histories
from simulator.workers import Workers
from tests import figures

ROOT = Path(__file__).resolve().parents[2]


def gate(*arguments):
    return sim.main(["gate", "--jobs", "1", *map(str, arguments)])


def rows_in(folder):
    return [json.loads(line) for line in (folder / ROWS).read_text().splitlines()]


@pytest.mark.requirement("T1", "D28")
def test_a_gate_counts_its_taps_and_goes_on_where_it_was(tmp_path, capsys):
    kept = tmp_path / "kept"
    few = ("--fixed", 0, "--taps", 200, "--model-taps", 11_000, "--seed", 4)
    assert gate(*few, "--only", "histories,model", "--keep", kept, "--for", 0.0001) == 0
    said = capsys.readouterr().out
    assert "not done" in said and f"sim gate --resume {kept}" in said
    before = rows_in(kept)
    (kept / ROWS).write_text((kept / ROWS).read_text() + '{"part": "hist')  # killed while it wrote
    assert gate("--resume", kept) == 0
    said = capsys.readouterr().out
    assert "nothing wrong" in said and "not done" not in said
    rows = rows_in(kept)
    assert rows[: len(before)] == before and "mismatches" in said
    seeds = [(row["part"], row["seed"]) for row in rows]
    assert len(set(seeds)) == len(seeds) and ("histories", 4) in seeds
    taps = {"histories": 0, "model": 0}
    for row in rows:
        taps[row["part"]] += row["taps"]
    assert taps["histories"] >= 200 and taps["model"] >= 11_000
    assert all(row["wrong"] == "" and row["checks"] > 0 for row in rows)
    figures.add("taps of the gate's sample", taps["histories"])
    figures.add("taps of the tap model in the gate's sample", taps["model"])


@pytest.mark.requirement("T1", "D28")
def test_a_planted_bug_makes_the_gate_fail_and_it_goes_on_to_the_end(tmp_path, capsys):
    few = ("--only", "histories", "--fixed", 2, "--taps", 3, "--canary", "one-cent-more")
    assert gate(*few, "--keep", tmp_path / "kept") == 1
    said = capsys.readouterr().out
    rows = rows_in(tmp_path / "kept")
    assert rows[0]["wrong"] and len(rows) > 1, "it went on after the first"
    assert f"WRONG {rows[0]['wrong']}; ./tornello sim replay --seed 1 --taps 120" in said


@pytest.mark.requirement("D15", "T1")
@pytest.mark.parametrize("name", tap_histories.MUTANTS)
def test_random_histories_of_the_model_kill_every_mutant(name):
    rules = tap_histories.MUTANTS[name]
    found = tap_histories.live(1, rules)
    assert found.wrong, f"{name}: {found.taps} taps, nothing seen"


@pytest.mark.requirement("D15", "T1", "I6", "I7", "I8", "I11", "I13")
def test_the_model_holds_and_every_fault_strikes():
    found = tap_histories.live(1)
    assert found.wrong == "" and found.taps > 5000
    names = {*tap_histories.BAD, tap_histories.DESTROYED}
    assert {name for name, count in found.injected.items() if count} == names
    assert tap_histories.live(1) == found, "the same seed is the same history"


def test_a_mutant_of_the_model_makes_the_gate_fail_with_a_line_that_replays_it(tmp_path, capsys):
    few = ("--only", "model", "--fixed", 0, "--model-taps", 1, "--seed", 77)
    assert gate(*few, "--canary", "model-no-chain", "--keep", tmp_path / "kept") == 1
    line = "./tornello sim gate --only model --fixed 0 --model-taps 1 --seed 77"
    assert f"suspense never empties; {line}" in capsys.readouterr().out
    assert gate(*few, "--keep", tmp_path / "again", "--json") == 0
    tree = json.loads(capsys.readouterr().out)
    assert tree["model"]["mismatches"] == 0 and tree["not_done"] == [] and tree["wrong"] == []


@pytest.mark.system
@pytest.mark.requirement("D28")
def test_ctrl_c_keeps_what_was_done_and_says_how_to_go_on(tmp_path):
    kept = tmp_path / "kept"
    command = [
        sys.executable,
        "-m",
        "simulator.commands.main",
        "gate",
        "--only",
        "model",
        "--jobs",
        "2",
    ]
    process = subprocess.Popen(
        [*command, "--keep", str(kept)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # as from a terminal
    )  # fmt: skip
    while not ((kept / ROWS).exists() and (kept / ROWS).stat().st_size):
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to its processes too
    said, complained = process.communicate(timeout=150)
    assert process.returncode == 1 and "Traceback" not in complained
    assert f"ended by Ctrl-C; ./tornello sim gate --resume {kept}" in complained
    rows = rows_in(kept)
    assert rows and f"{sum(row['taps'] for row in rows):,}" in said
    assert f"of {10_000_000:,} taps" in said and rows[0]["seed"] in (1, 2)


@pytest.mark.system
def test_a_command_that_fails_is_told_and_not_run_again(tmp_path, monkeypatch):
    monkeypatch.setitem(gate_parts.COMMANDS, "cuts", (("cuts", "--list"), ("cuts", "--flow", "x")))
    log = GateLog.begin(tmp_path / "kept", Settings(("cuts",), 0, 0, 0, 1))
    Gate(log, 1, math.inf, lambda line: None, time.monotonic).go()
    good, bad = log.rows
    assert good["wrong"] == "" and "append" in (tmp_path / "kept" / "cuts.txt").read_text()
    assert bad["wrong"].startswith("exit code 2, ./tornello sim cuts --flow x")
    Gate(log, 1, math.inf, lambda line: None, time.monotonic).go()
    assert log.rows == [good, bad]
    assert GateReport(log, {}).wrong() == [bad["wrong"]]
    log.close()


def test_what_was_wrong_is_done_again_when_a_gate_goes_on(tmp_path, capsys):
    kept = tmp_path / "kept"
    log = GateLog.begin(kept, Settings(("model",), 0, 11_000, 0, 4))
    row = {"part": "model", "taps": 6000, "checks": 1, "wall_s": 1, "faults": {}}
    log.add({**row, "seed": 4, "wrong": ""})
    log.add({**row, "seed": 5, "wrong": "a cent too much"})
    log.close()
    assert gate("--resume", kept) == 0
    said = capsys.readouterr().out
    assert "again      a cent too much; ./tornello sim gate --only model" in said
    assert "--seed 5: holds" in said and "nothing wrong" in said
    assert [found["wrong"] for found in rows_in(kept) if found["seed"] == 5] == [
        "a cent too much", "",
    ]  # fmt: skip
    done = len(rows_in(kept))
    assert gate("--resume", kept) == 0  # what held once is not done a third time
    assert len(rows_in(kept)) == done


def test_a_gate_whose_seeds_all_die_comes_to_an_end(tmp_path):
    log = GateLog.begin(tmp_path / "kept", Settings(("model",), 0, 100, 0, 1))
    said = []
    gate = Gate(log, 1, math.inf, said.append, time.monotonic)
    gate.parts["model"] = gate.parts["model"]._replace(play=lambda seed: None)
    gate.go()
    log.close()
    assert "50 seeds in a row played nothing: model ends here" in said
    assert 50 <= len(log.rows) < 60 and gate.report.unfinished() == ["model 0 of 100 taps"]
    assert "the process that played seed 1 died" in gate.report.wrong()[0]


def test_a_process_that_dies_is_replaced_and_its_piece_is_told():
    def work(piece):
        return os._exit(3) if piece == 2 else piece * 10

    with Workers(2, work) as workers:
        found = dict(done for done in workers.do(iter(range(5))) if done is not None)
    assert found == {0: 0, 1: 10, 2: None, 3: 30, 4: 40}


def test_a_fault_that_never_strikes_in_many_histories_is_wrong(tmp_path):
    log = GateLog.begin(tmp_path / "kept", Settings(("histories",), 1, 0, 40, 1))
    for seed in range(1, 41):
        log.add({"part": "histories", "seed": seed, "taps": 1, "checks": 1, "wall_s": 1,
                 "faults": {"power-cut": 1}, "wrong": ""})  # fmt: skip
    wrong = GateReport(log, gate_parts.parts("")).wrong()
    log.close()
    assert "the atlas has card-torn, and it never struck" in wrong
    assert "the atlas has power-cut, and it never struck" not in wrong


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf", "soon"])
def test_a_gate_for_no_time_at_all_is_refused(minutes, capsys):
    with pytest.raises(SystemExit) as wrong_use:
        gate("--for", minutes)
    assert wrong_use.value.code == 2
    assert f"{minutes}: wanted minutes, more than 0" in capsys.readouterr().err


def test_a_folder_that_cannot_be_used_is_told(tmp_path, capsys):
    (tmp_path / SETTINGS).write_text("{}")
    with pytest.raises(GateLogError, match="go on with --resume"):
        GateLog.begin(tmp_path, Settings(("model",), 0, 0, 0, 1))
    assert gate("--resume", tmp_path) == 1
    assert "wanted a folder that `sim gate --keep` wrote" in capsys.readouterr().err
    with pytest.raises(SystemExit) as wrong_use:
        gate("--only", "nonsense")
    assert wrong_use.value.code == 2 and clock(3725) == "1:02:05"
