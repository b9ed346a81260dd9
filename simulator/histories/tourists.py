"""Who rides without a card: tourist tickets (Ultralight C) and single tickets as 2D codes.

Both are paid when they are sold. A ticket's counter rises by one with every ride, and green is
shown once for each; a code is good at every gate while it lasts. The ledger's registers must say
the same. Source: card.md section 6; SPEC.md section 9; trust.md T14.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from backend_sync.ledger.singles import CounterSale
from backend_sync.ledger.tickets import TicketSale
from card_layouts.cards.tourist_sale import recipe_of
from card_layouts.cards.tourist_ticket import ticket_keys
from card_layouts.cards.zones import ZONES_ALL, zones_run
from card_layouts.crypto.ed25519_cpython import sign_native
from card_layouts.tickets.single import encode_code, pack_single, single_message
from firmware.boards.unix.vehicle import PaperSignals
from firmware.partitions import USED_FIRST
from firmware.singles import PIECE_CHARS_MAX, Singles
from simulator.desfire_card import Cut
from simulator.desfire_card.power import Phase
from simulator.field import Tear
from simulator.flash import BLOCK_BYTES, Flash
from simulator.histories.boards import Gate
from simulator.histories.events import Event
from simulator.histories.places import CODES_FIRST, DESK
from simulator.histories.prices import DAY_S, HOME, PRICES, SINGLE, START_S
from simulator.histories.screens import contradiction, told
from simulator.histories.soundness import is_sound
from simulator.histories.town import ISSUED_BEFORE_S, town
from simulator.histories.world import World
from simulator.prng import Prng
from simulator.ultralight_c import Image, UltralightC
from simulator.worlds.ticket_world import Station

FIRST_UID = 0x04AA00BB00CC00
TICKET_DAYS, TICKET_CENTS = 7, 1600
SINGLE_MINUTES, FIRST_SERIAL = 60, 1
STAYS_MS, TRIES_MAX, STEPS_MAX = 450, 3, 400
EXCHANGES = 9  # of a ride: two authenticate, three read, three write, one counts
PLACES: tuple[tuple[Phase, int], ...] = (("in", 6), ("step", 2), ("out", 8))
GREEN = ("ACCEPTED", "ACCEPTED_SETTLED")
SIGNALLED = ("answer", "lamp")


class Ticket(NamedTuple):
    """A sold tourist ticket: its chip, and the row of the register."""

    image: Image
    sale: TicketSale


@cache
def ticket(number: int) -> Ticket:
    """Return ticket `number` as it leaves the counter; made once a process."""
    config, uid = town().configs[DESK], (FIRST_UID + number).to_bytes(7, "big")
    masters = next(iter(config["card_keys"].values()))
    day = (START_S - ISSUED_BEFORE_S) // DAY_S
    header = {"authority": HOME, "product": 70, "days": TICKET_DAYS, "zones": ZONES_ALL}
    header |= {"sold": day, "activate_by": day + 365, "price": TICKET_CENTS}
    keys = ticket_keys(bytes.fromhex(masters["TICKET"]), uid)
    recipe = recipe_of(keys, uid, header, DESK)
    card = UltralightC.blank(uid, Prng(number, 5).bytes)
    Station(card).sell(recipe)
    sale = TicketSale(f"ticket-{number}", uid, recipe.header, "office", START_S - ISSUED_BEFORE_S)
    return Ticket(card.image, sale)


def arrive(world: World) -> None:
    """Sell the tickets of a history, before it begins."""
    for number in range(world.options.tickets):
        sold = ticket(number)
        card = UltralightC(sold.image.clone(), Prng(number, 77).bytes)
        world.tickets.append(card)
        world.inland.ticket_sales.append(sold.sale)
        world.visitors.ticket_sold(number, TICKET_CENTS, card.image.counter)
    if world.inland.service is not None:
        world.inland.service.ledger.import_tickets(world.inland.ticket_sales)


def tap_ticket(world: World, event: Event) -> None:
    """Let a tourist pass a gate, perhaps torn; he tries again while he is told to."""
    gate, prng = world.boards[event.device], Prng(event.salt)
    card = world.tickets[event.card]
    for _ in range(TRIES_MAX):
        if not isinstance(gate, Gate) or not world.ready(gate):
            return
        before = card.image.counter
        is_torn = bool(event.fault) and prng.chance(3, 4)
        must = not is_torn and is_sound(world, gate) and gate.area == HOME
        if is_torn:
            TICKET_FAULTS[event.fault](gate, prng)
        if world.model.clocks.is_wrong(gate.device, world.now_s):
            world.visitors.undated.add(event.card)
        met = gate.field.tears_met  # of this presentation: the next plan begins another list
        name, opened = _present(world, gate, card)
        must = must and event.card not in world.visitors.undated
        world.checked["ticket accepted"] += must
        world.visitors.ticket_shown(
            event.card, gate.device, before, card.image.counter, name, opened, world.now_s, must
        )
        world.check()
        world.say(gate.name, f"ticket {event.card + 1}: {name}, count {card.image.counter}")
        world.lived["ticket tapped"] += opened
        if met:
            world.strike(event.fault, gate.name, f"ticket {event.card + 1} is torn away")
        if name in GREEN or name.startswith("REFUSED"):
            return
        world.run_for(prng.choice((700, 4000)))


def torn(gate: Gate, prng: Prng) -> None:
    """Take the ticket away at any byte of any exchange, or between its own writes."""
    phase, most = prng.choice(PLACES)
    gate.field.plan(Tear(prng.below(EXCHANGES), None, Cut(phase, prng.below(most))))


TICKET_FAULTS: dict[str, Callable[[Gate, Prng], None]] = {"ticket-torn": torn}


def _present(world: World, gate: Gate, card: UltralightC) -> tuple[str, bool]:
    """Lay a ticket on a gate's reader for a while; return its answer, and if the gate opened."""
    gate.shown.take()
    gate.field.place(card)
    news, end_ms = True, world.clock.now_ms + STAYS_MS
    while gate.is_on:
        again = gate.guarded(lambda news=news: gate.validator.tick(news))  # type: ignore[misc]
        news = False
        if again is None or again < 0:
            break
        wait_ms = max(20, again - gate.watch.ticks_ms())
        if world.clock.now_ms + wait_ms > end_ms:
            break
        world.clock.advance(wait_ms)
    gate.field.take(card)
    gate.field.plan()
    shown = _shown(world, gate)
    world.run_for(300)
    world.hear(gate)
    return shown


def _shown(world: World, gate: Gate) -> tuple[str, bool]:
    """Return the answer that was shown last, and if the gate opened; read its screen."""
    screen, rows = gate.shown.screen, gate.shown.take()
    name, lamp = (next((d for n, d in reversed(rows) if n == what), "") for what in SIGNALLED)
    if name and gate.is_on:
        world.checked["message"] += 1
        wrong = contradiction(screen, name, lamp)
        if wrong or (screen is not None and told(screen)):
            sentence = f"{gate.name}: {name}: {wrong or screen}"
            world.visitors.wrong.append(("message", sentence))
    return name, ("gate", "open") in rows


# Codes ------------------------------------------------------------------------------------


@cache
def _seller() -> tuple[bytes, bytes]:
    """Return the counter's signing seed, and its certificate as the keyring makes it."""
    return bytes.fromhex(town().configs[DESK]["ticket"]["seed"]), town().certificate


def buy_single(world: World, event: Event) -> None:
    """Sell a code at the counter and show it at some gates, and what a forger made of it."""
    prng = Prng(event.salt)
    world.singles += 1
    now = START_S + world.now_s
    cents = PRICES[HOME, 1].one
    values = {
        "authority": HOME, "device": DESK, "serial": world.singles, "product": SINGLE,
        "certificate": (START_S - ISSUED_BEFORE_S) // DAY_S, "zones": zones_run(1, 1),
        "start_zone": 1, "from_minute": now // 60, "minutes": SINGLE_MINUTES, "count0": 1,
        "price": cents, "tariff": 1,
    }  # fmt: skip
    body = pack_single(values)
    seed, certificate = _seller()
    code = encode_code(body, sign_native(seed, single_message(body)), certificate)
    sale = CounterSale(f"single-{world.singles}", code, "office", now)
    if not world.inland.sell_single(sale):
        world.ledger_died()
    world.visitors.single_sold(cents)
    world.live("single sold", "desk", f"single {world.singles} is sold for {cents} cents")
    for gate in world.gates()[:2]:
        _scan(world, gate, code, genuine=True)
        at = 10 + prng.below(len(code) - 10)
        letter = "A" if code[at] != "A" else "B"
        _scan(world, gate, code[:at] + letter + code[at + 1 :], genuine=False)


class Shelf:
    """The Flash port of codes on a small board: the blocks of partitions.py lie further down."""

    block_bytes = BLOCK_BYTES

    def __init__(self, flash: Flash) -> None:
        self.flash = flash
        self.down = (USED_FIRST - CODES_FIRST) * BLOCK_BYTES
        self.size = flash.size + self.down

    def read(self, offset: int, buf: bytearray) -> None:
        """Fill `buf` from `offset`."""
        self.flash.read(offset - self.down, buf)

    def program(self, offset: int, data: bytes) -> None:
        """Clear bits."""
        self.flash.program(offset - self.down, data)

    def erase(self, offset: int) -> None:
        """Set a block to ones."""
        self.flash.erase(offset - self.down)


def _scan(world: World, gate: Gate, code: str, genuine: bool) -> None:
    if not world.ready(gate) or gate.device in world.docked:
        return
    validator: Any = gate.validator
    sound = is_sound(world, gate)
    if validator.singles is None:
        paper = PaperSignals(gate.shown)
        shelf = Shelf(gate.flash)
        validator.singles = Singles(validator.tap, shelf, paper, bytes, lambda: None)
    gate.shown.take()
    parts = [code[at : at + 200] for at in range(0, len(code), 200)]
    assert max(map(len, parts)) <= PIECE_CHARS_MAX
    for number, part in enumerate(parts, 1):
        validator.take_message(f"scan {number} {len(parts)} {part}")
    for _ in range(STEPS_MAX):
        if not gate.is_on or not validator.singles.busy:
            break
        gate.guarded(lambda: validator.tick(False))
        world.clock.advance(5)
    name, opened = _shown(world, gate)
    is_home, is_zone = gate.area == HOME, gate.stop == 0
    world.checked["code accepted"] += sound and genuine and is_home and is_zone
    world.visitors.single_shown(is_home, is_zone, sound, genuine, name, opened)
    world.lived["single scanned"] += name == "ACCEPTED"
    world.lived["forged single refused"] += not genuine and name.startswith("CODE")
    world.say(gate.name, f"a {'' if genuine else 'forged '}code is shown: {name}")
    world.check()
