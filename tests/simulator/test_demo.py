"""The main job, as a person starts it: a town, its cards, its taps, and books that agree.

Each run is a whole system of real processes. Runs of different tests share nothing, so any worker
may play them.
"""

import stat

import pytest

from card_layouts.records.entries import ACTION, BLOCK, INTENT
from simulator.prng import Prng
from tests.simulator import demo_runs
from tests.simulator.demo_runs import ROOT, assert_reconciled, play

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
ANNOUNCING = (INTENT, ACTION, BLOCK)
SMALL = ("--taps", "60")
KUOPIO = "kuopio/gtfs_kuopio_finland.zip"


@pytest.mark.requirement("D19")
def test_the_same_seed_gives_the_same_bytes_however_slow_its_programs_are(tmp_path):
    first = demo_runs.result_of(*SMALL, "--seed", 7)
    running = demo_runs.start(*SMALL, "--seed", 7, "--keep", tmp_path / "town")
    demo_runs.hold_now_and_then(tmp_path / "town", running, Prng(7))
    _, second, err = demo_runs.finish(running)
    assert first == second, err
    assert len(first["entries_sha256"]) == 64


@pytest.mark.full
@pytest.mark.requirement("D19")
def test_another_seed_gives_other_bytes():
    hashes = {
        demo_runs.result_of(*SMALL, "--seed", seed)["entries_sha256"] for seed in range(7, 10)
    }
    assert len(hashes) == 3


@pytest.mark.parametrize(
    ("plant", "key", "wanted"),
    [
        ("drop-one-entry", "lost", 1),
        ("post-twice", "doubled", 1),
    ],
)
@pytest.mark.requirement("I2", "I9")
def test_a_planted_loss_or_double_is_counted_and_fails(plant, key, wanted):
    code, result, err = play(*SMALL, "--plant", plant)
    assert code != 0
    assert result is not None, err
    assert result[key] == wanted
    assert "Reconciled" not in result["sentence"]


@pytest.mark.requirement("D14", "O-17")
def test_a_planted_fare_of_one_cent_more_is_a_difference():
    code, result, err = play(*SMALL, "--plant", "fare-plus-one-cent")
    assert code != 0
    assert result is not None, err
    assert result["rerated"]["differences"] > 0


@pytest.mark.requirement("D14", "O-17")
def test_a_purse_taken_beside_a_valid_pass_is_a_difference_of_choice():
    code, result, err = play(*SMALL, "--plant", "purse-beside-pass")
    assert code != 0
    assert result is not None, err
    assert 0 < result["rerated"]["differences"] == len(result["differences"])
    for found in result["differences"]:
        assert "charge by product 1," in found["validator"]
        assert "by product 10," in found["ledger"], "the right that was on the card"
    assert result["rerated"]["price_only"] == 0, "an honest ride after it is not in doubt"


@pytest.mark.requirement("D16", "T12", "I12")
def test_a_hundred_forged_acknowledgements_delete_nothing():
    code, result, err = play(*SMALL, "--plant", "forged-acks")
    assert result is not None, err
    assert result["forged_acks"] >= 100
    assert result["deleted_on_forged"] == 0
    assert_reconciled(result, 60)
    assert code == 0


@pytest.mark.requirement("I16", "D22")
def test_without_the_last_taps_what_is_unknown_stays_open_and_is_counted():
    result = demo_runs.result_of(*SMALL, "--no-last-taps")
    assert result["open_intents"] == result["torn_unknown"] > 0
    assert (result["lost"], result["doubled"]) == (0, 0)


@pytest.mark.requirement("D19")
def test_a_validator_that_cannot_start_is_named():
    code, result, err = play(*SMALL, TORNELLO_MICROPYTHON="/bin/false")
    assert code != 0
    assert result is None
    assert "V1" in err
    assert "Traceback" not in err


@pytest.mark.requirement("I6", "D15", "T16")
def test_every_intent_is_programmed_before_its_commit_is_sent_and_no_source_is_opened(
    tmp_path, system_command
):
    traced = tmp_path / "micropython"
    real = ROOT / ".venv" / "bin" / "micropython"
    traced.write_text(
        f"#!/bin/sh\nexec {system_command('strace')} -D -f -qq -e trace=openat,open"
        f' -o {tmp_path}/opened.$$ {real} "$@"\n'
    )
    traced.chmod(traced.stat().st_mode | stat.S_IXUSR)
    code, result, err = play(*SMALL, "--trace", TORNELLO_MICROPYTHON=str(traced))
    assert code == 0, err
    assert_announced(err)
    opened = "".join(path.read_text() for path in tmp_path.glob("opened.*"))
    assert "romfs" in opened
    sources = [line for line in opened.splitlines() if "firmware/" in line and ".py" in line]
    assert sources == []


def assert_announced(trace):
    """Every C7 of a board comes after an entry that announces it, and each announces one."""
    announced, commits = {}, 0
    for line in trace.splitlines():
        board, what, *detail = line.split() + ["", ""]
        if what == "flash" and len(detail) > 4 and int(detail[2]) in ANNOUNCING:
            announced[board] = int(detail[3])
        elif what == "sent" and detail[0] == "C7":
            commits += 1
            assert announced.pop(board, None), f"commit {commits} was not announced: {line}"
    assert commits > 40


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("broker", marks=pytest.mark.full),
        pytest.param("edge", marks=pytest.mark.full),
        pytest.param("keyring", marks=pytest.mark.full),
        "ledger",
    ],
)
@pytest.mark.requirement("T17", "T24", "T25")
def test_a_killed_program_costs_nothing_but_a_resume(program, tmp_path):
    folder = tmp_path / "town"
    running = demo_runs.start(*SMALL, "--keep", folder)
    assert demo_runs.kill_one(folder, program, running)
    demo_runs.finish(running)
    code, result, err = play("--keep", folder, "--resume")
    assert code == 0, err
    assert_reconciled(result, 60)


@pytest.mark.requirement("W-1", "W-7", "W-33", "W-36", "W-140")
def test_a_real_towns_feed_is_played_too(real_data):
    code, result, err = play(*SMALL, "--gtfs", real_data / KUOPIO)
    assert code == 0, err
    assert_reconciled(result, 60)


@pytest.mark.full
@pytest.mark.requirement("W-33", "W-36", "W-140")
def test_five_hundred_taps_in_a_real_town(real_data):
    code, result, err = play("--gtfs", real_data / KUOPIO)
    assert code == 0, err
    assert_reconciled(result, 500)


@pytest.mark.requirement("T22")
@pytest.mark.parametrize("name", ["absent.zip", "broken.zip"])
def test_a_feed_that_cannot_be_read_is_one_clear_sentence(tmp_path, name):
    (tmp_path / "broken.zip").write_bytes(b"PK no zip at all")
    code, result, err = play("--gtfs", tmp_path / name)
    assert (code, result) == (1, None)
    assert name in err
    assert "Traceback" not in err


def test_a_folder_that_holds_a_demo_is_not_overwritten(tmp_path):
    folder = tmp_path / "town"
    folder.mkdir()
    (folder / "demo.json").write_text("{}")
    code, _, err = play("--keep", folder)
    assert code == 1
    assert str(folder) in err
    assert "Traceback" not in err
