"""What is bought elsewhere: paid on the web, carried out by gates, on the card at its next tap.

The ledger's own desk of actions gives each order its number and puts it on the action list; the
gate that has the list carries it out, once (I11). Buyers change their minds, orders end, two wait
for one card; after the books were put back the shop sends everything again, the newest first.
Source: trust.md 4.5; decisions D9, D16.
"""

from backend_sync.actions.desk import Order
from card_layouts.cards.card_layout import CHANNEL_WEB, M_CALENDAR, P_SLOT, ZONES_ALL
from card_layouts.records.entries_service import ACT_LOAD, ACT_PRODUCT
from simulator.histories import people
from simulator.histories.events import Event
from simulator.histories.model_orders import WEB, WEB_PASS, Bought
from simulator.histories.people import LOADS, Presentation
from simulator.histories.prices import (
    DAY_S,
    HOME,
    SEASON,
    START_S,
    day_on_walls,
    day_starts,
)
from simulator.histories.world import World
from simulator.prng import Prng

HOUR_S, HOUR_MS = 3600, 3_600_000
VALID_S = 90 * DAY_S
PURSE_MAX = 20_000
OPEN_MAX = 3  # orders of one card
WEB_SLOT = 1  # of P; what counters sell lies in another one
PASS_CENTS = 4000


def buy(world: World, event: Event) -> None:
    """Pay something on the web for a card for which nothing waits at the counter."""
    prng, card = Prng(event.salt), event.card
    orders, chip = world.model.orders, world.chips[event.card]
    waiting = orders.open(card)
    if world.inland.service is None or world.orders[card] or world.model.is_blocked(card):
        return
    bought = _chosen(world, card, prng)
    purse = chip.held.purse + bought.cents + sum(orders.all[n].cents for n in waiting)
    has_pass = any(b.card == card and b.kind == WEB_PASS for b in orders.all)
    if len(waiting) >= OPEN_MAX or purse > PURSE_MAX or (has_pass and bought.kind == WEB_PASS):
        return
    number = orders.buy(bought)
    pseudonym = next(p for p, owner in world.cards_of.items() if owner == card)
    if not world.inland.sell_online(pseudonym, _order(number, bought)):
        world.ledger_died()
    said = f"card {card + 1}: {bought.kind}, {bought.cents} cents, order {number}"
    world.live(f"{'load' if bought.kind == WEB else 'pass'} bought on the web", "ledger", said)
    if waiting:
        world.live("two orders for one card", "ledger", said)
    if prng.chance(1, 4):
        world.later(prng.between(0, 20) * HOUR_MS, lambda: withdraw(world, number))


def _chosen(world: World, card: int, prng: Prng) -> Bought:
    """Return what the buyer wants: no two loads are of the same amount."""
    now_s, orders = world.now_s, world.model.orders
    ends_s = now_s + (prng.between(2, 30) * HOUR_S if prng.chance(1, 4) else VALID_S)
    if prng.chance(1, 5):
        first = day_on_walls(now_s)
        until_s = day_starts(first + prng.between(1, 4))
        return Bought(card, WEB_PASS, PASS_CENTS, ends_s, day_starts(first), until_s)
    return Bought(card, WEB, prng.choice(LOADS) + len(orders.all), ends_s)


def _order(number: int, bought: Bought) -> Order:
    """Return what the shop sends to the ledger's desk."""
    times = START_S, START_S + bought.ends_s
    if bought.kind == WEB:
        return Order(f"web-{number}", 0, ACT_LOAD, bought.cents, "web", *times)
    days = day_on_walls(bought.from_s), day_on_walls(bought.until_s) - 1
    right = {"mechanism": M_CALENDAR, "product": SEASON, "zones": ZONES_ALL, "price": bought.cents}
    where = {"authority_use": HOME, "authority_sale": HOME, "channel": CHANNEL_WEB}
    row = P_SLOT.pack({**right, **where, "first_day": days[0], "last_day": days[1]})
    what = bytes(row) + b"\0"
    return Order(f"web-{number}", 0, ACT_PRODUCT, bought.cents, "web", *times, WEB_SLOT, what)


def withdraw(world: World, number: int) -> None:
    """Have an order cancelled; its money goes back once nothing can carry it out any more."""
    if number not in world.model.orders.open(world.model.orders.all[number].card):
        return
    world.model.orders.all[number].is_withdrawn = True
    world.live("order withdrawn", "ledger", f"order {number} is withdrawn")
    if not world.inland.withdraw_online(f"web-{number}"):
        world.ledger_died()


def deliver(world: World) -> None:
    """Hold every card for which an order waits to the gates that may have it.

    Not to one whose journal nobody will ever read: what it charged could no longer come out.
    """
    heard = [gate for gate in world.gates() if gate.device not in world.lost]
    for chip in world.chips[: world.options.cards]:
        for gate in heard:
            if not people.waits_elsewhere(world, chip.card):
                break
            if world.ready(gate):
                people.present(world, Presentation(chip, gate), None, Prng(chip.number))
