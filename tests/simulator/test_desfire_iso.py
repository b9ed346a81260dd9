"""ISO 7816-4 commands of the card: select, read, update and append by name and identifier."""

from dataclasses import replace

import pytest

from simulator.desfire_card.image import Application
from tests.simulator.card_builders import AID, UID, card, data_file, record_file, value_file
from tests.simulator.desfire_reader import Reader

pytestmark = pytest.mark.requirement("R-24")
H = bytes.fromhex
FREE = 0xEEEE
BACKUP_FID = H("E102")


def tagged():
    """A card with an NFC Forum tag beside our application."""
    made = card({1: value_file(rights=FREE)})
    files = {
        1: replace(data_file(15, FREE, 0, backup=False), data=bytes(range(15)), iso_fid=0xE103),
        2: replace(data_file(100, FREE, 0, backup=False), data=bytes(100), iso_fid=0xE104),
        3: replace(data_file(16, FREE, 0), iso_fid=0xE102),
        4: replace(record_file(4, 5, FREE, 0, True, (b"older", b"newer")), iso_fid=0xE106),
        5: replace(data_file(16, 0x1111, 0, backup=False), iso_fid=0xE105),
        6: replace(record_file(3, 5, FREE, 0, False, (b"first", b"later")), iso_fid=0xE107),
    }
    made.image.applications[b"\x01\0\0"] = Application(
        *(0x0F, "AES", []), True, 0xE110, H("D2760000850101"), files
    )
    return made


def said(made, *lines):
    """Each line is "command > answer" in hex."""
    made.power_on()
    for line in lines:
        command, answer = (H(part) for part in line.split(">"))
        assert made.exchange(command).hex(" ") == answer.hex(" "), line


TAG = "00A4040007 D2760000850101 00 > 9000"


def test_a_tag_is_read_and_written_by_file_identifier():
    said(
        tagged(),
        TAG,
        "00A4000C02 E103 > 9000",
        "00B0000002 > 00 01 9000",
        "00B000020D > 02030405060708090A0B0C0D0E 9000",
        "00B0000E05 > 0E 6282",
        "00B0000F01 > 6B00",
        "00A4000C02 E104 > 9000",
        "00D6000203 AABBCC > 9000",
        "00B0000006 > 0000AABBCC00 9000",
        "00B0000000 > 0000AABBCC" + "00" * 54 + "9000",
        "00D6006304 AABBCCDD > 6A84",
    )


def test_short_identifiers_name_a_file_by_its_number():
    said(
        tagged(),
        TAG,
        "00B0810202 > 0203 9000",
        "00B0000001 > 6986",
        "00D6820003 010203 > 9000",
        "00B0820004 > 01020300 9000",
        "00B0890001 > 6A82",
    )


def test_a_backup_file_changes_at_commit():
    made = tagged()
    said(made, TAG, "00A4020C02 E102 > 9000", "00D6000002 AABB > 9000", "00B0000002 > 0000 9000")
    said(made, "90C7000000 > 9100", "00B0000002 > AABB 9000")
    said(made, "00D6000002 CCDD > 9000", "00B0001001 > 6B00", "90C7000000 > 910C")


@pytest.mark.parametrize(
    "fid, first, second", [("E106", b"newer", b"older"), ("E107", b"first", b"later")]
)
def test_records_are_read_and_appended(fid, first, second):
    made = tagged()
    said(
        made,
        TAG,
        f"00A4000C02 {fid} > 9000",
        f"00B2010400 > {first.hex()} 9000",
        f"00B2010500 > {first.hex()} {second.hex()} 9000",
        f"00B2020405 > {second.hex()} 9000",
        "00B2030400 > 6A83",
    )
    said(made, f"00A4000C02 {fid} > 9000", "00E2000005 6162636465 > 9000", "90C7000000 > 9100")
    newest = "01" if fid == "E106" else "03"
    said(made, f"00B2{newest}0400 > 6162636465 9000", "00E2000004 61626364 > 6700")
    said(made, "00B2010300 > 6A86", "00B0000000 > 6981", "00E2010000 > 6A86")


def test_a_full_linear_file_takes_no_more():
    made = tagged()
    append = "00E2000005 6162636465 >"
    said(made, TAG, "00A4000C02 E107 > 9000", append + "9000", "90C7000000 > 9100")
    said(made, append + "6A84")


def test_applications_are_found_by_name_and_identifier_and_left_again():
    said(
        tagged(),
        "00A4000C02 E110 > 9000",
        "00A4000C02 E103 > 9000",
        "00A4030C > 9000",
        "00A4000C02 E103 > 6A82",
        "00A4000C02 3F00 > 9000",
        "00A4000C01 3F > 6700",
        "00A4050C00 > 6A86",
        "00A4040102 E110 > 6A86",
        "00A4040007 D2760000850102 00 > 6A82",
        "00B0000000 > 6986",
        "00B0810000 > 6986",
    )


def test_what_needs_a_key_is_not_reached_in_clear():
    said(tagged(), TAG, "00A4000C02 E105 > 9000", "00B0000000 > 6982", "00D6000001 00 > 6982")


def test_selecting_an_application_ends_a_transaction_and_selecting_a_file_does_not():
    made = tagged()
    reader = Reader(made)
    reader.select(AID)
    reader.plain(0x0C, H("0101000000"))
    assert made.image.transaction is not None
    said(made, TAG)
    assert made.image.transaction is None
    said(made, "00A4020C02 E102 > 9000", "00D6000001 AA > 9000", "00A4020C02 E103 > 9000")
    assert made.image.transaction is not None
    said(made, "00B2010400 > 6981")
    assert made.image.transaction is None, "any error"


def test_odd_lengths_and_unknown_instructions():
    said(tagged(), "00A40400 05 D276 > 6700", "00B00000 03 010203 > 6700", "00CA000000 > 6D00")
    assert tagged().uid == UID
