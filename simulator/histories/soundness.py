"""When nothing is wrong with a board: whom it has to serve then, it must.

What may be wrong with a card, or with what lies on the reader, the oracle and the presentation
know themselves.
"""

from card_layouts.records.slot import SLOTS_PER_BLOCK
from simulator.histories.boards import Board, Gate
from simulator.histories.places import journal_blocks
from simulator.histories.world import World


def is_sound(world: World, board: Board) -> bool:
    """Say whether a board may serve as if there were no faults.

    Its flash never failed, half of its journal is free and its clock is right; a gate has prices,
    and a lease that still runs.
    """
    world.hear(board)
    journal, device, model = board.journal, board.device, world.model
    if journal is None or board.flash.injected or model.clocks.is_wrong(device, world.now_s):
        return False
    if 2 * (journal.head_seq - journal.acked_seq) > journal_blocks(device) * SLOTS_PER_BLOCK:
        return False
    may_charge = device in model.fares.prices and world.now_s < world.leased.get(device, 0)
    return may_charge or not isinstance(board, Gate)
