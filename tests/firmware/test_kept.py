"""Joined sources are kept: found again only for what they follow from, and never needed."""

import pytest

from firmware.tools import kept as kept_module
from firmware.tools.kept import KEPT_MAX, kept

TEXTS = {"tornello": "def main():\n    pass\n", "tornello_apart": "ä = 1\n"}


def joined_anew():
    raise AssertionError("nothing has changed")


def test_what_was_joined_is_found_again_in_its_order(tmp_path):
    assert kept(tmp_path / "joined", ["a"], lambda: TEXTS) == TEXTS
    found = kept(tmp_path / "joined", ["a"], joined_anew)
    assert list(found.items()) == list(TEXTS.items())


@pytest.mark.parametrize("change", ["source", "tool"])
def test_another_source_or_tool_joins_anew(tmp_path, monkeypatch, change):
    (tmp_path / "tools").mkdir()
    tool = tmp_path / "tools" / "kept.py"
    tool.write_text("a = 1")
    monkeypatch.setattr(kept_module, "__file__", str(tool))
    kept(tmp_path / "joined", {"firmware.app": "a"}, lambda: TEXTS)
    if change == "tool":
        tool.write_text("a = 2")
    source = "b" if change == "source" else "a"
    other = {"tornello": "new\n"}
    assert kept(tmp_path / "joined", {"firmware.app": source}, lambda: other) == other


def test_a_damaged_file_or_a_folder_that_cannot_be_costs_only_time(tmp_path):
    kept(tmp_path / "joined", ["a"], lambda: TEXTS)
    (path,) = (tmp_path / "joined").iterdir()
    path.write_bytes(path.read_bytes()[:20])
    assert kept(tmp_path / "joined", ["a"], lambda: TEXTS) == TEXTS
    (tmp_path / "file").write_text("")
    assert kept(tmp_path / "file" / "joined", ["a"], lambda: TEXTS) == TEXTS


def test_only_the_last_few_are_kept(tmp_path):
    for number in range(KEPT_MAX + 3):
        kept(tmp_path, [number], lambda: TEXTS)
    assert len(list(tmp_path.iterdir())) == KEPT_MAX
    kept(tmp_path, [KEPT_MAX + 2], joined_anew)
