"""The shape of the house: who may import whom, and the words we use.  Each rule shown to bite."""

from pathlib import Path

import pytest

from tests import import_rules

ROOT = Path(__file__).resolve().parent.parent
SERVICES = ("firmware", "edge_agent", "backend_sync")


def sources(folders):
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def all_found(rule, folders):
    return [sentence for path, source in sources(folders) for sentence in rule(path, source)]


@pytest.mark.requirement("D27", "W-136")
def test_imports_point_one_way():
    assert all_found(import_rules.wrong_arrows, import_rules.MAY_IMPORT) == []


@pytest.mark.requirement("D27")
def test_services_know_ports_and_tick():
    assert all_found(import_rules.wrong_layers, SERVICES) == []


@pytest.mark.requirement("D27")
def test_the_clock_comes_in_by_the_constructor():
    folders = ("card_layouts", *SERVICES)
    assert all_found(import_rules.waits_or_clocks, folders) == []


def test_identifiers_use_the_words_of_the_glossary():
    assert all_found(import_rules.losing_words, import_rules.MAY_IMPORT) == []


def test_every_program_folder_is_looked_at():
    for folder in import_rules.MAY_IMPORT:
        assert any(True for _ in sources([folder])), f"{folder} holds no Python"


@pytest.mark.parametrize(
    ("path", "source", "words"),
    [
        ("card_layouts/x.py", "import firmware.tap", "knows none of them"),
        ("card_layouts/x.py", "import typing", "MicroPython lacks"),
        ("firmware/x.py", "from edge_agent import store", "nothing of edge"),
        ("edge_agent/x.py", "from backend_sync.ledger import post", "sealed bytes"),
        ("backend_sync/x.py", "from simulator import clock", "layouts only"),
        ("backend_sync/x.py", "from edge_agent import store", "layouts only"),
        ("simulator/x.py", "from tests import figures", "the four real programs"),
        ("card_layouts/x.py", "from . import errors", "relatively"),
    ],
)
def test_a_planted_wrong_arrow_is_found(path, source, words):
    (sentence,) = import_rules.wrong_arrows(path, source)
    assert words in sentence


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("card_layouts/x_cpython.py", "import typing"),
        ("card_layouts/x.py", "try:\n    import hmac\nexcept ImportError:\n    hmac = None\n"),
        ("simulator/x.py", "from backend_sync.ledger import post"),
        ("edge_agent/x.py", "import sqlite3\nfrom card_layouts.link import frames"),
    ],
)
def test_a_right_arrow_is_let_through(path, source):
    assert import_rules.wrong_arrows(path, source) == []


def test_a_service_with_an_adapter_or_a_loop_is_found():
    assert import_rules.wrong_layers("firmware/tap.py", "from firmware.drivers import pn532")
    assert import_rules.wrong_layers("edge_agent/uplink.py", "from edge_agent.mqtt import Broker")
    assert import_rules.wrong_layers("backend_sync/ledger/post.py", "import asyncio")
    assert not import_rules.wrong_layers("edge_agent/app.py", "from edge_agent.mqtt import Broker")


def test_a_sleep_in_a_service_is_found():
    assert import_rules.waits_or_clocks("edge_agent/uplink.py", "import time\ntime.sleep(1)")
    assert not import_rules.waits_or_clocks("edge_agent/app.py", "import time\ntime.sleep(1)")


@pytest.mark.parametrize(
    "source", ["blacklist = 1", "def deny_list(): pass", "a.receipt", "f(receipt=1)"]
)
def test_a_losing_word_is_found(source):
    assert import_rules.losing_words("edge_agent/x.py", source)
    assert not import_rules.losing_words("edge_agent/x.py", "'blacklist in a text is no name'")
