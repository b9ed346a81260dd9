"""The card and reader models know no line of the terminal code: found with `ast`, transitively.

Card and terminal must agree because both follow the standard, not because they share a mistake.
"""

import ast
import shutil
from pathlib import Path

import pytest

from tests import figures, import_rules

ROOT = Path(__file__).resolve().parent.parent
OURS = ("card_layouts", "firmware", "edge_agent", "backend_sync", "auditor", "tests")
MODELS = (
    *("desfire_card", "ultralight_c", "readers/pn532*", "readers/iso_dep*", "readers/air"),
    *("field", "readers/vpcd", "desfire_host"),
)
BY_NAME_AT_RUN_TIME = {"import_module", "__import__", "exec", "eval", "run_path", "run_module"}


def models(root):
    """Return the files of the models: modules, and all files of packages."""
    found = set()
    for pattern in MODELS:
        at = root / "simulator"
        files = {*at.glob(f"{pattern}.py"), *at.glob(f"{pattern}/*.py")}
        assert files, f"simulator/{pattern} is no file and no folder: this test must know it"
        found |= files
    return sorted(found)


def imported(path, root):
    """Yield every module name a file imports, anywhere in it, with its packages."""
    source = path.read_text(encoding="utf-8")
    package = path.relative_to(root).parent.parts
    names = [name for _line, name in import_rules.imports(source) if not name.startswith(".")]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level:  # a relative one, by its full name
            base = [*package[: len(package) - node.level + 1], *(node.module or "").split(".")]
            names += [".".join([*filter(None, base), alias.name]) for alias in node.names]
        called = getattr(node, "func", None)
        word = getattr(called, "attr", getattr(called, "id", ""))
        if isinstance(node, ast.Call) and word in BY_NAME_AT_RUN_TIME:
            yield f"{OURS[0]} (perhaps: {word} at line {node.lineno})"
    for name in names:
        parts = name.split(".")
        yield from (".".join(parts[:size]) for size in range(1, len(parts) + 1))


def file_of(name, root):
    """Return the file of a module of ours, or None."""
    at = root.joinpath(*name.split("."))
    return next((f for f in (at.with_suffix(".py"), at / "__init__.py") if f.is_file()), None)


def dependences(root):
    """Return (sentences about what the models import of ours, number of files looked at)."""
    waiting = [(path, path.name) for path in models(root)]
    seen, wrong = {path for path, _ in waiting}, []
    while waiting:
        path, chain = waiting.pop()
        for name in dict.fromkeys(imported(path, root)):
            if name.split(".")[0].split(" ")[0] in OURS:
                wrong.append(f"{chain} imports {name}: a model must know nothing of the terminal")
                continue
            file = file_of(name, root)
            if file is not None and file not in seen:
                seen.add(file)
                waiting.append((file, f"{chain} -> {file.name}"))
    return wrong, len(seen)


@pytest.mark.requirement("D27")
def test_independence_of_the_card_and_reader_models_from_the_terminal():
    wrong, looked_at = dependences(ROOT)
    assert not wrong, "\n".join(wrong)
    assert looked_at > 40
    figures.add("files of card and reader models that know nothing of the terminal", looked_at)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("desfire_card/ciphers.py", "from card_layouts.crypto.cmac import cmac"),
        ("desfire_card/__init__.py", "import firmware.tap"),
        ("ultralight_c/card.py", "def late():\n    from card_layouts.crypto import triple_des\n"),
        ("readers/iso_dep.py", "from tests import figures"),
        ("prng.py", "from card_layouts.codec import bits"),  # known to air.py only
        (
            "readers/pn532_frames.py",
            "from simulator.reader import DirectReader",
        ),  # which knows CardLost
        ("field.py", "import importlib\nimportlib.import_module('card_' + 'layouts')"),
        ("desfire_card/state.py", "from ..reader import DirectReader"),
    ],
)
def test_independence_is_lost_by_one_planted_import(tmp_path, file, line):
    for folder in ("simulator", "card_layouts", "firmware"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.json")
        )
    planted = tmp_path / "simulator" / file
    planted.write_text(planted.read_text(encoding="utf-8") + f"\n\n{line}\n", encoding="utf-8")
    wrong, _ = dependences(tmp_path)
    assert wrong and all(Path(file).name in sentence for sentence in wrong), wrong


def test_independence_is_looked_for_in_every_model_there_is():
    """A model that is moved or renamed must not fall out of the check."""
    names = {path.relative_to(ROOT / "simulator").as_posix() for path in models(ROOT)}
    assert {"desfire_card/card.py", "ultralight_c/card.py", "readers/pn532.py"} <= names
