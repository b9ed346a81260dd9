"""A real pcscd sees our card in vsmartcard's virtual reader; pyscard and python-desfire use it."""

import pytest

from simulator.desfire_card import DesfireCard
from simulator.prng import Prng
from tests.outside.test_python_desfire import WANTED
from tests.simulator.card_builders import UID, card, value_file
from tests.simulator.ultralight_reader import card as ultralight

pytestmark = pytest.mark.requirement("D7", "R-24")


def test_the_card_keeps_what_was_committed_and_forgets_the_rest(in_reader, pcscd, session, program):
    with in_reader(card({1: value_file(rights=0xEEEE)})):
        said = session("pcsc_session.py")
    program(f"pcscd {pcscd} with vsmartcard, {said[0]}")
    lines = dict(line.split(": ") for line in said[1:])
    assert lines.pop("version").startswith(UID.hex())
    assert lines == {
        "atr": "3b8180018080",
        "by name": " 9000",
        "selected": " 9100",
        "credited": " 9100",
        "again": " 9100",
        "nothing to commit": " 910c",
        "old value": (5000).to_bytes(4, "little").hex() + " 9100",
        "credited again": " 9100",
        "committed": " 9100",
        "new value": (5100).to_bytes(4, "little").hex() + " 9100",
    }


def test_python_desfire_works_through_pcsc(in_reader, session, program):
    with in_reader(DesfireCard.blank(UID, Prng(1).bytes)):
        said = session("desfire_session.py", "pcsc")
    program(said[0])
    assert dict(line.split(": ") for line in said[1:]) == WANTED


@pytest.mark.requirement("W-94")
def test_an_ultralight_c_is_a_storage_card_whose_frames_go_through_the_reader(
    in_reader, session, program
):
    made = ultralight(user=dict.fromkeys(range(4, 40), b"\1\2\3\4"))
    with in_reader(made):
        said = session("pcsc_ultralight_session.py")
    program(said[0])
    assert dict(line.split(": ") for line in said[1:]) == {
        "atr": "3b8f8001804f0ca000000306" + "03003a" + "0000000051",
        "uid": UID.hex() + " 9000",
        "pages 4 to 7": "01020304" * 4 + " 9000",
        "written": " 9000",
        "page 4": "c0ffee02 9000",
        "no such page": " 6300",
        "select": " 6e00",
        "authenticated": "True",
    }
    assert made.image.user[4].hex() == "c0ffee02"
