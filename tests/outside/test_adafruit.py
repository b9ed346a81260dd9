"""The Adafruit driver: the nearest thing to a MicroPython host that somebody else wrote."""

import pytest

from tests.outside.readers import ServedPn532
from tests.simulator.card_builders import UID, card, value_file

pytestmark = pytest.mark.requirement("D7")


def test_the_adafruit_driver_finds_the_card_and_commits(session, program):
    made = card({1: value_file(rights=0xEEEE)})
    with ServedPn532(made) as reader:
        said = session("adafruit_session.py", reader.path)
    program(said[0])
    value = (5100).to_bytes(4, "little").hex()
    assert dict(line.split(": ") for line in said[1:]) == {
        "chip": "32010607",
        "uid": UID.hex(),
        "select": "0000",
        "credit": "0000",
        "commit": "0000",
        "value": "0000" + value,
        "wrapped": f"00{value}9100",
    }
