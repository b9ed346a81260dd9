"""Commit, abort and what happens at power-up: everything or nothing, never a mix.

Commit of k files is 2 + k write steps: the journal mark, each file, the mark taken away.
Before the mark is in EEPROM a power-up forgets the changes; from then on it finishes them.
Putting a file in place twice is harmless, so a power-up may itself be cut. Silicon's own steps
are not public; these are the model's [A], card.md section 5.
"""

from dataclasses import replace
from functools import partial

from simulator.desfire_card.image import DataFile, File, Staged, ValueFile
from simulator.desfire_card.state import CardState
from simulator.desfire_card.status import NO_CHANGES, Refused


def commit(state: CardState) -> None:
    """Make everything staged the card's content. Raises: Refused(NO_CHANGES). [P]"""
    waiting = state.image.transaction
    if waiting is None or not waiting.staged:
        raise Refused(NO_CHANGES)

    def mark() -> None:
        waiting.marked = True

    state.step("journal mark", mark)
    roll_forward(state)


def roll_forward(state: CardState) -> None:
    """Put every staged file in place, then take the mark away."""
    waiting = state.image.transaction
    assert waiting is not None and waiting.marked, "nothing marked to roll forward"
    files = state.image.applications[waiting.aid].files
    for number in sorted(waiting.staged):
        whole = {number: finished(waiting.staged[number])}
        state.step(f"file {number} in place", partial(files.update, whole))

    def unmark() -> None:
        state.image.transaction = None

    state.step("mark taken away", unmark)


def recover(state: CardState) -> None:
    """Do what a card does when it gets power: finish a marked commit, forget the rest."""
    waiting = state.image.transaction
    if waiting is None:
        return
    if waiting.marked:
        roll_forward(state)
        return
    state.image.transaction = None
    state.storage.save(state.image)


def abort(state: CardState) -> None:
    """Forget everything staged."""
    state.image.transaction = None


def finished(staged: Staged) -> File:
    """Return the file as commit leaves it.

    The limited-credit ceiling becomes the sum of this transaction's debits [S], or 0 after a
    limited credit, whatever part of it was used [S, P].
    """
    file = staged.file
    if isinstance(file, ValueFile):
        if staged.debits is not None:
            return replace(file, limited_credit=staged.debits)
        if staged.limited_used:
            return replace(file, limited_credit=0)
    assert not isinstance(file, DataFile) or file.backup, "standard files are never staged"
    return file
