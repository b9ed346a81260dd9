"""For what the link service may be asked, and what each purpose needs and gives.

A closed list: there is no question "which card has this person" by itself, and none at all from a
card to a person. Source: trust.md section 5; T19.
"""

from typing import NamedTuple

DAY_SECONDS = 86_400

# What an answer holds.
EVENTS = "events"  # P_E of each epoch that the time range touches
LEDGER = "ledger"  # P_L: to freeze the card's account, never to read trips

# What became of a question.
ANSWERED = "answered"
BULK = "bulk"
QUOTA = "quota"
UNKNOWN = "unknown handle"
CARD = "other card"
APPROVERS = "approvers"
RANGE = "time range"
EPOCH_GONE = "epoch gone"
OUTCOMES = (ANSWERED, BULK, QUOTA, UNKNOWN, CARD, APPROVERS, RANGE, EPOCH_GONE)


class Purpose(NamedTuple):
    """One purpose code."""

    code: str
    card_at_desk: bool  # the subject lays the linked card on the reader
    approvers: int  # other people who agreed, by name
    gives: str  # EVENTS, LEDGER
    days_max: int  # of the time range


PURPOSES = {
    purpose.code: purpose
    for purpose in (
        Purpose("own-trips", True, 0, EVENTS, 62),
        Purpose("lost-card", False, 0, LEDGER, 1),
        Purpose("fraud", False, 2, EVENTS, 62),
    )
}
# Written to the audit beside the purposes: what is done to a link rather than asked of it.
LINK, UNLINK = "link", "unlink"


class Question(NamedTuple):
    """One question of one clerk. More than one handle is bulk, and refused."""

    clerk: str
    purpose: str  # code
    handles: tuple[bytes, ...]  # X, 16 B each
    span_from: int  # s since 2020, inclusive
    span_until: int  # exclusive
    card: bytes = b""  # UID read at the desk, 7 B
    approvers: tuple[str, ...] = ()


class Pseudonym(NamedTuple):
    """One answer: under which name to look, and for which time."""

    register: str  # EVENTS, LEDGER
    span_from: int
    span_until: int
    pseudonym: bytes  # 16 B


class LinkRefused(Exception):
    """The link service says no; the message says why. The question stands in the audit."""


def refusal(purpose: Purpose, question: Question) -> str:
    """Return why the question's own form forbids an answer, "" when it does not."""
    if len(question.handles) != 1:
        return BULK
    length = question.span_until - question.span_from
    if question.span_from < 0 or not 0 < length <= purpose.days_max * DAY_SECONDS:
        return RANGE
    others = {name.strip().casefold() for name in question.approvers} - {""}
    if len(others - {question.clerk.strip().casefold()}) < purpose.approvers:
        return APPROVERS
    return ""
