"""Whoever may hold a torn card next, alike for the drill: gates, stations, desks, ticket gates.

Each shows what it told the person, keeps what it must not forget through a power cut (`boot`), and
says in `state` what it remembers. The gates and stations are the firmware's own.
"""

import hashlib
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple, Protocol

from card_layouts.answers import LOADED, LOADED_BEFORE, name_of, opens, unfinished
from card_layouts.cards.card_layout import K1, K3, K4, G
from card_layouts.cards.conversation import CardLost, converse
from card_layouts.cards.desfire_issuer import IssuerSession
from card_layouts.cards.transit_service import change_key, read_inspection
from card_layouts.records.entries_tap import OUTCOME_ABORTED, OUTCOME_COMMITTED
from firmware.station import Order
from firmware.station_services import Load
from simulator.desfire_card import DesfireCard
from simulator.field import Field, Tear
from simulator.reader import DirectReader
from simulator.ultralight_c import UltralightC
from simulator.worlds.tap_world import AID, KEY_VERSION, Device, Keys, OnCard, Random
from simulator.worlds.ticket_world import NOW as TICKET_NOW
from simulator.worlds.ticket_world import Gate

OPENING = ("INTENT", "ACTION", "BLOCK")
# What a person was told: it is done (a gate is open), nothing happened, nobody knows yet.
GREEN, NOTHING, UNKNOWN = "green", "nothing", "unknown"


class Shown(NamedTuple):
    """One answer: GREEN, NOTHING or UNKNOWN, its name; `early`: the gate did not wait for it."""

    kind: str
    name: str
    early: bool = False


class Terminal(Protocol):
    """One device a card may be held to."""

    number: int

    def present(self, card: Any, *tears: Tear) -> Shown:
        """Hold the card to it once."""

    def later(self, seconds: int) -> None:
        """Let time pass."""

    def boot(self) -> None:
        """Cut its power and start it again."""

    def state(self) -> Hashable:
        """Return what it remembers."""

    def complaints(self, card: Any) -> list[str]:
        """Return what its books say that the card does not, once all is over."""


class Validator:
    """A gate or station of the firmware; a station has an `order` for this card."""

    def __init__(
        self, device: Device, order: Order | None = None, service: Load | None = None
    ) -> None:
        self.device, self.order, self.service = device, order, service
        self.number = device.number

    def present(self, card: DesfireCard, *tears: Tear) -> Shown:
        """Tap, or have the order carried out."""
        code = self.device.present(card, *tears, order=self.order, service=self.service)
        done = code in (LOADED, LOADED_BEFORE)
        kind = GREEN if done or opens(code) else UNKNOWN if unfinished(code) else NOTHING
        return Shown(kind, name_of(code), self.device.signals.opened() and not opens(code))

    def later(self, seconds: int) -> None:
        """Move its clock."""
        self.device.watch.seconds += seconds

    def boot(self) -> None:
        """Start the program on what is in the flash."""
        self.device.boot()

    def state(self) -> Hashable:
        """Return the flash, and what RAM tells about cards."""
        tap = self.device.tap
        flash = hashlib.sha256(self.device.flash.snapshot()).digest()
        return flash, tuple(getattr(tap, "shown", ())), tap._unknown_uid

    def complaints(self, card: DesfireCard) -> list[str]:
        """Check the journal against the card; entries still open are a complaint too."""
        return journal_complaints([self.device], card)


class KeyDesk:
    """A counter that renews K1 of cards: no journal, for a key's version tells what was done."""

    number = 1
    VERSION = KEY_VERSION + 1
    NEW_KEY = bytes(range(0x40, 0x50))

    def __init__(self, seed: int) -> None:
        self.keys, self.entropy = Keys(self.number), Random(seed)

    def present(self, card: DesfireCard, *tears: Tear) -> Shown:
        """Bring K1 to its new version."""

        def steps(session: IssuerSession) -> Any:
            k4 = self.keys.card_key(K4, KEY_VERSION, card.uid)
            old = self.keys.card_key(K1, KEY_VERSION, card.uid)
            yield from session.select(AID)
            yield from session.authenticate(K4, k4, self.entropy.random_bytes(16))
            return (yield from change_key(session, K1, self.NEW_KEY, self.VERSION, old))

        try:
            changed = talk(card, tears, steps)
        except CardLost:
            return Shown(UNKNOWN, "hold it again")
        return Shown(GREEN, "renewed" if changed else "was renewed before")

    def later(self, seconds: int) -> None:
        """It knows no time."""

    def boot(self) -> None:
        """It remembers nothing."""

    def state(self) -> Hashable:
        """Nothing to tell."""
        return None

    def complaints(self, card: DesfireCard) -> list[str]:
        """It keeps no books."""
        return []


class Inspector(KeyDesk):
    """A hand-held that reads under K3 and writes nothing."""

    def present(self, card: DesfireCard, *tears: Tear) -> Shown:
        """Read usage, copy and newest record."""

        def steps(session: IssuerSession) -> Any:
            key = self.keys.card_key(K3, KEY_VERSION, card.uid)
            yield from session.select(AID)
            yield from session.authenticate(K3, key, self.entropy.random_bytes(16))
            return (yield from read_inspection(session))

        try:
            _usage, _copy, newest = talk(card, tears, steps)
        except CardLost:
            return Shown(NOTHING, "hold it again")
        return Shown(GREEN, f"record {G.get(bytes(newest), 'n')}")


class TicketGate:
    """A gate for tourist tickets; the tap it is not sure of would be in its journal."""

    def __init__(self, number: int, stage_first: bool = True) -> None:
        self.number, self.gate, self.now_s = number, Gate(number, stage_first=stage_first), 0

    def present(self, card: UltralightC, *tears: Tear) -> Shown:
        """Tap."""
        if self.gate.present(card, *tears, now_s=TICKET_NOW + self.now_s):
            return Shown(GREEN, "open")
        return Shown(UNKNOWN if self.gate.open_tap else NOTHING, "show it again")

    def later(self, seconds: int) -> None:
        """Move its clock."""
        self.now_s += seconds

    def boot(self) -> None:
        """What it remembers survives."""

    def state(self) -> Hashable:
        """Return the tap that is open."""
        return self.gate.open_tap

    def complaints(self, card: UltralightC) -> list[str]:
        """Return whether a tap is open still."""
        return ["a tap is open still"] if self.gate.open_tap else []


def talk(
    card: DesfireCard, tears: Sequence[Tear], conversation: Callable[[IssuerSession], Any]
) -> Any:
    """Hold a conversation with a card on a reader of its own. Raises: CardLost."""
    field = Field()
    field.place(card)
    field.plan(*tears)
    reader = DirectReader(field)
    reader.poll()
    session = IssuerSession(bytearray(64))
    try:
        return converse(conversation(session), session.frame, reader.exchange)
    finally:
        reader.release()


def journal_complaints(devices: Sequence[Device], card: DesfireCard) -> list[str]:
    """Return where journals and card contradict, and which entries are still open."""
    on_card, found = OnCard(card), []
    for device in devices:
        outcomes: dict[int, int] = {}
        entries = device.entries()
        for name, _header, fields in entries:
            if name == "OUTCOME" and fields["of"] in outcomes:
                found.append(f"device {device.number}: two outcomes for entry {fields['of']}")
            elif name == "OUTCOME":
                outcomes[fields["of"]] = fields["outcome"]
        for name, header, fields in entries:
            if name in OPENING:
                found += _about(on_card, device.number, header["seq"], fields, outcomes)
    return found


def _about(
    on_card: OnCard, device: int, seq: int, fields: dict[str, Any], outcomes: dict[int, int]
) -> list[str]:
    """Return what is wrong with one announcing entry."""
    where = f"device {device} entry {seq}"
    verdict = outcomes.get(seq)
    if verdict is None:
        return [f"{where}: still open"]
    taken = any((r["device"], r["seq"]) == (device, seq) for r in on_card.records)
    if verdict not in (OUTCOME_COMMITTED, OUTCOME_ABORTED):
        return [f"{where}: outcome {verdict}, wanted committed or aborted"]
    if (verdict == OUTCOME_COMMITTED) != taken:
        return [f"{where}: outcome {verdict}, and the card {'has' if taken else 'lacks'} it"]
    body = G.unpack(bytes(7) + fields["body"] + fields["h"])
    if taken and body["h"] not in [record["h"] for record in on_card.records]:
        return [f"{where}: announced another record than the card has"]
    return []
