"""The oracle stays by itself, and what documents say about histories is what is there."""

import ast
import re
from pathlib import Path

import pytest

from simulator.cuts.flows import FLOWS
from simulator.fuzzing.targets import TARGETS
from simulator.histories.faults import ATLAS

ROOT = Path(__file__).resolve().parents[2]
HISTORIES = ROOT / "simulator" / "histories"
DOCUMENTS = ("README.md", "CHANGELOG.md", "simulator/README.md")
ORACLE = sorted(HISTORIES.glob("model*.py"))
ORACLE_FILE_LINES, ORACLE_LINES = 300, 800


def imported(source):
    """Return the modules a source imports, and the names by which it could import others."""
    tree = list(ast.walk(ast.parse(source)))
    names = {node.module for node in tree if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in tree if isinstance(node, ast.Import) for alias in node.names}
    used = {node.id for node in tree if isinstance(node, ast.Name)}
    return names | used & {"__import__", "exec", "eval", "__builtins__"}


@pytest.mark.requirement("D19")
def test_the_oracle_imports_nothing_of_ours_and_stays_small():
    ours = {f"simulator.histories.{path.stem}" for path in ORACLE}
    sizes = [len(path.read_text().splitlines()) for path in ORACLE]
    assert max(sizes) < ORACLE_FILE_LINES and sum(sizes) <= ORACLE_LINES, sum(sizes)
    for path in ORACLE:
        assert imported(path.read_text()) <= {"typing", *ours}, path.name
    said = (ROOT / "DECISIONS.md").read_text()
    assert f"each under {ORACLE_FILE_LINES} lines and {ORACLE_LINES} in all" in said


@pytest.mark.parametrize(
    "planted_line",
    [
        "import typing, firmware.tap",
        "from backend_sync import ledger",
        "import importlib",
        "fares = __import__('card_layouts.fares')",
        "from . import people",
    ],
)
def test_an_import_of_ours_in_the_oracle_is_found(planted_line):
    assert not imported(planted_line) <= {"typing"}


def test_the_readme_names_every_file_of_the_folder_and_no_other():
    rows = [row for row in (HISTORIES / "README.md").read_text().splitlines() if row[:2] == "| "]
    named = re.findall(r"`(\w+\.py)`", "\n".join(rows))
    files = {path.name for path in HISTORIES.glob("*.py")} - {"__init__.py"}
    assert sorted(named) == sorted(files)


def test_documents_count_faults_flows_and_parsers_right():
    counts = {"kinds of fault": len(ATLAS), "flows": len(FLOWS), "parsers of": len(TARGETS)}
    text = {name: (ROOT / name).read_text() for name in DOCUMENTS}
    found = [
        (name, what, int(number))
        for name, said in text.items()
        for number, what in re.findall(rf"(\d+) ({'|'.join(counts)})", said)
    ]
    assert len(found) == 5 and not [row for row in found if row[2] != counts[row[1]]], found
