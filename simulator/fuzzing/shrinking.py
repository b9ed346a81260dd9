"""The smallest case that still fails in the same way: pieces go, then bytes become plain."""

from simulator.fuzzing.target import Outcome, Work, outcome_of

TRIES_MAX = 3000


def smallest(work: Work, case: bytes, wanted: Outcome) -> bytes:
    """Return the case made smaller while `wanted` stays what becomes of it.

    At most TRIES_MAX executions; a fault that needs lines or memory counted is left as it is.
    """
    if not outcome_of(work, case).same_fault(wanted):
        return case
    tries = [TRIES_MAX]

    def fails(candidate: bytes) -> bool:
        tries[0] -= 1
        return tries[0] >= 0 and outcome_of(work, candidate).same_fault(wanted)

    size = len(case)
    while size and tries[0] > 0:
        at = 0
        while at < len(case) and tries[0] > 0:
            shorter = case[:at] + case[at + size :]
            if fails(shorter):
                case = shorter
            else:
                at += size
        size //= 2
    plain = b"0" if _is_text(case) else b"\0"
    for at in range(len(case)):
        simpler = case[:at] + plain + case[at + 1 :]
        if case[at : at + 1] != plain and tries[0] > 0 and fails(simpler):
            case = simpler
    return case


def _is_text(case: bytes) -> bool:
    return case.isascii() and case.decode("ascii").replace("\n", "").replace("\t", "").isprintable()
