"""Seeds and rules of a service point: cards that are surveyed or made, PC/SC readers.

A case is what the other side answers, a part an exchange; then the card is gone.
"""

import argparse
from collections.abc import Callable
from typing import Any

from card_layouts.cards import personalise
from card_layouts.cards.conversation import (
    FRAME_BYTES,
    CardLost,
    CardStatusError,
    converse,
)
from card_layouts.cards.desfire_issuer import IssuerSession
from card_layouts.crypto.triple_des_cpython import TripleDes
from card_layouts.errors import LayoutError, SealError
from edge_agent.counter.card_contents import CardImageError
from edge_agent.counter.card_survey import survey
from edge_agent.counter.desk import CounterError, Desk
from edge_agent.counter.explain import explain_card
from edge_agent.counter.explain_page import COLUMNS, render
from edge_agent.drivers import pcsc_frames as pcsc
from edge_agent.ports import DESFIRE, ULTRALIGHT, CardFound
from simulator.desfire_card import DesfireCard
from simulator.fuzzing.card_targets import STATUSES, _Tape, sold
from simulator.fuzzing.mutation import BYTES, in_parts
from simulator.fuzzing.shared.parts import join_parts, split_parts
from simulator.fuzzing.target import Work, must
from simulator.prng import Prng
from simulator.random_card import RandomCard
from simulator.ultralight_c import UltralightC
from simulator.worlds import tap_world

UID = bytes.fromhex("04e23930510111")
ATS = bytes.fromhex("067577810280")
EXCHANGES_MAX = 4000
KINDS = (DESFIRE, ULTRALIGHT)


class Answers:
    """A reader that answers from parts; the first part says which kind of card lies there."""

    name = "fuzzed"

    def __init__(self, parts: list[bytes]) -> None:
        head = parts[0] if parts else b""
        self.kind = KINDS[head[0] % 2] if head else DESFIRE
        self.parts = parts[1:]
        self.exchanges = 0

    def wait(self, timeout_ms: int) -> CardFound | None:
        return CardFound(UID, self.kind, ats=ATS if self.kind == DESFIRE else b"")

    def exchange(self, frame: bytearray, length: int) -> int:
        said = self.said()
        if not said:
            raise CardLost
        said = said[:FRAME_BYTES]
        frame[: len(said)] = said
        return len(said)

    def said(self) -> bytes:
        """Return the next part; nothing once all are said."""
        at, self.exchanges = self.exchanges, self.exchanges + 1
        must(self.exchanges <= EXCHANGES_MAX, "a conversation that never ends")
        return self.parts[at] if at < len(self.parts) else b""

    def release(self) -> None:
        """Let go of nothing."""

    def close(self) -> None:
        """Give back nothing."""


class Entropy:
    """The same bytes for every case."""

    def __init__(self) -> None:
        self._prng = Prng(9)

    def random_bytes(self, count: int) -> bytes:
        """Return the stream's next bytes."""
        return self._prng.bytes(count)


def _status(case: bytes, prng: Prng, work: Work) -> bytes:
    """Put a status before an answer, or let the card say "more"."""
    parts = split_parts(case)
    if len(parts) < 2:
        return case
    at = 1 + prng.below(len(parts) - 1)
    code = STATUSES[prng.below(len(STATUSES))]
    parts[at] = bytes([code]) + (parts[at][1:] if prng.below(2) else b"")
    return join_parts(parts)


OPERATIONS = (_status, in_parts(*BYTES), in_parts(*BYTES), *BYTES)


def survey_work() -> Work:
    """Any card at all, read without a key and explained."""

    def desk(reader: Any) -> Desk:
        return Desk(lambda name: reader, None, Entropy())  # type: ignore[arg-type]

    options = argparse.Namespace(keys=None, aid=[], reader="")

    def read(case: bytes) -> Any:
        return survey(options, desk(Answers(split_parts(case))))

    def check(case: bytes, card: Any) -> None:
        page = render(explain_card(card))
        must(max(map(len, page.splitlines())) <= COLUMNS, "a line over its columns")
        must(page.replace("\n", "").isprintable(), "characters that steer a terminal")

    seeds = []
    for kind, card in (
        *((0, DesfireCard(RandomCard(n).image, Prng(n).bytes)) for n in (1, 3)),
        (1, UltralightC(sold().clone(), Prng(5).bytes)),
    ):
        seeds.append(_recorded(kind, card, lambda reader: survey(options, desk(reader))))
    refusals = (CounterError, CardImageError)
    work = Work(read, refusals, seeds, OPERATIONS, check)
    work.lines_max, work.memory_max = 400_000, 1 << 20
    return work


def _recorded(kind: int, card: Any, talk: Callable[[Any], Any]) -> bytes:
    """Return the case of an honest card: what it answers while `talk(reader)` lasts."""
    card.power_on()
    tape = _Tape(card.exchange)
    reader = Answers([bytes([kind])])

    def exchange(frame: bytearray, length: int) -> int:
        return tape.exchange(frame, length)

    def release() -> None:
        card.power_off()
        card.power_on()

    reader.exchange = exchange  # type: ignore[method-assign]
    reader.release = release  # type: ignore[method-assign]
    talk(reader)
    return join_parts([bytes([kind]), *(part[1:] for part in tape.parts[:60])])


def issue_work() -> Work:
    """A card that is being made: the office ends with a named error, whatever it answers."""

    def steps(frame: bytearray) -> Any:
        return personalise.personalise(
            IssuerSession(frame), tap_world.recipe(), Prng(4).bytes, TripleDes, lambda step: None
        )

    def talk(reader: Any) -> Any:
        frame = bytearray(FRAME_BYTES)
        return converse(steps(frame), frame, reader.exchange)

    card = DesfireCard.blank(tap_world.UID, Prng(3).bytes)
    seed = _recorded(0, card, talk)

    def read(case: bytes) -> Any:
        return talk(Answers(split_parts(case)))

    refusals = (CardLost, CardStatusError, LayoutError, SealError)
    honest = split_parts(seed)

    def check(case: bytes, value: Any) -> None:
        said = split_parts(case)
        # SELECT, GetVersion and the like come without a seal; the last answers have one.
        must(len(said) >= len(honest), "made in fewer exchanges than an honest card needs")

    return Work(read, refusals, [seed], OPERATIONS, check)


def pcsc_work() -> Work:
    """What a PC/SC reader answers, DESFire's frames in its clothes and raw ones."""
    ultralight = bytes.fromhex("3b8f8001804f0ca000000306030003000000006 8".replace(" ", ""))

    def read(case: bytes) -> Any:
        reader = Answers([b"\0", *split_parts(case)])
        parts = split_parts(case)
        atr = parts[0] if parts else b""

        def transmit(apdu: bytes) -> bytes:
            must(len(apdu) <= 300, "an APDU that no reader takes")
            return reader.said()

        kind = pcsc.kind_of(atr)
        found: list[Any] = [kind, pcsc.uid_and_ats(transmit, kind)]
        for way in (pcsc.native, pcsc.transparent, pcsc.through_chip):
            try:
                found.append(way(transmit, b"\x60" + bytes(70 if way is pcsc.native else 3)))
            except pcsc.NoAnswer:
                found.append(None)
        found.append(pcsc.raw_way(transmit))
        return found

    def check(case: bytes, found: Any) -> None:
        must(all(a is None or len(a) >= 1 or i == 2 for i, a in enumerate(found[2:5])), "empty")

    seeds = [
        join_parts([ultralight, UID + b"\x90\0", b"\x6a\x81", b"\x91\xaf", b"\x91\0", b"\x90\0"]),
        join_parts([bytes.fromhex("3b8180018080"), UID + b"\x90\0", ATS + b"\x90\0",
                    b"\x04\x01\x91\xaf", b"\x01\x02\x91\0",
                    b"\xc0\x03\0\x90\0\x97\x02\x01\x02\x90\0", b"\xd5\x43\0\xaf\x90\0",
                    b"\x90\0", b"\xd5\x03\x32\x90\0"]),
    ]  # fmt: skip
    return Work(read, (), seeds, (in_parts(*BYTES), *BYTES), check)
