"""What an authority does besides: new tariffs, season passes, and what follows from its books.

The control room reads the ledger's cases now and then. A card of which there are two stories is
listed one generation above what it has; its holder, who did nothing wrong, has it forgiven at the
counter. Source: trust.md 4.5 "Block", "Unblock", 4.7; decisions D4, D8, D26.
"""

from backend_sync.ledger.report import forks
from simulator.histories import people, settled_days, tourists, web_shop
from simulator.histories.depot import Killed
from simulator.histories.events import (
    CLOSING,
    DAY_PASS,
    OFFICE,
    ONLINE,
    PASS,
    REPORTED,
    SINGLE,
    TARIFF,
    Event,
)
from simulator.histories.faults import TICKET
from simulator.histories.model_cards import PASS as PASS_ORDER
from simulator.histories.model_cards import UNBLOCK, Order
from simulator.histories.prices import AREAS, VERSIONS_MAX, day_on_walls, day_starts
from simulator.histories.world import World
from simulator.prng import Prng

PASS_CENTS = 3000
HOUR_MS = 3_600_000
G_MAX = 62


def new_tariff(world: World, event: Event) -> None:
    """Publish the next version of an authority's tariff."""
    area = Prng(event.salt).choice(AREAS[: world.options.areas])
    if world.inland.tariffs[area] < VERSIONS_MAX:
        version = world.inland.change_tariff(area)
        world.live("new tariff", "ledger", f"tariff {version} of {area} is published")


def sell_pass(world: World, event: Event) -> None:
    """Sell a pass for a few service days from today on, or for today."""
    chip, prng = world.chips[event.card], Prng(event.salt)
    if world.model.is_blocked(chip.number) or people.waits_elsewhere(world, chip.card):
        return
    today = day_on_walls(world.now_s)
    days = 1 if event.what == DAY_PASS else prng.between(1, 4)
    until_s = day_starts(today + days)
    people.pay(world, chip.card, Order(PASS_ORDER, PASS_CENTS, day_starts(today), until_s))
    world.live("pass sold", "desk", f"{world.card_said(chip)} has a pass to {until_s} s")
    people.serve(world, chip, None, prng)


def look_at_the_books(world: World, event: Event) -> None:
    """List every card with two stories that is not listed for them yet; miss unheard journals.

    Rule X is asked for each time: here nothing is old enough for it.
    """
    service, prng = world.inland.service, Prng(event.salt)
    if service is None:
        return
    for device, epoch in world.books.rows("SELECT DISTINCT device, epoch FROM sightings"):
        away = device in world.withheld or device in world.lost
        if away and (device, epoch) not in world.missed:
            world.missed.add((device, epoch))
            said = f"cards carry records of device {device}, its journal is missed"
            world.live("journal missed", "ledger", said)
    try:
        service.ledger.lapse()
        cases = forks(service.ledger.database)
    except Killed:
        world.inland.die()
        world.ledger_died()
        return
    for row in cases:
        case = row["device"], row["seq"]
        if case in world.cases:
            continue
        world.cases.add(case)
        (found,) = world.books.rows("SELECT pseudonym, b FROM cards WHERE id = ?", row["card"])
        _list(world, bytes(found[0]), found[1] + 1, prng)


def report_lost(world: World, event: Event) -> None:
    """List a card of which its holder says that it is lost; half of them are found again."""
    pseudonym = next(p for p, card in world.cards_of.items() if card == event.card)
    rows = world.books.rows("SELECT b FROM cards WHERE pseudonym = ?", pseudonym)
    if rows:
        world.live("card reported lost", "people", f"card {event.card + 1} is lost")
        _list(world, pseudonym, rows[0][0] + 1, Prng(event.salt))


def _list(world: World, pseudonym: bytes, g: int, prng: Prng) -> None:
    """List a card for a generation, unless it is listed for it; forgive half of them later."""
    card = world.cards_of[pseudonym]
    if world.model.listed.get(card, 0) >= g or g > G_MAX:
        return
    world.model.listed[card] = g
    world.inland.list_card(pseudonym, "block", g)
    world.live("card listed", "ledger", f"card {card + 1} is listed to be blocked, g {g}")
    if prng.chance(1, 2):
        world.later(prng.between(2, 20) * HOUR_MS, lambda: forgive(world, card))


def forgive(world: World, card: int) -> None:
    """Take the block from the holder's card, if it has one and nothing else is being done to it."""
    if world.orders[card] or not world.model.is_blocked(card):
        return
    people.pay(world, card, Order(UNBLOCK, 0))
    people.serve(world, world.chips[card], None, Prng(card))
    if not world.model.is_blocked(card):
        world.live("block forgiven", "desk", f"card {card + 1} may ride again")


LIFE = {
    TARIFF: new_tariff,
    PASS: sell_pass,
    DAY_PASS: sell_pass,
    REPORTED: report_lost,
    OFFICE: look_at_the_books,
    TICKET: tourists.tap_ticket,
    SINGLE: tourists.buy_single,
    ONLINE: web_shop.buy,
    CLOSING: settled_days.close_yesterday,
}
