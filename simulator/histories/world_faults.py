"""Faults that strike at any moment: clocks, cards, edges, broker and ledger.

Each function is one row of the atlas. What people forge lies in `forgeries.py`.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from simulator.histories import forgeries, hostile_depot, thieves
from simulator.histories.broker import LATE_MS_MAX, Weather
from simulator.histories.chips import Chip
from simulator.histories.events import Event
from simulator.histories.places import CARDS_MAX
from simulator.histories.state import rows_of
from simulator.histories.world import World
from simulator.prng import Prng

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
TWO_DAYS_S, WEEKS_S = 2 * 86_400, 40 * 86_400
CHIPS_MAX = 3  # of one card: a thief's copies
DAMAGED_BYTES = 400


# Clocks ----------------------------------------------------------------------------------


def clock_jump(world: World, event: Event) -> None:
    """Set a gate's clock up to two days wrong."""
    by_s = Prng(event.salt).between(-TWO_DAYS_S, TWO_DAYS_S)
    _clock(world, event, f"its clock is {by_s} s off", lambda watch: watch.jump(by_s))


def clock_hour(world: World, event: Event) -> None:
    """Set a gate's clock an hour wrong."""
    by_s = Prng(event.salt).choice((-3600, 3600))
    _clock(world, event, f"its clock is {by_s} s off", lambda watch: watch.jump(by_s))


def clock_stopped(world: World, event: Event) -> None:
    """Let a gate's clock stand still."""

    _clock(world, event, "its clock stands still", lambda watch: watch.stop())


def clock_1970(world: World, event: Event) -> None:
    """Put a gate's clock back to its beginning, or forget the time altogether."""
    if Prng(event.salt).chance(1, 2):
        _clock(world, event, "its clock is unset", lambda watch: watch.unset())
    else:
        back_s = world.clock.utc_seconds()
        _clock(world, event, "its clock is at its beginning", lambda watch: watch.jump(-back_s))


def _clock(world: World, event: Event, said: str, change: Callable[..., None]) -> None:
    board = world.boards.get(event.device)
    if board is None or board.is_gone or not board.watch.is_set:
        return
    change(board.watch)
    world.model.clocks.goes_wrong(event.device)
    world.strike(event.what, board.name, said)
    world.later(Prng(event.salt).between(1, 12) * HOUR_MS, lambda: world.set_clock(board))


# Cards -----------------------------------------------------------------------------------


def card_copied(world: World, event: Event) -> None:
    """Make a chip with everything that is on a card."""
    chips = world.held[event.card]
    if len(chips) >= CHIPS_MAX:
        return
    number = CARDS_MAX + sum(len(held) - 1 for held in world.held.values())
    copy: Chip = chips[0].copy(number)
    chips.append(copy)
    world.model.copied(number, chips[0].number)
    world.strike(event.what, world.card_said(chips[0]), f"is copied to chip {number}")


def card_put_back(world: World, event: Event) -> None:
    """Overwrite a card with the image somebody kept of it; the first time, keep one."""
    chip = world.held[event.card][0]
    image = world.older.get(event.card)
    if image is None or chip.read().n == _n_of(chip, image):
        world.older[event.card] = chip.image.clone()
        chip.put_back(chip.image)
        world.say(world.card_said(chip), "somebody keeps an image of it")
        return
    chip.put_back(image)
    world.model.put_back(chip.number, chip.held.n)
    world.strike(event.what, world.card_said(chip), f"is overwritten: n {chip.held.n} again")


def _n_of(chip: Chip, image: object) -> int:
    return Chip(chip.number, chip.card, image, chip.aid).held.n  # type: ignore[arg-type]


# Edges -----------------------------------------------------------------------------------


def journal_destroyed(world: World, event: Event) -> None:
    """Lose a gate with everything it had not docked."""
    board = world.boards.get(event.device)
    if board is None or board.is_gone or len(world.gates()) < 2:
        return
    board.witness()
    if event.device in world.docked:
        world.docked[event.device].end()
    board.power_off()
    board.is_gone = True
    world.lost.add(event.device)
    world.strike(event.what, board.name, f"is destroyed with {len(board.slots)} entries")


def page_corrupted(world: World, event: Event) -> None:
    """Overwrite bytes of an edge's database while the agent is down."""
    prng = Prng(event.salt)
    depot = prng.choice(world.depots)
    if world.inland.restores or world.inland.may_restore:
        return  # two disasters at once: entries only this edge held would be gone, rightly
    depot.die()
    path = depot.config.database
    was = _readable(path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(prng.below(size))
        file.write(prng.bytes(DAMAGED_BYTES))
    depot.was_wiped = True
    if _readable(path) != was:
        world.strike(event.what, depot.name, "its database is damaged")
    depot.start()


def _readable(path: Path) -> object:
    """Return what SQLite finds in a database: a page that is free may hold anything."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            sound = connection.execute("PRAGMA integrity_check").fetchall()
        return sound, rows_of(path)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        return str(error)


def edge_clock(world: World, event: Event) -> None:
    """Set an edge's calendar weeks wrong for some hours."""
    prng = Prng(event.salt)
    depot = prng.choice(world.depots)
    depot.machine.wrong_s = prng.between(-WEEKS_S, WEEKS_S)
    world.strike(event.what, depot.name, f"its calendar is {depot.machine.wrong_s} s off")

    def set_right() -> None:
        depot.machine.wrong_s = 0

    world.later(prng.between(1, 12) * HOUR_MS, set_right)


def edge_cut(world: World, event: Event) -> None:
    """Take a depot's network away for hours."""
    prng = Prng(event.salt)
    depot = prng.choice(world.depots)
    depot.broker.is_cut = True
    world.strike(event.what, depot.name, "has no network")

    def back() -> None:
        depot.broker.reconnect()
        depot.busy()

    world.later(prng.between(1, 12) * HOUR_MS, back)


# Broker ----------------------------------------------------------------------------------


def broker_storm(world: World, event: Event) -> None:
    """Lose, double and reorder for hours."""
    until_ms = world.clock.now_ms + Prng(event.salt).between(2, 24) * HOUR_MS
    world.post.weather = Weather(30, 50, 30, 0, 0, until_ms)
    said = "loses 30 %, doubles 50 %, reorders 30 %"
    _strikes_messages(world, event, ("lost", "doubled", "reordered"), said)


def broker_late(world: World, event: Event) -> None:
    """Let a third of all messages come late, by up to seven days."""
    until_ms = world.clock.now_ms + Prng(event.salt).between(2, 24) * HOUR_MS
    world.post.weather = Weather(0, 0, 0, 30, LATE_MS_MAX, until_ms)
    _strikes_messages(world, event, ("delayed",), "30 % come up to seven days late")


def _strikes_messages(world: World, event: Event, kinds: tuple[str, ...], said: str) -> None:
    """It strikes with the first message it does something to: none may pass all the time."""
    copies = world.post.copies
    before = {kind: copies[kind] for kind in kinds}
    world.strike_when(
        lambda: any(copies[kind] > before[kind] for kind in kinds), event.what, "broker", said
    )


def broker_forgets(world: World, event: Event) -> None:
    """Start the broker anew without its sessions."""
    world.post.restart(forgets=True)
    world.strike(event.what, "broker", "starts anew and has forgotten")
    _all_busy(world)


def broker_down(world: World, event: Event) -> None:
    """Take the broker away for hours."""
    prng = Prng(event.salt)
    world.post.is_up = False
    world.strike(event.what, "broker", "is away")

    def back() -> None:
        world.post.is_up = True
        world.post.restart(forgets=prng.chance(1, 2))
        _all_busy(world)

    world.later(prng.between(1, 10) * HOUR_MS, back)


def _all_busy(world: World) -> None:
    for depot in world.depots:
        depot.busy()
    world.inland.busy()


# Ledger ----------------------------------------------------------------------------------


def ledger_killed(world: World, event: Event) -> None:
    """Let the ledger die at a statement or commit of its next batches."""
    prng = Prng(event.salt)
    if world.inland.service is not None:
        world.inland.kill_at(prng.below(90), prng.chance(1, 3))
        world.say("ledger", "will die at one of its next statements")  # that strikes


def ledger_down(world: World, event: Event) -> None:
    """Take the ledger away for hours."""
    world.inland.die()
    world.strike(event.what, "ledger", "is away")
    world.later(Prng(event.salt).between(1, 10) * HOUR_MS, world.start_ledger)


def ledger_restored(world: World, event: Event) -> None:
    """Put the books back from the last copy; the first time, make one."""
    inland = world.inland
    if not _may_restore(world):
        return
    if inland.backup is None or world.clock.now_ms - inland.backup_ms > _keeps_ms(world):
        copy_books(world)
        return
    inland.restore()
    world.books.forget()
    world.strike(event.what, "ledger", f"books of {inland.backup_ms // HOUR_MS} h are put back")


def copy_books(world: World) -> None:
    """Make a copy of the books, if they may be put back from it."""
    if _may_restore(world):
        world.inland.may_restore = True
        world.inland.keep_copy()
        world.say("ledger", "a copy of the books is made")


def _may_restore(world: World) -> bool:
    """Say no where what only a wiped edge held, or no longer keeps, would be gone, rightly."""
    return _keeps_ms(world) >= 30 * DAY_MS and not any(d.was_wiped for d in world.depots)


def _keeps_ms(world: World) -> int:
    return world.options.keep_days * DAY_MS


WORLD_FAULTS: dict[str, Callable[[World, Event], None]] = {
    "clock-jump": clock_jump,
    "clock-hour": clock_hour,
    "clock-stopped": clock_stopped,
    "clock-1970": clock_1970,
    "card-copied": card_copied,
    "card-put-back": card_put_back,
    "journal-destroyed": journal_destroyed,
    "validator-stolen": thieves.stolen,
    "journal-withheld": hostile_depot.withheld,
    "edge-hostile": hostile_depot.hostile,
    "packages-old": hostile_depot.packages_old,
    "actions-old": hostile_depot.actions_old,
    "page-corrupted": page_corrupted,
    "edge-clock": edge_clock,
    "edge-cut": edge_cut,
    "broker-storm": broker_storm,
    "broker-late": broker_late,
    "broker-forgets": broker_forgets,
    "broker-down": broker_down,
    "ledger-killed": ledger_killed,
    "ledger-down": ledger_down,
    "ledger-restored": ledger_restored,
    "acks-forged": forgeries.acks,
    "entries-forged": forgeries.entries,
    "packages-mixed": forgeries.packages,
}
