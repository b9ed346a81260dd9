"""Batches on their way out of the house: the keyring knows each, and the books hold all it knows.

The keyring is not put back with the books, so it tells what books of an older copy have forgotten:
what leaves them would contradict, or pay again, what somebody was given. Source: trust.md I10;
decision D25; DECISIONS 91.
"""

from backend_sync.ports import Keyring
from backend_sync.settlement.close import Closed, SettlementError, every_batch, fix_batches
from backend_sync.storage.database import Database


def given_batches(database: Database, keyring: Keyring) -> list[Closed]:
    """Return every batch, oldest first, once the keyring remembers them.

    Raises: SettlementError when the books lack one that was given out; KeyringRefused when one of
    theirs was given out with another content.
    """
    words = lost_batches(database, keyring)
    if words:
        raise SettlementError(f"{words}; nothing was written")
    batches = every_batch(database)
    fix_batches(keyring, batches)  # a closing that was killed behind its commit has not said so
    return batches


def lost_batches(database: Database, keyring: Keyring) -> str:
    """Return which batch the books have forgotten and what to do, in words; "" when none."""
    given = remembered(keyring)  # asked before the books are read: they only grow
    held = {closed.number for closed in every_batch(database)}
    lost = {number: digest for number, digest in given.items() if number not in held}
    if not lost:
        return ""
    first = min(lost)
    return (
        f"batch {first} was given out ({lost[first].hex()[:8]}) and is not in these books, so they"
        " were put back from a copy that is older than it; `tornello settlement adopt PLACE --from"
        " DIR` takes it into the books again from a folder of `settlement export`; if nobody has it"
        f" any more: `tornello keyring forget-batches FOLDER --from {first}`"
    )


def remembered(keyring: Keyring) -> dict[int, bytes]:
    """Return {number: SHA-256 of the body} of every batch that the keyring knows was given out."""
    return dict(keyring.assemble("settled", {"batches": []}))
