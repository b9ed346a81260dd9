"""libfreefare's command line tools against our card."""

import pytest

from simulator.desfire_card import DesfireCard
from simulator.prng import Prng
from simulator.ultralight_c.image import FACTORY_KEY_PAGES
from tests.outside.readers import ServedPn532
from tests.simulator.card_builders import UID
from tests.simulator.ultralight_reader import card as ultralight

pytestmark = pytest.mark.requirement("D7")
MESSAGE = b"what nobody here wrote"


@pytest.fixture
def made():
    return DesfireCard.blank(UID, Prng(1).bytes)


@pytest.fixture
def tool(made, package_version, system_command, program, say):
    """Return a function: run mifare-desfire-<name> on the card, return what it said."""
    program(f"libfreefare tools, {package_version('libfreefare-bin')}")

    def run(name, *arguments):
        command = system_command(f"mifare-desfire-{name}")
        with ServedPn532(made) as reader:
            code, said = say(command, *arguments, LIBNFC_DEVICE=reader.libnfc)
        assert code == 0, said
        return said

    return run


def test_info_prints_the_cards_data(tool):
    said = tool("info")
    for line in (
        f"Version information for tag {UID.hex()}",
        "Storage size:         0x18 (=4096 bytes)",
        "Master Key settings (0x0f)",
        "Free memory: 4864 bytes",
        "Use random UID: no",
    ):
        assert line in said


def test_a_message_is_written_and_read_back(tool, tmp_path):
    message, copy = tmp_path / "message", tmp_path / "copy"
    message.write_bytes(MESSAGE)
    tool("create-ndef", "-y")
    tool("write-ndef", "-y", "-i", str(message))
    tool("read-ndef", "-y", "-o", str(copy))
    assert copy.read_bytes() == MESSAGE


def test_access_rights_are_what_its_own_trial_expects(tool, made):
    tool("access")
    assert made.image.transaction is None


def test_the_card_is_configured_and_formatted(tool, made):
    delivered, made.image.ats = made.image.ats, bytes.fromhex("067577810280")[:5] + b"\x55"
    tool("ev1-configure-ats", "-y")
    assert made.image.ats == delivered
    tool("create-ndef", "-y")
    tool("format", "-y")
    assert made.image.applications == {}
    tool("ev1-configure-default-key", "-y")
    tool("ev1-configure-random-uid", "-y")
    assert made.image.random_uid


@pytest.mark.requirement("W-94")
@pytest.mark.parametrize("key, found", [(FACTORY_KEY_PAGES, "success"), (bytes(16), "fail")])
def test_ultralight_info_proves_the_factory_key_and_no_other(
    key, found, package_version, system_command, program, say
):
    program(f"libfreefare tools, {package_version('libfreefare-bin')}")
    with ServedPn532(ultralight(key=key)) as reader:
        tool = system_command("mifare-ultralight-info")
        code, said = say(tool, LIBNFC_DEVICE=reader.libnfc)
    assert code == 0, said
    assert f"Tag with UID {UID.hex()} is a Mifare UltraLightC" in said
    assert f"Authentication with default key: {found}" in said
