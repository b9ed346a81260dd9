"""Validator and ledger price by the very same files, and each says so by hash."""

import json

import pytest

from backend_sync.ledger.main import main as ledger
from firmware.tools.__main__ import main as tools
from firmware.tools.build_image import ROOT, closure
from firmware.tools.fare_hashes import fare_hashes


@pytest.mark.requirement("D26", "O-17")
def test_the_images_fare_engine_is_the_ledgers(tmp_path, capsys):
    assert tools(["image", "--output", str(tmp_path / "t.romfs")]) == 0
    printed = capsys.readouterr().out.splitlines()
    image = {name: digest for digest, name in (line.split("  ") for line in printed[2:])}
    assert ledger(["engine", "--json"]) == 0
    imported = json.loads(capsys.readouterr().out)
    # A validator alone fills its lists from files of the card; the decision is both's.
    shared = image.keys() - {"card_layouts.fares.card_lists"}
    assert "card_layouts.fares.engine" in shared and len(shared) > 15
    assert {name: imported[name] for name in shared} == {name: image[name] for name in shared}


def test_a_changed_engine_has_another_hash(tmp_path):
    modules = closure("firmware.tap")
    folder = tmp_path / "card_layouts" / "fares"
    folder.mkdir(parents=True)
    for path in (ROOT / "card_layouts" / "fares").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        dearer = text.replace("best[o.O_PAY]", "best[o.O_PAY] + 1")
        (folder / path.name).write_text(dearer, encoding="utf-8")
    ours, theirs = fare_hashes(modules, ROOT), fare_hashes(modules, tmp_path)
    assert [name for name in ours if ours[name] != theirs[name]] == ["card_layouts.fares.settle"]
