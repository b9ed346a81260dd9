"""libnfc's nfc-list against our PN532, and how two cards are found."""

import re

import pytest

from simulator.prng import Prng
from tests.outside.readers import ServedPn532
from tests.simulator.card_builders import UID, card
from tests.simulator.ultralight_reader import card as ultralight

pytestmark = pytest.mark.requirement("D7")


@pytest.fixture
def listed(system_command, program, say):
    """Return a function: the (ATQA, UID, SAK, ATS) rows that nfc-list prints for a reader."""
    command = system_command("nfc-list")

    def run(reader):
        code, said = say(command, LIBNFC_DEVICE=reader.libnfc)
        version = re.search(r"uses (libnfc \S+)", said)
        program(f"nfc-list, {version.group(1)}")
        assert code == 0, said
        names = (r"ATQA \(SENS_RES\)", r"UID \(NFCID\d\)", r"SAK \(SEL_RES\)", "ATS")
        targets = said.split("(106 kbps) target:")[1:]
        found = [[re.search(name + r": ([0-9a-f ]+)", one) for name in names] for one in targets]
        return [tuple(bytes.fromhex(c[1]).hex() if c else "" for c in row) for row in found]

    return run


def test_nfc_list_shows_the_card_of_an_ev1(listed):
    with ServedPn532(card()) as reader:
        assert listed(reader) == [("0344", UID.hex(), "20", "7577810280")]


def test_nfc_list_shows_both_cards(listed):
    cards = [card(), card()]
    for number, one in enumerate(cards):
        one.image.uid = b"\x04" + Prng(number).bytes(6)
    with ServedPn532(*cards) as reader:
        assert {row[1] for row in listed(reader)} == {one.image.uid.hex() for one in cards}
        assert reader.chip.blocks.deselect >= 2


def test_nfc_list_shows_nothing_in_an_empty_field_and_a_random_identity_as_such(listed):
    with ServedPn532() as reader:
        assert listed(reader) == []
    hidden = card()
    hidden.image.random_uid = True
    with ServedPn532(hidden) as reader:
        ((atqa, uid, sak, _),) = listed(reader)
        assert (atqa, uid[:2], len(uid), sak) == ("0304", "08", 8, "20")


def test_nfc_list_shows_an_ultralight_c_beside_a_desfire_card(listed):
    other = card()
    other.image.uid = b"\x04" + Prng(7).bytes(6)
    with ServedPn532(ultralight(), other) as reader:
        assert listed(reader) == [
            ("0044", UID.hex(), "00", ""),
            ("0344", other.image.uid.hex(), "20", "7577810280"),
        ]
