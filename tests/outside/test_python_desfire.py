"""python-desfire: ISO and AES sessions, key changes, plain and enciphered files."""

import pytest

from simulator.desfire_card import DesfireCard
from simulator.prng import Prng
from tests.outside.readers import ServedPn532
from tests.simulator.card_builders import UID

pytestmark = pytest.mark.requirement("D7", "R-24")
CONTENT = (bytes(2) + b"written by others").ljust(40, b"\0").hex()
# Left out: it sends a MAC with DeleteFile, which libfreefare (tested on cards) does not.
WANTED = {
    "uid": UID.hex(),
    "real uid": UID.hex(),
    "version of key 1": "7",
    "file 1": CONTENT,
    "file 2": CONTENT,
    "files": "[1, 2]",
}


def test_python_desfire_works_through_the_pn532(session, program):
    made = DesfireCard.blank(UID, Prng(1).bytes)
    with ServedPn532(made) as reader:
        said = session("desfire_session.py", "pn532", reader.path)
    program(said[0])
    assert dict(line.split(": ") for line in said[1:]) == WANTED
