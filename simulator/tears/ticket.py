"""The flow of a tourist ticket. Source: card.md section 6."""

from functools import cache
from typing import Any

from card_layouts.cards.tourist_ticket import Ticket, is_prepared, open_ticket
from card_layouts.errors import LayoutError, SealError
from simulator.desfire_card import Transcript
from simulator.prng import Prng
from simulator.tears.flow import MIXED, NEW, OLD, Flow, Scene
from simulator.tears.terminals import Terminal, TicketGate
from simulator.ultralight_c import Image as TicketImage
from simulator.ultralight_c import UltralightC, tearing
from simulator.ultralight_c import image_to_json as ticket_to_json
from simulator.worlds.tap_world import (
    GATE_A,
    GATE_B,
)
from simulator.worlds.ticket_world import KEYS as TICKET_KEYS
from simulator.worlds.ticket_world import UID as TICKET_UID
from simulator.worlds.ticket_world import sold


class TicketTap(Flow):
    """A tourist ticket on an Ultralight C: the counter is the truth."""

    name, title, exchanges, byte_count = "ticket", "a gate uses a tourist ticket", 9, 119
    ticket = True
    torn = (
        *(tearing.old, tearing.new, tearing.half, tearing.erased),
        *(tearing.garbage(Prng(seed).bytes) for seed in range(4)),
    )
    stage_first = True

    def start(self) -> Scene:
        card = UltralightC(_sold().clone(), Prng(5).bytes, meter=Transcript(), torn=tearing.half)
        return Scene(card, [TicketGate(n, self.stage_first) for n in (GATE_A, GATE_B)])

    def look(self, scene: Scene) -> Any:
        return scene.card.image.counter

    def text(self, scene: Scene) -> str:
        """Return the EEPROM, or nothing if a gate would find no slot that fits the counter."""
        return ticket_to_json(scene.card.image) if self._read(scene) else ""

    def seen(self, scene: Scene) -> str:
        """Whatever lies in a slot that is not valid is all the same."""
        ticket = self._read(scene)
        if ticket is None:
            return ""
        waiting = ticket.other_bytes if is_prepared(ticket, TICKET_KEYS[1]) else b""
        return f"{ticket.counter} {ticket.slot_bytes.hex()} {waiting.hex()}"

    def _read(self, scene: Scene) -> Ticket | None:
        pages = [scene.card.image.page(number) for number in range(48)]
        head, tail = b"".join(pages[3:7]), b"".join(pages[34:42])
        try:
            return open_ticket(TICKET_UID, TICKET_KEYS[1], head, tail)
        except (SealError, LayoutError):
            return None

    def held(self, text: str, old: str, new: str, now: Any, first: Any) -> str:
        """Old and new differ in the counter; either way one slot must be whole."""
        return MIXED if not text else OLD if now == first else NEW

    def took(self, before: int, after: int) -> bool:
        return after > before

    def committed_at(self, terminal: Terminal, first: int, now: int) -> bool:
        return now > first

    def complaint(self, first: int, last: int, greens: int) -> str:
        used = last - first
        return "" if greens and used == greens else f"used {used} times, opened {greens} times"


@cache
def _sold() -> TicketImage:
    return sold().image
