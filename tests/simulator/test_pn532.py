"""Host frames, commands, cards and tears of the PN532 model."""

import os

import pytest

from simulator.field import Field, answer_lost, commit_lost
from simulator.readers.pn532 import Pn532, rising_edges
from simulator.readers.pn532_frames import ACK, NACK, SYNTAX_ERROR, FrameParser, encode_frame
from simulator.readers.pn532_pty import Pn532Pty
from tests.simulator.card_builders import UID, card, value_file

pytestmark = pytest.mark.requirement("D7")
H = bytes.fromhex
WAKE_UP = H("5555000000000000000000000000")


def command(text):
    return encode_frame(0xD4, H(text))


def answer(text):
    return ACK + encode_frame(0xD5, H(text))


def chip_with(*cards):
    field = Field()
    for one in cards:
        field.place(one)
    chip = Pn532(field)
    chip.feed(WAKE_UP + command("14 01"))
    return chip


def ask(chip, text):
    """Return the answer's bytes after D5, hex."""
    said = chip.feed(command(text))
    assert said.startswith(ACK)
    length = said[9]
    return said[12 : 11 + length].hex(" ")


def test_the_frame_of_the_user_manual():
    assert command("02") == H("0000FF02FED4022A00")
    said = chip_with().feed(H("0000FF02FED4022A00"))
    assert said == H("0000FF00FF00 0000FF06FAD50332010607E800")


def test_it_sleeps_until_the_wake_up_preamble():
    chip = Pn532(Field())
    assert chip.feed(command("02")) == b""
    assert chip.feed(WAKE_UP + command("02")) == answer("03 32010607")
    chip.power_up()
    assert chip.feed(bytes(5) + command("02")) == answer("03 32010607"), "nfcpy sends zeros"


@pytest.mark.parametrize("byte, edges", [(0x00, 1), (0xFF, 1), (0x55, 5), (0xAA, 4), (0x02, 2)])
def test_rising_edges_of_a_byte_on_the_line(byte, edges):
    assert rising_edges(byte) == edges


def test_frames_arrive_in_any_pieces_and_among_garbage():
    stream = H("00 01 FF 55") + command("02") + b"\xfe\x00\x00" + command("12 14")
    whole = chip_with().feed(stream)
    chip = chip_with()
    pieces = b"".join(chip.feed(bytes([byte])) for byte in stream)
    assert pieces == whole == answer("03 32010607") + answer("13")


@pytest.mark.parametrize("at, want", [(3, b""), (4, b""), (6, SYNTAX_ERROR), (7, SYNTAX_ERROR)])
def test_a_damaged_byte_never_runs_a_command(at, want):
    frame = bytearray(command("02"))
    frame[at] ^= 0x01
    assert chip_with().feed(bytes(frame) + bytes(2)) == want


def test_an_extended_frame_carries_more_than_255_bytes():
    frames = list(FrameParser().feed(encode_frame(0xD4, bytes([0]) + bytes(260))))
    assert [(f.kind, len(f.data)) for f in frames] == [("command", 261)]


def test_nack_repeats_the_last_answer_without_doing_it_again():
    chip = chip_with(card())
    first = chip.feed(command("4A 01 00"))
    exchanges = chip.field.exchanges
    assert chip.feed(NACK) == first[len(ACK) :]
    assert chip.field.exchanges == exchanges


def test_an_unknown_or_short_command_is_a_syntax_error():
    chip = chip_with()
    assert chip.feed(command("99")) == ACK + SYNTAX_ERROR
    assert chip.feed(command("4A")) == ACK + SYNTAX_ERROR


def test_setup_commands_answer():
    chip = chip_with()
    assert ask(chip, "00 00 6C69626E6663") == "01 00 6c 69 62 6e 66 63"
    assert ask(chip, "08 6305 40 6302 80") == "09"
    assert ask(chip, "06 6305 6302 633D") == "07 40 80 00"
    assert ask(chip, "32 05 FF 01 02") == "33"
    assert ask(chip, "4A 01 00") == "4b 00", "framing bits set to 80: still type A, but no card"


def test_the_speed_changes_with_the_hosts_ack():
    chip = chip_with()
    assert ask(chip, "10 07") == "11"
    assert chip.baud == 115200
    chip.feed(ACK)
    assert chip.baud == 921600


def test_a_card_is_found_with_its_ats():
    found = "4b 01 01 03 44 20 07 " + UID.hex(" ") + " 06 75 77 81 02 80"
    chip = chip_with(card())
    assert ask(chip, "4A 01 00") == found
    assert ask(chip, "4A 01 00 88" + UID.hex()) == found
    assert ask(chip, "32 05 FF 01 02") == "33"
    assert ask(chip, "4A 01 00 88 00112233445566") == "4b 00"
    assert ask(chip, "12 00") == "13"
    assert ask(chip, "4A 01 00") == found[: -len(" 06 75 77 81 02 80")], "no automatic RATS"


def test_two_cards_are_two_targets():
    other = card()
    other.image.uid = H("04FFEEDDCCBBAA")
    chip = chip_with(card(), other)
    assert ask(chip, "4A 02 00").startswith("4b 02 01 03 44")
    assert ask(chip, "40 02 60").startswith("41 00 af")
    assert ask(chip, "40 03 60") == "41 27"


def test_other_modulations_and_framings_find_nothing():
    chip = chip_with(card())
    assert ask(chip, "4A 01 03 00") == "4b 00"
    assert ask(chip, "08 6302 83") == "09"
    assert ask(chip, "32 05 FF 01 02") == "33"
    assert ask(chip, "4A 01 00") == "4b 00"


def test_with_endless_retries_the_answer_waits_for_a_card():
    chip = chip_with()
    assert chip.feed(command("4A 01 00")) == ACK
    assert chip.idle() == b""
    chip.field.place(card())
    assert chip.idle()[5:9] == H("D54B0101")
    assert chip.idle() == b""


def test_the_host_may_give_up_waiting():
    chip = chip_with()
    chip.feed(command("4A 01 00") + ACK)
    chip.field.place(card())
    assert chip.idle() == b""


def test_native_and_wrapped_commands_reach_the_card():
    chip = chip_with(card({1: value_file(rights=0xEEEE)}))
    ask(chip, "4A 01 00")
    assert ask(chip, "40 01 5A10480F") == "41 00 00"
    assert ask(chip, "40 01 6C01") == "41 00 00 88 13 00 00"
    assert ask(chip, "40 01 906C0000010100") == "41 00 88 13 00 00 91 00"
    assert ask(chip, "40 01 00A4040007D2760000850100") == "41 00 90 00"
    assert ask(chip, "40 01 906C0000010100") == "41 00 91 9d"


def test_field_off_list_again_and_release_reset_the_card():
    off = "32 01 00"
    for ending in ((off,), ("4A 01 00",), ("52 00", off), ("44 01", off)):
        chip = chip_with(card({1: value_file(rights=0xEEEE)}))
        ask(chip, "4A 01 00")
        ask(chip, "40 01 5A10480F")
        ask(chip, "40 01 0C0101000000")
        for command_of_chip in ending:
            ask(chip, command_of_chip)
        ask(chip, "4A 01 00")
        ask(chip, "40 01 5A10480F")
        assert ask(chip, "40 01 C7") == "41 00 0c", ending


def test_a_deselected_card_is_silent_until_the_field_was_off_so_that_the_next_one_is_found():
    other = card()
    other.image.uid = H("04FFEEDDCCBBAA")
    chip = chip_with(card(), other)
    ask(chip, "32 05 FF 01 02")
    assert UID.hex(" ") in ask(chip, "4A 01 00")
    assert ask(chip, "44 00") == "45 00"
    assert "04 ff ee dd" in ask(chip, "4A 01 00")
    assert ask(chip, "44 01") == "45 00"
    assert ask(chip, "4A 01 00") == "4b 00"
    assert ask(chip, "4A 01 00 88 04FFEEDDCCBBAA").startswith("4b 01"), "named, it wakes up"
    assert chip.blocks.deselect == 2
    ask(chip, "32 01 00")
    assert UID.hex(" ") in ask(chip, "4A 01 00")


@pytest.mark.parametrize("tear, value", [(commit_lost(1), 5000), (answer_lost(1), 5001)])
def test_a_torn_exchange_is_a_timeout_and_the_next_listing_finds_the_card(tear, value):
    made = card({1: value_file(rights=0xEEEE)})
    chip = chip_with(made)
    ask(chip, "4A 01 00")
    ask(chip, "40 01 5A10480F")
    ask(chip, "40 01 0C0101000000")
    chip.field.plan(tear)
    assert ask(chip, "40 01 C7") == "41 01"
    assert ask(chip, "40 01 C7") == "41 01", "it stays away until it is listed again"
    assert ask(chip, "4A 01 00").startswith("4b 01")
    ask(chip, "40 01 5A10480F")
    assert ask(chip, "40 01 6C01") == "41 00 00 " + value.to_bytes(4, "little").hex(" ")


def test_power_down_sleeps_and_drops_the_card():
    chip = chip_with(card())
    assert ask(chip, "16 20") == "17 00"
    assert chip.feed(command("02")) == b""


def test_over_a_pty_every_byte_value_passes():
    chip = Pn532(Field())
    with Pn532Pty(chip) as pty:
        port = os.open(pty.path, os.O_RDWR | os.O_NOCTTY)
        every = encode_frame(0xD4, b"\x00\x00" + bytes(range(250)))
        os.write(port, WAKE_UP + every)
        said = b""
        while len(said) < len(ACK) + len(every):
            assert pty.wait(5.0) or pty.pump() or said
            pty.pump()
            said += os.read(port, 4096)
        os.close(port)
        assert said == ACK + encode_frame(0xD5, b"\x01\x00" + bytes(range(250)))
