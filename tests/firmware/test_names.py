"""Attributes and parameters that borrow names: the image means the same and needs fewer."""

import ast
import subprocess

import pytest

from firmware.tools.build_image import build_image
from firmware.tools.bundling import Apart, bundle, bundles
from simulator.boards.board_process import micropython_path

SOURCE = """
KNOWN = {"by_text": 1}


class Counter:
    unit = "cent"

    def __init__(self, first, by_text):
        self.lonely_count = first
        self.by_text = by_text
        self.append = []

    def lonely_step(self, width, times=1):
        def inside(further):
            return further + width

        for _ in range(times):
            self.lonely_count = inside(self.lonely_count)
        self.append.append(self.lonely_count)
        return self


class Refused(Exception):
    def lonely_reason(self):
        return self.args


def joined_function(value, other):
    return [(lambda left, right: left - right)(value, other), value]


def main():
    counter = Counter(1, by_text=2).lonely_step(3, times=2)
    try:
        raise Refused(5)
    except Refused as error:
        reason = error.lonely_reason()
    return [counter.lonely_count, counter.by_text, counter.append, counter.unit,
            KNOWN, reason, joined_function(9, 4)]
"""
MEANING = [7, 2, [7], "cent", {"by_text": 1}, (5,), [5, 9]]
# What MicroPython's modules hold, and what their values and classes have.
ASK_MICROPYTHON = """
import sys
for name in (
    "array binascii cryptolib framebuf gc hashlib io json os select sys termios time vfs"
).split():
    module = __import__(name)
    for label in dir(module):
        print(label, *dir(getattr(module, label)))
for value in (b"", "", 1, [], {}, (), set(), range(1), (i for i in []), open("/dev/null")):
    print(*dir(value))
print(*dir(hashlib.sha256()), *dir(select.poll()))
""".replace("import sys", "import hashlib, select")


def run(text):
    names = {}
    exec(compile(text, "bundle", "exec"), names)
    return names["main"]()


def joined(source=SOURCE):
    return bundle({"firmware": "", "firmware.one": source}, "firmware.one")


def words(text):
    nodes = list(ast.walk(ast.parse(text)))
    return ({node.attr for node in nodes if isinstance(node, ast.Attribute)}
            | {node.arg for node in nodes if isinstance(node, ast.arg)}
            | {node.name for node in nodes if isinstance(node, ast.FunctionDef)})  # fmt: skip


def borrowed(text):
    """Return {name as written: name in the image} from the lines at the end."""
    lines = [line.split() for line in text.splitlines() if line.startswith("# .")]
    return {name: theirs.removeprefix(".") for _, theirs, _, name in lines}


def test_the_image_means_the_same_with_borrowed_names():
    assert run(SOURCE) == run(joined()) == MEANING


def test_attributes_methods_and_parameters_take_names_that_exist():
    text = joined()
    assert not {"lonely_count", "lonely_step", "first", "width", "further", "left"} & words(text)
    lent = borrowed(text)
    assert set(lent.values()) <= {"Counter", "KNOWN", "Refused", "cent", "inside",
                                  "joined_function", "main"}  # fmt: skip
    assert len(set(lent.values())) == len(lent), "two attributes must not become one"


def test_what_libraries_or_texts_or_callers_name_keeps_its_name():
    assert {"append", "by_text", "times", "unit", "args", "self"} <= words(joined())


def test_a_module_apart_calls_an_attribute_as_the_main_one_does():
    main = "def main():\n    from firmware.rare import Rare\n    return [Rare(), Counter(1, 2)]\n"
    rare = (
        "from firmware.one import Counter\n\n\nclass Rare:\n    def told(self):\n"
        "        return Counter(1, 2).lonely_step(3).lonely_count + self.told()\n"
    )
    source = SOURCE.split("def main():")[0] + main
    sources = {"firmware": "", "firmware.one": source, "firmware.rare": rare}
    texts = bundles(sources, "firmware.one", "main_part", (Apart("firmware.rare", "Rare", "rare"),))
    assert "lonely" not in texts["rare"]
    lent = borrowed(texts["main_part"])
    assert f".{lent['lonely_step']}(3).{lent['lonely_count']}" in texts["rare"]


@pytest.mark.system
def test_no_attribute_that_micropython_knows_is_borrowed_for(tmp_path):
    image = build_image(tmp_path / "tornello.romfs")
    asked = [micropython_path(), "-c", ASK_MICROPYTHON]
    known = set(subprocess.run(asked, capture_output=True, check=True, text=True).stdout.split())
    names = borrowed(image.joined.read_text())
    assert {"encrypt", "ipoll", "fill", "readinto", "tcgetattr", "VfsRom"} <= known
    assert len(names) > 300
    assert names.keys() & known == set()
