"""The script for real cards over pyscard with a real pcscd, and over nfcpy with our PN532."""

import json

import pytest

from simulator.desfire_card import DesfireCard
from simulator.prng import Prng
from simulator.worlds.tap_world import UID
from tests.outside.readers import ServedPn532

pytestmark = pytest.mark.requirement("D4", "D7")
SCRIPT = "card_session.py"


def checked(session, reader, report):
    session(SCRIPT, "check-silicon", "--yes", "--reader", reader, "--report", report)
    checks = json.loads(report.read_text())["checks"]
    assert not [check for check in checks if check["verdict"] == "DIFFERENT"]
    return {check["id"]: check for check in checks}


def test_our_card_answers_every_question_over_pcsc(in_reader, session, tmp_path):
    card = DesfireCard.blank(UID, Prng(1).bytes)
    with in_reader(card):
        checks = checked(session, "pcsc", tmp_path / "report.json")
    left_out = [name for name, check in checks.items() if check["verdict"] == "not asked"]
    assert "iso A4 6700" in left_out, "PC/SC carries no ISO frame through our port"
    assert checks["7.1a"]["verdict"] == checks["7.6"]["verdict"] == "same as model"
    assert not card.image.applications and card.image.picc_key.kind == "2K3DES"


def test_our_card_answers_every_question_over_nfcpy(session, tmp_path):
    with ServedPn532(DesfireCard.blank(UID, Prng(1).bytes)) as reader:
        checks = checked(session, f"nfcpy:{reader.path}", tmp_path / "report.json")
        naks = reader.chip.blocks.nak
    assert checks["N.1"]["verdict"] == checks["N.2"]["verdict"] == "same as model"
    assert naks == 2
    assert {check["verdict"] for check in checks.values() if check["id"].startswith("iso")} == {
        "same as model"
    }
