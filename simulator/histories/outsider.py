"""An outsider recomputes all that was given out, from it and from what the journals hold (T13).

As `tornello verify-settlement` does, without keys or books. The slots are those of the boards,
which edges would have carried; a thief's taps cost what no tariff says: stolen gates are left out.
Source: card_layouts/settlement/SPEC_SETTLEMENT.md section 6; trust.md T13, I10.
"""

import re

from auditor.folder import Folder
from card_layouts.records.chain import chain_start
from card_layouts.settlement.check import Checker
from card_layouts.settlement.witness import Witness
from simulator.histories.invariants import wrong
from simulator.histories.world import World

EPOCH = 0  # of every device of a history


def outsider_agrees(world: World) -> None:
    """Every batch given out is what the journals, the tariffs and the batches before it say."""
    folder = Folder(world.inland.folder / "exported")
    checker = Checker(folder.public(), folder.packages(), _witness(world))
    checker.foresee(lines for _, _, lines in folder.each())
    stolen = {device for device, _ in world.invented}
    for name, batch, lines in folder.each():
        world.checked["outsider"] += 1
        for finding in checker.check(batch, lines).findings:
            if not _devices(finding) & stolen:
                wrong(world, "I10", f"an outsider finds in {name}: {finding}")
    for finding in checker.end():
        wrong(world, "I10", f"an outsider finds: {finding}")


def _witness(world: World) -> Witness:
    """Return every journal from its first slot on, up to where a slot is missing."""
    witness = Witness()
    for device, board in world.boards.items():
        first = min(board.slots, default=0)
        slots: list[bytes] = []
        while first + len(slots) in board.slots:
            slots.append(bytes(board.slots[first + len(slots)]))
        if slots:
            witness.add((device, EPOCH, first, chain_start(device, EPOCH), slots))
    return witness


def _devices(finding: str) -> set[int]:
    return {int(number) for number in re.findall(r"device (\d+)", finding)}
