"""Where power may fail in a conversation: before every byte in, write step and byte out (D30).

Positions come from a transcript of the conversation itself, so their number follows the code.
"""

from collections.abc import Sequence
from typing import NamedTuple

from edge_agent.counter.silicon_answers import NAMES
from simulator.desfire_card import Cut, ExchangeCount
from simulator.field import Tear

COMMIT = 0xC7
TICKET_NAMES = {0x1A: "Authenticate", 0xAF: "Authenticate, proof", 0x30: "READ", 0xA2: "WRITE"}


class Position(NamedTuple):
    """One position: number from 1 in the order of time, exchange from 1, what was going on."""

    number: int
    exchange: int
    command: int
    cut: Cut
    step: str  # name of the write step that did not take effect; "" between bytes

    @property
    def tear(self) -> Tear:
        """The tear that takes the card away here."""
        return Tear(exchange=self.exchange - 1, cut=self.cut)


def positions(counts: Sequence[ExchangeCount]) -> list[Position]:
    """Return every position of a transcript in the order they lie in time."""
    found: list[Position] = []
    for exchange, count in enumerate(counts, 1):
        rows = [(Cut("in", at), "") for at in range(count.bytes_in)]
        rows += [(Cut("step", at), name) for at, name in enumerate(count.step_names)]
        rows += [(Cut("out", at), "") for at in range(count.bytes_out)]
        for cut, step in rows:
            found.append(Position(len(found) + 1, exchange, count.command, cut, step))
    return found


def command_name(code: int, ticket: bool) -> str:
    """Return what a command is called."""
    if ticket:
        return TICKET_NAMES.get(code, f"{code:02X}")
    return NAMES.get(f"{code:02X}", f"{code:02X}")
