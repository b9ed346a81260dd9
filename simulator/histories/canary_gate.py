"""Bugs planted in what a gate says, and in whom it lets pass, as `canary.py` plants others.

Money balances under every one of them: only who compares the answer with the card can tell.
Source: issue 5 ("messages never contradict the money"); trust.md 4.2, I14, I6.
"""

from itertools import count
from typing import Any

from card_layouts.answers import ACCEPTED, ACCEPTED_GRACE, CODE_ENDED
from card_layouts.records.entries import H_END, UID_END
from card_layouts.records.entries_tap import REASON_NO_PRICE, REASON_NO_PRODUCT
from firmware import app, single_check
from firmware.tap import Tap
from firmware.tap_card import Refused
from firmware.tap_decide import Pricing
from firmware.tap_ticket import TicketTap
from firmware.ui import loaded_text
from simulator.histories.planting import Plant, wrapped


def _a_cent_off(line_of: Any) -> Any:
    """Tell of every load that it was a cent more."""
    return lambda kind, cents, language: line_of(kind, cents and cents + 1, language)


def _paid_already(show_answer: Any) -> Any:
    """Say to who was charged just now that he had paid before."""

    def shown(screen: Any, answer: int, told: Any = ()) -> None:
        show_answer(screen, ACCEPTED_GRACE if answer == ACCEPTED else answer, told)

    return shown


def _seventh_refused(decide: Any) -> Any:
    """Refuse every seventh card that may ride."""
    good = count(1)

    def decided(self: Any, session: Any, seen: Any, tariff: Any) -> Any:
        reason = yield from decide(self, session, seen, tariff)
        return reason or (next(good) % 7 == 0 and REASON_NO_PRICE)

    return decided


def _never_a_tourist(decide: Any) -> Any:
    """Refuse whoever rides on a ticket."""

    def decided(self: Any, seen: Any, ticket: Any) -> Any:
        decide(self, seen, ticket)
        raise Refused(REASON_NO_PRODUCT)

    return decided


def _no_code(refusal: Any) -> Any:
    """Call every code too old."""
    return lambda *_: CODE_ENDED


def _of_another(commit: Any) -> Any:
    """Announce every commit as one on another card."""

    def announced(self: Any, seen: Any, kind: int, payload: bytes, seq: int, gate: int) -> Any:
        other = bytes(byte ^ 1 for byte in payload[:UID_END])
        return (yield from commit(self, seen, kind, other + payload[UID_END:], seq, gate))

    return announced


def _of_another_amount(commit: Any) -> Any:
    """Announce every commit with another record than the one that waits on the card."""

    def announced(self: Any, seen: Any, kind: int, payload: bytes, seq: int, gate: int) -> Any:
        body = bytes(byte ^ 1 for byte in payload[UID_END:H_END])
        other = payload[:UID_END] + body + payload[H_END:]
        return (yield from commit(self, seen, kind, other, seq, gate))

    return announced


# Name -> what is wrong, and how it gets in.
AT_GATES: dict[str, tuple[str, Plant]] = {
    "screen-a-cent-off": (
        "the screen tells of a cent more than was loaded",
        wrapped(loaded_text, "loaded_text", _a_cent_off),
    ),
    "screen-paid-already": (
        "the screen says nothing was charged when it was",
        wrapped(app, "show_answer", _paid_already),
    ),
    "intent-of-another-card": (
        "the intent names another card than the one that is charged",
        wrapped(Tap, "commit", _of_another),
    ),
    "intent-of-another-record": (
        "the intent holds another record than the one that is committed",
        wrapped(Tap, "commit", _of_another_amount),
    ),
    "seventh-refused": (
        "a gate refuses every seventh good card",
        wrapped(Pricing, "decide", _seventh_refused),
    ),
    "tickets-refused": (
        "gates refuse every tourist ticket",
        wrapped(TicketTap, "_decide", _never_a_tourist),
    ),
    "codes-refused": (
        "gates call every code too old",
        wrapped(single_check, "refusal", _no_code),
    ),
}
