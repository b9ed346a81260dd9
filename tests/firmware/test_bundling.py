"""The joined module does what its sources do."""

import pytest

from firmware.tools.build_image import ENTRY, ROOT, closure
from firmware.tools.bundling import BundleError, bundle

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
