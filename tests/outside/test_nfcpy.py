"""nfcpy drives ISO 14443-4 itself: the one check of our blocks by somebody else's."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from card_layouts.cards.conversation import converse
from card_layouts.cards.ultralight_c import Session
from card_layouts.crypto.triple_des_cpython import TripleDes
from simulator.desfire_card.image import Application
from simulator.field import Field
from simulator.prng import Prng
from simulator.reader import DirectReader
from simulator.readers.air import Air, Noise
from tests import figures
from tests.outside.readers import ServedPn532
from tests.simulator.card_builders import AID, UID, card, data_file, value_file
from tests.simulator.ultralight_reader import card as ultralight

pytestmark = pytest.mark.requirement("D7")
NUMBER = 900_000_000 + os.getpid()  # no real device has it, and no other run of the suite
LINK = Path(f"/dev/ttyUSB{NUMBER}")  # nfcpy takes only names of /dev without slashes
FREE = 0xEEEE
MESSAGE = b"what nobody here wrote" * 3
# NFC Forum Type 4 tag, capability container: length, version, MLe, MLc, file E104 of 200 bytes.
CONTAINER = bytes.fromhex("000F20003B00340406E10400C80000")

WANTED = {
    "uid": f"{UID.hex()} Type4Tag",
    "ndef": MESSAGE.hex(),
    "select": "00",
    "value": "00" + (5020).to_bytes(4, "little").hex(),
    "too long": "7e",
    "present": "True",
    "small frames": "00" + bytes(range(50)).hex(),
}


def tag_card():
    made = card({1: value_file(rights=FREE), 2: data_file(150, FREE, 0, backup=False)})
    content = len(MESSAGE).to_bytes(2, "big") + MESSAGE
    container = replace(data_file(15, FREE, 0, False), data=CONTAINER, iso_fid=0xE103)
    message = replace(data_file(200, FREE, 0, False), data=content.ljust(200, b"\0"))
    files = {1: container, 2: replace(message, iso_fid=0xE104)}
    name = bytes.fromhex("D2760000850101")
    made.image.applications[b"\x01\0\0"] = Application(
        *(0x0F, "AES", []), True, 0xE110, name, files
    )
    return made


@pytest.fixture
def visited(session, program):
    """Return a function: let nfcpy visit a card through an air; what it said, and the chip."""

    def run(made, air=None, script="nfcpy_session.py", **more):
        if not os.access(LINK.parent, os.W_OK):
            pytest.skip(f"nfcpy needs a name in {LINK.parent}, where only root may make one")
        with ServedPn532(made, air=air, **more) as reader:
            LINK.symlink_to(reader.path)
            try:
                said = session(script, f"tty:USB{NUMBER}:pn532")
            finally:
                LINK.unlink()
        program(said[0])
        counts = reader.chip.blocks
        figures.add("R(NAK) blocks answered by the card", counts.nak)
        figures.add("waiting time extensions granted", counts.wtx)
        figures.add("chained blocks to the card", counts.chained_in)
        figures.add("chained blocks from the card", counts.chained_out)
        return dict(line.split(": ", 1) for line in said[1:]), counts

    return run


def test_nfcpy_reads_writes_and_commits(visited):
    made = tag_card()
    said, counts = visited(made)
    assert said == WANTED
    assert made.image.applications[AID].files[2].data == bytes(range(50)) * 3
    assert counts.nak == 1, "its presence check is an R(NAK)"
    assert counts.chained_in == 1
    assert counts.chained_out == 3, "51 bytes to a reader of 16-byte frames, 13 a block"


def test_nfcpy_grants_more_time(visited):
    said, counts = visited(tag_card(), waits=lambda command: 2 if command[:1] == b"\xc7" else 0)
    assert said == WANTED
    assert counts.wtx == 20


def test_nfcpy_repairs_noise_and_nothing_is_committed_twice(visited):
    class AfterActivation(Noise):
        """RATS is not repeated by nfcpy; the noise begins behind it."""

        def touch(self, way, number, frame):
            return frame if number < 2 else super().touch(way, number, frame)

    said, counts = visited(tag_card(), Air(AfterActivation(Prng(3), 40, 40)))
    assert said | {"present": "True"} == WANTED, "it asks for presence once only"
    assert counts.nak > 1
    assert counts.repeated > 0


@pytest.mark.requirement("W-94")
def test_nfcpy_proves_and_changes_the_key_of_an_ultralight_c_and_ours_proves_the_new_one(visited):
    made = ultralight()
    said, _ = visited(made, script="nfcpy_ultralight_session.py")
    assert said == {
        "uid": f"{UID.hex()} Type2Tag",
        "product": "Mifare Ultralight C (MF01CU2)",
        "wrong key": "False",
        "default key": "True",
        "written": "c0ffee01",
        "new key": "True",
        "old key": "False",
        "without a key": "refused",
    }
    reader = DirectReader(Field())
    reader.field.place(made)
    reader.poll()
    session = Session(bytearray(64))
    key = bytes(range(16, 32))
    converse(session.authenticate(key, Prng(8).bytes(8), TripleDes), session.frame, reader.exchange)
    found = converse(session.read(4), session.frame, reader.exchange)
    assert found[:4].hex() == "c0ffee01"
