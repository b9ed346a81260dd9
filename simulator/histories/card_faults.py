"""What goes wrong while a card lies on a reader: each function sets it up for one presentation."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.desfire_card import Cut
from simulator.field import FOREVER, Tear, answer_lost, before_commit, commit_lost, commit_torn
from simulator.flash import (
    DEAD,
    FAINT_BITS,
    LOST,
    NEARLY_BITS,
    TORN_QUARTERS,
    UNSTABLE_BITS,
    WORN,
    FlashCut,
    FlashFault,
)
from simulator.prng import Prng

if TYPE_CHECKING:
    from simulator.histories.people import Presentation
    from simulator.histories.world import World

EXCHANGES_MAX, BYTES_MAX, STEPS_MAX = 12, 40, 6
OPERATIONS_MAX, BOOT_OPERATIONS = 4, 3
TORN_MODES = (*TORN_QUARTERS, UNSTABLE_BITS, FAINT_BITS, NEARLY_BITS)
WORN_MAX = 2  # blocks of one board that go bad in a history: it has four for its journal


def torn(world: "World", visit: "Presentation", prng: Prng) -> None:
    """Any exchange, any byte in or out, any internal write."""
    phase = prng.choice(("in", "step", "out", "in", "out"))
    at = prng.below(STEPS_MAX if phase == "step" else BYTES_MAX)
    cut = Cut(phase, at) if not prng.chance(1, 12) else None  # type: ignore[arg-type]
    visit.tears.append(Tear(prng.below(EXCHANGES_MAX), None, cut, _back(prng)))


def commit_cut(world: "World", visit: "Presentation", prng: Prng) -> None:
    """Between two writes of the commit."""
    visit.tears.append(commit_torn(prng.below(STEPS_MAX), _back(prng)))


def commit_unheard(world: "World", visit: "Presentation", prng: Prng) -> None:
    """The commit never reaches the card."""
    visit.tears.append(commit_lost(_back(prng)))


def answer_unheard(world: "World", visit: "Presentation", prng: Prng) -> None:
    """The card has done it; nobody hears."""
    visit.tears.append(answer_lost(_back(prng)))


def unsent(world: "World", visit: "Presentation", prng: Prng) -> None:
    """The card is away before the commit goes out."""
    visit.tears.append(before_commit(_back(prng)))


def many(world: "World", visit: "Presentation", prng: Prng) -> None:
    """Another card lies on the reader as well."""
    others = [chip for chip in world.chips if chip.card != visit.chip.card]
    visit.others.append(prng.choice(others))


def relay(world: "World", visit: "Presentation", prng: Prng) -> None:
    """Somebody far away holds the card: every exchange takes longer."""
    visit.board.reader.relay_ms = prng.choice((5, 20, 100, 500))


def power_cut(world: "World", visit: "Presentation", prng: Prng) -> None:
    """The power goes at an operation of the flash, and perhaps again at the next boots."""
    flash = visit.board.flash
    flash.restart_count()
    flash.cut_at(any_cut(prng, OPERATIONS_MAX))
    visit.cut_power = True
    world.boot_cuts[visit.board.device] = [
        any_cut(prng, BOOT_OPERATIONS) for _ in range(prng.below(3))
    ]


def any_cut(prng: Prng, operations: int) -> FlashCut:
    """Return a cut at one of the next operations, in one of the eight torn ways."""
    return FlashCut(prng.below(operations), prng.choice(TORN_MODES), prng.u32())


def flash_lost(world: "World", visit: "Presentation", prng: Prng) -> None:
    """An operation of the tap does not take."""
    _flash_fault(visit, LOST, prng)


def flash_worn(world: "World", visit: "Presentation", prng: Prng) -> None:
    """A few cells of what the tap writes are stuck."""
    _flash_fault(visit, WORN, prng)


def flash_dead(world: "World", visit: "Presentation", prng: Prng) -> None:
    """The block the tap writes to is at its end."""
    _flash_fault(visit, DEAD, prng)


def _flash_fault(visit: "Presentation", kind: str, prng: Prng) -> None:
    flash = visit.board.flash
    if kind != LOST and visit.board.bad_blocks >= WORN_MAX:
        return
    flash.restart_count()
    flash.fault_at(FlashFault(prng.below(OPERATIONS_MAX), kind, prng.u32()))
    visit.flash_faults = flash.injected


def _back(prng: Prng) -> int:
    """Return after how many looks of the reader the card is back, or that it is not."""
    return prng.choice((1, 2, 4, FOREVER, FOREVER))


CARD_FAULTS: dict[str, Callable[["World", "Presentation", Prng], None]] = {
    "card-torn": torn,
    "commit-torn": commit_cut,
    "commit-lost": commit_unheard,
    "answer-lost": answer_unheard,
    "not-sent": unsent,
    "many-cards": many,
    "relay": relay,
    "power-cut": power_cut,
    "flash-lost": flash_lost,
    "flash-worn": flash_worn,
    "flash-dead": flash_dead,
}
