"""Which cards lie in the reader of `sim reader`: its options, and the cards they ask for.

Blank ones have the same UIDs and random numbers in every run unless `--uid random`; one kept in a
file is whatever kind the file says.
"""

import argparse
import secrets
from collections.abc import Callable
from pathlib import Path

from simulator import ultralight_c
from simulator.desfire_card import DesfireCard, FileStorage, ImageError
from simulator.prng import Prng
from simulator.ultralight_c import UltralightC

CARDS_MAX = 16
FIXED_UID = 0x04112233445500  # the first card is 04112233445501
Card = DesfireCard | UltralightC


class SimError(Exception):
    """What cannot be done, in words for the person at the keyboard."""


def add_card_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which cards there are."""
    parser.add_argument(
        "--cards",
        type=_count,
        metavar="N",
        help="blank DESFire EV1 cards (1, if no other option brings a card)",
    )
    parser.add_argument(
        "--ultralight", type=_count, default=0, metavar="N", help="blank Ultralight C cards (0)"
    )
    parser.add_argument(
        "--uid", choices=("fixed", "random"), default="fixed", help="their UIDs (fixed)"
    )
    parser.add_argument(
        "--image",
        action="append",
        default=[],
        metavar="FILE",
        help="a card kept in FILE, of either kind (if not there: a blank DESFire EV1 is made);"
        " may be repeated",
    )
    parser.add_argument(
        "--ultralight-image",
        action="append",
        default=[],
        metavar="FILE",
        help="an Ultralight C kept in FILE (if not there: a blank one is made); may be repeated",
    )


def make_cards(options: argparse.Namespace) -> list[Card]:
    """Return the cards asked for. Raises: SimError naming a file that is no card."""
    others = options.ultralight or options.image or options.ultralight_image
    blank = options.cards or (0 if others else 1)
    cards: list[Card] = []
    for _ in range(blank):
        number = len(cards) + 1
        cards.append(DesfireCard.blank(_uid(options.uid, number), _chance(options.uid, number)))
    for _ in range(options.ultralight):
        number = len(cards) + 1
        cards.append(UltralightC.blank(_uid(options.uid, number), _chance(options.uid, number)))
    cards += [_kept(Path(name), _new_desfire) for name in options.image]
    cards += [_kept(Path(name), _new_ultralight) for name in options.ultralight_image]
    if len(cards) > CARDS_MAX:
        raise SimError(f"{len(cards)} cards: a field takes at most {CARDS_MAX}")
    return cards


def kind_of(card: Card) -> str:
    """Return what people call this card."""
    return "Ultralight C" if isinstance(card, UltralightC) else "DESFire EV1"


def _kept(path: Path, new: Callable[[Path], Card]) -> Card:
    """Return the card in a file, or a new one that is kept there from now on."""
    try:
        if not path.exists():
            return new(path)
        if f'"{ultralight_c.FORMAT}"' in path.read_text(encoding="ascii"):
            storage = ultralight_c.FileStorage(path)
            return UltralightC(storage.load(), secrets.token_bytes, storage)
        if new is _new_ultralight:
            raise SimError(f"{path}: holds no Ultralight C; --image takes other cards")
        kept = FileStorage(path)
        return DesfireCard(kept.load(), secrets.token_bytes, kept)
    except UnicodeDecodeError:
        raise SimError(f"{path}: no text, so no card image") from None
    except OSError as error:
        raise SimError(f"{path}: {error.strerror}") from None
    except ImageError as error:
        raise SimError(str(error)) from None


def _new_desfire(path: Path) -> Card:
    return DesfireCard.blank(_uid("random", 0), secrets.token_bytes, FileStorage(path))


def _new_ultralight(path: Path) -> Card:
    storage = ultralight_c.FileStorage(path)
    return UltralightC.blank(_uid("random", 0), secrets.token_bytes, storage)


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= CARDS_MAX:
        raise argparse.ArgumentTypeError(f"{text}: wanted a number from 1 to {CARDS_MAX}")
    return int(text)


def _uid(kind: str, number: int) -> bytes:
    if kind == "random":
        return b"\x04" + secrets.token_bytes(6)
    return (FIXED_UID + number).to_bytes(7, "big")


def _chance(kind: str, number: int) -> Callable[[int], bytes]:
    return secrets.token_bytes if kind == "random" else Prng(number).bytes
