"""A reader with cards that programs nobody wrote here take for real ones.

`--pty`: a PN532 on a pseudo terminal, for libnfc, libfreefare, nfcpy and the Adafruit driver.
`--pcsc`: cards dial into vsmartcard's virtual reader, for pcscd and whatever speaks PC/SC.
"""

import argparse
import sys

from simulator.field import Field
from simulator.readers.pn532 import Pn532
from simulator.readers.pn532_pty import Pn532Pty
from simulator.readers.reader_cards import Card, SimError, add_card_options, kind_of, make_cards
from simulator.readers.vpcd import FIRST_PORT, HOST, SLOTS, ReaderGone, VpcdLine, pump_all

PCSC_REMEDY = (
    "On Debian or Ubuntu: apt install pcscd vsmartcard-vpcd pcsc-tools\n"
    "Then start it (one per machine):  pcscd --foreground"
)
TOOL_OF = {"DESFire EV1": "mifare-desfire-info", "Ultralight C": "mifare-ultralight-info"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim reader`."""
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--pty", action="store_true", help="a PN532 on a pseudo terminal (HSU)")
    way.add_argument("--pcsc", action="store_true", help="cards in vsmartcard's virtual reader")
    add_card_options(parser)
    parser.add_argument(
        "--port", type=_port, default=FIRST_PORT, help=f"with --pcsc: vpcd's port ({FIRST_PORT})"
    )


def run(options: argparse.Namespace) -> int:
    """Serve until Ctrl-C; return the exit code."""
    try:
        cards = make_cards(options)
        return serve_pty(cards) if options.pty else serve_pcsc(cards, options.port)
    except SimError as error:
        print(f"sim reader: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print()
        return 0


def serve_pty(cards: list[Card]) -> int:
    """Be a PN532 with the cards in its field, for ever."""
    field = Field()
    for card in cards:
        field.place(card)
    with Pn532Pty(Pn532(field)) as pty:
        print(f"PN532 on {pty.path}")
        _print_cards(cards)
        _print_what_to_try(pty.path, cards)
        while True:
            pty.wait(1.0)
            pty.pump()


def serve_pcsc(cards: list[Card], port: int) -> int:
    """Be cards in the virtual reader until it goes away."""
    if len(cards) > SLOTS:
        raise SimError(f"{len(cards)} cards do not fit: the virtual reader has {SLOTS} slots")
    lines = []
    try:
        for slot, card in enumerate(cards):
            lines.append(_dialled(card, port + slot))
        print(f"PC/SC: {len(cards)} in the virtual reader at {HOST}:{port}")
        _print_cards(cards)
        print("\nTry:  pcsc_scan\nCtrl-C ends it.", flush=True)
        while True:
            pump_all(lines)
    except ReaderGone as gone:
        raise SimError(f"the virtual reader went away ({gone})\n{PCSC_REMEDY}") from None
    finally:
        for line in lines:
            line.close()


def _dialled(card: Card, port: int) -> VpcdLine:
    try:
        return VpcdLine(card, port)
    except ConnectionRefusedError:
        raise SimError(f"nothing listens on {HOST}:{port}.\n{PCSC_REMEDY}") from None
    except (OSError, OverflowError) as error:
        raise SimError(f"cannot dial {HOST}:{port}: {error}") from None


def _print_what_to_try(path: str, cards: list[Card]) -> None:
    tools = ["nfc-list", *sorted({TOOL_OF[kind_of(card)] for card in cards})]
    lines = [f"LIBNFC_DEVICE=pn532_uart:{path} {tool}" for tool in tools]
    lines.append(f"ln -s {path} /dev/ttyUSB99 && python3 -m nfc --device tty:USB99:pn532")
    print("\nTry:  " + "\n      ".join(lines) + "\nCtrl-C ends it.", flush=True)


def _print_cards(cards: list[Card]) -> None:
    for number, card in enumerate(cards, 1):
        print(f"card {number}  {kind_of(card):12}  UID {card.image.uid.hex()}")


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535 - SLOTS:
        raise argparse.ArgumentTypeError(f"{text}: wanted a port from 1 to {65535 - SLOTS}")
    return int(text)
