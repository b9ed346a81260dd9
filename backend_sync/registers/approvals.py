"""The proposals of this register as the port `Approvals`: for ledger, sales and keyring.

They import the port and never this register; wiring brings the two together. Source: X-14.
"""

from backend_sync.ports import ApprovalRefused
from backend_sync.registers.proposals import TAKEN, Proposal, Proposals
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import User


class RegisterApprovals:
    """What `by`, who has signed in, may take of the approved proposals."""

    def __init__(self, desk: Proposals, by: User) -> None:
        self.desk = desk
        self.by = by

    def needed(self, kind: str, amount: int) -> bool:
        return self.desk.needed(kind, amount)

    def take(self, number: int, kind: str, amount: int, digest: str) -> tuple[str, str]:
        """Take a proposal, or find that it was taken for the very same. Raises: ApprovalRefused."""
        try:
            found = self.desk.get(number)
            if not _is_taken_for(found, (kind, amount, digest)):
                found = self.desk.take(self.by, number, kind, amount, digest)
        except Refused as error:
            raise ApprovalRefused(str(error)) from None
        return found.by, found.second


def _is_taken_for(found: Proposal, wanted: tuple[str, int, str]) -> bool:
    """Only a digest binds a proposal to one case: without it, once taken is used up."""
    same = (found.kind, found.amount, found.digest) == wanted
    return found.state == TAKEN and bool(found.digest) and same
