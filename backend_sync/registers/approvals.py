"""The proposals of this register as the port `Approvals`: for ledger, sales and keyring.

They import the port and never this register; wiring brings the two together. Source: X-14.
"""

from backend_sync.ports import ApprovalRefused
from backend_sync.registers.proposals import TAKEN, Proposal, Proposals, kind_of
from backend_sync.registers.refusals import Refused
from backend_sync.registers.rights import User


class RegisterApprovals:
    """What `by`, who has signed in, may take of the proposals approved for `authority`; 0 = all."""

    def __init__(self, desk: Proposals, by: User, authority: int = 0) -> None:
        self.desk = desk
        self.by = by
        self.authority = authority

    def needed(self, kind: str, amount: int) -> bool:
        return self.desk.needed(kind, amount)

    def take(self, number: int, kind: str, amount: int, digest: str) -> tuple[str, str]:
        """Take a proposal, or find that it was taken for the very same. Raises: ApprovalRefused."""
        if not number:
            raise ApprovalRefused(self._how_to_ask(kind, amount, digest))
        try:
            found = self.desk.get(number)
            if self.authority not in (0, found.authority):
                raise Refused(
                    f"proposal {number} is about authority {found.authority}, wanted"
                    f" {self.authority}"
                )
            if not _is_taken_for(found, (kind, amount, digest)):
                found = self.desk.take(self.by, number, kind, amount, digest)
        except Refused as error:
            raise ApprovalRefused(str(error)) from None
        return found.by, found.second

    def _how_to_ask(self, kind: str, amount: int, digest: str) -> str:
        authority = self.authority or "A"
        return (
            f"{kind} of {amount} {kind_of(kind).counts} takes two people: ask with `tornello"
            f" register propose --kind {kind} --authority {authority} --amount {amount} --digest"
            f" {digest} --content WORDS`; when another has approved it (`tornello register approve"
            " --proposal N`), do this again with --proposal N"
        )


def _is_taken_for(found: Proposal, wanted: tuple[str, int, str]) -> bool:
    """Only a digest binds a proposal to one case: without it, once taken is used up."""
    same = (found.kind, found.amount, found.digest) == wanted
    return found.state == TAKEN and bool(found.digest) and same
