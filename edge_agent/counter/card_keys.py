"""Keys that open a card for reading: a text file the counter keeps, one key a line.

    AID NUMBER HEX          AES key NUMBER of application AID (hex as sent; 000000 is the card)
    master AID NUMBER HEX   the same of a whole scheme, diversified by the card's UID (AN10922);
                            number 128 is the card's own master key in that scheme
    ticket HEX              3DES key of an Ultralight C
    ticket-master HEX       the same of a whole scheme

or the JSON that `tornello keyring provision` prints for a counter, an inspector or an issuer.

No key is ever printed, nor put into an error.
"""

import argparse
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from card_layouts.cards.card_layout import aid_bytes
from card_layouts.cards.tourist_ticket import ticket_keys
from card_layouts.crypto.an10922 import card_key
from edge_agent.counter.desk import CounterError
from edge_agent.counter.key_files import read_key_file

PICC, PICC_NUMBER = bytes(3), 0x80
KEY_BYTES = 16
WANTED = "wanted `AID NUMBER KEY`, `master AID NUMBER KEY`, `ticket KEY` or `ticket-master KEY`"
_LINE = re.compile(r"(master )?([0-9a-f]{6}) ([0-9]|1[0-3]|128) ([0-9a-f]{32})")
_TICKET = re.compile(r"(ticket|ticket-master) ([0-9a-f]{32})")


@dataclass
class KeyRing:
    """The keys of a file; `key` and `ticket_key` give those of the card with a UID."""

    keys: dict[tuple[bytes, int], bytes] = field(default_factory=dict, repr=False)
    masters: dict[tuple[bytes, int], bytes] = field(default_factory=dict, repr=False)
    ticket: bytes | None = field(default=None, repr=False)
    ticket_master: bytes | None = field(default=None, repr=False)

    @property
    def aids(self) -> set[bytes]:
        """The applications there is a key of, card level included."""
        return {aid for aid, _number in (*self.keys, *self.masters)}

    def key(self, aid: bytes, number: int, uid: bytes) -> bytes | None:
        """Return the 16-byte AES key of this card, or None if the file has none."""
        if (aid, number) in self.keys:
            return self.keys[aid, number]
        if aid == PICC:
            number = PICC_NUMBER
        for (scheme, master_no), master in self.masters.items():
            if master_no == number and (aid in (scheme, PICC)):
                # The low nibble of the id is the generation of the masters (D10).
                return bytes(card_key(master, uid, scheme, number, scheme[0] & 15))
        return None

    def ticket_key(self, uid: bytes) -> bytes | None:
        """Return the 16-byte 3DES key of this ticket, as the cipher takes it, or None."""
        if self.ticket is None and self.ticket_master is not None:
            return bytes(ticket_keys(self.ticket_master, uid)[0])
        return self.ticket


def add_key_options(parser: argparse.ArgumentParser) -> None:
    """Declare --keys and --aid, for a card on a reader."""
    parser.add_argument(
        "--keys",
        type=Path,
        metavar="FILE",
        help="keys for the card on the reader, a line each: AID NUMBER HEX, master AID NUMBER HEX,"
        " ticket HEX or ticket-master HEX; or a file of `keyring provision`",
    )
    parser.add_argument(
        "--aid",
        action="append",
        default=[],
        metavar="HEX",
        help="look for this application too (3 bytes as sent), on a card that does not list them",
    )


def read_keys(options: argparse.Namespace) -> KeyRing:
    """Return the keys of --keys and the ids of --aid. Raises: CounterError naming the line."""
    ring = KeyRing()
    if options.keys is not None:
        text = read_key_file(options.keys, "wanted a file of keys (--help)")
        if text.lstrip().startswith("{"):
            _take_device(ring, text, str(options.keys))
            return ring
        for number, line in enumerate(text.splitlines(), 1):
            words = " ".join(line.partition("#")[0].lower().split())
            if words and not _take(ring, words):
                raise CounterError(f"{options.keys}: line {number}: {WANTED}, 16 bytes in hex")
    return ring


def aids_asked(options: argparse.Namespace) -> set[bytes]:
    """Return the application ids of --aid. Raises: CounterError."""
    for text in options.aid:
        if not re.fullmatch(r"[0-9a-fA-F]{6}", text):
            raise CounterError(f"--aid {text}: wanted three bytes in hex as sent, like 0100f0")
    return {bytes.fromhex(text) for text in options.aid}


def _take_device(ring: KeyRing, text: str, where: str) -> None:
    """Take the masters of a device's configuration, every generation in it."""
    try:
        found = json.loads(text)
        for generation, masters in found["card_keys"].items():
            aid = bytes(aid_bytes(found["aid"], int(generation)))
            for name, hexadecimal in masters.items():
                key = bytes.fromhex(hexadecimal)
                if len(key) != KEY_BYTES:
                    raise ValueError(name)
                if name == "TICKET":
                    ring.ticket_master = key
                else:
                    ring.masters[aid, PICC_NUMBER if name == "PICC" else int(name[1:])] = key
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise CounterError(f"{where}: not what `tornello keyring provision` prints") from None


def _take(ring: KeyRing, words: str) -> bool:
    match = _LINE.fullmatch(words)
    if match is not None:
        where = ring.masters if match[1] else ring.keys
        where[bytes.fromhex(match[2]), int(match[3])] = bytes.fromhex(match[4])
        return True
    match = _TICKET.fullmatch(words)
    if match is None:
        return False
    if match[1] == "ticket":
        ring.ticket = bytes.fromhex(match[2])
    else:
        ring.ticket_master = bytes.fromhex(match[2])
    return True
