"""Loads bought elsewhere: paid on the web, carried by the validators, on the card at its next tap.

The ledger's own desk of actions gives each order its number and puts it on the action list; the
gate that has the list carries it out, once (I11). The oracle knows only who paid what, and that a
card does its actions in the order in which they were sold. Source: trust.md 4.5; decisions D9.
"""

from backend_sync.actions.desk import Order
from card_layouts.records.entries_service import ACT_LOAD
from simulator.histories import people
from simulator.histories.events import Event
from simulator.histories.model import WEB
from simulator.histories.model import Order as Wanted
from simulator.histories.people import LOADS, Presentation
from simulator.histories.prices import DAY_S, START_S
from simulator.histories.world import World
from simulator.prng import Prng

VALID_S = 90 * DAY_S
PURSE_MAX = 20_000


def buy(world: World, event: Event) -> None:
    """Pay a load on the web for a card that waits for nothing else."""
    prng, card = Prng(event.salt), event.card
    cents = prng.choice(LOADS)
    if world.inland.service is None or world.orders[card] or people.waits_elsewhere(world, card):
        return
    if world.model.is_blocked(card) or world.chips[card].held.purse + cents > PURSE_MAX:
        return
    k = world.model.sold(card, Wanted(WEB, cents))
    pseudonym = next(p for p, number in world.cards_of.items() if number == card)
    order = Order(f"web-{card}-{k}", 0, ACT_LOAD, cents, "web", START_S, START_S + VALID_S)
    if not world.inland.sell_online(pseudonym, order):
        world.ledger_died()
    world.live("load bought on the web", "ledger", f"card {card + 1}: {cents} cents, order {k}")


def deliver(world: World) -> None:
    """Hold every card for which a load waits to the gates that may have it.

    Not to one whose journal nobody will ever read: what it charged could no longer come out.
    """
    heard = [gate for gate in world.gates() if gate.device not in world.lost]
    for chip in world.chips[: world.options.cards]:
        for gate in heard:
            if not people.waits_elsewhere(world, chip.card):
                break
            if world.ready(gate):
                people.present(world, Presentation(chip, gate), None, Prng(chip.number))
