"""What the tests of a file share is made once, however many workers run them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scheduling import FIRST, SPREAD, TOGETHER, piece_of

ROOT = Path(__file__).resolve().parent.parent
FILE = """
import pytest
@pytest.fixture(scope="module")
def shared():
    with open({made!r}, "a") as file:
        file.write("made\\n")
@pytest.mark.parametrize("number", range(9))
def test_it_is_there(shared, number):
    pass
"""


def test_every_file_that_is_named_exists():
    for path in (*FIRST, *SPREAD, *TOGETHER):
        assert (ROOT / path).exists(), f"tests/scheduling.py names {path}"


def test_a_file_is_one_piece_unless_its_tests_share_nothing():
    one, other = "tests/firmware/test_tap.py::test_a", "tests/firmware/test_tap.py::test_b[x]"
    assert piece_of(one) == piece_of(other) == "tests/firmware/test_tap.py"
    assert piece_of(f"{SPREAD[0]}::test_a") != piece_of(f"{SPREAD[0]}::test_b")
    assert piece_of("tests/outside/test_pcsc.py::test_a") == "tests/outside/"


@pytest.mark.system
def test_two_workers_make_what_a_file_shares_once(tmp_path):
    for name in "abc":
        text = FILE.format(made=str(tmp_path / f"{name}.made"))
        (tmp_path / f"test_{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "tests.conftest"]
    done = subprocess.run(
        [*command, "-c", os.devnull, "--rootdir", tmp_path, "-p", "no:cacheprovider", tmp_path],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert "27 passed" in done.stdout, done.stdout + done.stderr
    assert [(tmp_path / f"{name}.made").read_text() for name in "abc"] == ["made\n"] * 3
