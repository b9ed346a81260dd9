"""Four eyes as a port: the register's proposals, asked by who does not know the register."""

import pytest

from backend_sync.ports import ApprovalRefused
from backend_sync.registers.approvals import RegisterApprovals
from tests.backend_sync.builders import AUTHORITY
from tests.backend_sync.registers_world import RegistersWorld

DIGEST = "ab" * 32


@pytest.fixture
def desk():
    made = RegistersWorld()
    made.approvals = RegisterApprovals(made.proposals, made.anna)
    made.alma = made.add("alma", "authority")
    return made


def approved(desk, amount=7000, digest=DIGEST):
    number = desk.proposals.propose(desk.anna, "refund", AUTHORITY, amount, "twice", digest).number
    desk.proposals.decide(desk.alma, number)
    return number


@pytest.mark.requirement("X-14")
def test_an_approval_is_taken_for_one_case_and_again_only_for_that_case(desk):
    number = approved(desk)
    assert desk.approvals.needed("refund", 5001) and not desk.approvals.needed("refund", 5000)
    assert desk.approvals.take(number, "refund", 7000, DIGEST) == ("anna", "alma")
    desk.clock.now += 30 * 86_400  # who was stopped goes on, however late
    assert desk.approvals.take(number, "refund", 7000, DIGEST) == ("anna", "alma")
    for kind, amount, digest in (("refund", 7000, "cd" * 32), ("refund", 7001, DIGEST)):
        with pytest.raises(ApprovalRefused, match="is taken, wanted approved"):
            desk.approvals.take(number, kind, amount, digest)


@pytest.mark.requirement("X-14")
def test_without_a_digest_an_approval_is_used_up_when_it_is_taken(desk):
    number = approved(desk, digest="")
    assert desk.approvals.take(number, "refund", 7000, "") == ("anna", "alma")
    with pytest.raises(ApprovalRefused, match="is taken, wanted approved"):
        desk.approvals.take(number, "refund", 7000, "")


@pytest.mark.requirement("X-14")
def test_what_nobody_agreed_to_is_refused_in_words(desk):
    number = desk.proposals.propose(desk.anna, "refund", AUTHORITY, 7000, "twice", DIGEST).number
    with pytest.raises(ApprovalRefused, match="is open, wanted approved"):
        desk.approvals.take(number, "refund", 7000, DIGEST)
    with pytest.raises(ApprovalRefused, match="there is none"):
        desk.approvals.take(number + 1, "refund", 7000, DIGEST)
