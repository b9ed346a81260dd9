"""The vector files, run by one runner under CPython and under a real MicroPython."""

import pathlib
import re
import subprocess
import sys

import pytest

from tests.vectors import make_vectors

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUNNER = "tests/vectors/run_vectors.py"


def run(interpreter):
    done = subprocess.run(
        [interpreter, RUNNER], cwd=ROOT, capture_output=True, text=True, timeout=150, check=False
    )
    return done.returncode, done.stdout


@pytest.mark.system
@pytest.mark.requirement("D4", "D13", "T7", "T9")
def test_both_runtimes_pass_every_vector_and_print_the_same():
    micropython = pathlib.Path(sys.executable).with_name("micropython")
    status, printed = run(sys.executable)
    assert status == 0, printed
    assert re.search(r"^\d{4} passed, 0 failed$", printed, re.MULTILINE)
    assert run(str(micropython)) == (status, printed)


@pytest.mark.parametrize(
    "name", ["codecs.json", "codes.json", "layouts.json", "seals.json", "singles.json"]
)
def test_made_vector_files_are_what_their_maker_makes(name):
    made = make_vectors.make_all()[name]
    assert (make_vectors.HERE / name).read_text() == made, (
        "run: python tests/vectors/make_vectors.py"
    )


@pytest.mark.requirement("D4")
def test_the_design_s_record_is_packed_by_an_independent_packer_too():
    layout = make_vectors._layout("cards.card_layout", "G")
    assert make_vectors.pack_as_text(layout, make_vectors.g_example()) == make_vectors.G_EXAMPLE
