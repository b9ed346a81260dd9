"""The demo as it is without options, played once; what it leaves behind is looked at many times."""

import json
import shutil
import subprocess
import sys

import pytest

from simulator.demo.system import TARIFFS, TOWN_FEED
from tests.simulator.demo_runs import ROOT, assert_reconciled, command, play

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
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


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The demo as it is without options, its folder kept: (folder, code, result)."""
    folder = tmp_path_factory.mktemp("demo") / "town"
    code, result, err = play("--keep", folder)
    assert result is not None, err
    return folder, code, result


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


@pytest.mark.requirement("W-89", "W-94")
def test_tourists_ride_on_tickets_paid_beforehand(kept):
    folder, _, result = kept
    taps = result["kinds"]["tourist ticket"]
    counted = {"taps": taps, "used": taps, "open": 0, "doubles": 0, "never_sold": 0}
    assert {name: result["tickets"][name] for name in counted} == counted
    counts = [json.loads(path.read_text())["counter"] for path in (folder / "tickets").iterdir()]
    assert sum(counts) - len(counts) == taps, "each count on a ticket stands in the books"
    assert result["tickets"]["sold_cents"] == 1600 * len(counts)


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


@pytest.mark.requirement("D13", "T10", "T11")
def test_entries_that_change_devices_are_all_refused(kept):
    folder, _, result = kept
    assert command("backend_sync", "ledger", "replay", folder).returncode == 0
    swapped = command("backend_sync", "ledger", "replay", folder, "--swap-devices", "--json")
    said = json.loads(swapped.stdout)
    assert said["refused"] == said["entries"] > result["ledger_taps"]


@pytest.mark.requirement("D25", "T13", "O-17")
def test_an_outsider_recomputes_the_week_without_the_ledger_and_finds_a_dropped_line(
    kept, tmp_path
):
    folder, _, result = kept
    outside = tmp_path / "outside"
    for name in ("auditor", "card_layouts"):
        shutil.copytree(ROOT / name, outside / name, ignore=shutil.ignore_patterns("__pycache__"))
    settled = tmp_path / "settlement"
    shutil.copytree(folder / "settlement", settled)

    def verified():
        words = [sys.executable, "-P", "-m", "auditor", str(settled), "--json"]
        done = subprocess.run(
            words, cwd=tmp_path, env={"PYTHONPATH": str(outside)}, capture_output=True, text=True
        )
        assert not done.stderr, done.stderr
        return done.returncode, json.loads(done.stdout)["batches"][0]

    code, batch = verified()
    assert (code, batch["findings"]) == (0, [])
    assert batch["sum"] == result["settlement"]["lines_cents"]
    lines = settled / "lines-000001.bin"
    lines.write_bytes(lines.read_bytes()[:1200] + lines.read_bytes()[1320:])
    code, batch = verified()
    assert code == 1 and "slots without a line, wanted at leaf 10" in " ".join(batch["findings"])


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
