"""A set whose tests are spread over workers is judged by its sum, when all of it was played."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE = """
import pytest
from tests import figures
@pytest.mark.parametrize("number", range(4))
def test_a_share(number):
    figures.share("four plays", {wanted}, {{"torn": number == 3, "relay": {relay} * (number == 1)}})
"""


@pytest.mark.system
@pytest.mark.parametrize(
    ("workers", "wanted", "relay", "code"),
    [("2", 4, 0, 1), ("0", 4, 1, 0), ("0", 5, 0, 0)],
    ids=["absent", "all there", "not all played"],
)
def test_what_is_in_no_share_of_a_set_fails_the_run(tmp_path, workers, wanted, relay, code):
    spread = tmp_path / "tests" / "simulator" / "test_histories.py"  # any worker takes any test
    spread.parent.mkdir(parents=True)
    spread.write_text(FILE.format(wanted=wanted, relay=relay))
    command = [sys.executable, "-m", "pytest", "-q", "-n", workers, "-p", "tests.conftest"]
    done = subprocess.run(
        [*command, "-c", os.devnull, "--rootdir", tmp_path, "-p", "no:cacheprovider", spread],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert "4 passed" in done.stdout and done.returncode == code, done.stdout + done.stderr
    assert ("four plays: relay never came to pass" in done.stdout) is bool(code)
    assert "torn never" not in done.stdout
