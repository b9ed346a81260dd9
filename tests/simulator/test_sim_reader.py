"""`./tornello sim reader`: what it prints, how it ends, and the frames of the virtual reader."""

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.commands.main import main
from simulator.desfire_card import FileStorage
from simulator.readers.pcsc_storage import STORAGE_ATR
from simulator.readers.pn532_frames import ACK, encode_frame
from simulator.readers.vpcd import ATR, CardSlot
from simulator.ultralight_c import FileStorage as UltralightStorage
from tests.simulator.card_builders import UID, card, value_file
from tests.simulator.ultralight_reader import card as ultralight

pytestmark = pytest.mark.requirement("D7")
H = bytes.fromhex
ROOT = Path(__file__).resolve().parents[2]


def framed(*payloads):
    return b"".join(len(p).to_bytes(2, "big") + p for p in payloads)


def test_the_virtual_readers_frames_in_any_pieces():
    stream = framed(b"\x01", b"\x04", H("9060000000"), b"\x60", b"\x00")
    slot = CardSlot(card())
    answers = b"".join(slot.feed(bytes([byte])) for byte in stream)
    assert answers[:8] == framed(ATR)
    assert answers[8:10] == b"\x00\x09" and answers[17:19] == H("91AF")
    assert answers[19:] == framed(H("CA")), "60 alone is a native command, not a control byte"
    assert not slot.card.powered


def test_the_virtual_reader_itself_tells_the_uid_of_a_desfire():
    slot = CardSlot(card())
    assert slot.feed(framed(b"\x01", H("FFCA000000"))) == framed(UID + H("9000"))
    assert slot.feed(framed(H("FFCA010000"), H("FF00000002D402"))) == framed(H("6A81"), H("6A81"))
    assert slot.feed(framed(b"\xff")) == framed(H("1C")), "one byte is no APDU"


@pytest.mark.parametrize("ending", [b"\x00", b"\x02"])
def test_power_off_and_reset_forget_what_was_not_committed(ending):
    slot = CardSlot(card({1: value_file(rights=0xEEEE)}))
    select, credit, commit = H("5A10480F"), H("0C0101000000"), H("C7")
    slot.feed(framed(b"\x01", select, credit, ending, b"\x01"))
    assert slot.feed(framed(select, commit, H("6C01"))) == framed(b"\0", b"\x0c", H("0088130000"))


@pytest.fixture
def started():
    """Return a function that starts `sim reader` and returns the process and its first lines."""
    running = []

    def start(*options):
        process = subprocess.Popen(
            [sys.executable, "-m", "simulator.commands.main", "reader", *options],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        lines = []
        while not lines or not lines[-1].startswith("Ctrl-C"):
            lines.append(process.stdout.readline())
            assert lines[-1], process.stderr.read()
        return process, lines

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.system
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_names_its_pty_and_its_cards_and_ends_cleanly(started, how):
    process, lines = started("--pty", "--cards", "2", "--uid", "random")
    path = lines[0].split()[-1]
    uids = [line.split()[-1] for line in lines if line.startswith("card ")]
    assert len(set(uids)) == 2
    assert f"LIBNFC_DEVICE=pn532_uart:{path} nfc-list" in "".join(lines)
    port = os.open(path, os.O_RDWR | os.O_NOCTTY)
    os.write(port, H("55550000") + encode_frame(0xD4, H("4A0200")))
    said = b""
    while len(said) < len(ACK) + 10 or uids[1] not in said.hex():
        said += os.read(port, 4096)
    os.close(port)
    assert uids[0] in said.hex()
    process.send_signal(how)
    assert process.communicate(timeout=150)[1] == ""
    assert process.returncode == 0


@pytest.mark.system
def test_a_card_in_a_file_is_made_and_found_again(started, tmp_path):
    kept = tmp_path / "card.json"
    first = [line for line in started("--pty", "--image", str(kept))[1] if "UID" in line]
    again = [line for line in started("--pty", "--image", str(kept))[1] if "UID" in line]
    assert first == again
    FileStorage(kept).save(card().image)
    assert UID.hex() in "".join(started("--pty", "--image", str(kept))[1])


@pytest.mark.system
@pytest.mark.requirement("W-94")
def test_ultralight_c_cards_lie_beside_others_blank_or_from_a_file(started, tmp_path):
    def kinds(*options):
        lines = started("--pty", *options)[1]
        return [line.split()[2] for line in lines if line.startswith("card ")], "".join(lines)

    assert kinds("--cards", "1", "--ultralight", "2")[0] == ["DESFire", "Ultralight", "Ultralight"]
    kept = tmp_path / "ticket.json"
    found, first = kinds("--ultralight-image", str(kept))
    assert found == ["Ultralight"] and "mifare-ultralight-info" in first
    uid = re.search("UID ([0-9a-f]{14})", first).group(1)
    assert uid in kinds("--image", str(kept))[1], "the file says what it holds"
    assert UltralightStorage(kept).load().uid.hex() == uid


@pytest.mark.requirement("W-94")
def test_the_virtual_reader_speaks_for_a_card_that_takes_no_apdus():
    slot = CardSlot(ultralight())

    def ask(command):
        return slot.feed(framed(H(command)))[2:].hex()

    assert slot.feed(framed(b"\x01", b"\x04")) == framed(STORAGE_ATR)
    assert ask("FFCA000000") == UID.hex() + "9000"
    assert ask("FFD6000504" + "0A0B0C0D") == "9000"
    assert ask("FFB0000500")[:8] == "0a0b0c0d" and ask("FFB0000504") == "0a0b0c0d9000"
    assert ask("FFC20001" + "04" + "95021A00")[:28] == "c003009000" + "920100" + "96020000" + "9709"
    assert (
        ask("FFC20001" + "04" + "95023030") == "c003009000" + "920104" + "96020000" + "9701009000"
    )
    refused = {
        "FFCA010000": "6a81",  # no historical bytes
        "FFB0003000": "6300",  # no such page: the card is activated anew
        "FFB0000011": "6700",
        "FFD6000503AABBCC": "6700",
        "FFD6000004" + "00000000": "6300",
        "FFC200010396011A": "6700",
        "FFC2000200": "6a81",
        "FFC2000000": "c0030090009000",
        "FF8600000501000460": "6a81",
        "00A40400": "6e00",
        "60": "6700",
    }
    assert {command: ask(command) for command in refused} == refused
    slot.card.power_off()
    assert ask("FFB0000500")[:8] == "0a0b0c0d", "pcscd may speak to a card it believes to be on"


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_without_pcscd_it_says_what_to_install_and_start(capsys):
    assert main(["reader", "--pcsc", "--port", str(unused_port())]) == 1
    said = capsys.readouterr().err
    assert "nothing listens on 127.0.0.1" in said
    assert "apt install pcscd vsmartcard-vpcd" in said and "pcscd --foreground" in said


def test_when_pcscd_goes_it_says_so(capsys):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        port = listener.getsockname()[1]
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "simulator.commands.main",
                "reader",
                "--pcsc",
                "--port",
                str(port),
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        line, _ = listener.accept()
        line.sendall(framed(b"\x01", b"\x04"))
        assert line.recv(64) == framed(ATR)
        line.close()
        assert "the virtual reader went away" in process.communicate(timeout=150)[1]
        assert process.returncode == 1


@pytest.mark.parametrize(
    "options, words",
    [
        (["--pcsc", "--cards", "3"], "the virtual reader has 2 slots"),
        (["--pcsc", "--cards", "2", "--ultralight", "1"], "the virtual reader has 2 slots"),
        (["--pty", "--cards", "16", "--ultralight", "1"], "17 cards: a field takes at most 16"),
        (["--pty", "--image", __file__], "test_sim_reader.py"),
        (["--pty", "--image", sys.executable], "no text, so no card image"),
        (["--pty", "--image", str(ROOT)], f"{ROOT}: Is a directory\n"),
        (["--pty", "--ultralight-image", __file__], "holds no Ultralight C; --image takes other"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(capsys, options, words):
    assert main(["reader", *options]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--pty", "--pcsc"],
        ["--pty", "--cards", "0"],
        ["--pty", "--ultralight", "x"],
        ["--pcsc", "--port", "99999"],
    ],
)
def test_wrong_options_are_refused_with_the_usage(capsys, options):
    with pytest.raises(SystemExit):
        main(["reader", *options])
    assert "usage: ./tornello sim reader" in capsys.readouterr().err
