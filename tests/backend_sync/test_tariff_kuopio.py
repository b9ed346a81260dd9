"""`tornello tariff` over a city: Kuopio's feed of 2016 with Mikkeli's prices (kuopio.toml)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from backend_sync.tariffs.main import main
from backend_sync.tariffs.self_test import SHIPPED
from tests import figures

TARIFF = Path(__file__).parent / "kuopio.toml"
ROOT = Path(__file__).parents[2]
MEMORY_KIB_MAX = 256 * 1024
BODY_BYTES_MAX = 128 * 1024
# Runs one command in a process of its own and says its largest memory.
MEASURED = """
import sys
from backend_sync.tariffs.main import main
from tests.peak_memory import peak_kib
code = main(sys.argv[1:])
print("KiB", peak_kib())
sys.exit(code)
"""


@pytest.fixture
def feed(real_data) -> Path:
    return real_data / "kuopio" / "gtfs_kuopio_finland.zip"


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_check_accepts_the_feeds_two_odd_trips_with_their_reason(capsys, feed):
    code, out, err = run(capsys, "check", TARIFF, "--gtfs", feed)
    assert (code, err) == (0, "")
    assert "Hiihtokausi_61_61_L17:00HK_La_1700 ends 35:07 and 2 more (the feed of 2016:" in out
    assert "1,355 stops; 3 warnings accepted" in out


def test_without_the_reason_the_odd_trips_refuse_the_compile(capsys, tmp_path, feed):
    text = TARIFF.read_text()
    (tmp_path / "kuopio.toml").write_text(text[: text.index("[accept]")])
    out = tmp_path / "kuopio.ttar"
    arguments = ("compile", tmp_path / "kuopio.toml", "--gtfs", feed, "-o", out)
    code, _said, err = run(capsys, *arguments)
    assert code == 1 and not out.exists()
    assert "has no call from 17:42 to 34:22; wanted at most 120 minutes between two calls" in err
    assert "Talvikausi_31T_1606_31T_01_v3_La-Su_0115 leaves 01:15" in err


@pytest.mark.system
@pytest.mark.requirement("W-36", "D31")
def test_a_city_compiles_into_128_kib_within_256_mib(tmp_path, feed):
    out = tmp_path / "kuopio.ttar"
    arguments = ("compile", TARIFF, "--gtfs", feed, "-o", out)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    used = int(done.stdout.split("KiB")[1])
    figures.add("KiB to compile Kuopio", used)
    figures.add("bytes of Kuopio's tariff", out.stat().st_size)
    assert used <= MEMORY_KIB_MAX
    assert out.stat().st_size <= BODY_BYTES_MAX


@pytest.mark.requirement("W-29", "W-37")
def test_explain_prices_the_twenty_two_sequences_of_the_city(capsys, feed):
    code, out, _err = run(capsys, "explain", TARIFF, "--gtfs", feed, "--all-sequences", "--json")
    rows = {row["zones"]: row for row in json.loads(out)}
    assert code == 0 and len(rows) == 22
    assert sum(row["trips"] for row in rows.values()) == 2149
    assert rows["A-C"]["priced"] == "A-C" and rows["A-C"]["cents"] == 415
    assert rows["A-C"]["decision"] == "B has no stop: priced as passed"
    assert "a zone is paid once" in rows["B-C-B-C-B"]["decision"]


def test_explain_answers_from_the_compiled_package_too(capsys, tmp_path, feed):
    body = tmp_path / "kuopio.ttar"
    run(capsys, "compile", TARIFF, "--gtfs", feed, "-o", body)
    asked = ("explain", TARIFF, "7", "--gtfs", feed, "--at", "2026-03-03 12:00")
    assert run(capsys, *asked) == run(capsys, *asked, "--package", body)


def test_diff_and_whatif_work_on_the_city(capsys, tmp_path, feed):
    code, out, _err = run(capsys, "diff", SHIPPED / "mikkeli" / "tariff.toml", TARIFF)
    assert code == 1 and "tariff , zones" not in out
    assert "tariff, zones: A, B, C, D, E, F, G -> A, B, C, D" in out
    tap = {"at": "2026-03-03 12:00", "stop": "201287", "picked": "B"}
    card = {"group": "adult", "balance": 2000, "purse": {"product": "value"}}
    taps = tmp_path / "taps.jsonl"
    taps.write_text(json.dumps({"card": card, "tap": tap, "charged": 300}) + "\n")
    code, out, err = run(capsys, "whatif", TARIFF, taps, "--gtfs", feed)
    assert (code, err) == (0, "") and "all taps" in out
