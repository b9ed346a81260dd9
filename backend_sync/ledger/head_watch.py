"""Notices that an older copy of the books was put in place, and refuses to go on with it.

The keyring is another process with files of its own: after each commit it is told the newest seal,
and it never takes an older one until somebody says that the ledger was restored (D16). The other
way round, the ledger keeps the incarnation it has lived in: a keyring that is behind it is a copy.
With a new incarnation the ledger learns which devices may hold lists that its books have forgotten.
"""

from backend_sync.ledger.forgotten_lists import note_earlier_leases
from backend_sync.ledger.seals import identity, newest
from backend_sync.ports import Keyring, KeyringAbsent, KeyringError, KeyringRefused
from backend_sync.storage.database import Database

INCARNATION = "incarnation"  # of `settings`


class LedgerIsOlder(KeyringError):
    """These books, or this keyring, are an older copy; nothing is posted until somebody decides."""


class HeadWatch:
    """Lays the ledger's newest seal beside what the keyring has seen."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self.database = database
        self.keyring = keyring
        self.ledger = identity(database)
        self.checked = False

    def refuse_older(self) -> None:
        """Ask the keyring once, before anything is written. Raises: LedgerIsOlder, KeyringAbsent.

        Writing on would put two different seals under one number, and the copy would look newer.
        """
        if self.checked:
            return
        now = self.incarnation()
        rows = self.database.rows("SELECT value FROM settings WHERE name = ?", (INCARNATION,))
        before = int(rows[0][0]) if rows else 0
        if now < before:
            raise LedgerIsOlder(
                f"the keyring says incarnation {now}, but this ledger has lived in {before}: the"
                " keyring is an older copy; put the newest back, or `tornello keyring restored`"
            )
        if now > before:
            self._keep(now, bool(rows))
        self.checked = True

    def incarnation(self) -> int:
        """Return the ledger's incarnation; tells the keyring the newest seal.

        Raises: LedgerIsOlder when the keyring has seen a later one; KeyringAbsent.
        """
        seal, head = newest(self.database)
        while True:
            said = {"ledger": self.ledger, "seal": seal, "head": head.hex()}
            try:
                return int(self.keyring.assemble("incarnation", said))
            except KeyringRefused as error:
                told, (seal, head) = seal, newest(self.database)
                # Another process may have committed and told it between our two steps.
                if seal == told:
                    raise LedgerIsOlder(str(error)) from None

    def tell(self) -> None:
        """Tell the keyring the newest seal; when it is away, the next commit does."""
        try:
            self.incarnation()
        except KeyringAbsent:
            return

    def _keep(self, incarnation: int, known: bool) -> None:
        sql = "UPDATE settings SET value = ? WHERE name = ?"
        if not known:
            sql = "INSERT INTO settings (value, name) VALUES (?, ?)"
        leases = self.keyring.assemble("earlier_leases", {})
        with self.database.transaction():
            self.database.run(sql, [(str(incarnation), INCARNATION)])
            note_earlier_leases(self.database, leases)
