"""libfreefare's library against our card: every cipher, every file type in every mode."""

import pytest

from simulator.desfire_card import DesfireCard
from simulator.prng import Prng
from tests.outside.readers import ServedPn532
from tests.simulator.card_builders import UID

pytestmark = pytest.mark.requirement("D7", "R-24")
CIPHERS = ("D40", "D40 3DES", "ISO 3DES", "ISO 3K3DES", "AES")
FILES = ("standard_files", "backup_files_show_what_was_committed", "value_files")
FILES += ("linear_record_files", "cyclic_record_files")
TRIALS = ["keys_are_authenticated_and_changed", "files_are_listed_described_changed_and_deleted"]
TRIALS += [f"{trial} {mode}" for trial in FILES for mode in ("plain", "MACed", "enciphered")]


@pytest.fixture
def tried(package_version, system_command, program, session):
    """Return a function: let libfreefare try a cipher on a card; which trials went well."""
    system_command("mifare-desfire-info")  # the library comes with the tools
    program(f"libfreefare through ctypes, {package_version('libfreefare0')}")

    def run(made, cipher):
        with ServedPn532(made) as reader:
            uid, *trials = session("freefare_session.py", reader.path, cipher)
        assert uid == f"uid: {made.image.uid.hex()}"
        return trials

    return run


@pytest.mark.parametrize("cipher", CIPHERS)
def test_keys_and_every_file_type_in_every_mode(tried, cipher):
    made = DesfireCard.blank(UID, Prng(1).bytes)
    assert tried(made, cipher) == TRIALS
    assert len(made.image.applications) == len(TRIALS)
    assert made.image.transaction is None


def test_the_card_itself(tried):
    made = DesfireCard.blank(UID, Prng(1).bytes)
    assert tried(made, "the card itself") == ["the card itself"]
    assert made.image.ats[-1] == 0x81
    assert made.image.random_uid and made.image.no_format
    assert made.image.picc_key.kind == "AES"
