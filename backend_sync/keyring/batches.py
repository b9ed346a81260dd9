"""Which settled batches were given out: what the keyring remembers although the books forget.

A signature fixes nothing: the ledger may be killed between it and its commit, and then closes again
with other contents. Once the ledger has said that a batch stands, no other one of its number is
signed, and none that goes on from another. Books are put back from backups, these rows are not.
Source: trust.md I10; decision D25; DECISIONS 91.
"""

from collections.abc import Iterable

from backend_sync.keyring.register import Register
from backend_sync.ports import KeyringRefused
from card_layouts.errors import LayoutError
from card_layouts.settlement.batch import body_hash, decode_body

NUMBER_MOST = (1 << 30) - 1


class Batches:
    """The batches given out, by number, with the SHA-256 of their bodies."""

    def __init__(self, register: Register) -> None:
        self.register = register
        self.database = register.database

    def known(self, first: int = 1) -> dict[int, bytes]:
        """Return {number: SHA-256 of the body} of those numbered from `first` on, in order."""
        rows = self.database.execute(
            "SELECT number, sha256 FROM given_batch WHERE number >= ? ORDER BY number", (first,)
        )
        return dict(rows)

    def remember(self, batches: Iterable[tuple[int, bytes]]) -> None:
        """Remember batches that stand in the books: all of them or none.

        Raises: KeyringRefused when one was given out with another content.
        """
        with self.register.all_or_nothing():
            for number, digest in batches:
                self._refuse_other(number, digest)
                self.database.execute(
                    "INSERT OR IGNORE INTO given_batch VALUES (?, ?)", (number, digest)
                )

    def check(self, body: bytes) -> None:
        """Refuse a body that is none, or that contradicts what was given out.

        Raises: KeyringRefused.
        """
        try:
            values = decode_body(body)
        except LayoutError as error:
            raise KeyringRefused(f"settlement: {error}") from None
        number = values["number"]
        if not 1 <= number <= NUMBER_MOST:
            raise KeyringRefused(f"settlement: number {number}, wanted 1 to {NUMBER_MOST}")
        self._refuse_other(number, body_hash(body))
        self._refuse_other(number - 1, values["previous"])
        # A ledger killed before it could say that a batch stands has said so of a later one, or
        # the keyring is younger than its first batches: what the later one goes on from stands.
        later = self.known(number)
        if later and number not in later:
            raise _given_out(*next(iter(later.items())), "")

    def forget(self, first: int) -> None:
        """Forget those numbered from `first` on: others of their numbers are signed again."""
        self.database.execute("DELETE FROM given_batch WHERE number >= ?", (first,))

    def _refuse_other(self, number: int, digest: bytes) -> None:
        """Raise KeyringRefused when `number` was given out with another content."""
        found = self.database.execute(
            "SELECT sha256 FROM given_batch WHERE number = ?", (number,)
        ).fetchone()
        if found is not None and found[0] != digest:
            raise _given_out(number, found[0], " with another content")


def _given_out(number: int, digest: bytes, how: str) -> KeyringRefused:
    return KeyringRefused(
        f"batch {number} was given out before{how} ({digest.hex()[:8]}), so the books were put back"
        " from a copy that is older than it; `tornello settlement adopt PLACE --from DIR` takes it"
        " into the books again from a folder of `settlement export`; if nobody has it any more:"
        f" `tornello keyring forget-batches FOLDER --from {number}`"
    )
