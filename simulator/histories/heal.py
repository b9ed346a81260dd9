"""The second half of a history: every fault ends, people finish what they began, all drains.

Nothing is repaired by hand that a program ought to repair: power, lines, clocks and disks come
back, cards have one more transaction (which is what the rules ask for), and boards dock.
"""

from simulator.histories import control_room, people, web_shop
from simulator.histories.boards import Gate
from simulator.histories.broker import LATE_MS_MAX, Weather
from simulator.histories.dockings import dock
from simulator.histories.events import Event
from simulator.histories.model_cards import LOAD, Order
from simulator.histories.places import DESK
from simulator.histories.world import World
from simulator.prng import Prng

ROUNDS_MAX = 24
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
LAST_LOAD = 500


def heal(world: World) -> None:
    """End every fault, finish, and dock until nothing is left to exchange."""
    mend(world)
    finish(world)
    drain(world)


def mend(world: World) -> None:
    """Give back power, lines, clocks and disks."""
    world.say("people", "everything is mended")
    world.run_for(3 * HOUR_MS)
    world.post.is_up = True
    world.post.weather = Weather()
    for depot in world.depots:
        depot.fill_disk(-1)
        depot.machine.wrong_s = 0
        if depot.broker.is_cut:
            depot.broker.reconnect()
        for place in depot.docks:
            place.disturb, place.is_gone = None, False
        if depot.was_wiped:
            depot.wipe()  # what `edge run` says: move the damaged file away
        if depot.agent is None:
            depot.start()
        depot.kill_at(-1, False)
        depot.busy()
    for device, for_good in list(world.withheld.items()):
        if for_good:
            world.lost.add(device)
        else:
            del world.withheld[device]
    world.inland.kill_at(-1, False)
    world.start_ledger()
    world.inland.refuse(world.lost)  # nobody renews the lease of a gate that is gone
    world.inland.busy()
    for board in world.boards.values():
        if not board.is_gone:
            board.flash.cut_at()
            board.watch.drift_ppm = 0
            world.set_clock(board)
            world.ready(board)


def finish(world: World) -> None:
    """One more transaction for every card: what was paid for, then a small load."""
    prng = Prng(world.options.seed).fork("heal")
    deliver(world)
    brought = any(gate.device not in world.lost for gate in world.gates())
    for chip in world.chips[: world.options.cards]:
        people.serve(world, chip, None, prng)
        if world.model.is_blocked(chip.number):
            control_room.forgive(world, chip.card)
        # What waits elsewhere is a transaction too, where a gate is left that can bring it.
        waits = brought and people.waits_elsewhere(world, chip.card)
        buys = waits and not world.nobody_knows(chip.card)
        if not buys and not world.orders[chip.card] and not world.model.is_blocked(chip.number):
            people.pay(world, chip.card, Order(LOAD, LAST_LOAD))
            people.serve(world, chip, None, prng)


def deliver(world: World) -> None:
    """Let gates carry out what was bought on the web, as soon as they have heard of it."""
    for number in range(ROUNDS_MAX):
        cards = [card for card in range(world.options.cards) if not world.nobody_knows(card)]
        waiting = [card for card in cards if people.waits_elsewhere(world, card)]
        if not waiting:
            return
        for card in waiting:
            control_room.forgive(world, card)
        dock_all(world, number)
        world.run_for(90_000 if number == 0 else HOUR_MS if number < ROUNDS_MAX // 2 else DAY_MS)
        web_shop.deliver(world)


def drain(world: World) -> None:
    """Dock every board until ledger, edges and journals agree, for at most a day and a night."""
    for number in range(ROUNDS_MAX):
        dock_all(world, number)
        world.run_for(90_000)
        if is_drained(world):
            world.inland.busy()  # the ledger looks once more what became of its orders
            world.run_for(5_000)
            return
        world.run_for(HOUR_MS)


def wait_for_mail(world: World) -> None:
    """Let all come that the broker still has, a week late at most, and every board hear of it."""
    world.say("people", "what is late comes")
    world.run_for(LATE_MS_MAX + HOUR_MS)
    drain(world)


def dock_all(world: World, number: int) -> None:
    """Put every board that is still brought to its depot into a dock."""
    for device, board in world.boards.items():
        if device in world.lost or device in world.withheld:
            continue
        if not board.is_gone and (device == DESK or world.ready(board)):
            while dock(world, Event(world.now_s, "dock", device=device, salt=number)) is None:
                world.run_for(20_000)  # both docks are taken
            world.run_for(4000)


def is_drained(world: World) -> bool:
    """Say whether every board has had acknowledgements of all its entries, and the last news."""
    world.books.after_commit()
    for device, board in world.boards.items():
        if board.is_gone or device in world.lost:
            continue
        if board.journal is None or board.journal.acked_seq < board.journal.head_seq:
            return False
        if any((device, seq) not in world.books.entries for seq in board.slots):
            return False
        if isinstance(board, Gate) and not board.bad_blocks and world.lacks(board):
            return False
    return all(d.agent is not None and not d.store.outbox.unsent() for d in world.depots)
