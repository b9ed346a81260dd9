"""What people do with cards: hold them to gates, load them at the counter, try again.

A presentation is one card laid on one reader for a while. Before and after every answer the chip
is looked at past all keys, and the model is told.
"""

from typing import Any, NamedTuple

from backend_sync.ledger.imports import Sale
from card_layouts.answers import LOADED, LOADED_BEFORE, lamp_of, name_of
from card_layouts.cards.card_layout import CHANNEL_COUNTER, M_CALENDAR, P_SLOT, ZONES_ALL
from card_layouts.cards.conversation import converse
from firmware.ports import MANY
from firmware.station import Order
from firmware.station_services import Load, Product, Unblock
from simulator.field import Tear
from simulator.histories.boards import Board, Desk, Gate, Screen
from simulator.histories.chips import Chip
from simulator.histories.events import Event
from simulator.histories.model_cards import LOAD, PASS
from simulator.histories.model_cards import Order as Wanted
from simulator.histories.places import DESK
from simulator.histories.prices import HOME, SEASON, START_S, day_on_walls
from simulator.histories.screens import contradiction, told
from simulator.histories.soundness import is_sound
from simulator.histories.world import World
from simulator.prng import Prng

STAYS_MS = 450  # how long a card is held to a reader: longer than a validator looks again
LOADS = (500, 1000, 2000, 5000)
TRIES_MAX = 3
FLASH_FAULTS = ("flash-lost", "flash-worn", "flash-dead")
FIRST_ACTION = 1000  # the issuing office took the numbers below


class Presentation:
    """A card on a reader; faults set what goes wrong there."""

    def __init__(self, chip: Chip, board: Board) -> None:
        self.chip, self.board = chip, board
        self.tears: list[Tear] = []
        self.others: list[Chip] = []  # cards that lie on the reader as well
        self.txs: list[Any] = []  # what was committed since somebody looked
        self.purse = chip.held.purse  # when somebody looked last
        self.cut_power = False
        self.flash_faults = -1  # how many the flash had had when one was planned
        self.fault = ""


class Answer(NamedTuple):
    """What the passenger was told last; "" when the power went."""

    name: str
    lamp: str


def tap(world: World, event: Event) -> None:
    """Let a passenger pass a gate; people try again when they are told to."""
    board = world.boards[event.device]
    prng = Prng(event.salt)
    chip = prng.choice(world.held[event.card])
    if not isinstance(board, Gate) or not world.ready(board):
        return
    visit = Presentation(chip, board)
    world.taps += 1
    answer = present(world, visit, event, prng)
    for _ in range(TRIES_MAX):
        if answer.lamp == "green" or answer.lamp == "red" or not prng.chance(3, 4):
            break
        world.run_for(prng.choice((700, 2500, 8000, 20_000)))
        gates = world.gates()
        gate = board if prng.chance(3, 4) else prng.choice(gates)
        if not world.ready(gate):
            break
        answer = present(world, Presentation(chip, gate), None, prng)


def load(world: World, event: Event) -> None:
    """Let somebody pay at the counter, and bring the money onto the card."""
    prng = Prng(event.salt)
    cents = prng.choice(LOADS)
    if world.chips[event.card].held.purse + cents + waiting(world, event.card) > 20_000:
        return
    if world.model.is_blocked(event.card) or waits_elsewhere(world, event.card):
        return  # the clerk sees it, and sells nothing
    pay(world, event.card, Wanted(LOAD, cents))
    serve(world, world.chips[event.card], event, prng)


def waits_elsewhere(world: World, card: int) -> bool:
    """Say whether something bought on the web for this card is neither on it nor paid back."""
    return bool(world.model.orders.open(card))


def pay(world: World, card: int, order: Wanted) -> None:
    """Take the money; the order waits until it is on the card."""
    k = world.model.sold(card, order)
    action = FIRST_ACTION + 100 * card + k
    now = START_S + world.now_s
    world.orders[card].append(k)
    sale = Sale(f"{card}-{k}", action, order.cents, str(CHANNEL_COUNTER), now)
    if order.cents and not world.inland.sell(sale):
        world.ledger_died()
    said = f"{order.kind}, {order.cents} cents paid, order {k}"
    world.say("desk", f"{world.card_said(world.chips[card])}: {said}")


def waiting(world: World, card: int) -> int:
    """Return the cents that are paid and not known to be on the card."""
    return sum(world.model.paid[card][k - 1].cents for k in world.orders[card])


def serve(world: World, chip: Chip, event: Event | None, prng: Prng) -> None:
    """Carry out what was paid for, in order; torn ones are tried again a few times."""
    desk = world.boards[DESK]
    for _ in range(TRIES_MAX):
        if not world.orders[chip.card] or not world.ready(desk):
            return
        answer = present(world, Presentation(chip, desk), event, prng)
        event = None
        if answer.name in (name_of(LOADED), name_of(LOADED_BEFORE)):
            world.orders[chip.card].pop(0)
        elif answer.lamp == "red":
            return
        world.run_for(5000)


def present(world: World, visit: Presentation, event: Event | None, prng: Prng) -> Answer:
    """Lay a card on a reader, take it away again, and tell the model what came of it."""
    board, chip, model = visit.board, visit.chip, world.model
    if event is not None and event.fault:
        visit.fault = event.fault
        CARD_FAULTS[event.fault](world, visit, prng)
    for other in (*visit.others, chip):
        board.field.place(other.desfire)
    board.field.plan(*visit.tears)
    board.shown.take()
    board.reader.after_commit = lambda: _committed(world, visit)
    has_to = not visit.fault and is_sound(world, board)
    in_force = dict(board.shown.switched)  # a list that comes meanwhile may bar the card
    if isinstance(board, Gate):
        has_to = has_to and model.must_pass(chip.number, board.device, world.now_s)
        answer = _pass(world, visit, board)
        if has_to and board.shown.switched == in_force:
            world.checked["accepted"] += 1
            model.answers.let_pass(chip.number, board.device, answer.name, world.now_s)
    else:
        assert isinstance(board, Desk)
        has_to = has_to and model.must_load(chip.number, world.orders[chip.card][0])
        answer = _serve(world, visit, board)
        if has_to:
            world.checked["served"] += 1
            model.answers.served(chip.number, answer.name)
    _count(world, visit)
    for other in (*visit.others, chip):
        board.field.take(other.desfire)
    board.field.plan()
    board.reader.relay_ms, board.reader.after_commit = 0, None
    board.flash.cut_at()
    board.flash.fault_at()
    world.run_for(300)
    world.check()
    return answer


def _pass(world: World, visit: Presentation, gate: Gate) -> Answer:
    answer, news = Answer("", ""), True
    end_ms = world.clock.now_ms + STAYS_MS
    while gate.is_on:
        again = gate.guarded(lambda news=news: gate.validator.tick(news))  # type: ignore[misc]
        news = False
        answer = look(world, visit) or answer
        if again is None or again < 0:
            break
        # The board's ticks are not the world's: both count milliseconds.
        wait_ms = max(20, again - gate.watch.ticks_ms())
        if world.clock.now_ms + wait_ms > end_ms:
            break
        world.clock.advance(wait_ms)
    return look(world, visit) or answer


def _serve(world: World, visit: Presentation, desk: Desk) -> Answer:
    k = world.orders[visit.chip.card][0]
    wanted = world.model.paid[visit.chip.card][k - 1]
    cents = wanted.cents if wanted.kind == LOAD else 0
    order = Order(FIRST_ACTION + 100 * visit.chip.card + k, k, 1, cents, CHANNEL_COUNTER)

    def work() -> Any:
        uid = desk.reader.poll()
        if uid is None or uid == MANY:
            return None
        steps = desk.station.serve(uid, order, service_of(wanted, k))
        answer = converse(steps, desk.station.frame, desk.reader.exchange)
        desk.reader.release()
        desk.journal.idle()
        return answer

    desk.guarded(work)
    return look(world, visit) or Answer("", "")


def service_of(wanted: Wanted, k: int) -> Any:
    """Return what the station does for an order."""
    if wanted.kind == LOAD:
        return Load()
    if wanted.kind != PASS:
        return Unblock()
    days = {"first_day": day_on_walls(wanted.from_s), "last_day": day_on_walls(wanted.until_s) - 1}
    right = {"mechanism": M_CALENDAR, "slot": 0, "product": SEASON, "zones": ZONES_ALL, "k": k}
    where = {"authority_use": HOME, "authority_sale": HOME, "channel": CHANNEL_COUNTER}
    return Product(0, P_SLOT.pack({**right, **where, **days, "price": wanted.cents}))


def look(world: World, visit: Presentation) -> Answer | None:
    """Tell the model what was shown since, and what is on the chip now."""
    board, chip = visit.board, visit.chip
    _committed(world, visit)
    screen, rows = board.shown.screen, board.shown.take()
    answers = [detail for name, detail in rows if name == "answer"]
    opened = rows.count(("gate", "open"))
    if opened > 1:
        world.model.wrong.append(
            ("I14", f"{world.card_said(chip)}: the gate opened {opened} times")
        )
    txs, visit.txs = visit.txs, []
    tx = txs[-1] if txs else None
    world.checked.update(["I1", "I2"] * len(txs) + ["I11"] * sum(each.actions for each in txs))
    for other in visit.others:
        if other.read() != other.held:
            world.model.wrong.append(("I1", f"{world.card_said(other)} changed beside another"))
    if tx is None and not answers:
        return None
    name = answers[-1] if answers else ""
    lamp = next((detail for what, detail in reversed(rows) if what == "lamp"), "")
    world.model.answers.shown(chip.number, board.device, name, lamp, bool(opened), tx, world.now_s)
    if isinstance(board, Gate) and name and board.is_on:
        _read(world, visit, screen, Answer(name, lamp), txs)
    for each in txs:
        _note(world, board, each)
        if each.is_ride:
            world.checked["I13 not judged" if chip.number in world.model.unjudged else "I13"] += 1
    listed = world.model.lists.get(board.device, {}).get(chip.card, 0) > chip.held.b
    world.checked["I14"] += bool(opened)
    world.checked["I15"] += listed or world.model.is_blocked(chip.number)
    world.answers[name or "power lost"] += 1
    gate = ", gate opens" if opened else ""
    became = f"; purse {visit.purse} -> {chip.held.purse}, n {chip.held.n}" if txs else ""
    visit.purse = chip.held.purse
    world.say(board.name, f"{world.card_said(chip)}: {name or 'the power went'}{gate}{became}")
    return Answer(name, lamp)


def _read(
    world: World, visit: Presentation, screen: Screen | None, answer: Answer, txs: list[Any]
) -> None:
    """Compare what the passenger reads with the answer, and its amounts with the money."""
    world.checked["message"] += 1
    wrong = contradiction(screen, answer.name, answer.lamp)
    if wrong or screen is None:
        card = f"{world.card_said(visit.chip)} at {visit.board.name}"
        world.model.wrong.append(("message", f"{card}: {answer.name}: {wrong}"))
        return
    chip, device = visit.chip.number, visit.board.device
    world.model.answers.told(chip, device, answer.name, told(screen), txs)


def _committed(world: World, visit: Presentation) -> None:
    """Tell the model what is on the chip now: a tap may load and charge, one commit each."""
    board, chip = visit.board, visit.chip
    held = chip.held = chip.read()
    world.hear(board)
    tx = world.model.presented(
        chip.number, board.device, isinstance(board, Gate),
        held.purse, held.n, held.b, held.a, (held.device, held.seq), world.now_s, held.did,
        held.began_s - START_S,
    )  # fmt: skip
    if tx is not None:
        visit.txs.append(tx)


def _note(world: World, board: Board, tx: Any) -> None:
    """Count what every set of histories must have."""
    if isinstance(board, Gate) and tx.actions:
        world.lived[f"{tx.did} carried out by a gate"] += 1
    elif tx.blocks:
        world.lived["card blocked"] += 1
    elif isinstance(board, Gate) and board.area != HOME:
        world.lived["ride under another authority"] += 1
    elif isinstance(board, Gate) and not tx.cents and world.model.chips[tx.chip].passes:
        world.lived["ride on a pass"] += 1
    elif isinstance(board, Gate) and world.model.chips[tx.chip].passes:
        world.lived["ride paid after a pass"] += 1


def _count(world: World, visit: Presentation) -> None:
    """Count the fault if it struck: a tear that no exchange reached did not."""
    struck = visit.board.field.tears_met or not visit.tears
    if visit.fault == "relay":
        struck = visit.board.field.exchanges > 0
    if visit.cut_power:
        struck = not visit.board.is_on
    if visit.fault in FLASH_FAULTS:
        struck = 0 <= visit.flash_faults < visit.board.flash.injected
        visit.board.bad_blocks += struck and visit.fault != "flash-lost"
    if visit.fault and struck:
        world.strike(visit.fault, world.card_said(visit.chip), f"at {visit.board.name}")


assert lamp_of(LOADED) == "green"
from simulator.histories.card_faults import CARD_FAULTS  # noqa: E402 - it needs Presentation
