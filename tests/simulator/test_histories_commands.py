"""What commands of histories promise: a hash that notices, sets that miss nothing, blind runs."""

from unittest.mock import patch

import pytest

from firmware.station import Station
from simulator.commands import canary as canary_command
from simulator.commands import hash as hash_command
from simulator.commands import main as sim
from simulator.commands import run as run_command
from simulator.commands import shrink as shrink_command
from simulator.commands.run import Totals
from simulator.histories import state
from simulator.histories.canary import CANARIES, Canary
from simulator.histories.options import draw_options
from simulator.histories.play import play

SELFTEST = ["hash", "--selftest", "--seed", "3", "--taps", "10", "--no-faults"]


@pytest.mark.requirement("D19")
@pytest.mark.parametrize("flips", [200, pytest.param(1000, marks=pytest.mark.full)])
def test_every_byte_that_is_flipped_where_it_lies_changes_the_hash(capsys, monkeypatch, flips):
    monkeypatch.setattr(hash_command, "FLIPS", flips)
    assert sim.main(SELFTEST) == 0
    assert f"the hash changed {flips} times" in capsys.readouterr().out


@pytest.mark.requirement("D19")
def test_kinds_of_record_that_the_state_leaves_out_are_named(capsys, monkeypatch):
    left_out = {"resolutions", "card", "marks", "versions.json"}

    def without(real):
        return lambda place: [
            one for one in real(place) if getattr(one, "name", one) not in left_out
        ]

    monkeypatch.setattr(hash_command, "FLIPS", 150)  # more than there are records
    monkeypatch.setattr(state, "tables", without(state.tables))
    monkeypatch.setattr(state, "files", without(state.files))
    assert sim.main(SELFTEST) == 1
    wrong = [row for row in capsys.readouterr().out.splitlines() if row.startswith("WRONG")]
    assert {row.split(":")[0].split("/")[-1].split()[-1] for row in wrong} == left_out


def test_a_history_in_which_nothing_is_missing_or_forked_has_compared_nothing(capsys):
    """Counts of calls would hide it: each checker was called."""
    found = play(draw_options(3, 3, ()))
    assert found.violation == "" and found.checked["I6"] == found.checked["I1"] > 0
    unused = Totals([found]).unused()
    for name in ("missing money", "clones", "inventions", "withheld", "I8", "I15", "list", "V2"):
        assert f"check of {name}" in unused and not found.checked[name]
    assert sim.main(["run", "--seed", "3", "--taps", "3", "--no-faults"]) == 0
    said = capsys.readouterr().out
    assert ", relay 0," in said and ", clones 0" in said and ", journal missed 0" in said


def test_a_fault_that_was_named_and_never_struck_fails_a_run_set(capsys, monkeypatch):
    monkeypatch.setattr(run_command, "FULL_SET", 2)
    few = ["run", "--seeds", "2", "--taps", "3", "--faults"]
    assert sim.main([*few, "ledger-restored"]) == 1
    said = capsys.readouterr().out
    assert "WRONG ledger-restored: in 2 histories it never came to pass" in said
    assert sim.main([*few, "link-garbled"]) == 0


def test_a_bug_that_no_longer_fits_its_program_is_not_found(monkeypatch):
    def crash(stack):
        stack.enter_context(patch.object(Station, "_serve", lambda self, seen: None))

    monkeypatch.setitem(CANARIES, "misfit", Canary("takes too few arguments", crash))
    seed, said = canary_command.search("misfit", 3)
    assert not seed and said.startswith("crash: TypeError")


@pytest.fixture
def easy_search(monkeypatch):
    """Let every bug be found at the first seed but the first of the table."""
    first = next(iter(CANARIES))
    monkeypatch.setattr(
        canary_command, "search", lambda name, seeds: (0, "") if name == first else (1, "I1: said")
    )


def blind(capsys, *arguments):
    assert sim.main(["canary", "--blind", *arguments]) == 1  # one was not found
    return capsys.readouterr().out


def test_a_blind_run_has_an_order_of_its_own_that_can_be_had_again(capsys, easy_search):
    said = [blind(capsys) for _ in range(2)]
    assert said[0].splitlines()[0] != said[1].splitlines()[0]
    order = said[0].splitlines()[0].split()[-1]
    assert blind(capsys, "--seed", order) == said[0]
    assert len({blind(capsys, "--seed", str(n)).find("NOT FOUND") for n in range(4)}) > 1


def test_a_blind_run_never_says_which_bug_is_on(capsys, easy_search):
    for form in ((), ("--json",)):
        said = blind(capsys, *form)
        assert "bug  1" in said and not [name for name in CANARIES if name in said]


def test_a_place_that_cannot_be_written_is_told_before_the_work(capsys, monkeypatch, tmp_path):
    def worked(*_):
        raise AssertionError("it began to shrink")

    monkeypatch.setattr(shrink_command, "shrink", worked)
    with pytest.raises(SystemExit) as wrong_use:
        sim.main(["shrink", "--seed", "3", "-o", str(tmp_path / "absent" / "small.json")])
    said = capsys.readouterr().err.splitlines()
    assert wrong_use.value.code == 2 and "No such file or directory; wanted a file" in said[-1]
    monkeypatch.setattr(shrink_command, "shrink", lambda *_: None)
    assert sim.main(["shrink", "--seed", "3", "-o", str(tmp_path / "small.json")]) == 0
    assert not list(tmp_path.iterdir())
