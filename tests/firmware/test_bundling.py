"""The joined module does what its sources do."""

import ast
import sys

import pytest

from firmware.app import SELDOM
from firmware.tools.build_image import APART, ENTRY, ROOT, closure
from firmware.tools.bundling import Apart, BundleError, bundle, bundles

ONE = """
from firmware.two import LIMIT, Thing, twice
from firmware import two as t

OWN = LIMIT + 1
UNUSED = 5
TABLE = ("a", OWN)


def helper(value):
    return value + 100


def never_called():
    return t.nothing()


def main():
    low, high = helper(1), t.twice(OWN)
    OWN_TEXT = f"{LIMIT} {OWN}"
    return [low, high, OWN_TEXT, Thing().value, TABLE, t.HIGH, (lambda OWN: OWN)(7)]
"""
TWO = """
import sys

if sys.implementation.name == "micropython":
    kind = "board"
else:
    kind = "host"

LIMIT, HIGH = range(3, 5)


def helper(value):
    return value * 2


def twice(value):
    return helper(value)


class Thing:
    def __init__(self):
        self.value = helper(kind)


def nothing():
    raise ValueError("a sentence nobody reads")
"""


def joined(one=ONE, two=TWO):
    return bundle({"firmware.one": one, "firmware.two": two, "firmware": ""}, "firmware.one")


def run(text):
    names = {}
    exec(compile(text, "bundle", "exec"), names)
    return names["main"]()


def test_the_bundle_keeps_meaning_where_names_clash():
    assert run(joined()) == [101, 8, "3 4", "boardboard", ("a", 4), 4, 7]


def test_what_nothing_reaches_and_the_other_runtime_stay_out():
    text = joined()
    for gone in ("UNUSED", "never_called", "nothing", "host", "LIMIT", "import"):
        assert gone not in text


def test_pairs_are_taken_apart_so_that_no_tuple_is_built_in_the_commit_window():
    assert "low = helper2(1)" in joined() and "(helper2(1)" not in joined()


def test_a_local_name_that_would_hide_a_renamed_global_is_refused():
    one = "from firmware.two import helper as h\ndef main():\n    helper = 1\n    return h(helper)"
    with pytest.raises(BundleError, match="has its own helper"):
        joined(one=one)


def test_the_validator_holds_no_builder_and_no_cpython_twin():
    names = closure(ENTRY)
    assert "firmware.tap" in names and "firmware.dock" in names
    assert not [n for n in names if n.endswith(("_cpython", "_builder")) or ".tools" in n]
    assert all(path.is_relative_to(ROOT) for path in names.values())


APART_ONE = """
from firmware.two import SHARED, used

UNUSED = (1, 2)


class Plain:
    def asked(self):
        return SHARED

    def never_asked(self):
        return only_for_it()


def only_for_it():
    return 1


def main(seldom):
    if seldom:
        from firmware.rare import Rare

        return Rare().tell()
    return [Plain().asked(), used()]
"""
APART_TWO = """
SHARED = [5]


def used():
    return 6


def helper():
    return 7
"""
APART_RARE = """
from firmware.two import SHARED, helper


class Rare:
    def tell(self):
        return [SHARED, helper()]
"""


def test_a_class_may_get_a_module_of_its_own_that_shares_what_both_need(tmp_path, monkeypatch):
    sources = {"firmware": "", "firmware.one": APART_ONE, "firmware.two": APART_TWO}
    sources["firmware.rare"] = APART_RARE
    split = Apart("firmware.rare", "Rare", "seldom_part")
    texts = bundles(sources, "firmware.one", "main_part", (split,))
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    main = __import__("main_part")
    assert main.main(False) == [[5], 6]
    assert "seldom_part" not in sys.modules, "it is loaded where it is named, no earlier"
    told = main.main(True)
    assert told == [[5], 7] and told[0] is main.SHARED, "one object, not a copy"
    assert "helper" not in texts["main_part"] and "def used" not in texts["seldom_part"]
    sys.modules.pop("seldom_part")
    sys.modules.pop("main_part")


def test_what_no_code_names_stays_out():
    text = bundle({"firmware": "", "firmware.one": APART_ONE, "firmware.two": APART_TWO,
                   "firmware.rare": APART_RARE}, "firmware.one")  # fmt: skip
    assert "never_asked" not in text and "only_for_it" not in text and "UNUSED" not in text
    assert "is asked" in text, "by a name that another has, too"


def test_nothing_of_ours_looks_a_name_up_by_text():
    """Or leaving methods out that no code names would be wrong."""
    for name, path in closure(ENTRY).items():
        called = {
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not called & {"getattr", "setattr", "eval", "exec", "globals"}, name


ROWS = """
class Odd(Exception):
    pass


def find(value):
    if value > 5:
        raise Odd(value)
    return value
"""
LEFT = """
from firmware.rows import Odd, find


def left(value):
    try:
        return find(value)
    except Odd as odd:
        return odd.args[0] * 10
"""
RIGHT = LEFT.replace("left", "right").replace("* 10", "* 100")
BOTH = """
def main(value):
    from firmware.left import left
    from firmware.right import right

    return [left(value), right(value)]
"""


def test_parts_may_share_a_part_and_catch_what_it_raises(tmp_path, monkeypatch):
    """Two names in one module, and a function that catches what another part's function raised."""
    sources = {"firmware": "", "firmware.one": BOTH, "firmware.rows": ROWS,
               "firmware.left": LEFT, "firmware.right": RIGHT}  # fmt: skip
    splits = (
        Apart("firmware.rows", "Odd", "shared_part"),
        Apart("firmware.rows", "find", "shared_part"),
        Apart("firmware.left", "left", "left_part"),
        Apart("firmware.right", "right", "right_part"),
    )
    texts = bundles(sources, "firmware.one", "whole_part", splits)
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert __import__("whole_part").main(7) == [70, 700]
    assert "class Odd" in texts["shared_part"] and "def find" in texts["shared_part"]
    for name in texts:
        sys.modules.pop(name)


def test_the_device_forgets_every_part_but_what_a_vehicle_keeps():
    parts = {split.module for split in APART}
    assert set(SELDOM) == parts - {"tornello_vehicle", "tornello_tracing"}
