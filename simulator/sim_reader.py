"""A reader with cards that programs nobody wrote here take for real ones.

`--pty`: a PN532 on a pseudo terminal, for libnfc, libfreefare, nfcpy and the Adafruit driver.
`--pcsc`: cards dial into vsmartcard's virtual reader, for pcscd and whatever speaks PC/SC.
"""

import argparse
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from simulator.desfire_card import DesfireCard, FileStorage, ImageError
from simulator.field import Field
from simulator.pn532 import Pn532
from simulator.pn532_pty import Pn532Pty
from simulator.prng import Prng
from simulator.vpcd import FIRST_PORT, HOST, SLOTS, ReaderGone, VpcdLine, pump_all

CARDS_MAX = 16
FIXED_UID = 0x04112233445500  # the first card is 04112233445501
PCSC_REMEDY = (
    "On Debian or Ubuntu: apt install pcscd vsmartcard-vpcd pcsc-tools\n"
    "Then start it (one per machine):  pcscd --foreground"
)


class SimError(Exception):
    """What cannot be done, in words for the person at the keyboard."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `sim reader`."""
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--pty", action="store_true", help="a PN532 on a pseudo terminal (HSU)")
    way.add_argument("--pcsc", action="store_true", help="cards in vsmartcard's virtual reader")
    parser.add_argument("--cards", type=_count, default=1, metavar="N", help="blank cards (1)")
    parser.add_argument(
        "--uid", choices=("fixed", "random"), default="fixed", help="their UIDs (fixed)"
    )
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="FILE",
        help="a card kept in FILE (made if not there) instead of blank ones; may be repeated",
    )
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


def make_cards(options: argparse.Namespace) -> list[DesfireCard]:
    """Return the cards asked for. Raises: SimError naming a file that is no card."""
    if options.image:
        return [_card_of(Path(name), number) for number, name in enumerate(options.image, 1)]
    return [
        DesfireCard.blank(_uid(options.uid, number), _chance(options.uid, number))
        for number in range(1, options.cards + 1)
    ]


def serve_pty(cards: list[DesfireCard]) -> int:
    """Be a PN532 with the cards in its field, for ever."""
    field = Field()
    for card in cards:
        field.place(card)
    with Pn532Pty(Pn532(field)) as pty:
        print(f"PN532 on {pty.path}")
        _print_cards(cards)
        print(
            f"\nTry:  LIBNFC_DEVICE=pn532_uart:{pty.path} nfc-list\n"
            f"      LIBNFC_DEVICE=pn532_uart:{pty.path} mifare-desfire-info\n"
            f"      ln -s {pty.path} /dev/ttyUSB99 && python3 -m nfc --device tty:USB99:pn532\n"
            "Ctrl-C ends it.",
            flush=True,
        )
        while True:
            pty.wait(1.0)
            pty.pump()


def serve_pcsc(cards: list[DesfireCard], port: int) -> int:
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


def _dialled(card: DesfireCard, port: int) -> VpcdLine:
    try:
        return VpcdLine(card, port)
    except ConnectionRefusedError:
        raise SimError(f"nothing listens on {HOST}:{port}.\n{PCSC_REMEDY}") from None
    except (OSError, OverflowError) as error:
        raise SimError(f"cannot dial {HOST}:{port}: {error}") from None


def _print_cards(cards: list[DesfireCard]) -> None:
    for number, card in enumerate(cards, 1):
        print(f"card {number}  UID {card.image.uid.hex()}")


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= CARDS_MAX:
        raise argparse.ArgumentTypeError(f"{text}: wanted a number from 1 to {CARDS_MAX}")
    return int(text)


def _port(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 65535 - SLOTS:
        raise argparse.ArgumentTypeError(f"{text}: wanted a port from 1 to {65535 - SLOTS}")
    return int(text)


def _uid(kind: str, number: int) -> bytes:
    if kind == "random":
        return b"\x04" + secrets.token_bytes(6)
    return (FIXED_UID + number).to_bytes(7, "big")


def _chance(kind: str, number: int) -> Callable[[int], bytes]:
    return secrets.token_bytes if kind == "random" else Prng(number).bytes


def _card_of(path: Path, number: int) -> DesfireCard:
    storage = FileStorage(path)
    try:
        if path.exists():
            return DesfireCard(storage.load(), secrets.token_bytes, storage)
        return DesfireCard.blank(_uid("random", number), secrets.token_bytes, storage)
    except (OSError, UnicodeDecodeError, ImageError) as error:
        raise SimError(f"{path}: {error}") from None
