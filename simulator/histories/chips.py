"""Cards as things: a chip of silicon with an EEPROM, possibly a copy of another.

`read` looks into the EEPROM past all keys, so that what physically happened is known without
asking a program under test. A commit that was marked before the power went counts as done: the
chip finishes it as soon as it has power again.
"""

from typing import Any, NamedTuple

from card_layouts.cards.card_layout import (
    FILE_A,
    FILE_C,
    FILE_G,
    FILE_V,
    KIND_ADJUST,
    KIND_LOAD,
    KIND_PRODUCT,
    G,
)
from card_layouts.cards.transit_record import start_minute
from simulator.desfire_card import DesfireCard, Image
from simulator.desfire_card.image import Application, File, RecordFile, ValueFile
from simulator.desfire_card.transaction import finished
from simulator.prng import Prng

COUNTER_START = (1 << 30) - 1
N_BITS = 24
DID = {KIND_LOAD: "load", KIND_PRODUCT: "pass", KIND_ADJUST: "nothing"}


class Held(NamedTuple):
    """What money can see of an EEPROM, and who wrote the newest record."""

    purse: int
    n: int
    b: int
    a: int
    device: int
    seq: int  # low 26 bits
    did: str  # by the newest record, "" for a ride
    began_s: int  # the ride of that record began a journey: when, s since 2020; 0 = it did not


class Chip:
    """One piece of silicon. `card` is the card whose number it shows; copies share it."""

    def __init__(self, number: int, card: int, image: Image, aid: bytes) -> None:
        self.number = number
        self.card = card
        self.aid = aid
        self.desfire = DesfireCard(image, Prng(number, 77).bytes)
        self.held = self.read()

    @property
    def uid(self) -> bytes:
        return self.desfire.uid

    @property
    def image(self) -> Image:
        return self.desfire.image

    def copy(self, number: int) -> "Chip":
        """Return another chip with everything that is on this one, keys included."""
        return Chip(number, self.card, self.image.clone(), self.aid)

    def put_back(self, image: Image) -> None:
        """Write an older image over the EEPROM."""
        self.desfire = DesfireCard(image.clone(), Prng(self.number, 77).bytes)
        self.held = self.read()

    def read(self) -> Held:
        """Return what the EEPROM holds."""
        application: Application = self.image.applications[self.aid]
        files: dict[int, File] = application.files
        waiting = self.image.transaction
        if waiting is not None and waiting.marked:
            files = {**files, **{n: finished(s) for n, s in waiting.staged.items()}}
        used = COUNTER_START - _value(files[FILE_C])
        log = files[FILE_G]
        assert isinstance(log, RecordFile), "G is a cyclic file"
        newest: dict[str, Any] = G.unpack(log.records[-1])
        return Held(
            _value(files[FILE_V]),
            used & (1 << N_BITS) - 1,
            used >> N_BITS,
            COUNTER_START - _value(files[FILE_A]),
            newest["device"],
            newest["seq"],
            DID.get(newest["kind"], ""),
            60 * start_minute(newest) if newest["charged"] == newest["amount"] else 0,
        )


def staged_record(card: Any) -> bytes:
    """Return the record that a DESFire card keeps for the commit, b"" if there is none."""
    waiting = card.image.transaction
    log = waiting.staged.get(FILE_G) if waiting is not None else None
    return bytes(log.file.records[-1]) if log is not None else b""


def _value(file: File) -> int:
    assert isinstance(file, ValueFile), "V, C and A are value files"
    return file.value
