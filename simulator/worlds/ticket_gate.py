"""A gate that takes tourist tickets, in process: the real firmware on simulated flash and cards."""

from functools import cache
from typing import Any

from card_layouts.cards import tourist_ticket
from card_layouts.cards.zones import zones_run
from firmware.tap_ticket import TicketTap
from simulator.desfire_card import Transcript
from simulator.prng import Prng
from simulator.ultralight_c import Image, UltralightC, tearing
from simulator.ultralight_c.tearing import Torn
from simulator.worlds.tap_world import AUTHORITY, NOW, Device, Keys
from simulator.worlds.ticket_world import MASTER, Station, blank, recipe

DAY = NOW // 86400
DAYS = 3
ZONES = zones_run(1, 9)
HEADER = {
    "authority": AUTHORITY,
    "product": 70,
    "days": DAYS,
    "group": 2,
    "zones": ZONES,
    "sold": DAY,
    "activate_by": DAY + 365,
    "price": 1600,
}


class TicketKeys(Keys):
    """The gate's keys with the tickets' master among them."""

    def ticket_keys(self, version: int, uid: bytes) -> tuple[bytes, bytes]:
        """Return the keys of a ticket."""
        keys: tuple[bytes, bytes] = tourist_ticket.ticket_keys(MASTER, uid)
        return keys


class _Tickets:
    """What the app does with a ticket: a TicketTap for each tap."""

    def __init__(self, tap: Any) -> None:
        self.frame, self.tap = tap.frame, tap

    def run(self, uid: bytes) -> Any:
        """Return the conversation of one tap."""
        return TicketTap(self.tap).run(uid)


class TicketGate(Device):
    """A validator as `Device`, tapped with tickets; `seconds` may be moved by `watch`."""

    def boot(self) -> None:
        """Start the program on what is in the flash."""
        self.keys = TicketKeys(self.number)
        super().boot()
        self.card_tap = self.tap
        self.tap: Any = _Tickets(self.card_tap)


@cache
def _sold_image(header: tuple[tuple[str, int], ...]) -> Image:
    card = blank()
    Station(card).sell(recipe(header=dict(header)))
    return card.image


def ticket(torn: Torn = tearing.half, at_once: bool = False, **header: int) -> UltralightC:
    """Return a ticket as it leaves the counter; `header` changes fields of HEADER."""
    image = _sold_image(tuple((HEADER | header).items())).clone()
    return UltralightC(image, Prng(5).bytes, meter=Transcript(), torn=torn, at_once=at_once)


def slot_of(card: UltralightC) -> dict[str, int]:
    """Return the fields of the slot that the card's counter makes valid."""
    page = tourist_ticket.slot_page(card.image.counter)
    fields: dict[str, int] = tourist_ticket.fields_of(
        b"".join(card.image.user[page + i] for i in range(3))
    )
    return fields
