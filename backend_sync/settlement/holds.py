"""Whether closed batches are still what the books say: nobody wrote beside the ledger.

An outsider checks more with less (`auditor/`); this looks from inside, by SQL alone.
Source: trust.md I10; decision D25.
"""

from backend_sync.settlement.close import every_batch, lines_of, revenue_moved
from backend_sync.settlement.told import adopted_batches
from backend_sync.storage.database import Database
from card_layouts.errors import SealError
from card_layouts.settlement.batch import body_hash, encode_batch, open_batch
from card_layouts.settlement.lines import LINE_BYTES
from card_layouts.settlement.merkle import Tree


def differences(database: Database, public: bytes) -> list[str]:
    """Return a sentence for everything that does not hold."""
    found: list[str] = []
    adopted = adopted_batches(database)
    before, ends, told = b"", [0, 0, 0, 0], 0
    for closed in every_batch(database):
        name, values = f"batch {closed.number}", closed.values
        try:
            open_batch(encode_batch(closed.body, closed.signature), public)
        except SealError as error:
            found.append(f"{name}: {error}")
        if values["previous"] != before:
            found.append(f"{name}: it follows another batch than number {closed.number - 1}")
        before = body_hash(closed.body)
        tree = _tree(lines_of(database, closed.number))
        if tree.root() != values["root"]:
            found.append(f"{name}: its {tree.count} lines have another root than was signed")
        said = values["sums"][2]
        if closed.number in adopted:
            # Its rows are those of books that were lost: the next batch accounts for it.
            told += said
            continue
        if [first for first, _ in values["ranges"]] != [end + 1 for end in ends]:
            found.append(f"{name}: begins at {values['ranges']}, the one before ended at {ends}")
        moved = revenue_moved(database, *values["ranges"][2]) - told
        if moved != said:
            found.append(f"{name}: REV moved by {moved} cents, signed are {said}")
        ends, told = [last for _, last in values["ranges"]], 0
    return found


def _tree(lines: bytes) -> Tree:
    tree = Tree()
    for at in range(0, len(lines), LINE_BYTES):
        tree.add(lines[at : at + LINE_BYTES])
    return tree
