"""Flows of a validator: fare, transfer, re-tap, block, kill. Source: trust.md T1, I13 to I15."""

from functools import cache

from card_layouts.answers import ACCEPTED, HOLD_AGAIN
from card_layouts.cards.card_layout import (
    KIND_ACTIVATION,
    KIND_DEBIT,
    KIND_PASS,
)
from card_layouts.packages.hotlist_layout import HOT_BLOCK, HOT_KILL
from firmware.tap import Tap
from simulator.desfire_card import Image, Transcript
from simulator.field import answer_lost
from simulator.tap_world import (
    FARE,
    GATE_A,
    GATE_B,
    UID,
    Device,
    NoHotlist,
    OnCard,
    new_card,
)
from simulator.tears.flow import Flow, Scene, fresh
from simulator.tears.terminals import Validator

GATE_C = GATE_B + 1
RIDES = (KIND_DEBIT, KIND_PASS, KIND_ACTIVATION)
BLOCK_G = 3


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


@cache
def _travelled() -> Image:
    card = new_card()
    assert Device(GATE_A).present(card) == ACCEPTED
    return card.image
