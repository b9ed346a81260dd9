"""Flows of a validator: fare, transfer, re-tap, block, kill. Source: trust.md T1, I13 to I15."""

from functools import cache
from typing import Any

from card_layouts.answers import ACCEPTED, HOLD_AGAIN, LOADED
from card_layouts.cards.card_layout import (
    CHANNEL_COUNTER,
    FILE_T,
    KIND_ACTIVATION,
    KIND_DEBIT,
    KIND_PASS,
    M_BEST,
    M_FIRST_USE,
    P_SLOT,
    T,
    zone_bit,
)
from card_layouts.packages.hotlist_layout import HOT_BLOCK, HOT_KILL
from firmware.station import Order
from firmware.station_services import Product
from firmware.tap import Tap
from simulator.desfire_card import DesfireCard, Image, Transcript
from simulator.field import answer_lost
from simulator.tears.flow import MIXED, NEW, Flow, Scene, fresh
from simulator.tears.terminals import Validator
from simulator.worlds.product_tariff import BEST as BEST_PRODUCT
from simulator.worlds.product_tariff import CAP_30, product_tariff
from simulator.worlds.product_tariff import SEASON as SEASON_PRODUCT
from simulator.worlds.small_tariffs import mounted
from simulator.worlds.tap_world import (
    AUTHORITY,
    FARE,
    GATE_A,
    GATE_B,
    NOW,
    STATION,
    UID,
    Device,
    NoHotlist,
    OnCard,
    new_card,
)
from simulator.worlds.waiting_actions import action_list, waiting

GATE_C = GATE_B + 1
RIDES = (KIND_DEBIT, KIND_PASS, KIND_ACTIVATION)
BLOCK_G = 3
FIRST_DAY = NOW // 86_400
SEASON, BEST = (
    P_SLOT.pack({"mechanism": m, "product": n, "zones": zone_bit(1), "length": 30, "price": cents})
    for m, n, cents in ((M_FIRST_USE, SEASON_PRODUCT, 0), (M_BEST, BEST_PRODUCT, CAP_30))
)


class Debit(Flow):
    """A fare."""

    name, title, exchanges, byte_count = "debit", "a validator takes a fare", 10, 336
    fare = FARE

    tap: type[Tap] = Tap  # what the gates run

    def start(self) -> Scene:
        gates = [Validator(Device(number, tap=self.tap)) for number in (GATE_A, GATE_B)]
        return Scene(new_card(), [*gates])

    def took(self, before: OnCard, after: OnCard) -> bool:
        return after.n > before.n and after.newest["kind"] in RIDES or after.purse < before.purse

    def charged(self, first: OnCard, last: OnCard) -> bool:
        return first.purse - last.purse >= self.fare and last.newest["kind"] in RIDES

    def complaint(self, first: OnCard, last: OnCard, greens: int) -> str:
        paid = first.purse - last.purse
        if paid != self.fare or not greens or last.newest["kind"] not in RIDES:
            return f"paid {paid}, wanted {self.fare}; gates opened {greens} times"
        return ""


class Transfer(Debit):
    """A tap that an open journey covers."""

    name, title, exchanges, byte_count = "transfer", "a pass or transfer: nothing to pay", 9, 309
    fare = 0

    def start(self) -> Scene:
        gates = [Validator(Device(number)) for number in (GATE_B, GATE_C)]
        for gate in gates:
            gate.later(600)
        return Scene(fresh(_travelled()), [*gates])


class WebLoad(Debit):
    """Money bought in the web shop, and the fare of the tap that loads it."""

    name, title, exchanges, byte_count = "web-load", "a listed load, then a fare", 20, 649
    lines: tuple[dict[str, Any], ...] = (waiting(),)
    gates = 2

    def start(self) -> Scene:
        listed = action_list(*self.lines)
        gates = [Validator(Device(GATE_A + n, actions=listed)) for n in range(self.gates)]
        return Scene(self.card(), [*gates])

    def card(self) -> DesfireCard:
        """Return the card that is tapped."""
        return new_card()

    def held(self, text: str, old: str, new: str, now: OnCard, first: OnCard) -> str:
        """The load is committed by itself before the fare: that card is new, too."""
        whole = super().held(text, old, new, now, first)
        loaded = (now.n, now.actions) == (first.n + 1, first.actions + 1)
        return NEW if whole == MIXED and loaded and not self.wrong(first, now, 0) else whole

    def took(self, before: OnCard, after: OnCard) -> bool:
        """A load is no service: only the ride is."""
        return after.newest["D"] > before.newest["D"]

    def charged(self, first: OnCard, last: OnCard) -> bool:
        return last.newest["D"] - first.newest["D"] >= self.fare

    def complaint(self, first: OnCard, last: OnCard, greens: int) -> str:
        wrong = self.wrong(first, last, self.fare)
        if wrong or not greens or last.newest["kind"] not in RIDES:
            return f"{wrong}; kind {last.newest['kind']}, gates opened {greens} times"
        return ""

    def wrong(self, first: OnCard, last: OnCard, fare: int) -> str:
        """Return what is wrong with money and counters, or nothing."""
        loads = sum(line["amount"] for line in self.lines)
        found = (last.purse - first.purse, last.actions - first.actions)
        wanted = (loads - fare, len(self.lines))
        sums = last.newest["L"] - first.newest["L"], last.newest["D"] - first.newest["D"]
        if found != wanted or sums != (loads, fare):
            return f"purse and actions moved by {found}, wanted {wanted}; L and D by {sums}"
        return ""


class Activation(Debit):
    """The first use of a season."""

    name, title, exchanges, byte_count = "activation", "a season starts at its first use", 12, 472
    fare = 0
    right = SEASON
    row = (FIRST_DAY, 30, 0)  # start, length and cents left once it is over
    hours = 0  # between the sale, or what was tapped before, and this tap

    def start(self) -> Scene:
        gates = [Validator(product_gate(number)) for number in (GATE_A, GATE_B)]
        for gate in gates:
            gate.later(self.hours * 3600)
        return Scene(fresh(_sold(self.right, self.hours > 0)), [*gates])

    def complaint(self, first: OnCard, last: OnCard, greens: int) -> str:
        usage = T.unpack(last.data[FILE_T])
        row = (usage["t_start0"], usage["t_length0"], usage["t_cents0"])
        if row != self.row:
            return f"usage {row}, wanted {self.row}"
        return super().complaint(first, last, greens)


class BestPrice(Activation):
    """A later fare of a best-price product: the purse and what is left to the cap fall together."""

    name, title, exchanges, byte_count = "best", "a fare counts towards a best price", 12, 458
    fare = FARE
    right = BEST
    row = (FIRST_DAY, 30, CAP_30 - 2 * FARE)
    hours = 2  # the first fare's journey is over


class Retap(Debit):
    """The same card again after the answer to a commit was lost."""

    name, title, exchanges, byte_count = "re-tap", "a lost answer is settled", 6, 207
    fare = 0

    def start(self) -> Scene:
        card, gate = new_card(), Device(GATE_A)
        assert gate.present(card, answer_lost()) == HOLD_AGAIN
        card.meter = Transcript()
        return Scene(card, [Validator(gate), Validator(Device(GATE_B))])


class Block(Flow):
    """A listed card."""

    name, title, exchanges, byte_count = "block", "a listed card is blocked", 9, 309
    rows = {UID: (HOT_BLOCK, BLOCK_G)}

    def start(self) -> Scene:
        hotlist = NoHotlist(self.rows)
        gates = [Validator(Device(number, hotlist=hotlist)) for number in (GATE_A, GATE_B)]
        return Scene(new_card(), [*gates])

    def took(self, before: OnCard, after: OnCard) -> bool:
        return after.purse < before.purse or after.newest["kind"] in RIDES

    def complaint(self, first: OnCard, last: OnCard, greens: int) -> str:
        if greens or (last.b, last.purse, last.n) != (BLOCK_G, first.purse, first.n + 1):
            return f"b {last.b}, purse {last.purse}, n {last.n}, gates opened {greens} times"
        return ""


class Kill(Block):
    """A card that must never work again."""

    name, title, exchanges, byte_count = "kill", "a listed card is ended for good", 8, 252
    rows = {UID: (HOT_KILL, 62)}

    def complaint(self, first: OnCard, last: OnCard, greens: int) -> str:
        if greens or (last.counter, last.purse) != (0, first.purse):
            return f"C {last.counter}, purse {last.purse}, gates opened {greens} times"
        return ""


def product_gate(number: int) -> Device:
    """Return a gate that knows every product."""
    body = product_tariff(AUTHORITY, transfer_minutes=60)
    return Device(number, tariff=mounted(body))


@cache
def _sold(right: bytes, used: bool) -> Image:
    """Return a card that holds a right in slot 0, `used` once."""
    card, desk = new_card(), Device(STATION, station=True)
    order = Order(501, 2, 1, 0, CHANNEL_COUNTER)
    assert desk.present(card, order=order, service=Product(0, right)) == LOADED
    if used:
        assert product_gate(GATE_C).present(card) == ACCEPTED
    return card.image


@cache
def _travelled() -> Image:
    card = new_card()
    assert Device(GATE_A).present(card) == ACCEPTED
    return card.image
