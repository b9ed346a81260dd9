"""Four eyes for what sales pays out: above a limit another person has agreed to exactly this.

The register of users is behind the port `Approvals`; where none is at hand, one person pays small
sums and nobody pays large ones. Source: X-14; requirements X-8, X-9, R-9.
"""

import hashlib

from backend_sync.ledger.books import Books
from backend_sync.ports import ApprovalRefused, Approvals
from backend_sync.sales.refund_tables import agreements

REFUND = "refund"  # the kind of proposal; it counts cents
LIMIT_CENTS = 5_001  # where no register says otherwise: above 50.00


class OnePerson:
    """`Approvals` without a register of users."""

    def needed(self, kind: str, amount: int) -> bool:
        return amount >= LIMIT_CENTS

    def take(self, number: int, kind: str, amount: int, digest: str) -> tuple[str, str]:
        raise ApprovalRefused(
            f"{kind} of {amount} cents takes two people: name the register of users (--register,"
            " --by) and what another person agreed to there (--proposal N)"
        )


ONE_PERSON = OnePerson()


def digest_of(key: str, *what: object) -> str:
    """Return what binds an agreement to one payment: its key and all that is paid by it."""
    return hashlib.sha256("|".join(map(str, (key, *what))).encode()).hexdigest()


def agree(
    books: Books, approvals: Approvals, key: str, cents: int, proposal: int, *what: object
) -> None:
    """Return if `cents` may be paid under `key`; keep who agreed. Raises: ApprovalRefused.

    Asked again for what was agreed to before, it says yes again.
    """
    if not approvals.needed(REFUND, cents):
        return
    digest = digest_of(key, cents, *what)
    sql = "SELECT 1 FROM agreements WHERE key = ? AND digest = ?"
    if books.database.rows(sql, (key, digest)):
        return
    asked_by, agreed_by = approvals.take(proposal, REFUND, cents, digest)
    number = books.database.next_id(agreements)
    row = (number, key, cents, digest, proposal, asked_by, agreed_by, books.now)
    books.database.insert(agreements, [row])
