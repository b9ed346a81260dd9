"""The main job, as a person starts it: a town, its cards, its taps, and books that agree.

Each run is a whole system of real processes. Runs of different tests share nothing, so they spread
over both workers; tests over one kept run stay together.
"""

import json
import stat
import subprocess

import pytest

from card_layouts.records.entries import ACTION, BLOCK, INTENT
from simulator.demo_system import TARIFFS, TOWN_FEED
from tests.simulator import demo_runs
from tests.simulator.demo_runs import ROOT, command, play

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
ANNOUNCING = (INTENT, ACTION, BLOCK)
SMALL = ("--taps", "60")
KINDS = {
    "plain",
    "torn before commit",
    "torn, commit lost",
    "torn, answer lost",
    "power cut",
    "re-tapped",
    "insufficient",
    "hotlisted",
    "killed",
    "expired lease",
    "tourist ticket",
}
KUOPIO = "kuopio/gtfs_kuopio_finland.zip"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The demo as it is without options, its folder kept: (folder, code, result)."""
    folder = tmp_path_factory.mktemp("demo") / "town"
    code, result, err = play("--keep", folder)
    assert result is not None, err
    return folder, code, result


def assert_reconciled(result, taps):
    assert result["cards_cents"] == result["ledger_cards_cents"] > 0
    assert (result["open_intents"], result["lost"], result["doubled"]) == (0, 0, 0)
    assert result["taps"] == taps
    assert result["rerated"]["differences"] == 0
    # Every ride, with what else was on the card: the choice is repeated, not only the price.
    assert result["rerated"]["same"] == result["rerated"]["rateable"] > 0
    assert result["price_only_because"] == {} and result["differences"] == []
    assert result["trial_balance_cents"] == 0


@pytest.mark.xdist_group("demo kept")
@pytest.mark.requirement("R-6", "R-7", "R-19", "R-24", "W-36", "W-93", "I1", "I3", "I4", "I8")
def test_five_hundred_taps_end_in_books_that_agree_with_every_card(kept):
    folder, code, result = kept
    assert code == 0
    assert_reconciled(result, 500)
    status = json.loads((folder / "ledger-status.json").read_text())
    assert status["audited"] > 0 and not status["audit_error"], "the service itself, while idle"
    assert result["micropython"].startswith("1.")
    assert {kind for kind, count in result["kinds"].items() if count} >= KINDS
    assert [
        rule for rule in ("P1", "P2", "V1", "V2", "V3") if not result["resolved_by"][rule]
    ] == []
    assert all(row["cents"] == row["ledger_cents"] for row in result["card_list"])


@pytest.mark.xdist_group("demo kept")
@pytest.mark.requirement("W-89", "W-94")
def test_tourists_ride_on_tickets_paid_beforehand(kept):
    folder, _, result = kept
    taps = result["kinds"]["tourist ticket"]
    counted = {"taps": taps, "used": taps, "open": 0, "doubles": 0, "never_sold": 0}
    assert {name: result["tickets"][name] for name in counted} == counted
    counts = [json.loads(path.read_text())["counter"] for path in (folder / "tickets").iterdir()]
    assert sum(counts) - len(counts) == taps, "each count on a ticket stands in the books"
    assert result["tickets"]["sold_cents"] == 1600 * len(counts)


@pytest.mark.xdist_group("demo kept")
@pytest.mark.requirement("D11", "D21", "I4")
def test_cards_and_plain_sqlite_say_the_same_sum(kept, system_command):
    folder, _, result = kept
    images = sorted((folder / "cards").iterdir())
    dumped = command("edge_agent", "card", "dump", *images, "--sum-cents")
    query = "select sum(cents) from balances where kind = 'LIAB'"
    database = f"file:{folder}/ledger.db?mode=ro"
    booked = subprocess.run(
        [system_command("sqlite3"), database, query], capture_output=True, text=True
    )
    assert dumped.stdout.split()[-1] == booked.stdout.strip() == str(result["cards_cents"])


@pytest.mark.xdist_group("demo kept")
@pytest.mark.requirement("D13", "T10", "T11")
def test_entries_that_change_devices_are_all_refused(kept):
    folder, _, result = kept
    assert command("backend_sync", "ledger", "replay", folder).returncode == 0
    swapped = command("backend_sync", "ledger", "replay", folder, "--swap-devices", "--json")
    said = json.loads(swapped.stdout)
    assert said["refused"] == said["entries"] > result["ledger_taps"]


@pytest.mark.xdist_group("demo kept")
@pytest.mark.requirement("W-114", "O-17")
def test_the_weeks_rides_cost_the_same_again_and_more_under_a_dearer_tariff(kept, tmp_path):
    folder, _, result = kept
    said = command("backend_sync", "ledger", "taps", folder)
    assert said.returncode == 0, said.stderr
    (tmp_path / "rides.jsonl").write_text(said.stdout)
    assert len(said.stdout.splitlines()) > result["rerated"]["rateable"] * 9 // 10

    def priced(tariff):
        words = (
            "tariff",
            "whatif",
            tariff,
            tmp_path / "rides.jsonl",
            "--gtfs",
            TOWN_FEED,
            "--json",
        )
        found = command("backend_sync", *words)
        assert found.returncode == 0, found.stderr
        (whole,) = json.loads(found.stdout)["total"]
        return whole["old"], whole["new"]

    was, again = priced(TARIFFS / "tariff.toml")
    assert was == again > 0
    text = (TARIFFS / "tariff.toml").read_text()
    assert text.count("adult = [240, 320") == 1
    (tmp_path / "dear.toml").write_text(text.replace("adult = [240, 320", "adult = [250, 330"))
    (tmp_path / "ferry.toml").write_text((TARIFFS / "ferry.toml").read_text())
    assert priced(tmp_path / "dear.toml")[1] > was


@pytest.mark.xdist_group("demo kept")
@pytest.mark.requirement("D11", "W-148")
def test_the_ledgers_files_hold_no_uid(kept):
    folder, _, _ = kept
    uids = [json.loads(path.read_text())["card"]["uid"] for path in (folder / "cards").iterdir()]
    uids += [json.loads(path.read_text())["uid"] for path in (folder / "tickets").iterdir()]
    stored = b"".join(path.read_bytes() for path in folder.glob("ledger.db*"))
    for uid in uids:
        raw = bytes.fromhex(uid)
        assert raw not in stored
        assert uid.encode() not in stored.lower()


@pytest.mark.requirement("D19")
def test_the_same_seed_gives_the_same_totals_and_the_same_bytes():
    first, second, other = (demo_runs.result_of(*SMALL, "--seed", seed) for seed in (7, 7, 8))
    assert first["entries_sha256"] == second["entries_sha256"] != other["entries_sha256"]
    assert first == second


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


@pytest.mark.requirement("W-33", "W-36", "W-140")
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
