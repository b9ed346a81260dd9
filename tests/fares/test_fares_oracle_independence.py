"""The oracle imports nothing of ours and counts in integers; planted code is found."""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("oracle*.py"))
ALLOWED = {"csv", "tomllib", "datetime", "zoneinfo", "collections", "json", "sys"}
OWN = {path.stem for path in FILES}
NO_FLOATS = "a float, or a division that makes one"


def foreign_imports(text):
    """Return every import of a source text that the oracle may not have."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name not in ALLOWED]
        elif isinstance(node, ast.ImportFrom):
            found += [name for name in _names(node) if not _is_fine(name)]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in CALLS:
            found.append(node.func.id)
    return found


CALLS = {"__import__", "eval", "exec", "compile"}


def _names(node):
    if node.level or not node.module:
        return ["a relative import"]
    if node.module == "tests.fares":
        return [f"tests.fares.{alias.name}" for alias in node.names]
    return [node.module]


def _is_fine(name):
    own = name.removeprefix("tests.fares.")
    return name in ALLOWED or (name.startswith("tests.fares.") and own in OWN)


def floats(text):
    """Return the lines that hold a float or could make one."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(text))
        if (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div))
        or (isinstance(node, ast.Name) and node.id in ("float", "round"))
    ]


@pytest.mark.requirement("D31")
def test_oracle_independence_nothing_of_ours_is_imported():
    assert len(FILES) >= 7
    found = {path.name: foreign_imports(path.read_text()) for path in FILES}
    assert found == {path.name: [] for path in FILES}


def test_oracle_independence_fails_on_a_planted_import():
    for planted in (
        "import card_layouts",
        "from card_layouts.fares import rate",
        "import backend_sync.tariffs.book as book",
        "from tests.fares import engine_side",
        "from tests.fares.towns import draw_town",
        "from . import oracle",
        "import importlib",
        "rate = __import__('card_layouts.fares.rate')",
    ):
        assert foreign_imports(planted), planted
    assert not foreign_imports("import csv\nfrom tests.fares import oracle_tariff")


def test_oracle_independence_money_is_never_a_float():
    assert {path.name: floats(path.read_text()) for path in FILES} == {
        path.name: [] for path in FILES
    }
    for planted in ("a = 1.5", "a = b / c", "a /= 2", "a = float(b)", "a = round(b)"):
        assert floats(planted), planted
