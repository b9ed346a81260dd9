"""Flows of a service point: money, product, refund, unblocking, a key, and an inspector's look.

Source: card.md sections 2 and 3; trust.md I11.
"""

from functools import cache
from typing import Any

from card_layouts.cards.card_layout import (
    CHANNEL_COUNTER,
    FILE_J,
    FILE_P,
    FILE_S,
    M_CALENDAR,
    P_SLOT,
    S,
    p_slot_at,
)
from card_layouts.packages.hotlist_layout import HOT_BLOCK
from card_layouts.records.entries_tap import REASON_LISTED
from firmware.station import Order
from firmware.station_services import Load, Product, Refund, Unblock
from simulator.desfire_card import DesfireCard, Image
from simulator.tears.flow import Flow, Scene, fresh
from simulator.tears.taps import BLOCK_G
from simulator.tears.terminals import Inspector, KeyDesk, Terminal, Validator
from simulator.worlds.tap_world import (
    AID,
    GATE_A,
    STATION,
    UID,
    Device,
    NoHotlist,
    OnCard,
    new_card,
)

ORDER = Order(501, 2, 1, 1500, CHANNEL_COUNTER)
RIGHT = P_SLOT.pack(
    {"mechanism": M_CALENDAR, "slot": 2, "product": 41, "zones": 6, "last_day": 2600, "k": 2}
)


class Service(Flow):
    """An order at a station, brought to another one as well."""

    def service(self) -> Load:
        """Return what the stations do."""
        return Load()

    def card(self) -> DesfireCard:
        """Return the card that is brought."""
        return new_card()

    def start(self) -> Scene:
        numbers = (STATION, STATION + 1)
        stations = [Validator(Device(n, station=True), ORDER, self.service()) for n in numbers]
        return Scene(self.card(), [*stations])

    def took(self, before: OnCard, after: OnCard) -> bool:
        return after.actions > before.actions

    def committed_at(self, terminal: Terminal, first: OnCard, now: OnCard) -> bool:
        return now.actions == first.actions + 1

    def complaint(self, first: OnCard, last: OnCard, greens: int) -> str:
        if not greens or last.actions != first.actions + 1 or last.n != first.n + 1:
            return f"{last.actions - first.actions} actions, {last.n - first.n} commits"
        return self.wrong(first, last)

    def wrong(self, first: OnCard, last: OnCard) -> str:
        """Return what is wrong with what the service wrote, or nothing."""
        earned = last.purse - first.purse
        return "" if earned == ORDER.cents else f"loaded {earned}, wanted {ORDER.cents}"


class LoadFlow(Service):
    """Money."""

    name, title, exchanges, byte_count = "load", "a station loads money", 14, 451


class ProductFlow(Service):
    """A right and its copies."""

    name, title, exchanges, byte_count = "product", "a station loads a product", 18, 685

    def service(self) -> Load:
        return Product(2, RIGHT)

    def wrong(self, first: OnCard, last: OnCard) -> str:
        head, rights, copy = (last.data[n] for n in (FILE_S, FILE_P, FILE_J))
        whole = copy == head + RIGHT + bytes(24) and rights[p_slot_at(2) : p_slot_at(3)] == RIGHT
        if not whole or S.unpack(head)["d_product2"] != 41 or last.purse != first.purse:
            return "S, P and J do not tell of the same product"
        return ""


class RefundFlow(Service):
    """The purse is paid out."""

    name, title, exchanges, byte_count = "refund", "a station pays out and blocks", 15, 470

    def service(self) -> Load:
        return Refund()

    def wrong(self, first: OnCard, last: OnCard) -> str:
        if (last.purse, last.b, last.newest["amount"]) != (0, first.b + 1, first.purse):
            return f"purse {last.purse}, b {last.b}, paid out {last.newest['amount']}"
        return ""


class UnblockFlow(Service):
    """A block is forgiven."""

    name, title, exchanges, byte_count = "unblock", "a station forgives a block", 15, 554

    def service(self) -> Load:
        return Unblock()

    def card(self) -> DesfireCard:
        return fresh(_blocked())

    def wrong(self, first: OnCard, last: OnCard) -> str:
        head, copy = last.data[FILE_S], last.data[FILE_J]
        forgiven = S.unpack(head)["u"]
        if forgiven != BLOCK_G or copy[: len(head)] != head or last.purse != first.purse:
            return f"u {forgiven}, b {last.b}, purse {last.purse}"
        return ""


class KeyChange(Flow):
    """K1 gets its next version."""

    name, title, exchanges, byte_count = "key", "a counter renews a card's K1", 6, 141

    def start(self) -> Scene:
        return Scene(new_card(), [KeyDesk(1), KeyDesk(2)])

    def look(self, scene: Scene) -> Any:
        scene.card.power_on()
        scene.card.power_off()
        key = scene.card.image.applications[AID].keys[1]
        return key.version, key.value

    def took(self, before: Any, after: Any) -> bool:
        return bool(before != after)

    def committed_at(self, terminal: Terminal, first: Any, now: Any) -> bool:
        return bool(now == (KeyDesk.VERSION, KeyDesk.NEW_KEY))

    def complaint(self, first: Any, last: Any, greens: int) -> str:
        return "" if greens and self.committed_at(KeyDesk(1), first, last) else "K1 is not the new"


class Inspection(Flow):
    """An inspector looks."""

    name, title, exchanges, byte_count = "inspection", "an inspector reads under K3", 7, 295

    def start(self) -> Scene:
        return Scene(new_card(), [Inspector(1), Inspector(2)])

    def took(self, before: OnCard, after: OnCard) -> bool:
        return after.state() != before.state()

    def charged(self, first: Any, last: Any) -> bool:
        return True

    def committed_at(self, terminal: Terminal, first: Any, now: Any) -> bool:
        return True

    def complaint(self, first: OnCard, last: OnCard, greens: int) -> str:
        return (
            "" if greens and first.state() == last.state() else "the card changed, or was not read"
        )


@cache
def _blocked() -> Image:
    card = new_card()
    hotlist = NoHotlist({UID: (HOT_BLOCK, BLOCK_G)})
    assert Device(GATE_A, hotlist=hotlist).present(card) == REASON_LISTED
    return card.image
