"""A stolen validator: what somebody can do who has a board, its keys and its flash.

He reads cards with its key, appends entries to its journal with its own program, sealed and
chained as they must be, and puts it into the dock of any depot. What he invents is genuine to every
check but one: no card holds it. Entries from before the theft he cannot make: their keys are gone.
Source: trust.md T6, T13, 4.7; 6.2 "forge before theft".
"""

from card_layouts.cards.card_layout import FILE_G, KIND_DEBIT, G
from card_layouts.cards.transit_record import add_debit, chain_record, next_record
from card_layouts.link.batches import encode_batch
from card_layouts.records.entries import INTENT as INTENT_TYPE
from card_layouts.records.entries import OUTCOME as OUTCOME_TYPE
from card_layouts.records.entries_tap import HOW_ANSWER, INTENT, OUTCOME, OUTCOME_COMMITTED
from card_layouts.records.slot import PAYLOAD_BYTES, SLOT_HEADER, Sealer
from simulator.desfire_card.image import RecordFile
from simulator.histories.boards import Board
from simulator.histories.chips import Chip
from simulator.histories.dockings import Visit
from simulator.histories.events import Event
from simulator.histories.places import LEDGER
from simulator.histories.town import EPOCH
from simulator.histories.world import World
from simulator.prng import Prng

HOUR_MS = 3_600_000
STAYS_MS = 20_000
VICTIMS_MAX = 3
LEAD_MAX = 3  # how many taps ahead of the card he may guess
DEAREST_CENTS = 20_000


def stolen(world: World, event: Event) -> None:
    """Take a gate away for good; its journal goes on in a stranger's hands."""
    board, prng = world.boards.get(event.device), Prng(event.salt)
    if board is None or board.is_gone or len(world.gates()) < 2 or not world.ready(board):
        return
    if world.inland.may_restore:
        return  # the books could lose what his forgeries then stand for, first come
    if event.device in world.docked:
        world.docked[event.device].end()
    board.witness()
    board.is_gone = True
    world.lost.add(event.device)
    invented = _invent(world, board, prng)
    world.strike(event.what, board.name, f"is stolen; {invented} taps are invented with it")
    _forge_the_past(world, board, prng)
    board.power_off()
    world.later(prng.between(1, 10) * HOUR_MS, lambda: _dock(world, board, prng))


def _invent(world: World, board: Board, prng: Prng) -> int:
    """Append taps that never were, for cards the thief has read; return how many."""
    journal, count = board.journal, 0
    for _ in range(1 + prng.below(VICTIMS_MAX)):
        chip = prng.choice(world.chips[: world.options.cards])
        if journal.free_slots() < 3 or len(journal.open_intents) >= 8:
            break
        world.model.doubtful.add(chip.card)  # there are two stories about it from now on
        record = _record(world, board, chip, prng)
        seq = journal.append(INTENT_TYPE, _intent(chip, record))
        journal.append(OUTCOME_TYPE, OUTCOME.pack(_outcome(world, chip, seq)))
        world.invented.add((board.device, seq))
        count += 1
    board.witness()
    return count


def _newest(chip: Chip) -> bytes:
    log = chip.image.applications[chip.aid].files[FILE_G]
    assert isinstance(log, RecordFile), "G is a cyclic file"
    return bytes(log.records[-1])


def _record(world: World, board: Board, chip: Chip, prng: Prng) -> bytes:
    """Return the record a real tap would have written, or one of the taps after it."""
    before = _newest(chip)
    now, journal = world.clock.utc_seconds(), board.journal
    writer = (board.device, EPOCH, journal.head_seq + 1)
    newest = G.unpack(before)
    n = newest["n"] + 1 + prng.below(LEAD_MAX)
    values = next_record(newest, n, newest["b"], KIND_DEBIT, now, writer)
    add_debit(values, 1 + prng.below(DEAREST_CENTS))
    keys = getattr(board, "validator").tap.keys  # noqa: B009 - a gate's; a desk has none
    return bytes(chain_record(values, before[36:], keys.chain))


def _intent(chip: Chip, record: bytes) -> bytes:
    body = {"uid": chip.uid, "body": record[7:36], "h": record[36:]}
    return bytes(INTENT.pack({**body, "operator": 12, "tariff": 1, "semantics": 1}))


def _outcome(world: World, chip: Chip, seq: int) -> dict[str, object]:
    ended = {"of": seq, "outcome": OUTCOME_COMMITTED, "how": HOW_ANSWER}
    return {**ended, "observed": _newest(chip), "time": world.clock.utc_seconds()}


def _forge_the_past(world: World, board: Board, prng: Prng) -> None:
    """Send other entries under numbers the ledger has from before, sealed with the key there is.

    Said to lie in their own block, its key opens none of them. Said to lie in today's block they
    are authentic, as if that number had been used again: LATE_SEAL, and nothing is taken back.
    """
    journal, depot = board.journal, prng.choice(world.depots)
    past = [
        tx
        for writer, tx in sorted(world.model.by_writer.items())
        if tx.device == board.device
        and tx.seq < journal._first_seq
        and writer in world.books.entries
    ]
    for tx in past[-4:]:
        slot = bytearray(board.slots[tx.seq])
        if prng.chance(1, 2):
            SLOT_HEADER.put(slot, "block", journal._ordinal & 255)
        slot[12 : 12 + PAYLOAD_BYTES] = _intent(world.chips[tx.card], prng.bytes(44))
        Sealer(journal._key).seal_into(slot)
        run = (board.device, EPOCH, tx.seq, prng.bytes(32), [bytes(slot)])
        world.post.forge(LEDGER, depot.config.topic("up"), encode_batch(depot.name, [run]))
    world.inland.busy()


def _dock(world: World, board: Board, prng: Prng) -> None:
    """Put the stolen board into a free dock somewhere, in the night."""
    depot = prng.choice(world.depots)
    free = [place for place in depot.docks if place.board is None]
    if not free or not board.power_on():
        return
    until_ms = world.clock.now_ms + STAYS_MS
    visit = Visit(world, board, depot, free[0], until_ms)
    visit.at_end.append(board.power_off)
    world.say(board.name, "its thief has put it into a dock")
