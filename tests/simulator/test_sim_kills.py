"""`sim kills`: boundaries as strace counts them, nothing lost, planted mistakes found."""

import importlib
import json
import os
import platform
import sys

import pytest

from simulator.commands import main as sim
from simulator.kills.at_random import drill_at_random
from simulator.kills.drill import drill
from simulator.kills.plants import PLANTS
from simulator.kills.tracing import ERRORS, Fault, run_free, run_traced
from tests import figures

pytestmark = [
    pytest.mark.system,
    pytest.mark.requirement("T17", "T24", "I12", "D30"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="needs Linux on x86-64, for ptrace"),
]
EVERY = 20  # boundaries, in the everyday tier
# A ledger without transactions has 13,000 boundaries, and looks for ever at what is left of it.
PLANT_EVERY = {"run-first": 300, "piecemeal": 3000, "told-early": 600}


def said(capsys, *arguments):
    code = sim.main(["kills", *arguments])
    return code, capsys.readouterr().out


@pytest.mark.parametrize(("program", "least"), [("edge", 900), ("ledger", 1000)])
def test_a_program_killed_at_its_writes_and_syncs_loses_and_doubles_nothing(
    capsys, system_command, program, least
):
    system_command("strace")
    code, text = said(capsys, "--program", program, "--every", str(EVERY), "--json")
    (row,) = json.loads(text)["programs"]
    assert (code, row["findings"]) == (0, [])
    assert row["strace"] == row["boundaries"] >= least
    assert row["kills"] == row["boundaries"] // EVERY and row["restarts"] >= row["kills"]
    assert row["by_call"]["fdatasync"] >= 40, "a commit each 25 entries"
    figures.add("processes killed at a write or fsync", row["kills"])


def test_bytecode_that_an_import_would_write_is_no_boundary(tmp_path, monkeypatch):
    (tmp_path / "imported_late.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    traced = run_traced(lambda: int(not importlib.import_module("imported_late")))
    assert (traced.status, traced.names) == (0, [])


def test_a_disk_that_is_full_or_read_only_or_damaged_loses_nothing_and_says_what_to_do(capsys):
    code, text = said(capsys, "--program", "disk", "--every", "30", "--json")
    rows = {row["name"]: row for row in json.loads(text)["disk"]}
    assert code == 0 and all(row["findings"] == [] for row in rows.values())
    programs = ("edge", "ledger", "keyring")
    sure = {f"{name} {what}" for name in programs for what in ("damaged page", "not a database")}
    mounted = {f"{name} {what}" for name in programs for what in ("full", "read-only")}
    held = {name for name, row in rows.items() if not row["skipped"]}
    assert held >= sure | (mounted if os.geteuid() == 0 else set())
    assert "is damaged" in rows["edge damaged page"]["said"]
    for name in programs[1:]:
        assert "put back the last backup" in rows[f"{name} damaged page"]["said"]
    skipped = [row["skipped"] for row in rows.values() if row["skipped"]]
    if skipped:
        pytest.skip(skipped[0])
    for name in programs[:2]:
        assert "make room" in rows[f"{name} full"]["said"]
    assert "choose a folder that may be written" in rows["edge read-only"]["said"]


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_mistake_is_found(name):
    assert drill(PLANTS[name].program, every=PLANT_EVERY[name], plant=name).findings
    figures.add("planted mistakes found by kills", 1)


@pytest.mark.parametrize("program", ["edge", "ledger"])
def test_killed_again_and_again_at_random_nothing_is_lost(capsys, program):
    words = ("--program", program, "--random", "12", "--seed", "3", "--json")
    code, text = said(capsys, *words)
    (row,) = json.loads(text)["programs"]
    assert (code, row["findings"]) == (0, [])
    assert row["kills"] >= 12 and row["sessions"] >= 2 and row["kills_a_minute"] > 0
    figures.add("processes killed at random", row["kills"])


def test_a_session_is_played_again_by_its_number_and_a_planted_mistake_in_it_is_found():
    first, again = (
        drill_at_random("edge", 1, seed=3, session=2, plant="run-first") for _ in range(2)
    )
    assert first.findings and first.findings == again.findings
    assert first.findings[0].startswith("edge session 2, life ")
    figures.add("planted mistakes found by kills", 1)


def writes(path, count=5):
    def child():
        out = os.open(path, os.O_WRONLY | os.O_CREAT)
        for number in range(count):
            os.write(out, b"%d" % number)
        os.fsync(out)
        return 7

    return child


def test_a_child_is_killed_before_the_boundary_with_its_number(tmp_path):
    whole = run_traced(writes(tmp_path / "whole"))
    assert whole == (7, ["write"] * 5 + ["fsync"])
    assert run_traced(writes(tmp_path / "cut"), kill_at=3).status == -9
    assert (tmp_path / "cut").read_bytes() == b"01"
    assert run_free(writes(tmp_path / "free")) == 7


def test_a_boundary_fails_with_the_error_that_was_planned(tmp_path):
    def child():
        try:
            return writes(tmp_path / "file")()
        except OSError as error:
            return error.errno

    assert run_traced(child, fault=Fault(6, 1, ERRORS["eio"])).status == ERRORS["eio"]
    assert (tmp_path / "file").read_bytes() == b"01234"


@pytest.mark.parametrize("arguments", [("--program", "broker"), ("--every", "0")])
def test_wrong_use_ends_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as end:
        said(capsys, *arguments)
    assert end.value.code == 2


@pytest.mark.full
def test_killed_at_every_single_boundary_nothing_is_lost(capsys):
    code, text = said(capsys, "--json")
    tree = json.loads(text)
    assert code == 0
    for row in tree["programs"]:
        assert row["kills"] == row["boundaries"] == row["strace"] and row["findings"] == []
        figures.add("processes killed at a write or fsync", row["kills"])


@pytest.mark.full
def test_killed_a_thousand_times_at_random_nothing_is_lost(capsys):
    code, text = said(capsys, "--random", "1000", "--json")
    for row in json.loads(text)["programs"]:
        assert (code, row["findings"]) == (0, []) and row["kills"] >= 1000
        figures.add("processes killed at random", row["kills"])
